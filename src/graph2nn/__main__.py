"""Entry point of the command ``graph2nn``, and of ``python -m graph2nn``."""

from __future__ import annotations

import sys


def run() -> None:
    """Load the command and run it; Ctrl-C while it is loaded is one line, as later."""
    try:
        from graph2nn.cli import run as command
    except KeyboardInterrupt:
        sys.stderr.write("graph2nn: interrupted before anything was done.\n")
        sys.exit(130)
    command()


if __name__ == "__main__":
    run()
