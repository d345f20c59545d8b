"""Reports: figures, the atlas, the page and ``summary.json``, composed from results and their analysis."""

from graph2nn.report.build import report
from graph2nn.report.report_folder import write_report

__all__ = ["report", "write_report"]
