"""The runs of ``graph2nn sweep``, from its options or from a plan, and what ``--dry-run`` prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rich.table import Table

from graph2nn.cli.common import console, print_json, show_table
from graph2nn.cli.connectomes import with_ends
from graph2nn.cli.own_data import own_words, source_of
from graph2nn.errors import UserError

if TYPE_CHECKING:
    from graph2nn.data.own.reader import Options
    from graph2nn.experiments.launchers import Source
    from graph2nn.results.config import RunConfig

Amp = Literal["bf16", "fp16"]


@dataclass(frozen=True)
class Work:
    """The runs of a sweep, where their data are, and the arm of each run if there is a plan."""

    configs: Sequence[RunConfig]
    source: Source
    amp: Any = None
    plan: str | None = None
    arms: Sequence[str] = ()

    def note_arms(self, out: Path) -> None:
        """Write into a folder of results which run belongs to which arm, if there is a plan."""
        from graph2nn.results.arms import write_arms

        if self.plan is not None:
            names = [config.folder for config in self.configs]
            write_arms(out, self.plan, dict(zip(names, self.arms, strict=True)))


def choose_work(
    plan_file: Path | None,
    preset: str | None,
    *,
    data: Path | None,
    cache: Path | None,
    dry_run: bool,
    own: Options | None = None,
    **options: Any,
) -> Work:
    """Return the runs that the options of ``sweep`` ask for.

    Args:
        plan_file: a plan, in place of the preset and of ``options``.
        preset: name of a preset.
        data: where the data are.
        cache: where decoded data are kept.
        dry_run: also take a plan that is not frozen.
        own: how the user's own data are read.
        options: ``select``, ``seeds``, ``nulls``, ``null``, ``null_options``, ``settings`` and ``amp``, as
            given.

    Raises:
        UserError: neither a preset nor a plan, options that a plan decides, or a plan that is not frozen.
    """
    if plan_file is None:
        if preset is None:
            raise UserError("sweep: name a preset (graph2nn presets lists them), or a plan with --plan.")
        return _of_preset(preset, data=data, cache=cache, own=own, **options)
    given = {"preset": preset, **options}
    words = {"preset": "PRESET", "settings": "--set", "null_options": "an option of --null"}
    for name, value in given.items():
        if value not in (None, [], {}, 0):
            raise UserError(
                f"sweep: the plan decides what {words.get(name, f'--{name}')} would change; leave it out."
            )
    return _of_plan(plan_file, data, cache, dry_run, own)


def null_options(
    groups: str | None, inputs: str | None, outputs: str | None, within: str | None, positions: str | None
) -> dict[str, Any]:
    """Return the options of nulls that were given, by the names of :func:`graph2nn.null`."""
    columns = None if positions is None else [name.strip() for name in positions.split(",")]
    given = {"groups": groups, "inputs": inputs, "outputs": outputs, "within": within, "positions": columns}
    return {name: value for name, value in given.items() if value is not None}


def _of_preset(
    preset: str,
    *,
    data: Path | None,
    cache: Path | None,
    own: Options | None,
    select: list[str] | None,
    seeds: int | None,
    nulls: int,
    null: list[str],
    null_options: dict[str, Any],
    settings: list[str],
    amp: str | None,
) -> Work:
    from graph2nn.experiments.connectome_networks import CONNECTOME_RNN, check_runs
    from graph2nn.experiments.planning import plan, with_nulls
    from graph2nn.experiments.planning import select as choose
    from graph2nn.experiments.presets import fitted
    from graph2nn.experiments.presets import preset as look_up
    from graph2nn.experiments.presets.own import OWN

    known = look_up(preset)
    graphs = choose(known, select or ["all"], data=None if known.data == OWN else data)
    if (null or null_options.keys() - {"inputs", "outputs"}) and not nulls:
        raise UserError("sweep: --null and its options say which nulls; say how many of each with --nulls N.")
    if known.model.name == CONNECTOME_RNN:
        settings = with_ends(settings, null_options.get("inputs"), null_options.get("outputs"))
    ends = null_options.keys() & {"inputs", "outputs"}
    if ends and known.model.name != CONNECTOME_RNN and "boundary" not in null:
        raise UserError(
            "sweep: --inputs and --outputs are used by --null boundary and by connectome-rnn "
            "only; leave them out."
        )
    if nulls:
        graphs = with_nulls(graphs, nulls, null or "degree", null_options)
    numbers = range(known.first_seed, known.first_seed + (seeds or known.seeds))
    check_runs(plan(known, graphs, numbers, data="", settings=settings))  # complain before the data are read
    source = source_of(known.data, data, cache, own)
    loaded = source.load()
    known = fitted(known, loaded)
    return Work(plan(known, graphs, numbers, data=loaded.label, settings=settings), source, amp)


def _of_plan(file: Path, data: Path | None, cache: Path | None, dry_run: bool, own: Options | None) -> Work:
    from graph2nn.experiments.plans import plan_source, planned_runs, read_plan, with_data

    plan = read_plan(file)
    if own is not None:
        raise UserError(f"sweep: the plan decides what {own_words(own)[0]} would change; leave it out.")
    if plan.sha256 is None and not dry_run:
        raise UserError(f"sweep: {file} is not frozen; graph2nn plan freeze {file} does that.")
    source = plan_source(plan, file.parent, path=data, cache=cache)
    graphs = data if plan.data is None else None
    # Before the data are read: what is wrong with a graph or a setting is said at once.
    planned_runs(plan, data="", folder=graphs)
    loaded = source.load()
    plan = with_data(plan, loaded)
    runs = planned_runs(plan, data=loaded.label, folder=graphs)
    amp = "bf16" if plan.precision == "bf16" else None
    configs, arms = [run.config for run in runs], [run.arm for run in runs]
    return Work(configs, source, amp, plan.sha256 or "not frozen", arms)


def show_work(work: Work, as_json: bool) -> None:
    """Print the runs of a sweep, their number and their cost in multiply-adds, by arm."""
    from graph2nn.experiments.planning import costs_of

    samples = len(work.source.load().train)
    costs = costs_of(work.configs, work.source.load())
    arms = work.arms or ["all"] * len(work.configs)
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
