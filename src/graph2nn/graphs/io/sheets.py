"""Tables that pandas opens: Excel sheets, Feather and Parquet."""

from __future__ import annotations

import io

import pandas as pd

from graph2nn.errors import UserError
from graph2nn.graphs.io.frames import source_of_frame
from graph2nn.graphs.io.options import ReadOptions
from graph2nn.graphs.io.source import Source
from graph2nn.graphs.io.text_cells import source_of_cells

#: The smallest whole number that has neighbours which a number in a sheet cannot tell apart.
_EXACT = 10**15


def read_excel(content: bytes, options: ReadOptions) -> Source:
    """Read a sheet of an Excel file as a table of text cells, as a .csv file would be.

    Raises:
        UserError: several sheets and none named, or no reader for Excel installed.
    """
    old = content[:4] == b"\xd0\xcf\x11\xe0"
    try:
        book = pd.ExcelFile(io.BytesIO(content), engine="xlrd" if old else "openpyxl")
    except ImportError:
        raise UserError(
            f"reading Excel files needs {(reader := 'xlrd' if old else 'openpyxl')}: pip install {reader}, "
            "or save the sheet as .csv."
        ) from None
    names = [str(name) for name in book.sheet_names]
    if options.variable is not None and options.variable not in names:
        raise UserError(
            f"{options.say('variable', options.variable)}: there is no such sheet; "
            f"the file has {', '.join(names)}."
        )
    frames = {name: _cells(book, name) for name in (names if options.variable is None else [options.variable])}
    filled = [name for name, cells in frames.items() if cells.size]
    if len(filled) > 1:
        raise UserError(
            f"holds {len(filled)} sheets ({', '.join(filled[:8])}); name one with "
            f"{options.say('variable', filled[0])}."
        )
    if not filled:
        raise UserError("the sheet is empty." if options.variable else "all sheets are empty.")
    return source_of_cells(frames[filled[0]], "text", options)


def _cells(book: pd.ExcelFile, sheet: str) -> pd.DataFrame:
    frame = book.parse(sheet, header=None, dtype=object, keep_default_na=False, na_values=[])
    cells = pd.DataFrame({column: frame[column].map(_text) for column in frame.columns}, dtype=object)
    filled = cells != ""
    return cells.loc[filled.any(axis=1), filled.any(axis=0)].reset_index(drop=True)


def _text(value: object) -> str:
    if isinstance(value, int | float) and abs(value) >= _EXACT and abs(value) != float("inf"):
        raise UserError(
            f"a cell holds the number {value:.0f}: Excel keeps 15 digits, so ids this long are not exact; "
            "export the table as .csv, or with these cells as text."
        )
    if isinstance(value, float):
        return "" if value != value else str(int(value)) if value.is_integer() else repr(value)
    return "" if value is None else str(value)


def read_feather(content: bytes, options: ReadOptions) -> Source:
    """Read a Feather (Arrow) table."""
    from pyarrow import feather

    table = feather.read_table(io.BytesIO(content))
    table.validate(full=True)  # offsets of a damaged file lead outside its memory, and that ends the process
    return source_of_frame(_restored(table.to_pandas()))


def read_parquet(content: bytes, options: ReadOptions) -> Source:
    """Read a Parquet table."""
    return source_of_frame(_restored(pd.read_parquet(io.BytesIO(content))))


def _restored(frame: pd.DataFrame) -> pd.DataFrame:
    """Use a column without a name, which holds the index of a saved frame, as the index again."""
    for column in frame.columns:
        if str(column) in ("__index_level_0__", "Unnamed: 0", "index") and frame[column].is_unique:
            return frame.set_index(column).rename_axis(index=None)
    return frame
