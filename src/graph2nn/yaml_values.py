"""YAML written by users: plain values, each key once, and no text that grows or nests without bound."""

from __future__ import annotations

import re
from typing import Any

import yaml

#: Values of the largest document; aliases count as often as they are used.
_MOST_VALUES = 1_000_000


class _Plain:
    """A pattern of numbers that leaves out those with colons."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self.pattern = pattern

    def match(self, text: str) -> re.Match[str] | None:
        """Match a number without a colon."""
        return None if ":" in text else self.pattern.match(text)


class _Loader(yaml.SafeLoader):
    """``yaml.SafeLoader`` that refuses a key given twice instead of taking the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        written = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
        if twice := next((key for i, key in enumerate(written) if key in written[:i]), None):
            raise yaml.MarkedYAMLError(
                problem=f"the key {twice!r} is there twice", problem_mark=node.start_mark
            )
        return super().construct_mapping(node, deep)

    def construct_whole_number(self, node: yaml.ScalarNode) -> int:
        """A whole number; 010 is ten, as in YAML 1.2, and not eight."""
        text = str(self.construct_scalar(node)).replace("_", "")
        sign, digits = text.lstrip("+-"), text.lstrip("+-").lstrip("0")
        if not sign.isdecimal():
            return int(super().construct_yaml_int(node))
        return int(text[: len(text) - len(sign)] + (digits or "0"))


_INT, _FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"
_Loader.add_constructor(_INT, _Loader.construct_whole_number)
# YAML 1.1 reads 1:30 as ninety, a number of minutes and seconds. Nobody who writes to this program means that.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, _Plain(pattern) if tag in (_INT, _FLOAT) else pattern) for tag, pattern in resolvers]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_yaml(text: str) -> Any:
    """Return the plain values that a YAML text holds.

    Args:
        text: one document.

    Raises:
        yaml.YAMLError: not YAML, an impossible date or number, a key given twice, aliases that stand for more
            than a million values or for themselves, or nesting too deep to read.

    Example:
        >>> read_yaml("recipe: {lr: 0.1, steps: [30, 60]}")
        {'recipe': {'lr': 0.1, 'steps': [30, 60]}}
        >>> read_yaml("lr: 2020-13-45")
        Traceback (most recent call last):
        yaml.error.YAMLError: month must be in 1..12
    """
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _check_size(node)
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.YAMLError:
        raise
    except RecursionError:
        raise yaml.YAMLError("it is nested too deeply") from None
    except (ValueError, TypeError, AttributeError, LookupError, OverflowError) as error:
        # Tags such as !!timestamp and !!int, and words that look like dates, fail in ways of their own.
        raise yaml.YAMLError(" ".join(str(error).split()) or type(error).__name__) from None


def _check_size(root: yaml.Node) -> None:
    """Refuse a document whose aliases make it endless, or far larger than its text."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size(node: yaml.Node) -> int:
        if id(node) in sizes:
            return sizes[id(node)]
        if id(node) in open_nodes:
            raise yaml.YAMLError("an alias stands for something that holds it")
        open_nodes.add(id(node))
        inside = node.value if isinstance(node, yaml.CollectionNode) else ()
        parts = [part for entry in inside for part in (entry if isinstance(entry, tuple) else (entry,))]
        sizes[id(node)] = 1 + sum(size(part) for part in parts)
        open_nodes.discard(id(node))
        return sizes[id(node)]

    if (count := size(root)) > _MOST_VALUES:
        raise yaml.YAMLError(f"its aliases stand for {count:,} values, more than {_MOST_VALUES:,}")
