"""Reader of the published raw results: arrays of names and errors, one pair per epoch, into one tidy table."""

from graph2nn.results.published.out_dirs import holds_results
from graph2nn.results.published.published_files import URL
from graph2nn.results.published.published_reader import is_published, read_published

__all__ = ["URL", "holds_results", "is_published", "read_published"]
