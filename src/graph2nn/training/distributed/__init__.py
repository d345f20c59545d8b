"""Distributed training: one network trained by several processes, one device each."""

from graph2nn.training.distributed.environment import Place, joined, place_of
from graph2nn.training.distributed.launch import RankError, launch
from graph2nn.training.distributed.ranks import ALONE, Ranks

__all__ = ["ALONE", "Place", "RankError", "Ranks", "joined", "launch", "place_of"]
