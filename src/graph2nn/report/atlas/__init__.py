"""The atlas: every graph of every task on a plane to point at, as a part of a page that needs no network."""

from graph2nn.report.atlas.atlas_data import payload
from graph2nn.report.atlas.parts import Atlas, atlas

__all__ = ["Atlas", "atlas", "payload"]
