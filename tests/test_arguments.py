"""Arguments against annotations: what fits, what is said of what does not, what is passed on."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest
import torch
from torch import nn

import graph2nn as g
from graph2nn.arguments import checked_arguments, fits, words
from graph2nn.errors import UserError, WrongTypeError

if TYPE_CHECKING:
    import fractions

    import pandas as pd

    from graph2nn import RelationalGraph


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (3, int), (3.0, int), (np.int64(3), int), (np.float32(3), int), (torch.tensor(3), int),
        (np.array(3), int), (3, float), (np.float32(0.5), float), (torch.tensor(0.5), float),
        (float("nan"), float), (np.True_, bool), (True, bool | int), ("x", str), (np.str_("x"), str),
        (Path("x"), str | Path),
        (None, int | None), ([1, 2.0], Sequence[int]), (np.arange(3), Sequence[int]), (range(3), Sequence[int]),
        (torch.Size([1, 2]), tuple[int, ...]), ([1, 2], tuple[int, ...]), ((x for x in "ab"), Iterable[str]),
        ({"a": 1}, Mapping[str, int]), (len, Callable[[Any], int]), (int, Callable[[], int]), (5, Any),
        ("no such word", Literal["a", "b"]), (nn.Linear(1, 1), nn.Module), ([[1, 0]], Sequence[Sequence[int]]),
    ],
)  # fmt: skip
def test_what_fits(value, hint):
    assert fits(value, hint)


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (3.5, int), (True, int), ("3", int), (None, int), (np.arange(3), int), (torch.ones(2), int), (1j, int),
        (np.array([True, False]), Sequence[int]), (torch.tensor([True]), Sequence[int]), (np.True_, int),
        (float("inf"), int), (True, float), ("0.5", float), (np.ones(2), float), (1, bool), ("yes", bool),
        (b"x", str), (b"x", str | Path), ("ab", Sequence[str]), ({"a": 1}, Sequence[str]),
        ({1, 2}, Sequence[int]), ([None], Sequence[int]), ([1, "x"], Sequence[int]),
        (np.array(3), Sequence[int]), (3, Iterable[int]),
        ([1], Mapping[str, int]), ("x", Callable[[], int]), (5, Literal["a", "b"]), (nn.Linear, nn.Module),
        ((1, 2), Sequence[Sequence[int]]),
    ],
)  # fmt: skip
def test_what_does_not_fit(value, hint):
    assert not fits(value, hint)


@pytest.mark.parametrize(
    ("hint", "said"),
    [
        (int | None, "a whole number or None"),
        (Sequence[int] | str, "a list (each a whole number) or text"),
        (str | Path, "text or a path"),
        (Literal["a", True], "'a' or True"),
        (Callable[[], int], "a function"),
        (nn.Module, "Module"),
        (Mapping[str, int], "a mapping"),
    ],
)
def test_an_annotation_in_words(hint, said):
    assert words(hint) == said


def test_whole_floats_are_passed_on_as_integers():
    @checked_arguments
    def given(number: int, many: int | Sequence[int] = 1, share: float = 0.5) -> Any:
        return number, many, share

    assert [type(value) for value in given(2.0, np.float64(3), 4)] == [int, int, int]
    assert given(2, np.array([3.0, 4.0])) == (2, [3, 4], 0.5)
    assert given(np.int64(2), [1, 2], 1.0) == (2, [1, 2], 1.0)
    with pytest.raises(UserError, match=r"given: number = 2\.5 is not a whole number"):
        given(2.5)
    with pytest.raises(WrongTypeError, match=r"given: many: expected a whole number or a list .*, got 'x'\."):
        given(1, many="x")


def test_a_typed_dictionary_is_a_mapping():
    assert len(g.ensemble(g.ws_flex(8, 4, 0.1, 1), "block", count=2, options={"groups": [0, 1] * 4})) == 2
    with pytest.raises(WrongTypeError, match="options: expected"):
        g.ensemble(g.ws_flex(8, 4, 0.1, 1), count=2, options=1j)


def test_names_imported_for_the_type_checker_are_those_of_the_package_or_anything():
    @checked_arguments
    def given(graph: RelationalGraph | None, part: fractions.Fraction | None = None) -> str:
        return "taken"

    assert given(g.ws_flex(8, 4, 0.1, 1), part="whatever") == given(None) == "taken"
    with pytest.raises(TypeError, match=r"graph: expected RelationalGraph or None, got 'x'\."):
        given("x")


def test_frames_are_told_once_pandas_is_loaded():
    import pandas

    @checked_arguments
    def given(table: pd.DataFrame | None) -> str:
        return "taken"

    assert given(pandas.DataFrame()) == "taken"
    with pytest.raises(TypeError, match=r"table: expected DataFrame or None, got 'x'\."):
        given("x")


def test_missing_and_unknown_arguments_are_pythons_to_refuse():
    with pytest.raises(TypeError, match="missing 3 required positional arguments: 'k', 'p', and 'seed'"):
        g.ws_flex(8)
    with pytest.raises(TypeError, match="unexpected keyword argument 'kk'"):
        g.ws_flex(8, 4, 0.1, 1, kk=2)


def test_methods_classes_and_dataclasses_are_named():
    @checked_arguments
    @dataclass(frozen=True)
    class Pair:
        left: int
        right: str = ""

    assert Pair(2.0) == Pair(2)
    with pytest.raises(WrongTypeError, match=r"^Pair: right: expected text, got None\."):
        Pair(1, right=None)
    with pytest.raises(WrongTypeError, match=r"^RelationalLinear: graph: expected RelationalGraph, got 5\."):
        g.RelationalLinear(5, 8, 8)
    with pytest.raises(
        WrongTypeError, match=r"^RelationalGraph.from_edges: edges: expected a list .*, got 5\.$"
    ):
        g.RelationalGraph.from_edges(5, 3)


def test_warnings_point_at_the_caller(tmp_path):
    (tmp_path / "table.csv").write_text("pre,post,weight\na,b,0.5\nb,c,7\n")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        g.read_graph(tmp_path / "table.csv")
        g.parse_graph(str(tmp_path / "table.csv"))
        g.read_connectome(tmp_path / "table.csv")
    assert caught
    assert {warning.filename for warning in caught} == {__file__}
