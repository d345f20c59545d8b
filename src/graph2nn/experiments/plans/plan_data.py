"""The user's own data of a plan: where they are read from, and what freezing notes of them."""

from __future__ import annotations

from pathlib import Path

from graph2nn.data.dataset import Dataset
from graph2nn.data.own.reader import Options, is_word
from graph2nn.data.own.well_known import FORMATS
from graph2nn.errors import UserError
from graph2nn.experiments.launchers.launcher import Source
from graph2nn.experiments.plans.schema import AsRead, ExperimentPlan, Settings
from graph2nn.experiments.presets import fitted, preset
from graph2nn.experiments.presets.definition import OWN


def plan_source(
    plan: ExperimentPlan, folder: Path, *, path: Path | None = None, cache: Path | None = None
) -> Source:
    """Return where the data of a plan come from.

    Args:
        plan: the plan.
        folder: of the plan's file, which the path of own data is relative to.
        path: where the data lie on this machine, in place of what the plan says.
        cache: folder of decoded copies.

    Returns:
        The source, for a launcher or :meth:`Source.load`.

    Raises:
        UserError: own data that the plan or its preset lacks.

    Example:
        >>> from graph2nn.experiments.plans import Arm, Network
        >>> arm = Arm(name="dense", part="A", networks=(Network(graph="baseline", seeds=(1,)),))
        >>> plan = ExperimentPlan(title="Dense", preset="mlp-digits", order=("A",), arms=(arm,))
        >>> plan_source(plan, Path()).name
        'digits'
    """
    name = preset(plan.preset).data
    kept = None if cache is None else str(cache.absolute())
    if plan.data is None:
        if name == OWN:
            raise UserError(
                f"plan: preset {plan.preset} is for data of your own; say which, e.g. data: {{path: photos}}."
            )
        name = preset(plan.preset).data_of(path)
        place = None if path is None else str(path) if is_word(str(path)) else str(path.absolute())
        return Source(name, place, kept)
    if name != OWN:
        raise UserError(f"plan: data are for your own, and preset {plan.preset} is for {name}; leave data out.")
    given = plan.data
    lies = folder / Path(given.path).expanduser() if path is None else path
    word = given.path in FORMATS and path is None and not lies.exists()
    options = Options(
        target=given.target, task=given.task, test=given.test, validation=given.validation,
        seed=given.split_seed, split=given.split_column, missing="impute" if given.impute else "refuse",
        drop=given.drop, most_values=given.most_values, size=given.image_size, channels=given.channels,
        context=given.context,
        # The label of the data is part of the plan, whatever the files are called elsewhere.
        name=None if word else (folder / given.path).resolve().name.partition(".")[0] or None,
    )  # fmt: skip
    return Source(name, given.path if word else str(lies.absolute()), kept, options)


def read_as(plan: ExperimentPlan, data: Dataset) -> AsRead:
    """Return what freezing notes: the label of the data, and the settings that fit the preset to them.

    Args:
        plan: with data of the user's own.
        data: the same, loaded.
    """
    plan_preset = preset(plan.preset)
    made = fitted(plan_preset, data)
    changed: Settings = {}
    if made.recipe.batch_size != plan_preset.recipe.batch_size:
        changed["recipe.batch_size"] = made.recipe.batch_size
    for option, value in made.model.options.items():
        if plan_preset.model.options.get(option) != value and not isinstance(value, tuple):
            changed[f"model.options.{option}"] = value
    return AsRead(label=data.label, set=changed)


def with_data(plan: ExperimentPlan, data: Dataset) -> ExperimentPlan:
    """Return a plan that is fitted to its data, once it is sure that they are those it was frozen with.

    Args:
        plan: any plan.
        data: its data, loaded.

    Returns:
        The plan with ``as_read``; one without own data as it is.

    Raises:
        UserError: other data than the plan was frozen with.

    Example:
        >>> from graph2nn import load_dataset
        >>> from graph2nn.experiments.plans import Arm, Network
        >>> arm = Arm(name="dense", part="A", networks=(Network(graph="baseline", seeds=(1,)),))
        >>> plan = ExperimentPlan(title="Dense", preset="mlp-digits", order=("A",), arms=(arm,))
        >>> with_data(plan, load_dataset("digits")) is plan  # a preset with data of its own
        True
    """
    if plan.data is None:
        return plan
    as_read = read_as(plan, data)
    if plan.as_read is not None and plan.as_read.label != as_read.label:
        raise UserError(
            f"plan: it was frozen with the data {plan.as_read.label}, and these are {as_read.label}; give the "
            "same files with --data, or delete as_read and sha256 and freeze it as a new plan."
        )
    return plan if plan.as_read is not None else plan.model_copy(update={"as_read": as_read})
