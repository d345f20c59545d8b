"""Which format a file is in: by its ending, by what it begins with, or as the user says."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import zlib
from pathlib import Path

from graph2nn.errors import UserError
from graph2nn.graphs.io.options import ReadOptions
from graph2nn.memory import memory_bytes, refuse_memory

#: Format of each ending that is read and written. ``text`` is a matrix or an edge list, told apart by content.
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
    ".graph": "graph",
}
#: Formats that are read only.
READ_ONLY = {
    ".tab": "text",
    ".net": "pajek",
    ".paj": "pajek",
    ".gexf": "gexf",
    ".dot": "dot",
    ".gv": "dot",
    ".adjlist": "adjlist",
    ".mat": "mat",
    ".xlsx": "excel",
    ".xls": "excel",
    ".feather": "feather",
    ".parquet": "parquet",
}
ENDINGS = {**FORMATS, **READ_ONLY}
#: Endings of compressed files; the format is that of the ending before.
COMPRESSED = (".gz", ".bz2", ".xz")

#: What may be said as the format; ``matrix`` and ``edges`` settle what a text file holds.
NAMES = tuple(dict.fromkeys([*ENDINGS.values(), "matrix", "edge_index"]))

#: How the content of other formats begins, for files that end in .txt or the like.
_BEGINNINGS = (
    (re.compile(r"%%MatrixMarket", re.IGNORECASE), "mtx"),
    (re.compile(r"(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<graphml\b", re.DOTALL), "graphml"),
    (re.compile(r"(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<gexf\b", re.DOTALL), "gexf"),
    (re.compile(r"(%[^\n]*\n|\s)*\*(network|vertices)\b", re.IGNORECASE), "pajek"),
    (re.compile(r"(Creator [^\n]*\n|Version [^\n]*\n|#[^\n]*\n|\s)*graph\s*\["), "gml"),
    (re.compile(r"(//[^\n]*\n|#[^\n]*\n|\s)*(strict\s+)?(di)?graph\b[^\[\n]*\{"), "dot"),
)


def format_of(path: Path, given: str | None) -> str:
    """Return the format named, or the one that the ending of a file to be written means.

    Raises:
        UserError: neither is known.
    """
    return read_format(path, ReadOptions(format=given), endings=FORMATS)


def read_format(path: Path, options: ReadOptions, *, endings: dict[str, str] | None = None) -> str:
    """Return the format named, or the one that the ending of a file means, compressed or not.

    Args:
        path: of the file.
        options: ``format`` wins over the ending.
        endings: formats by ending.

    Returns:
        Name of the format.

    Raises:
        UserError: neither is known.
    """
    endings = endings or ENDINGS
    if options.format is not None:
        if options.format not in NAMES:
            raise UserError(f"format {options.format!r} is not known; expected one of {', '.join(NAMES)}.")
        return options.format
    suffix = ending_of(path)
    if suffix not in endings:
        what = f"the ending {suffix!r} is not known" if suffix else "the name has no ending"
        raise UserError(
            f"{path}: {what}; expected one of {', '.join(endings)}, or give {options.say('format')}."
        )
    return endings[suffix]


def ending_of(path: Path) -> str:
    """Return the ending that names the format: ``.csv`` of ``edges.csv.gz``.

    Example:
        >>> ending_of(Path("edges.csv.gz"))
        '.csv'
    """
    name = Path(path.stem) if path.suffix.lower() in COMPRESSED else path
    return name.suffix.lower()


def stem_of(path: Path) -> str:
    """Return the name of a file without its endings."""
    return Path(path.stem).stem if path.suffix.lower() in COMPRESSED else path.stem


def content_of(path: Path) -> bytes:
    """Return the content of a file, decompressed.

    Raises:
        UserError: a damaged archive, or one that holds more than memory takes.
    """
    content = path.read_bytes()
    readers = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\x00", lzma.open))
    compressed = path.suffix.lower() in COMPRESSED
    try:
        for beginning, reader in readers:
            # Text may begin with BZh; the other two beginnings are never text.
            if content.startswith(beginning) and (compressed or beginning != b"BZh"):
                with reader(io.BytesIO(content)) as stream:
                    return _within_memory(stream)
    except UserError:
        raise
    except (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error) as error:
        raise UserError(f"the compressed file is damaged ({str(error) or type(error).__name__}).") from None
    if compressed:
        raise UserError(f"the file is not compressed, though its name ends in {path.suffix}.")
    return content


def _within_memory(stream: gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile) -> bytes:
    """Read what was compressed, up to a quarter of the memory there is: text takes several times its bytes."""
    most = memory_bytes() // 5
    content = stream.read(most + 1)
    refuse_memory("the decompressed file", 4.0 * len(content), "give a smaller one")
    return content


def text_of(content: bytes, kind: str = "text") -> str:
    """Decode text: UTF-8 and UTF-16, with or without a byte order mark, else Windows-1252.

    Raises:
        UserError: something that is not text.
    """
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encodings = ["utf-16"]
    elif len(content) > 3 and len(content) % 2 == 0 and content[1::2].count(0) == len(content) // 2:
        encodings = ["utf-16-le"]
    else:
        encodings = ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if not re.search(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]", text):
            return text.replace("\r\n", "\n").replace("\r", "\n")
    if kind in ("text", "matrix", "edges", "adjlist"):
        raise UserError("the file is not text; expected a 0/1 matrix or an edge list.")
    raise UserError(f"cannot be read as {kind} (the file is not text).")


#: Text that is never a table, by how it begins.
_FOREIGN = (
    (re.compile(r"<"), "a web page or another XML file"),
    (re.compile(r"\{\s*[\"}]"), "JSON"),
    (re.compile(r"version https://git-lfs"), "a pointer of Git LFS; fetch the file itself with git lfs pull"),
)


def refuse_foreign(text: str) -> None:
    """Refuse text that is not a table at all, but would split into words.

    Raises:
        UserError: a web page, JSON, or a pointer of Git LFS.
    """
    for pattern, what in _FOREIGN:
        if pattern.match(text.lstrip()):
            raise UserError(f"the file is {what}; expected a 0/1 matrix or an edge list.")


def sniffed(text: str, kind: str) -> str:
    """Return the format that the content of a text file shows by how it begins, else ``kind``."""
    for pattern, other in _BEGINNINGS:
        if pattern.match(text[:4000].lstrip()):
            return other
    return kind
