"""Notebooks as pages: their text, their code and, unless told otherwise, what the code prints and draws."""

from __future__ import annotations

import base64
import json
import os
import re
from pathlib import Path
from typing import Any

#: ``code`` leaves the notebooks unexecuted, which saves a minute: ``GRAPH2NN_NOTEBOOKS=code make docs``.
VARIABLE = "GRAPH2NN_NOTEBOOKS"
#: Seconds that a cell may take.
PATIENCE = 900


def pages(path: Path, scratch: Path) -> dict[str, str | bytes]:
    """Return the page of a notebook and its pictures, by their place in the site.

    Args:
        path: the notebook, kept without outputs.
        scratch: folder in which it is executed.

    Returns:
        ``notebooks/<name>.md`` and one PNG per picture.
    """
    ran = os.environ.get(VARIABLE) != "code"
    cells = _executed(path, scratch) if ran else json.loads(path.read_text(encoding="utf-8"))["cells"]
    files: dict[str, str | bytes] = {}
    parts = []
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        for output in cell.get("outputs", []):
            if picture := output.get("data", {}).get("image/png"):
                name = f"{path.stem}_{len(files)}.png"
                files[f"notebooks/{name}"] = base64.b64decode(picture)
                parts.append(f"![What the code above draws]({name})")
            else:
                parts.append(_text(output))
    parts.append(f"\n*This page is `notebooks/{path.name}` of the repository, which the tests run.*\n")
    text = re.sub(r"\]\(\.\./docs/", "](../", "\n\n".join(part for part in parts if part))
    return {f"notebooks/{path.stem}.md": text, **files}


def _text(output: dict[str, Any]) -> str:
    """What a cell printed or returned: tables as HTML, anything else as text."""
    data = output.get("data", {})
    if "text/html" in data:
        table = re.sub(r"<style.*?</style>", "", "".join(data["text/html"]), flags=re.DOTALL)
        table = re.sub(r"<table[^>]*>", "<table>", table)  # the site's own style, which scrolls
        return re.sub(r"\n\s*", "\n", table).strip()
    said = "".join(output.get("text", data.get("text/plain", ""))).strip()
    return f"```text\n{said}\n```" if said else ""


def _executed(path: Path, scratch: Path) -> list[dict[str, Any]]:
    """Cells of the notebook with their outputs; a failing cell fails the build."""
    import nbclient
    import nbformat

    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    where = {"metadata": {"path": str(scratch)}}
    client = nbclient.NotebookClient(
        notebook, kernel_name="python3", timeout=PATIENCE, resources=where, extra_arguments=["--log-level=50"]
    )
    client.execute()
    return list(notebook.cells)
