"""Data sets too large for memory: photos on disk, decoded by worker processes as they are needed."""

from graph2nn.data.photos.imagenet import load_imagenet
from graph2nn.data.photos.split import PhotoSplit

__all__ = ["PhotoSplit", "load_imagenet"]
