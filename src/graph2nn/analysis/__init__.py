"""Statistics on tables of runs. Knows no files, no figures and no pages.

``table`` checks a table of runs, ``summary`` computes one row per graph, ``findings`` and ``tasks`` gather
everything that is stated about one task and about several. :mod:`graph2nn.report` draws and writes it.
"""

from graph2nn.analysis.summary import Quadratic, SweetSpot, per_graph, quadratic_fit, sweet_spot

__all__ = ["Quadratic", "SweetSpot", "per_graph", "quadratic_fit", "sweet_spot"]
