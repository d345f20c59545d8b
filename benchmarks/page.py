"""The page of measurements: docs/benchmarks.md and its pictures, made from benchmarks/results/*.json.

python -m benchmarks.page
"""

from __future__ import annotations

from benchmarks.page_amp import amp, precision
from benchmarks.page_auto import auto
from benchmarks.page_edges import edges
from benchmarks.page_families import families
from benchmarks.page_layers import epochs, layers, memory, modules
from benchmarks.page_parts import DOCS, birth, results, table
from benchmarks.page_search import search
from benchmarks.page_text import text

HEAD = """# Measurements

Made by `make bench` and `make bench-long` (families: `benchmarks.train_families`) from what lies in
`benchmarks/results/`; do not edit by hand. Machines differ and are
noisy: what counts is a ratio within one run, in which contenders took turns. Each table says where it was made.
"""


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


def first_minutes() -> str:
    if (found := results("first_minutes")) is None:
        return ""
    rows = [
        [name if place == 0 else "", f"`{row['command'].strip()}`", f"{row['seconds']:.0f}"]
        for name, commands in found["paths"].items()
        for place, row in enumerate(commands)
    ]
    what = (
        "Each documented path from its first command on, with an empty cache and kernels that were never "
        "compiled. Downloads and the installation are not counted (`make demo` in a fresh clone, with both: "
        "3 min 34 s).\n"
    )
    head = ["path", "command", "seconds"]
    return "\n## First minutes\n\n" + birth(found) + "\n" + what + "\n" + table(head, rows)


def main() -> None:
    parts = (
        first_minutes,
        graphs,
        matching,
        layers,
        auto,
        modules,
        text,
        amp,
        precision,
        edges,
        memory,
        epochs,
        sweep,
        photos,
        population,
        families,
        search,
    )
    page = HEAD + "".join(part() for part in parts)
    (DOCS / "benchmarks.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
