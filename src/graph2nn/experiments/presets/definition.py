"""What a preset is: an experiment as a plain value that prints as YAML, is edited, and runs again."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, ValidationError

from graph2nn.arguments import first_complaint
from graph2nn.errors import UserError
from graph2nn.files import read_text_file
from graph2nn.layers.masked import Init
from graph2nn.results.config import GraphSpec, MatchMethod, ModelSpec
from graph2nn.training.recipe import Recipe, StrictModel
from graph2nn.yaml_values import read_yaml

#: The name under which :func:`graph2nn.data.load_dataset` reads a user's own data.
OWN = "own"


class Preset(StrictModel):
    """An experiment of the paper, or one like it.

    ``seeds`` is how many seeds the paper trained, the first being ``first_seed``; ``graphs`` are the words
    ``--select all`` stands for, next to the baseline; ``best`` is the graph ``--select best`` stands for;
    ``notes`` are what the reader of a report on it must know first; ``own_data`` says that ``--data`` may name
    data of the user's own in place of the preset's. ``match``, ``symmetric``, ``groups``, ``shuffle``,
    ``shrink``, ``init`` and ``start`` are those of :class:`~graph2nn.results.config.RunConfig`.

    Example:
        >>> from graph2nn.experiments import preset
        >>> Preset.from_yaml(preset("mlp").to_yaml()) == preset("mlp")
        True
    """

    name: str
    about: str = ""
    model: ModelSpec
    data: str
    own_data: bool = False
    recipe: Recipe = Field(default_factory=Recipe)
    graphs: tuple[str, ...] = ("n64-52",)
    seeds: int = Field(default=1, ge=1)
    best: GraphSpec | None = None
    match: MatchMethod = "published"
    first_seed: int = Field(default=1, ge=0)
    symmetric: bool | Literal["sum"] = False
    groups: int | None = Field(default=None, ge=2)
    shuffle: int = Field(default=0, ge=0)
    shrink: bool = False
    init: Init = "published"
    start: str | None = None
    notes: tuple[str, ...] = ()

    def data_of(self, path: object | None) -> str:
        """Return the name of the data: ``own`` where a preset that takes own data, too, is given some."""
        return OWN if self.own_data and path is not None else self.data

    def to_yaml(self) -> str:
        """Return the preset as YAML, every value of the recipe spelled out, that :meth:`from_yaml` reads."""
        plain = self.model_dump(mode="json")
        if self.best is not None:
            plain["best"] = self.best.model_dump(mode="json", exclude_defaults=True)
        return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=100)

    @classmethod
    def from_yaml(cls, text: str, *, where: str = "preset") -> Preset:
        """Read a preset written by :meth:`to_yaml`; what is left out has its default.

        Raises:
            UserError: not YAML, an unknown or a missing key, a value of the wrong type or out of range.
        """
        try:
            return cls.model_validate(read_yaml(text))
        except (yaml.YAMLError, ValidationError) as error:
            raise UserError(f"{where}: {first_complaint(error, cls)}") from None


def read_preset(path: Path) -> Preset:
    """Read a preset from a YAML file.

    Raises:
        UserError: no such file, or as :meth:`Preset.from_yaml`.

    Example:
        >>> from graph2nn.experiments import preset
        >>> mine = Path("mine.yaml")
        >>> _ = mine.write_text(preset("mlp").to_yaml(), encoding="utf-8")
        >>> read_preset(mine).name
        'mlp'
    """
    return Preset.from_yaml(read_text_file(path, "preset"), where=str(path))
