"""Tables of any size, in batches: CSV and its relatives, Feather, Parquet, data frames; ids stay exact."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd

from graph2nn.errors import UserError

#: Rows per batch: some tens of megabytes.
ROWS = 2**20
_TEXT = (".csv", ".tsv", ".txt", ".tab")
_FEATHER = (".feather", ".arrow", ".ipc")
_PARQUET = (".parquet", ".pq")
_OPEN: dict[str, Callable[[Path], Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
#: Rows of a text file that are looked at to tell its columns apart.
_SAMPLE = 200


@dataclass(frozen=True)
class BatchedTable:
    """A table that is read in batches.

    Args:
        label: what messages call it.
        columns: names of the columns, stripped.
        numeric: those that hold numbers.
        read: yields batches, each a mapping from the names asked for to Arrow arrays; the second argument
            names the columns of numbers, which a text file has as text.
        text: whether every column is text unless it is asked for as numbers.
    """

    label: str
    columns: tuple[str, ...]
    numeric: frozenset[str]
    read: Callable[[Sequence[str], Sequence[str]], Iterator[dict[str, Any]]]
    text: bool = False


def open_table(source: Any) -> BatchedTable:
    """Open a path or a data frame.

    Raises:
        UserError: no such file, an unknown ending, or a file that cannot be read as what its ending says.
    """
    if isinstance(source, pd.DataFrame):
        return _of_frame(source)
    path = Path(source)
    if not path.is_file():
        raise UserError(f"{path}: no such file.")
    if path.stat().st_size == 0:
        raise UserError(f"{path}: the file is empty.")
    ending = ending_of(path)
    opening = {**dict.fromkeys(_TEXT, _of_text), **dict.fromkeys(_FEATHER, _of_feather)}
    opening |= dict.fromkeys(_PARQUET, _of_parquet)
    if ending not in opening:
        endings = ", ".join((*_TEXT, *_FEATHER, *_PARQUET))
        raise UserError(f"{path}: the ending {ending!r} is not that of a table; expected {endings}.")
    try:
        return opening[ending](path)
    except UserError:
        raise
    except Exception as error:  # parsers meet garbage in ways of their own; the user needs one line
        raise unreadable(path, error) from error


def unreadable(path: Any, error: Exception) -> UserError:
    """Return the error for a table that its parser cannot read."""
    reason = " ".join(str(error).split())[:160] or type(error).__name__
    return UserError(f"{path}: cannot be read as a table ({reason}).")


def ending_of(path: Path) -> str:
    """Return the ending of a table's name in lower case, that of a compression left out."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    while suffixes and (suffixes[-1] in _OPEN or suffixes[-1] == ".zip"):
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def frame_of(table: BatchedTable, columns: Sequence[str], labels: Sequence[str] = ()) -> pd.DataFrame:
    """Return a whole table as a data frame; whole numbers stay whole where some are missing.

    Args:
        table: a small one, such as a table of neurons.
        columns: those to read.
        labels: columns of a text file that stay text whatever they hold.

    Returns:
        The data frame.
    """
    import pyarrow as pa

    parts = [pa.table(batch) for batch in table.read(columns, [])]
    whole = (
        pa.concat_tables(parts, promote_options="permissive") if parts else pa.table({n: [] for n in columns})
    )
    if table.text:
        typed = [whole.column(name) if name in labels else _typed(whole.column(name)) for name in columns]
        whole = pa.table(dict(zip(columns, typed, strict=True)))
    frame: pd.DataFrame = whole.to_pandas(integer_object_nulls=True)
    return frame


def _typed(column: Any) -> Any:
    """Return text as numbers where all of it is, else without spaces around it; nothing is missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    text = pc.utf8_trim_whitespace(column)
    text = pc.if_else(pc.equal(text, ""), None, text)
    for kind in (pa.int64(), pa.float64()):
        try:
            return text if text.null_count == len(text) else text.cast(kind)
        except pa.ArrowInvalid:
            continue
    return text


def _of_frame(frame: pd.DataFrame) -> BatchedTable:
    import pyarrow as pa

    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    names = {str(column).strip(): column for column in frame.columns}
    if len(names) < frame.shape[1]:
        raise UserError("the table has two columns of the same name; rename one.")
    numeric = frozenset(name for name, column in names.items() if pd.api.types.is_numeric_dtype(frame[column]))

    def read(columns: Sequence[str], numbers: Sequence[str]) -> Iterator[dict[str, Any]]:
        for start in range(0, max(len(frame), 1), ROWS):
            part = frame.iloc[start : start + ROWS]
            yield {name: _array(pa, part[names[name]]) for name in columns}

    return BatchedTable("the data frame", tuple(names), numeric, read)


def _array(pa: Any, column: pd.Series[Any]) -> Any:
    try:
        return pa.array(column, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # numbers and text mixed
        return pa.array([None if pd.isna(entry) else str(entry) for entry in column])


def _of_parquet(path: Path) -> BatchedTable:
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path, memory_map=True)

    def read(columns: Sequence[str], numbers: Sequence[str]) -> Iterator[dict[str, Any]]:
        stored = _stored(file.schema_arrow.names)
        for batch in file.iter_batches(ROWS, columns=[stored[name] for name in columns]):
            yield {name: batch.column(stored[name]) for name in columns}

    return BatchedTable(str(path), tuple(_stored(file.schema_arrow.names)), _numeric(file.schema_arrow), read)


def _of_feather(path: Path) -> BatchedTable:
    import pyarrow as pa

    file = pa.ipc.open_file(pa.memory_map(str(path)))

    def read(columns: Sequence[str], numbers: Sequence[str]) -> Iterator[dict[str, Any]]:
        stored = _stored(file.schema.names)
        wanted = [file.schema.get_field_index(stored[name]) for name in columns]
        reader = pa.ipc.open_file(
            pa.memory_map(str(path)), options=pa.ipc.IpcReadOptions(included_fields=wanted)
        )
        waiting: list[Any] = []
        for i in range(reader.num_record_batches):
            try:
                batch = reader.get_batch(i)
                batch.validate(full=True)  # offsets of a damaged file lead outside its memory
            except (pa.ArrowInvalid, OSError) as error:
                raise unreadable(path, error) from None
            waiting.append(batch)
            if sum(len(batch) for batch in waiting) >= ROWS or i + 1 == reader.num_record_batches:
                table = pa.Table.from_batches(waiting).combine_chunks()
                waiting = []
                yield {name: table.column(stored[name]) for name in columns}

    return BatchedTable(str(path), tuple(_stored(file.schema.names)), _numeric(file.schema), read)


def _stored(names: Sequence[str]) -> dict[str, str]:
    """Return the names in the file by their stripped forms."""
    return {name.strip(): name for name in names}


def _numeric(schema: Any) -> frozenset[str]:
    import pyarrow as pa

    kinds = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
    return frozenset(field.name.strip() for field in schema if any(kind(field.type) for kind in kinds))


def _of_text(path: Path) -> BatchedTable:
    import pyarrow as pa
    from pyarrow import csv

    with _opened(path) as file:
        head = file.read(2**16)
    separator, header, skipped = _sniffed(path, head)
    sample = pd.read_csv(
        io.BytesIO(head.rsplit(b"\n", 1)[0] if len(head) == 2**16 else head),
        sep=separator, skiprows=skipped, nrows=_SAMPLE, dtype=str, encoding="utf-8-sig", skipinitialspace=True,
    )  # fmt: skip
    names = [str(name).strip() for name in sample.columns]
    numeric = frozenset(
        name for name, (_, column) in zip(names, sample.items(), strict=True)
        if column.notna().any() and pd.to_numeric(column.dropna(), errors="coerce").notna().all()
    )  # fmt: skip
    stored = dict(zip(names, header, strict=True)) if len(header) == len(names) else {n: n for n in names}

    def read(columns: Sequence[str], numbers: Sequence[str]) -> Iterator[dict[str, Any]]:
        kinds = {stored[name]: pa.float64() if name in numbers else pa.string() for name in columns}
        with _opened(path) as file:
            try:
                reader = csv.open_csv(
                    file,
                    read_options=csv.ReadOptions(block_size=2**25, skip_rows=skipped),
                    parse_options=csv.ParseOptions(delimiter=separator),
                    convert_options=csv.ConvertOptions(column_types=kinds, include_columns=list(kinds)),
                )
                for batch in reader:
                    yield {name: batch.column(stored[name]) for name in columns}
            except pa.ArrowInvalid as error:
                raise _no_number(path, names, error) or unreadable(path, error) from None

    return BatchedTable(str(path), tuple(names), numeric, read, text=True)


def _no_number(path: Path, names: Sequence[str], error: Exception) -> UserError | None:
    """Return the error for an entry that should be a number, from what the parser says of it."""
    said = re.search(r"CSV column #(\d+):(?: Row #(\d+):)? .*invalid value '(.*)'", str(error), re.S)
    if said is None or int(said[1]) >= len(names):
        return None
    row = "" if said[2] is None else f"row {int(said[2]) - 1} "
    return UserError(
        f"{path}, column {names[int(said[1])]!r}: {row}holds {said[3]!r}; expected numbers, without commas or "
        "text."
    )


def _opened(path: Path) -> Any:
    """Open a text file, decompressed."""
    suffix = path.suffix.lower()
    if suffix == ".zip":
        archive = zipfile.ZipFile(path)
        members = [name for name in archive.namelist() if not name.endswith("/")]
        if len(members) != 1:
            raise UserError(f"{path}: the archive holds {len(members)} files; expected one table. Unpack it.")
        return archive.open(members[0])
    opening: Callable[[Path], BinaryIO] = _OPEN.get(suffix, lambda path: path.open("rb"))
    return opening(path)


def _sniffed(path: Path, head: bytes) -> tuple[str, list[str], int]:
    """Return the separator, the header's cells as they stand, and the number of comment lines above them."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise UserError(f"{path}: the file is UTF-16; save it as UTF-8.")
    lines = head.decode("utf-8-sig", errors="replace").splitlines()
    skipped = next((i for i, line in enumerate(lines) if line.strip() and not line.startswith("#")), None)
    if skipped is None:
        raise UserError(f"{path}: the file has no rows.")
    first = lines[skipped]
    separator = max((",", "\t", ";"), key=first.count)
    if first.count(separator) == 0:
        raise UserError(
            f"{path}: the first line {first[:60]!r} has one column; expected a header with columns separated "
            "by commas, tabs or semicolons."
        )
    import csv

    return separator, next(csv.reader([first], delimiter=separator)), skipped
