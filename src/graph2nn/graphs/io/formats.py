"""Which ending of a file name means which format, for reading and writing alike."""

from __future__ import annotations

from pathlib import Path

from graph2nn.errors import UserError

#: Format of each ending. ``text`` is a matrix or an edge list, told apart by what the file holds.
FORMATS = {
    ".npy": "npy",
    ".npz": "npz",
    ".mtx": "mtx",
    ".csv": "text",
    ".tsv": "text",
    ".txt": "text",
    ".edgelist": "edges",
    ".edges": "edges",
    ".graphml": "graphml",
    ".gml": "gml",
}

#: What may be said as ``format=``; ``matrix`` and ``edges`` settle what a text file holds.
NAMES = ("npy", "npz", "mtx", "text", "matrix", "edges", "graphml", "gml")


def format_of(path: Path, given: str | None) -> str:
    """Return the format named, or the one that the file's ending means.

    Raises:
        UserError: neither is known.
    """
    if given is not None:
        if given not in NAMES:
            raise UserError(f"format {given!r} is not known; expected one of {', '.join(NAMES)}.")
        return given
    if path.suffix.lower() not in FORMATS:
        ending = f"the ending {path.suffix!r} is not known" if path.suffix else "the name has no ending"
        raise UserError(f"{path}: {ending}; expected one of {', '.join(FORMATS)}, or say format=….")
    return FORMATS[path.suffix.lower()]
