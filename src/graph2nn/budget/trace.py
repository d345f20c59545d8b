"""Multiply-adds and parameters of any module, counted by tracing it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils.parametrize import ParametrizationList
from torch.utils._pytree import tree_leaves, tree_map

from graph2nn.arguments import checked_arguments
from graph2nn.budget.counter import MacCounter, storage_key
from graph2nn.errors import UserError
from graph2nn.layers.masked import RelationalConv2d, RelationalLinear
from graph2nn.memory import refuse_memory

#: Arguments of a call: a tensor, a tuple of positional ones, or a mapping of keyword ones.
Inputs = Tensor | Sequence[Any] | Mapping[str, Any]


@dataclass(frozen=True)
class LayerCost:
    """What one module of a network costs by itself, without its children.

    ``macs`` and ``parameters`` leave out what a mask switches off; ``dense_macs`` and ``dense_parameters`` do
    not, whatever the engine stores.

    Example:
        >>> from torch import nn
        >>> [layer.macs for layer in layer_costs(nn.Sequential(nn.Linear(8, 4)), [8])]
        [32]
    """

    name: str
    kind: str
    macs: int
    dense_macs: int
    parameters: int
    dense_parameters: int


@checked_arguments
def macs(
    model: nn.Module,
    input_size: Sequence[int] = (3, 224, 224),
    *,
    inputs: Inputs | None = None,
) -> int:
    """Multiply-adds of one sample, zeros of a mask not counted.

    Linear layers, convolutions and other matrix products count, attention's included. The bias of a
    convolution adds one multiply-add per output value, as the published count of squeeze-excite has it;
    other biases, norms and activations are free.

    Args:
        model: any module; its state stays as it was. Nothing is computed, unless the module needs numbers to
            run (it calls ``.item()``, say): then it is run once on copies of its state and of the inputs.
        input_size: shape of one sample, without the batch.
        inputs: the arguments of ``model`` instead: a tensor, a tuple of positional arguments, or a mapping of
            keyword arguments. They may be nested, and may hold None and numbers. They count as they are, so
            give a batch of one.

    Returns:
        Multiply-adds of one call.

    Raises:
        UserError: the module fails on such inputs.

    Example:
        >>> macs(nn.Bilinear(7, 5, 3), inputs=(torch.zeros(1, 7), torch.zeros(1, 5)))
        105
    """
    return sum(_trace(model, input_size, inputs).macs.values())


@checked_arguments
def parameters(model: nn.Module) -> int:
    """Number of learnt parameters in use: a masked weight counts only where its mask is on.

    Example:
        >>> from torch import nn
        >>> parameters(nn.Linear(8, 4))
        36
    """
    return sum(_in_use(model).values())


@checked_arguments
def layer_costs(
    model: nn.Module,
    input_size: Sequence[int] = (3, 224, 224),
    *,
    inputs: Inputs | None = None,
) -> list[LayerCost]:
    """Cost of every module that computes or learns, in the order in which the network lists them.

    Args:
        model: as for :func:`macs`.
        input_size: as for :func:`macs`.
        inputs: as for :func:`macs`.

    Returns:
        One entry per module.

    Example:
        >>> from torch import nn
        >>> network = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2))
        >>> [layer.name for layer in layer_costs(network, [8])]
        ['0', '2']
    """
    counter = _trace(model, input_size, inputs)
    in_use, dense = _in_use(model), _dense(model)
    return [
        LayerCost(
            name or "(itself)",
            type(module).__name__.removeprefix("Parametrized"),
            counter.macs[name],
            counter.dense_macs[name],
            in_use[name],
            dense[name],
        )
        for name, module in model.named_modules()
        if counter.dense_macs[name] or dense[name]
    ]


def refuse_large_sample(input_size: Sequence[int]) -> None:
    """Refuse a sample that would not fit into memory.

    Raises:
        UserError: it would not, with the estimate.
    """
    refuse_memory(
        f"cost: a sample of {' × '.join(f'{side:,}' for side in input_size)} values",
        4.0 * math.prod(input_size),
        "give a smaller --input-size",
    )


def _trace(model: nn.Module, input_size: Sequence[int], inputs: Inputs | None) -> MacCounter:
    """Run the module once, counting: on tensors without data if it runs on them, else on copies."""
    if inputs is None:
        refuse_large_sample(input_size)
        inputs = torch.zeros(1, *input_size)
    args, kwargs = call_arguments(inputs)
    try:
        return _counted(model, args, kwargs, on_meta=True)
    except Exception as on_meta:  # whatever the module does with tensors that hold no data
        # Only inputs with data can show whether the module itself is at fault.
        if any(value.is_meta for value in tree_leaves((args, kwargs)) if isinstance(value, Tensor)):
            raise _failed(model, inputs, on_meta) from on_meta
        if torch.is_tensor(inputs) and not _fits(model, inputs):
            raise _failed(model, inputs, on_meta) from on_meta
        try:
            return _counted(model, args, kwargs, on_meta=False)
        except Exception as on_data:
            raise _failed(model, inputs, on_data) from on_data


def call_arguments(inputs: Inputs) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the positional and the keyword arguments that ``inputs`` stands for."""
    if isinstance(inputs, Tensor):
        return (inputs,), {}
    if isinstance(inputs, Mapping):
        return (), dict(inputs)
    return tuple(inputs), {}


def _counted(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], *, on_meta: bool) -> MacCounter:
    def moved(value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        return value.detach().to("meta") if on_meta else value.detach().clone()

    parameters = dict(model.named_parameters())
    state = {
        name: value.to("meta") if on_meta else value.detach() if name in parameters else value.clone()
        for name, value in [*parameters.items(), *model.named_buffers()]
    }
    masks = {
        storage_key(state[name]): buffer
        for name, buffer in model.named_buffers()
        if buffer.dtype == torch.bool and not buffer.is_meta
    }
    counter = MacCounter(masks)
    place = torch.device("meta") if on_meta else nullcontext()
    args, kwargs = tree_map(moved, (args, kwargs))
    quiet = (torch.no_grad(), evaluating(model), _named(model, counter), _without_fused_attention())
    with ExitStack() as stack:
        for context in (*quiet, counter, place):
            stack.enter_context(context)
        functional_call(model, state, args, kwargs)
    return counter


def _fits(model: nn.Module, example: Tensor) -> bool:
    """Whether an example lies where the model does: one made here from a size holds no data of the user's."""
    first = next(model.parameters(), None)
    return first is None or (first.device == example.device and not first.is_meta)


def _failed(model: nn.Module, inputs: Inputs, error: Exception) -> UserError:
    leaves = [value for value in tree_leaves(inputs) if isinstance(value, Tensor)]
    shapes = ", ".join(str(list(value.shape)) for value in leaves) or "none"
    reason = next(iter(str(error).splitlines()), "") or type(error).__name__
    return UserError(f"cost: {type(model).__name__} fails on inputs of shape {shapes}: {reason}")


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode for the block; each module gets its own mode back, however it ends.

    Args:
        model: some of whose modules may be in another mode than the rest, as frozen norms are.

    Example:
        >>> network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2).eval())
        >>> with evaluating(network):
        ...     assert not network.training
        >>> [module.training for module in network]
        [True, False]
    """
    was_training = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in was_training.items():
            module.training = training


@contextmanager
def _named(model: nn.Module, counter: MacCounter) -> Iterator[None]:
    """Tell the counter which module computes."""
    hooks = []
    for name, module in model.named_modules():

        def enter(_module: nn.Module, _inputs: object, name: str = name) -> None:
            counter.where.append(name)

        def leave(_module: nn.Module, _inputs: object, _output: object) -> None:
            counter.where.pop()

        hooks += [module.register_forward_pre_hook(enter), module.register_forward_hook(leave)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def _without_fused_attention() -> Iterator[None]:
    """Have torch's Transformer layers compute by steps that can be counted."""
    was = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(was)


def _dense(model: nn.Module) -> Counter[str]:
    """Number of parameters by module, masked or not; a shared one counts for the first."""
    count: Counter[str] = Counter()
    for name, parameter in model.named_parameters():
        count[_owner(name)] += parameter.numel()
    for name, module in model.named_modules():
        if isinstance(module, RelationalLinear | RelationalConv2d):
            count[name] += module.shape.numel() - module.weight.numel()
    return count


def _in_use(model: nn.Module) -> Counter[str]:
    """The same without what is masked off."""
    count = _dense(model)
    for name, module in model.named_modules():
        if isinstance(module, RelationalLinear | RelationalConv2d):
            count[name] -= module.shape.numel() - module.weights_in_use()
        elif isinstance(module, ParametrizationList):
            for part in module:
                mask = getattr(part, "mask", None)
                if isinstance(mask, Tensor) and mask.dtype == torch.bool:
                    dense = getattr(part, "dense_shape", _same_shape)(module.original)
                    on = int(mask.sum()) * (dense.numel() // mask.numel())
                    count[_owner(f"{name}.original")] -= module.original.numel() - on
    return count


def _same_shape(stored: Tensor) -> torch.Size:
    return stored.shape


def _owner(parameter: str) -> str:
    """Name of the module a parameter belongs to, parametrised or not."""
    owner, _, tail = parameter.partition("parametrizations.")
    return owner.rstrip(".") if tail else parameter.rpartition(".")[0]
