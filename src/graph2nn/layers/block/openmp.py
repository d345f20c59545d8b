"""torch's own OpenMP threads, lent to compiled loops.

Between two operations the threads of torch spin for a while, waiting for the next one. Threads of our own would
share the cores with them: a training step on two cores took a third longer that way. So a loop is given to the
same team, by the entry point that compilers call for a parallel region. That is called from machine code:
through Python, whose lock the threads would hand to each other, each loop took about 50 µs more.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from llvmlite import binding, ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic as _intrinsic

from graph2nn.layers.block.vectors import INDEX, Builder, Value, cgutils

intrinsic: Any = _intrinsic

#: A team does not survive a fork, as torch's does not: children take other threads.
_HOME = os.getpid()

#: What compiled loops call these functions of the library, of which a process may have several.
_NAMES = {name: f"graph2nn_{name}" for name in ("GOMP_parallel", "omp_get_thread_num", "omp_get_num_threads")}


def available() -> bool:
    """Whether there is a team to lend: on Linux, where torch brings GNU's OpenMP, and not in a forked child."""
    return os.getpid() == _HOME and _FOUND


@lru_cache(maxsize=1)
def _library() -> Any:
    """Return the OpenMP library that torch is running on, or None."""
    try:
        loaded = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines()}
    except OSError:
        return None
    home = str(Path(torch.__file__).parent)
    # Others may be loaded next to it (scikit-learn brings one); theirs are other threads.
    for path in sorted(path for path in loaded if "libgomp" in path and path.startswith(home)):
        try:
            library = ctypes.CDLL(path)
            for name in _NAMES:
                getattr(library, name)
        except (OSError, AttributeError):
            continue
        return library
    return None


#: Stands where there is no library: machine code must find its symbols, even those it never calls.
_NOTHING = ctypes.CFUNCTYPE(None)(lambda: None)


def _bind() -> bool:
    library = _library()
    for name, symbol in _NAMES.items():
        function = _NOTHING if library is None else getattr(library, name)
        binding.add_symbol(symbol, ctypes.cast(function, ctypes.c_void_p).value)
    return library is not None


_FOUND = _bind()


class _Region:
    """Writes a parallel region: the kernel it stands in, called for each of its parts."""

    def __init__(self, builder: Builder) -> None:
        self.builder, self.kernel = builder, builder.function
        # numba's convention: places for the result and for an exception, then the arguments, first the part.
        self.result, self.problem, _, *self.arguments = self.kernel.args
        kinds = [argument.type for argument in self.arguments]
        problem = self.problem.type.pointee
        self.frame = ir.LiteralStructType([INDEX, self.kernel.ftype.return_type, problem, *kinds])

    def enter(self, parts: Value) -> None:
        """Let the team do all parts; an exception of one of them leaves the kernel."""
        builder = self.builder
        frame = cgutils.alloca_once(builder, self.frame)
        builder.store(parts, self._member(builder, frame, 0))
        builder.store(ir.Constant(self.frame.elements[1], 0), self._member(builder, frame, 1))
        for i, argument in enumerate(self.arguments):
            builder.store(argument, self._member(builder, frame, i + 3))
        byte, count = ir.IntType(8).as_pointer(), ir.IntType(32)
        body = self._body()
        kind = ir.FunctionType(ir.VoidType(), [body.type, byte, count, count])
        enter = cgutils.get_or_insert_function(builder.module, kind, _NAMES["GOMP_parallel"])
        threads = builder.trunc(parts, count)
        builder.call(enter, [body, builder.bitcast(frame, byte), threads, count(0)])
        status = builder.load(self._member(builder, frame, 1))
        with builder.if_then(cgutils.is_not_null(builder, status), likely=False):
            builder.store(builder.load(self._member(builder, frame, 2)), self.problem)
            builder.ret(status)

    def _body(self) -> Value:
        """What each thread does: every part that is its turn, for a smaller team may be all there is."""
        byte, count = ir.IntType(8).as_pointer(), ir.IntType(32)
        module = self.builder.module
        kind = ir.FunctionType(ir.VoidType(), [byte])
        body = ir.Function(module, kind, module.get_unique_name(f"{self.kernel.name}.team"))
        body.linkage = "internal"
        builder = ir.IRBuilder(body.append_basic_block("entry"))
        frame = builder.bitcast(body.args[0], self.frame.as_pointer())
        asked = [
            cgutils.get_or_insert_function(module, ir.FunctionType(count, []), _NAMES[name])
            for name in ("omp_get_thread_num", "omp_get_num_threads")
        ]
        first, step = (builder.sext(builder.call(function, []), INDEX) for function in asked)
        result, problem = (builder.alloca(place.type.pointee) for place in (self.result, self.problem))
        given = [builder.load(self._member(builder, frame, i + 3)) for i in range(len(self.arguments))]
        parts = builder.load(self._member(builder, frame, 0))
        with cgutils.for_range_slice(builder, first, parts, step, INDEX) as (part, _):
            status = builder.call(self.kernel, [result, problem, part, *given], attrs=["noinline"])
            with builder.if_then(cgutils.is_not_null(builder, status), likely=False):
                builder.store(builder.load(problem), self._member(builder, frame, 2))
                builder.store(status, self._member(builder, frame, 1))
        builder.ret_void()
        return body

    @staticmethod
    def _member(builder: Builder, frame: Value, number: int) -> Value:
        return cgutils.gep_inbounds(builder, frame, 0, number)


def _on_team(typingctx: Any, parts: Any) -> Any:
    def build(context: Any, builder: Builder, signature: Any, given: Any) -> Value:
        _Region(builder).enter(given[0])
        return context.get_dummy_value()

    return types.void(types.int64), build


#: ``on_team(parts)``, in a compiled kernel: call this very kernel for each part below ``parts``, on the threads
#: of the team, with the arguments it was called with but for the first, an ``int64``, which is the part.
on_team: Callable[[int], None] = intrinsic(_on_team)
