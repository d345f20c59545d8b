"""Class of a module with masked weights: how it is read, assigned to, reset, scripted and pickled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from graph2nn.errors import UserError
from graph2nn.layers.stored_weight import StoredWeight


def own_class(module: nn.Module) -> None:
    """Give a parametrised module a class that no copy of it shares.

    torch makes one class per parametrised module and keeps the properties there, but ``deepcopy`` lets the
    copy share it: removing the parametrisation of one would break the other.
    """
    kind = type(module)
    body = {key: value for key, value in vars(kind).items() if key not in ("__dict__", "__weakref__")}
    module.__class__ = type(kind.__name__, kind.__bases__, body)


def dress(kind: Any, tensors: Sequence[str]) -> None:
    """Give the class that torch made for one parametrised module what its masked ``tensors`` need.

    Args:
        kind: that class, whose only base is the module's own class.
        tensors: names of the masked weights.
    """
    for tensor in tensors:
        setattr(kind, tensor, property(_reader(tensor), _writer(tensor)))
    base = kind.__bases__[0]
    kind.__setattr__ = _setting(base)
    kind.__prepare_scriptable__ = _scriptable
    kind.__jit_ignored_attributes__ = [*getattr(base, "__jit_ignored_attributes__", []), "parametrizations"]
    unused = getattr(kind, "__jit_unused_properties__", [])
    kind.__jit_unused_properties__ = [*unused, *(name for name in tensors if name not in unused)]
    kind.__reduce_ex__ = _reduced
    kind.__getstate__ = _state
    if hasattr(base, "reset_parameters"):
        kind.reset_parameters = _resetting(base)


def _chain(module: nn.Module, tensor: str) -> StoredWeight:
    chain = module.parametrizations[tensor]  # type: ignore[index]
    assert isinstance(chain, StoredWeight)
    return chain


def _reader(tensor: str) -> Callable[[nn.Module], Tensor]:
    return lambda module: _chain(module, tensor).read()


def _writer(tensor: str) -> Callable[[nn.Module, Tensor], None]:
    return lambda module, value: _chain(module, tensor).write(value)


def _masked(module: nn.Module) -> dict[str, StoredWeight]:
    # A module that is being copied has no dictionaries yet.
    chains = module.__dict__.get("_modules", {}).get("parametrizations")
    if not isinstance(chains, nn.ModuleDict):
        return {}
    return {name: chain for name, chain in chains.items() if isinstance(chain, StoredWeight)}


def _setting(base: Any) -> Callable[[nn.Module, str, Any], None]:
    def setattr_(self: nn.Module, name: str, value: Any) -> None:
        """Write a masked weight through its mask; everything else is set as the module's class does."""
        chain = _masked(self).get(name)
        if chain is None:
            base.__setattr__(self, name, value)
        elif isinstance(value, Tensor) and not isinstance(value, nn.Parameter):
            chain.write(value)
        else:
            raise UserError(
                f"{name} follows the graph {chain.step.graph.name!r} and cannot become another "
                f"{type(value).__name__}: write its values (layer.{name}.data = tensor, or under "
                f"torch.no_grad() layer.{name} = tensor), or call graph2nn.densify first."
            )

    return setattr_


def _resetting(base: Any) -> Callable[[nn.Module], None]:
    def reset_parameters(self: nn.Module) -> None:
        """Draw the parameters as the class of the module does, and make the masks from their graphs again."""
        for chain in _masked(self).values():
            chain.step.reset_mask()
        base.reset_parameters(self)
        for chain in _masked(self).values():
            chain.settle()

    return reset_parameters


def _scriptable(self: nn.Module) -> nn.Module:
    """Let ``torch.jit.script`` see each masked weight as a tensor that the module holds."""
    # Overloads of forward are looked up by the name and the file of the class.
    kind: Any = type(self)
    base: Any = kind.__bases__[0]
    kind.__name__, kind.__qualname__, kind.__module__ = base.__name__, base.__qualname__, base.__module__
    if hasattr(base, "__firstlineno__"):  # from Python 3.13 on, classes are found in their file by it
        kind.__firstlineno__ = base.__firstlineno__
    for tensor in _masked(self):
        # Only its type is looked up here; the value is read through the property, which has precedence.
        self.__dict__[tensor] = torch.empty(0)
    return self


def _state(self: nn.Module) -> dict[str, Any]:
    base: Any = type(self).__bases__[0]
    for chain in _masked(self).values():
        chain.settle()
    # Python below 3.11 has no object.__getstate__; RNNs have one of their own.
    return dict(base.__getstate__(self) if hasattr(base, "__getstate__") else self.__dict__)


def _reduced(self: nn.Module, protocol: int) -> tuple[Any, ...]:
    """Pickle the module as its class and the names of its masked weights; torch refuses, as it has no names."""
    chains = _masked(self)
    others = set(self.parametrizations) - set(chains)  # type: ignore[arg-type]
    if others or any(len(chain) > 1 for chain in chains.values()):
        raise RuntimeError(
            f"a {type(self).__bases__[0].__name__} with masks and other parametrisations can be saved only by "
            "its state_dict()."
        )
    forward = vars(type(self)).get("forward")
    return _made_again, (type(self).__bases__[0], tuple(chains), forward), _state(self)


def _made_again(base: Any, tensors: tuple[str, ...], forward: Any) -> nn.Module:
    module: nn.Module = base.__new__(base)
    parametrize._inject_new_class(module)
    dress(type(module), tensors)
    if forward is not None:
        kind: Any = type(module)
        kind.forward = forward
    return module
