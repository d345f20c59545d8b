"""Damage to valid files: bytes, words of text, arrays of NumPy, columns of tables, trees of JSON and YAML."""

from __future__ import annotations

import io
import json
import random
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml

#: Words that take the place of a number or a name in a text.
WORDS = (
    "-1", "0", "1", "2", "1.5", "-0.0", "1e20", "1e308", "1e999", "-1e20", "nan", "inf", "-inf", "NaN", "None",
    "",
    "9223372036854775807", "9223372036854775808", "4294967296", "10000000", "100000000000000000000000000000",
    "0x_", "0x1F", "1_000", "2020-13-45", "true", "null", "[", "{", "]", '"', "'", "a", "é", "\u202e", "\0",
    "[/x]", "$\\bad{$", "../x", "/dev/zero", "*", "&a", "!!python/object:os.system", "~", "-", ":", "#", "\t",
    ",",
)  # fmt: skip
#: Values that take the place of a leaf of a tree, an entry of a table.
VALUES: tuple[Any, ...] = (
    -1, 0, 1, 2, 1.5, -0.5, 1e20, 1e308, float("nan"), float("inf"), -float("inf"), 10**7, 2**31, 2**63, 10**30,
    True, False, None, "", "x", "[/x]", "$\\bad{$", "é\u202e", "1e4", "a" * 5000, [], [1], [[]], {}, {"a": 1},
    "run:1", [1, "a"], "2020-01-01",
)  # fmt: skip
Mutation = Callable[[random.Random, bytes], bytes]


def of_bytes(rng: random.Random, content: bytes) -> bytes:
    """Flip, cut, repeat, insert or drop bytes."""
    if not content:
        return bytes(rng.randrange(256) for _ in range(8))
    kind, at = rng.randrange(7), rng.randrange(len(content))
    data = bytearray(content)
    end = min(len(data), at + rng.choice((1, 4, 16, 200)))
    if kind == 0:
        for _ in range(rng.choice((1, 3, 20))):
            data[rng.randrange(len(data))] = rng.randrange(256)
    elif kind == 1:
        del data[at:]
    elif kind == 2:
        del data[at:end]
    elif kind == 3:
        data[at:at] = data[at:end] * rng.choice((1, 2, 50))
    elif kind == 4:
        data[at:end] = rng.choice((b"\xff", b"\0", b"\x80")) * (end - at)
    elif kind == 5:
        data[at : at + 8] = rng.choice((2**63 - 1, 2**31 - 1, 10**9)).to_bytes(8, "little")
    else:
        data[at:at] = rng.choice((b"\xfe\xff", b"\xc3(", b"\r\n", b"\x1a", b"PK\x03\x04"))
    return bytes(data)


def of_text(rng: random.Random, content: bytes) -> bytes:
    """Replace, swap, repeat or drop words and lines."""
    text = content.decode("utf-8", "replace")
    kind = rng.randrange(6)
    words = list(re.finditer(r"[\w.+-]+", text))
    lines = text.split("\n")
    at = rng.randrange(len(lines))
    if kind <= 2 and words:
        for word in sorted(rng.sample(words, min(len(words), rng.choice((1, 1, 2)))), key=lambda w: -w.start()):
            text = text[: word.start()] + rng.choice(WORDS) + text[word.end() :]
    elif kind == 3:
        lines[at : at + 1] = []
        text = "\n".join(lines)
    elif kind == 4:
        lines[at : at + 1] = [lines[at]] * rng.choice((2, 2, 300))
        text = "\n".join(lines)
    else:
        place = rng.randrange(len(text) + 1)
        text = text[:place] + rng.choice(WORDS) + text[place:]
    return text.encode("utf-8", "surrogatepass")


def _array(rng: random.Random, array: np.ndarray) -> np.ndarray:
    kind = rng.randrange(7)
    if kind <= 2 and array.size:
        changed = array.copy()
        value = rng.choice((-1, -5, 0, 1, 2**31 - 1, 2**62, 10**9, np.nan, np.inf, 1e30, 7))
        try:
            with np.errstate(all="ignore"):
                changed.reshape(-1)[rng.randrange(array.size)] = np.asarray(value).astype(array.dtype)
        except (ValueError, TypeError, OverflowError):
            pass
        return changed
    if kind == 3:
        return array.reshape(-1)[: rng.randrange(array.size + 1)]
    if kind == 4:
        with np.errstate(all="ignore"):
            try:
                return array.astype(
                    rng.choice(("int8", "uint64", "float16", "complex64", "U3", "bool", "float64"))
                )
            except (ValueError, TypeError):
                return np.array(["x"])
    if kind == 5:
        return np.stack([array, array])
    return rng.choice((np.zeros(0), np.zeros((0, 3)), np.array(5), np.array("text"), np.array([2**40, 2**40])))


def of_npz(rng: random.Random, content: bytes) -> bytes:
    """Change, drop or add one array of an archive."""
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    name = rng.choice(sorted(arrays))
    if rng.random() < 0.1:
        del arrays[name]
    else:
        arrays[name] = _array(rng, arrays[name])
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def of_npy(rng: random.Random, content: bytes) -> bytes:
    """Change one array."""
    stream = io.BytesIO()
    np.save(stream, _array(rng, np.load(io.BytesIO(content), allow_pickle=False)))
    return stream.getvalue()


def _frame(rng: random.Random, frame: pd.DataFrame) -> pd.DataFrame:
    kind, column = rng.randrange(7), rng.choice(list(frame.columns))
    if kind == 0:
        return frame.drop(columns=column)
    if kind == 1:
        return frame.rename(columns={column: rng.choice(("x", "", "n", "run", "seed"))})
    if kind == 2:
        return frame.iloc[: rng.choice((0, 1))]
    if kind == 3:
        return pd.concat([frame, frame])
    if kind == 4:
        return frame.assign(**{column: frame[column].astype(str)})
    value = rng.choice(VALUES)
    if kind == 5:
        return frame.assign(**{column: [value] * len(frame)})
    values = list(frame[column])
    if values:
        values[rng.randrange(len(values))] = value
    return frame.assign(**{column: pd.Series(values, index=frame.index, dtype=object).infer_objects()})


def of_parquet(rng: random.Random, content: bytes) -> bytes:
    """Change one column of a table."""
    frame, stream = _frame(rng, pd.read_parquet(io.BytesIO(content))), io.BytesIO()
    try:
        frame.to_parquet(stream, index=False)
    except Exception:  # what parquet cannot hold
        stream = io.BytesIO()
        column = rng.choice(list(frame.columns))
        frame.astype(str).drop(columns=column).to_parquet(stream, index=False)
    return stream.getvalue()


def of_feather(rng: random.Random, content: bytes) -> bytes:
    """Change one column of a table."""
    stream = io.BytesIO()
    changed = of_parquet(rng, _as_parquet(pd.read_feather(io.BytesIO(content))))
    pd.read_parquet(io.BytesIO(changed)).reset_index(drop=True).to_feather(stream)
    return stream.getvalue()


def _as_parquet(frame: pd.DataFrame) -> bytes:
    stream = io.BytesIO()
    frame.to_parquet(stream, index=False)
    return stream.getvalue()


def of_csv(rng: random.Random, content: bytes) -> bytes:
    """Change one column of a table of text, or its words."""
    if rng.random() < 0.5:
        return of_text(rng, content)
    return _frame(rng, pd.read_csv(io.BytesIO(content))).to_csv(index=False).encode("utf-8", "surrogatepass")


def _tree(rng: random.Random, tree: Any) -> Any:
    """Replace one leaf or branch, drop or add a key."""
    if isinstance(tree, dict) and tree and rng.random() < 0.85:
        key = rng.choice(sorted(tree, key=str))
        if rng.random() < 0.1:
            return {k: v for k, v in tree.items() if k != key}
        if rng.random() < 0.1:
            return {**tree, rng.choice(("x", "n", "seed", "a" * 3000)): rng.choice(VALUES)}
        return {**tree, key: _tree(rng, tree[key])}
    if isinstance(tree, list) and tree and rng.random() < 0.7:
        at = rng.randrange(len(tree))
        return [*tree[:at], _tree(rng, tree[at]), *tree[at + 1 :]]
    return rng.choice(VALUES)


def of_json(rng: random.Random, content: bytes) -> bytes:
    """Change one value of a tree, or the text."""
    if rng.random() < 0.3:
        return rng.choice((of_text, of_bytes))(rng, content)
    return json.dumps(_tree(rng, json.loads(content))).encode()


#: Nine to the ninth words in as many lines.
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{one}: &{one} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, one in zip("abcdefgh", "bcdefghi", strict=True)
)
#: YAML that is small and means much, or nothing.
YAML_BOMBS = (
    LAUGHS,
    "[" * 3000, "{a: " * 1500, "- " * 2000, "a: &a [*a]", "&a {a: *a}", "? {a: b}\n: c\n", "a: !!binary x",
    "a: 0x_", "a: 2020-13-45",
    "recipe: {<<: [1, 2]}", "%YAML 9.9\n---\na: 1", "a: 1\na: 2", "\ta: 1", "---\n---\n", "a: !!timestamp 9",
    "a: !!int ''",
    "a: 190:20:30:99999999999", "recipe: {lr: .inf}", "!!set {a, b}", "a: !!omap [a: 1, 2]", "a: " + "9" * 5000,
    "é: \x85",
)  # fmt: skip


def of_yaml(rng: random.Random, content: bytes) -> bytes:
    """Change one value of a tree or the text, or put a small bomb in its place."""
    kind = rng.random()
    if kind < 0.35:
        return of_text(rng, content)
    if kind < 0.45:
        return of_bytes(rng, content)
    if kind < 0.6:
        bomb = rng.choice(YAML_BOMBS).encode("utf-8")
        return rng.choice((bomb, content + b"\n" + bomb, bomb + b"\n" + content))
    return yaml.safe_dump(_tree(rng, yaml.safe_load(content))).encode()


def of_torch(rng: random.Random, content: bytes) -> bytes:
    """Change one tensor of a state dict, or the tree around it."""
    state: Any = torch.load(io.BytesIO(content), weights_only=True)
    key = rng.choice(sorted(state))
    tensor = state[key]
    float_tensor = tensor.float()
    state[key] = rng.choice((
        float_tensor * float("nan"), float_tensor * float("inf"), tensor.to("meta"), float_tensor.flatten(),
        float_tensor.reshape(-1)[:0], float_tensor.to_sparse() if tensor.ndim else tensor,
        tensor.to(torch.int8),
        float_tensor.to(torch.bfloat16), tensor.to(torch.complex64), torch.zeros(()), "text", None, [tensor],
        {"a": tensor},
        torch.randn(3, 5, 7, 2, 2), float_tensor.expand(1000, *tensor.shape), torch.zeros(2, 0), torch.zeros(1,
        1),
    ))  # fmt: skip
    wrapped = rng.choice(
        (state, state, state, {"state_dict": state}, {"model": state, "epoch": "x"}, [state], state[key])
    )
    stream = io.BytesIO()
    torch.save(wrapped, stream)
    return stream.getvalue()


def of_safetensors(rng: random.Random, content: bytes) -> bytes:
    """Change the header or the values."""
    size = int.from_bytes(content[:8], "little")
    if rng.random() < 0.5:
        return of_bytes(rng, content)
    head, body = content[8 : 8 + size], content[8 + size :]
    if rng.random() < 0.6:
        head = of_json(rng, head)
    else:
        at = 4 * rng.randrange(max(1, len(body) // 4))
        value = np.array(rng.choice((np.nan, np.inf, 1e38)), "<f4").tobytes()
        body = body[:at] + value * (1 if rng.random() < 0.5 else len(body[at:]) // 4) + body[at + 4 :]
        body = body[: len(content) - 8 - size]
    return len(head).to_bytes(8, "little") + head + body


#: How files are damaged by their ending, next to their bytes.
BY_ENDING: dict[str, Mutation] = {
    ".npz": of_npz, ".npy": of_npy, ".parquet": of_parquet, ".feather": of_feather, ".csv": of_csv,
    ".tsv": of_text,
    ".json": of_json, ".jsonl": of_text, ".yaml": of_yaml, ".pt": of_torch, ".safetensors": of_safetensors,
    ".txt": of_text, ".edges": of_text, ".edgelist": of_text, ".adjlist": of_text, ".graphml": of_text,
    ".gml": of_text,
    ".gexf": of_text, ".net": of_text, ".dot": of_text, ".mtx": of_text,
}  # fmt: skip


def mutated(rng: random.Random, ending: str, content: bytes) -> bytes:
    """Damage a file: its structure in three cases of four, its bytes in the others, at times twice."""
    for _ in range(rng.choice((1, 1, 1, 2))):
        mutate = BY_ENDING.get(ending, of_bytes) if rng.random() < 0.75 else of_bytes
        try:
            content = mutate(rng, content)
        except Exception:  # damaged already, so that it cannot be taken apart
            content = of_bytes(rng, content)
    return content
