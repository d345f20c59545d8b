"""From a results table to statements about graphs, figures and a report.

Rooms inside the room: ``table`` checks the runs, ``summary`` turns them into statements, ``findings`` gathers
the statements once, ``figures`` draws them, ``page`` writes them, ``report`` puts all of it in a folder.
"""

from graph2nn.analysis.report import write_report
from graph2nn.analysis.summary import Quadratic, SweetSpot, per_graph, quadratic_fit, sweet_spot

__all__ = ["Quadratic", "SweetSpot", "per_graph", "quadratic_fit", "sweet_spot", "write_report"]
