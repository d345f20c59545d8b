"""From a results table to statements about graphs, figures and a report."""
