"""One network trained by several processes, a device each, as if by one: ranks, how they begin and end."""

from graph2nn.training.distributed.environment import Place, joined, place_of
from graph2nn.training.distributed.launch import RankError, launch
from graph2nn.training.distributed.ranks import ALONE, Ranks

__all__ = ["ALONE", "Place", "RankError", "Ranks", "joined", "launch", "place_of"]
