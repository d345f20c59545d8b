"""``python -m graph2nn`` is the command ``graph2nn``."""

from graph2nn.cli import run

if __name__ == "__main__":
    run()
