"""Plan files: read, hash and freeze. A frozen file states the hash of its content and is refused if changed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from graph2nn.arguments import first_complaint
from graph2nn.errors import UserError
from graph2nn.experiments.plans.plan_data import plan_source, read_as
from graph2nn.experiments.plans.schema import ExperimentPlan
from graph2nn.files import read_text_file, replacing
from graph2nn.yaml_values import read_yaml

_KEY = "sha256"


def read_plan(path: Path) -> ExperimentPlan:
    """Read a plan from a YAML file; its ``sha256`` is None while it is not frozen.

    Args:
        path: the file.

    Returns:
        The plan.

    Raises:
        UserError: no such file, not YAML, an unknown or missing key, a value out of range, or a frozen
            file whose content is not what was frozen.

    Example:
        >>> import tempfile
        >>> from graph2nn.experiments.plans.decisive import draft_plan
        >>> file = Path(tempfile.mkdtemp()) / "plan.yaml"
        >>> write_plan(draft_plan(), file)
        >>> read_plan(file).order
        ('A', 'B1', 'D', 'B2', 'C')
    """
    return _read(path)[1]


def plan_hash(tree: dict[str, Any]) -> str:
    """Return the SHA-256 of a plan's content as plain values, without its key ``sha256``.

    The content is written as JSON with sorted keys, so that comments, order of keys and layout do not matter.

    Example:
        >>> plan_hash({"title": "A", "sha256": "0"}) == plan_hash({"title": "A"})
        True
    """
    content = {key: value for key, value in tree.items() if key != _KEY}
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def freeze_plan(path: Path, *, data: Path | None = None, cache: Path | None = None) -> str:
    """Write the hash of a plan's content at the end of its file, and return it.

    A plan on data of the user's own has them read first: their label, with the digest of their content, and
    what fits the preset to them become the key ``as_read``.

    Args:
        path: the file; everything else in it stays as it is, comments too.
        data: where own data lie, if not where the plan says.
        cache: folder of decoded copies.

    Returns:
        The hash, 64 hexadecimal digits.

    Raises:
        UserError: as :func:`read_plan`; the plan is frozen already; its data cannot be read.

    Example:
        >>> import tempfile
        >>> from graph2nn.experiments.plans.decisive import draft_plan
        >>> file = Path(tempfile.mkdtemp()) / "plan.yaml"
        >>> write_plan(draft_plan(), file)
        >>> freeze_plan(file) == read_plan(file).sha256
        True
    """
    tree, plan = _read(path)
    if plan.sha256 is not None:
        raise UserError(f"plan: {path} is frozen already, with hash {plan.sha256[:12]}.")
    text = path.read_text(encoding="utf-8")
    # A key left empty would be there twice.
    lines = [line for line in text.splitlines() if not line.startswith(f"{_KEY}:")]
    source = plan_source(plan, path.parent, path=data, cache=cache)
    if plan.data is not None and plan.as_read is None:
        noted = {"as_read": read_as(plan, source.load()).model_dump()}
        lines += yaml.safe_dump(noted, sort_keys=False, allow_unicode=True).splitlines()
        tree |= noted
    value = plan_hash(tree)
    with replacing(path) as temporary:
        temporary.write_text("\n".join([*lines, f"{_KEY}: {value}", ""]), encoding="utf-8")
    read_plan(path)
    return value


def write_plan(plan: ExperimentPlan, file: Path) -> None:
    """Write a plan as YAML.

    Args:
        plan: the plan.
        file: where to; must not exist, as it may be frozen.

    Raises:
        UserError: the file exists, or its folder does not.

    Example:
        >>> import tempfile
        >>> from graph2nn.experiments.plans.decisive import draft_plan
        >>> write_plan(draft_plan(), Path(tempfile.mkdtemp()) / "plan.yaml")
    """
    if file.exists():
        raise UserError(f"plan: {file} exists already; delete it, or name another file.")
    if not file.absolute().parent.is_dir():
        raise UserError(f"plan: the folder of {file} does not exist; make it, or name another file.")
    text = yaml.dump(
        plan.model_dump(mode="json", exclude_defaults=True)
        | {"precision": plan.precision, "rules": plan.rules.model_dump(mode="json")},
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=120,
    )
    with replacing(file) as temporary:
        temporary.write_text(text, encoding="utf-8")


class _Dumper(yaml.SafeDumper):
    """One line per network: a list of graphs is read like a table."""

    def represent_mapping(self, tag: str, mapping: object, flow_style: bool | None = None) -> yaml.MappingNode:
        inline = isinstance(mapping, dict) and "seeds" in mapping
        return super().represent_mapping(tag, mapping, flow_style=True if inline else flow_style)  # type: ignore[arg-type]


def _read(path: Path) -> tuple[dict[str, Any], ExperimentPlan]:
    try:
        tree = read_yaml(read_text_file(path, "plan"))
    except yaml.YAMLError as error:
        raise UserError(f"plan: {path} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(tree, dict):
        raise UserError(f"plan: {path} is not a plan; it has no keys such as title, arms and tests.")
    try:
        plan = ExperimentPlan.model_validate(tree)
    except ValidationError as error:
        raise UserError(f"plan: {path}: {_complaint(error)}") from None
    if plan.sha256 is not None and plan.sha256 != (actual := plan_hash(tree)):
        raise UserError(
            f"plan: {path} was changed after it was frozen: its hash is {actual[:12]}, not {plan.sha256[:12]}; "
            "restore it, or delete the line sha256 and freeze it as a new plan."
        )
    return tree, plan


def _complaint(error: ValidationError) -> str:
    """Return the first thing wrong; where keys do not fit together, without their whole values."""
    first = error.errors()[0]
    if first["type"] != "inconsistent_plan":
        return first_complaint(error, ExperimentPlan)
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}." if where else f"{first['msg']}."
