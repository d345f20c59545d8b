"""Reads the pickles of CIFAR-10 without running code from them: only plain values and uint8 arrays."""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np

from graph2nn.errors import UserError


class _Array:
    """Stands for numpy.ndarray in the stream, where it is only ever passed to ``_reconstruct``."""


def _reconstruct(kind: object, shape: object, code: object) -> np.ndarray[Any, Any]:
    # NumPy always writes (ndarray, (0,), "b") here and fills the array in afterwards.
    if kind is not _Array or shape != (0,):
        raise pickle.UnpicklingError("an array is not built the way NumPy builds one")
    return np.ndarray((0,), np.int8)


def _dtype(code: str | bytes, *_: object) -> np.dtype[Any]:
    text = code.decode("ascii") if isinstance(code, bytes) else code
    if text not in ("u1", "|u1"):
        raise pickle.UnpicklingError(f"an array of type {text} where CIFAR-10 has u1")
    return np.dtype(np.uint8, copy=True)


def _frombuffer(content: object, dtype: object, shape: tuple[int, ...], order: Any) -> np.ndarray[Any, Any]:
    # How pickle protocol 5 writes an array.
    if not isinstance(content, bytes | bytearray) or dtype != np.uint8:
        raise pickle.UnpicklingError("an array is not built the way NumPy builds one")
    return np.frombuffer(content, np.uint8).reshape(shape, order=order)


def _encode(text: str, encoding: str) -> bytes:
    # How Python 3 writes bytes in pickle protocol 2. The real function would import a codec by name.
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"bytes encoded as {encoding}")
    return text.encode("latin1")


# Stand-ins, not the functions themselves: even NumPy's own can be called with harmful arguments.
_ALLOWED: dict[tuple[str, str], object] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.numeric", "_frombuffer"): _frombuffer,
    ("numpy._core.numeric", "_frombuffer"): _frombuffer,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _dtype,
    ("_codecs", "encode"): _encode,
}


class _PlainUnpickler(pickle.Unpickler):
    def __init__(self, content: bytes, name: str) -> None:
        super().__init__(io.BytesIO(content), encoding="bytes")
        self._name = name

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise UserError(
                f"data: {self._name} asks for {module}.{name}, which no CIFAR-10 batch needs; "
                "nothing of it was run. Get the file again from a source you trust."
            ) from None


def unpickle(content: bytes, name: str) -> Any:
    """Read a pickle that may hold only numbers, text, lists, dictionaries and uint8 arrays.

    Args:
        content: the pickle; text of Python 2 comes back as bytes.
        name: the file, for messages.

    Raises:
        UserError: it asks for anything else, or is truncated or no pickle.
    """
    try:
        return _PlainUnpickler(content, name).load()
    except UserError:
        raise
    except Exception as error:  # a damaged pickle may fail in any operation
        raise UserError(
            f"data: {name} is not a CIFAR-10 batch, or a damaged one ({error}); get it again."
        ) from error
