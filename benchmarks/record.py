"""What every benchmark result carries: when, on what, with which versions, by which command."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llvmlite import binding  # type: ignore[import-untyped]

RESULTS = Path(__file__).parent / "results"


def birth_certificate(script: str, libraries: Sequence[str]) -> dict[str, Any]:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "")
    return {
        "date": datetime.date.today().isoformat(),
        "command": " ".join([f"python -m benchmarks.{script}", *sys.argv[1:]]),
        "cpu": model or platform.processor(),
        "instructions": instructions(),
        "cores": os.cpu_count(),
        "load_average_at_start": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in libraries},
    }


def instructions() -> str:
    """The widest vectors of this processor: makers sell processors with and without AVX-512 under one name."""
    features = binding.get_host_cpu_features()
    names = {"AVX-512": "avx512f", "AVX512_BF16": "avx512bf16", "AMX": "amx-tile"}
    wide = [name for name, feature in names.items() if features.get(feature)]
    return ", ".join(wide) or ("AVX2" if features.get("avx2") else platform.machine())


def write(
    name: str, result: dict[str, Any], folder: Path | None = None, *, quick: bool = False, echo: bool = True
) -> None:
    """Print a result and keep it as ``NAME.json``, replaced in one piece.

    Args:
        name: of the file.
        result: with its birth certificate.
        folder: where; ``benchmarks/results`` if left out.
        quick: the result of a try-out, which is printed and, without a folder, not kept.
        echo: print it.
    """
    result["load_average_at_end"] = round(os.getloadavg()[0], 2)
    text = json.dumps(result, indent=2, ensure_ascii=False) + "\n"
    if echo:
        print(text)
    if folder is not None or not quick:
        save((folder or RESULTS) / f"{name}.json", text)


def save(file: Path, text: str) -> None:
    """Replace a file in one piece: a reader, or an end of the process, never meets half of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(file)


def _version(library: str) -> str:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
