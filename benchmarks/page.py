"""The page of measurements: docs/benchmarks.md and its pictures, made from benchmarks/results/*.json.

python -m benchmarks.page
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

from benchmarks.record import RESULTS

DOCS = Path(__file__).parents[1] / "docs"
#: Colour-blind-safe (Okabe and Ito), one for each contender wherever it appears.
COLOURS = {"dense": "#999999", "masked": "#D55E00", "block": "#0072B2"}

HEAD = """# Measurements

Made by `make bench` and `make bench-long` (families: `benchmarks.train_families`) from what lies in
`benchmarks/results/`; do not edit by hand. Machines differ and are
noisy: what counts is a ratio within one run, in which contenders took turns. Each table says where it was made.
"""


def results(name: str) -> dict[str, Any] | None:
    file = RESULTS / f"{name}.json"
    found: dict[str, Any] | None = json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
    return found


def birth(found: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    return (
        f"*{found['date']}, {found['cpu']}, {found['cores']} cores, Python {found['python']}, {versions}; load "
        f"{found['load_average_at_start']} at the start, {found['load_average_at_end']} at the end. "
        f"`{found['command']}`*\n"
    )


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *rows]]
    return "\n".join(lines) + "\n"


def graphs() -> str:
    if (found := results("graphs")) is None:
        return ""
    rows = [
        [case, who, f"{entry['us_per_graph']:,.1f}", f"{entry['times_ours']:,.1f}"]
        for case, entries in found.items()
        if "C + L" in case
        for who, entry in entries.items()
        if isinstance(entry, dict)
    ]
    sweeps = [
        f"Full sweep, {case.split(', ')[1]}: {entry['graphs']:,} graphs in {entry['best_seconds']} s.\n"
        for case, entry in found.items()
        if case.startswith("full sweep")
    ]
    return "\n## Graphs\n\n" + birth(found) + "\n" + table(
        ["what", "by", "µs a graph", "× graph2nn"], rows
    ) + "\n" + "".join(sweeps)  # fmt: skip


def matching() -> str:
    if (found := results("match")) is None:
        return ""
    rows = [
        [
            name,
            f"{1e3 * row['published_s']:,.0f}" if "published_s" in row else "",
            f"{1e3 * row['exact_s']:,.0f}" if "exact_s" in row else "",
            f"{row['ratio']:,.0f}" if "ratio" in row else "",
        ]
        for name, row in found["models"].items()
    ]
    every = found["all_mlp5_of_n64-3942"]
    return "\n## Width matching\n\n" + birth(found) + "\n" + table(
        ["model", "published walk, ms", "exact search, ms", "building at every step ÷ published walk"], rows
    ) + f"\nAll {every['graphs']:,} MLP-5 networks of the catalogue: {every['matching_s']} s.\n"  # fmt: skip


def layers() -> str:
    if (found := results("layers")) is None:
        return ""
    parts = [
        "\n## Layers and training steps by engine\n\n",
        birth(found),
        "\n![Time by engine](images/layers.png)\n",
    ]
    for threads, cases in found.items():
        if not threads.endswith(("thread", "threads")):
            continue
        rows = [
            [case, *(times_dense(entries[who]) if who in entries else "" for who in ("masked", "CSR", "block"))]
            for case, entries in cases.items()
        ]
        parts.append(f"\nTime ÷ that of the dense layer of as many multiply-adds, {threads} (quartiles):\n\n")
        parts.append(table(["what", "masked (published technique)", "CSR (torch.sparse)", "block"], rows))
    draw_layers(found)
    return "".join(parts)


def times_dense(entry: Mapping[str, Any]) -> str:
    low, high = entry["quartiles"]
    return f"{entry['times_dense']:.2f} ({low:.2f}–{high:.2f})"


def label(case: str) -> str:
    return case.replace(", batch 128", "").replace("forward + backward", "both ways")


def draw_layers(found: Mapping[str, Any]) -> None:
    cases = found["1 thread"]
    shown = [case for case in cases if not case.endswith(", forward")]
    figure, axis = plt.subplots(figsize=(7.2, 0.55 * len(shown) + 1.2), layout="constrained")
    for i, case in enumerate(shown):
        for k, who in enumerate(("masked", "block")):
            value = cases[case][who]["times_dense"]
            axis.barh(i + 0.38 * k - 0.19, value, 0.36, color=COLOURS[who], label=who if i == 0 else None)
            axis.text(value + 0.08, i + 0.38 * k - 0.19, f"{value:.2f}", va="center", fontsize=8)
    axis.axvline(1, color=COLOURS["dense"], linewidth=1)
    axis.set_yticks(range(len(shown)), [label(case) for case in shown], fontsize=8)
    axis.invert_yaxis()
    axis.set_xlabel("time ÷ dense of equal multiply-adds")
    axis.margins(x=0.12)
    axis.spines[["top", "right"]].set_visible(False)
    figure.legend(frameon=False, loc="outside upper right", ncols=2)
    figure.savefig(DOCS / "images" / "layers.png", dpi=150)
    plt.close(figure)


def memory() -> str:
    if (found := results("memory")) is None:
        return ""
    dense = found["networks"]["dense"]
    rows = [
        [
            who,
            f"{entry['parameters_and_momentum_mib']:,.0f}",
            f"{entry['peak_mib']:,.0f}",
            f"{entry['peak_mib'] / dense['peak_mib']:.2f}",
        ]
        for who, entry in found["networks"].items()
    ]
    head = ["network", "parameters and momentum, MiB", "peak of a step, MiB", "peak ÷ dense"]
    what = f"A training step of {found['model']}, density {found['density']}, batch {found['images']}.\n"
    return "\n## Memory\n\n" + birth(found) + "\n" + what + "\n" + table(head, rows)


def epochs() -> str:
    if (found := results("epoch")) is None:
        return ""
    cases = {case: entries for case, entries in found.items() if case.endswith(("thread", "threads"))}
    parts = ["\n## Epochs with data\n\n", birth(found)]
    columns = ("ms_per_step", "times_compute", "times_graph2nn")
    feeds = [
        [case, who, *(f"{entry[column]:.2f}" for column in columns)]
        for case, entries in cases.items()
        for who, entry in entries.items()
        if "times_graph2nn" in entry
    ]
    parts += ["\n", table(["MLP-5", "fed by", "ms a step", "× compute alone", "× graph2nn"], feeds)]
    batches = [
        [case, who, f"{entry['ms_per_batch']:.2f}", f"{entry['times_compiled']:.1f}"]
        for case, entries in cases.items()
        for who, entry in entries.items()
        if "ms_per_batch" in entry
    ]
    return "".join([*parts, "\n", table(["a batch of 128", "by", "ms", "× compiled"], batches)])


def photos() -> str:
    if (found := results("photos")) is None:
        return ""
    rows = [
        [
            who,
            f"{entry['photos_a_second']:,.0f}",
            "–".join(f"{value:,.0f}" for value in entry["spread"]),
            f"{entry['times_plain']:.2f}",
        ]
        for who, entry in found["photos"].items()
    ]
    head = [
        "decoded, cropped, normalised by",
        "photos a second, one core",
        "slowest to fastest",
        "× plain",
    ]
    return (
        "\n## Photos\n\n"
        + birth(found)
        + "\n"
        + table(head, rows)
        + "\nPlain is one sample at a time with the same libraries; see `benchmarks/bench_photos.py`.\n"
    )


def sweep() -> str:
    if (found := results("sweep")) is None:
        return ""
    ratio = found["ratio"]
    rows = [[who, f"{rate:,.0f}"] for who, rate in found["runs_an_hour"].items()]
    return (
        "\n## Runs of a sweep\n\n"
        + birth(found)
        + "\n"
        + table([f"runs of {found['epochs']} epoch of MLP-5", "an hour, one core"], rows)
        + f"\n{found['runs']} graphs from dense to sparse, one run each way; the time of one way ÷ that of the "
        + f"other: {', '.join(f'{value:.2f}' for value in ratio['all'])}, median {ratio['median']:.2f}.\n"
    )


def population() -> str:
    if (found := results("population")) is None:
        return ""
    rows = [
        [
            way,
            f"{entry['steps_per_second']:.1f}",
            f"{entry['times_one_by_one']:.2f}",
            f"{entry['start_up_seconds']:.1f}",
        ]
        for way, entry in found.items()
        if isinstance(entry, dict) and "steps_per_second" in entry
    ]
    head = [
        f"{found['members']} MLP-5",
        "steps a second, all together",
        "× one by one, 2 threads",
        "start-up, s",
    ]
    return "\n## Population\n\n" + birth(found) + "\n" + table(head, rows)


def main() -> None:
    # Those parts take their tables from this module.
    from benchmarks.page_families import families
    from benchmarks.page_search import search

    parts = (graphs, matching, layers, memory, epochs, sweep, photos, population, families, search)
    page = HEAD + "".join(part() for part in parts)
    (DOCS / "benchmarks.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
