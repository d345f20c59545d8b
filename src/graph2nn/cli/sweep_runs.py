"""The runs of ``graph2nn sweep``, from its options or from a plan, and what ``--dry-run`` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from rich.table import Table

from graph2nn.cli.common import console, print_json, show_table
from graph2nn.cli.connectome_options import check_null_options, position_columns, with_ends
from graph2nn.cli.data_options import own_words, source_of
from graph2nn.errors import UserError

if TYPE_CHECKING:
    from graph2nn.data.own.reader import Options
    from graph2nn.experiments.launchers import Source
    from graph2nn.experiments.presets import Preset
    from graph2nn.graphs.nulls import NullOptions
    from graph2nn.results.config import RunConfig

Amp = Literal["bf16", "fp16"]
#: Seeds, or nulls, of one graph: the list of the runs of more would not end.
MOST_OF_EACH = 100_000


@dataclass(frozen=True)
class SweepRuns:
    """The runs of a sweep, where their data are, and the arm of each run of the plan if there is one."""

    configs: Sequence[RunConfig]
    source: Source
    amp: Any = None
    plan: str | None = None
    arms: Mapping[str, str] = field(default_factory=dict)

    def note_arms(self, out: Path) -> None:
        """Write into a folder of results which run belongs to which arm, if there is a plan."""
        from graph2nn.results.arm_table import write_arms

        if self.plan is not None:
            write_arms(out, self.plan, self.arms)


@dataclass(frozen=True)
class SweepOptions:
    """Options of ``sweep`` that say which runs of a preset, and that a plan decides by itself.

    Attributes:
        select: graphs, as :func:`graph2nn.experiments.planning.select` takes them; all if empty.
        seeds: training seeds; the preset's number if None.
        nulls: nulls of each kind per graph.
        fresh_nulls: draw one null per training seed.
        null: kinds of nulls.
        null_options: of the kinds, by the names of :func:`graph2nn.null`.
        settings: ``key=value`` changes.
        amp: value of ``--amp``.
    """

    select: tuple[str, ...]
    seeds: int | None
    nulls: int
    fresh_nulls: bool
    null: tuple[str, ...]
    null_options: NullOptions
    settings: tuple[str, ...]
    amp: str | None


def choose_work(
    plan_file: Path | None,
    preset: str | None,
    *,
    data: Path | None,
    cache: Path | None,
    dry_run: bool,
    own_data: Options | None = None,
    options: SweepOptions,
) -> SweepRuns:
    """Return the runs that the options of ``sweep`` ask for.

    Args:
        plan_file: a plan, in place of the preset and of ``options``.
        preset: name of a preset.
        data: where the data are.
        cache: where decoded data are kept.
        dry_run: also take a plan that is not frozen.
        own_data: how the user's own data are read.
        options: what the options say that a plan decides.

    Returns:
        The runs, and where their data are.

    Raises:
        UserError: neither a preset nor a plan, options that a plan decides, or a plan that is not frozen.
    """
    if plan_file is None:
        if preset is None:
            raise UserError("sweep: name a preset (graph2nn presets lists them), or a plan with --plan.")
        return _of_preset(preset, options, data=data, cache=cache, own_data=own_data)
    given = {"preset": preset, **vars(options)}
    words = {"preset": "PRESET", "settings": "--set", "null_options": "an option of --null"}
    for name, value in given.items():
        if value not in (None, (), {}, 0):
            raise UserError(
                f"sweep: the plan decides what {words.get(name, f'--{name}')} would change; leave it out."
            )
    return _of_plan(plan_file, data, cache, dry_run, own_data)


def null_options(
    groups: str | None, inputs: str | None, outputs: str | None, within: str | None, positions: str | None
) -> NullOptions:
    """Return the options of nulls that were given, by the names of :func:`graph2nn.null`.

    Args:
        groups, inputs, outputs, within, positions: values of the options of these names.

    Returns:
        Those that are not None.
    """
    columns = None if positions is None else position_columns(positions)
    given = {"groups": groups, "inputs": inputs, "outputs": outputs, "within": within, "positions": columns}
    return cast("NullOptions", {name: value for name, value in given.items() if value is not None})


def _of_preset(
    preset: str, options: SweepOptions, *, data: Path | None, cache: Path | None, own_data: Options | None
) -> SweepRuns:
    from graph2nn.experiments.connectome_networks import CONNECTOME_RNN, check_runs
    from graph2nn.experiments.dense_width import fit_dense_widths
    from graph2nn.experiments.planning import fresh_nulls as one_per_seed
    from graph2nn.experiments.planning import plan, with_nulls
    from graph2nn.experiments.planning import select as choose
    from graph2nn.experiments.presets import fitted
    from graph2nn.experiments.presets import preset as look_up
    from graph2nn.experiments.presets.definition import OWN

    chosen_preset = look_up(preset)
    null, null_options, settings = options.null, options.null_options, list(options.settings)
    words = list(options.select) or ["all"]
    cells = ["gru"] if chosen_preset.model.name == CONNECTOME_RNN and "gru" in words else []
    if cells and len(words := [word for word in words if word != "gru"]) == 0:
        raise UserError("sweep: gru is a dense network to compare with; select a connectome, too.")
    graphs = choose(chosen_preset, words, data=None if chosen_preset.data_of(data) == OWN else data)
    if (null or null_options.keys() - {"inputs", "outputs"}) and not (options.nulls or options.fresh_nulls):
        raise UserError(
            "sweep: --null and its options say which nulls; say how many of each with --nulls N, or "
            "--fresh-nulls for a new one per seed."
        )
    if options.nulls and options.fresh_nulls:
        raise UserError(
            "sweep: --fresh-nulls draws one null per seed, --nulls N draws N for all seeds; give one."
        )
    if chosen_preset.model.name == CONNECTOME_RNN:
        # Options of the command are texts, whatever else the nulls take in Python.
        inputs, outputs = (cast("str | None", null_options.get(name)) for name in ("inputs", "outputs"))
        settings = with_ends(settings, inputs, outputs)
    ends = null_options.keys() & {"inputs", "outputs"}
    if ends and chosen_preset.model.name != CONNECTOME_RNN and "boundary" not in null:
        raise UserError(
            "sweep: --inputs and --outputs are used by --null boundary and by connectome-rnn "
            "only; leave them out."
        )
    if options.nulls or options.fresh_nulls:
        check_null_options(null or ("degree",), null_options)
    numbers = _numbers(options, chosen_preset)
    if options.nulls:
        graphs = with_nulls(graphs, options.nulls, null or "degree", null_options)
    fresh = one_per_seed(graphs, numbers, null or ["degree"], null_options) if options.fresh_nulls else {}

    def runs(preset: Preset, label: str) -> list[RunConfig]:
        made = [
            config
            for seed in numbers
            for config in plan(preset, [*graphs, *fresh.get(seed, ())], [seed], data=label, settings=settings)
        ]
        for cell in cells:
            made += plan(preset, [None], numbers, data=label, settings=_cell_settings(cell, preset, settings))
        return made

    check_runs(runs(chosen_preset, ""))  # complain before the data are read
    source = source_of(chosen_preset, data, cache, own_data)
    loaded = source.load()
    chosen_preset = fitted(chosen_preset, loaded)
    return SweepRuns(fit_dense_widths(runs(chosen_preset, loaded.label), settings), source, options.amp)


def _cell_settings(cell: str, preset: Preset, settings: Sequence[str]) -> list[str]:
    """Return the settings of a second dense network, which has three gates; those of the user win."""
    width = int(cast(int, preset.model.options.get("baseline_width", 1)))
    return [
        f"model.options.baseline_width={round(width / 3**0.5)}",
        *settings,
        f"model.options.baseline_cell={cell}",
    ]


def _numbers(options: SweepOptions, preset: Preset) -> range:
    """Return the training seeds, unless these or the nulls are too many to list."""
    seeds = options.seeds or preset.seeds
    for what, number in (("seeds", seeds), ("nulls", options.nulls)):
        if number > MOST_OF_EACH:
            raise UserError(
                f"sweep: {number:,} {what} of each graph are more than {MOST_OF_EACH:,}; give fewer with "
                f"--{what}."
            )
    return range(preset.first_seed, preset.first_seed + seeds)


def _of_plan(
    file: Path, data: Path | None, cache: Path | None, dry_run: bool, own_data: Options | None
) -> SweepRuns:
    from graph2nn.experiments.plans import plan_source, planned_runs, read_plan, with_data

    plan = read_plan(file)
    if own_data is not None:
        raise UserError(f"sweep: the plan decides what {own_words(own_data)[0]} would change; leave it out.")
    if plan.sha256 is None and not dry_run:
        raise UserError(f"sweep: {file} is not frozen; graph2nn plan freeze {file} does that.")
    source = plan_source(plan, file.parent, path=data, cache=cache)
    folder = data if plan.data is None and data is not None and data.is_dir() else None
    # Before the data are read: what is wrong with a graph or a setting is said at once.
    runs = planned_runs(plan, data="", folder=folder)
    loaded = source.load()
    label = loaded.label
    if plan.data is not None:
        runs = planned_runs(with_data(plan, loaded), data=label)
    amp = "bf16" if plan.precision == "bf16" else None
    named = [run.config.model_copy(update={"data": run.config.data or label}) for run in runs]
    arms = {config.folder: run.arm for config, run in zip(named, runs, strict=True)}
    configs = [config for config in named if config.data == label]
    if not configs:
        raise UserError(
            f"sweep: the data {label!r} are not those of a part of the plan: "
            f"{', '.join(f'{part} has {name!r}' for part, name in plan.part_data.items())}; give --data."
        )
    if len(configs) < len(runs):
        rest = [f"{part} ({name})" for part, name in plan.part_data.items() if name != label]
        console.print(
            f"{len(configs)} of {len(runs)} runs of the plan have these data, {label}. "
            f"Run it again with the data of {', '.join(rest)}.",
            soft_wrap=True,
        )
    return SweepRuns(configs, source, amp, plan.sha256 or "not frozen", arms)


def show_work(work: SweepRuns, as_json: bool) -> None:
    """Print the runs of a sweep, their number and their cost in multiply-adds, by arm."""
    from graph2nn.experiments.planning import costs_of

    samples = len(work.source.load().train)
    costs = costs_of(work.configs, work.source.load())
    arms = [work.arms.get(config.folder, "all") for config in work.configs]
    rows: list[dict[str, Any]] = [
        {
            "run": config.folder,
            "arm": arm,
            "graph": config.graph_name,
            "seed": config.seed,
            "macs": macs,
            "epochs": config.recipe.epochs,
            "training_macs": macs * samples * config.recipe.epochs * 3,
        }
        for config, arm, macs in zip(work.configs, arms, costs, strict=True)
    ]
    if as_json:
        print_json(rows)
        return
    runs = Table("run", "arm", title="In this order")
    runs.add_column("MACs", justify="right")
    for row in rows:
        runs.add_row(row["run"], row["arm"], f"{row['macs']:,}")
    show_table(runs)
    total = Table("arm", title="Cost", show_footer=True)
    for heading, footer in (
        ("runs", f"{len(rows):,}"),
        ("MACs per sample", ""),
        ("MACs of training", f"{sum(row['training_macs'] for row in rows):.3g}"),
    ):
        total.add_column(heading, footer, justify="right")
    for arm in dict.fromkeys(arms):
        group = [row for row in rows if row["arm"] == arm]
        low, high = min(row["macs"] for row in group), max(row["macs"] for row in group)
        span = f"{low:,}" if low == high else f"{low:,} to {high:,}"
        total.add_row(arm, str(len(group)), span, f"{sum(row['training_macs'] for row in group):.3g}")
    show_table(total)
    console.print("MACs of training: per sample × samples × epochs × 3 (forward and two gradients).")
    console.print("Nothing was trained.")
