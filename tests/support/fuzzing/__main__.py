"""Command line of the fuzzer; see the package."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from fuzzing import functions
from fuzzing.corpus import Corpus
from fuzzing.harness import FAILURES, Outcome, run_inputs
from fuzzing.readers import NEEDS, READERS, maker

ALL = (*READERS, "functions")


def fuzz(name: str, count: int, seed: int, root: Path) -> Iterator[Outcome]:
    """Run ``count`` inputs of one reader; the valid files below ``root`` are made if they are not there."""
    if name == "functions":
        return run_inputs(functions.sample(seed, root / "scratch" / name), count)
    corpus = Corpus(root / "corpus")
    for kind in NEEDS[name]:
        corpus.folder(kind)  # here, as a child that is killed would leave half a folder
    return run_inputs(maker(name, READERS[name], seed, corpus, root / "scratch"), count)


def main() -> int:
    """Run the inputs and print a row of counts per reader; 1 if any input failed."""
    parser = argparse.ArgumentParser(prog="python -m fuzzing", description=__doc__)
    parser.add_argument("reader", nargs="*", default=list(ALL), help=f"of {', '.join(ALL)}; all if left out")
    parser.add_argument("--inputs", type=int, default=100, help="per reader")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--root", type=Path, help="folder of the valid files, kept; a temporary one if left out"
    )
    parser.add_argument("--traces", action="store_true", help="print the end of each traceback")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = (arguments.root or Path(folder)).absolute()
        counts = [_report(name, arguments, root) for name in arguments.reader]
    return int(any(each[kind] for each in counts for kind in FAILURES))


def _report(name: str, arguments: argparse.Namespace, root: Path) -> Counter[str]:
    """Run the inputs of one reader, print each failure as it comes and then the counts; Ctrl-C ends early."""
    counts: Counter[str] = Counter()
    with suppress(KeyboardInterrupt):
        for outcome in fuzz(name, arguments.inputs, arguments.seed, root):
            counts[outcome.kind] += 1
            if outcome.kind in FAILURES:
                _say(f"  {outcome.kind}: {name} {outcome.label}: {outcome.text}")
                if arguments.traces:
                    _say("\n".join(f"      {line}" for line in outcome.trace))
    said = ", ".join(f"{counts[kind]} {kind}" for kind in ("ok", "refused", *FAILURES))
    _say(f"{name}: {sum(counts.values())} inputs, {said}")
    return counts


def _say(line: str) -> None:
    sys.stdout.write(line.encode("ascii", "backslashreplace").decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
