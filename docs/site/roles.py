"""For mkdocstrings: roles in docstrings become plain code."""

from __future__ import annotations

import re
from typing import Any

import griffe


class Roles(griffe.Extension):
    """Writes a role such as ``:func:`x``` as code, and names the section of examples as griffe knows it."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of each object that is read."""
        if obj.docstring:
            text = re.sub(r":(?:func|class|mod|data|meth|attr|exc):`~?([^`]*)`", r"`\1`", obj.docstring.value)
            obj.docstring.value = re.sub(r"^( *)Example::?$", r"\1Examples:", text, flags=re.MULTILINE)
