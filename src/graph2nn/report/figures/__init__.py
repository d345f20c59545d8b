"""The figures of a report, each drawn from the findings; one figure per file."""
