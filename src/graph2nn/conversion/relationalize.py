"""relationalize and densify: make any PyTorch module relational in place, and dense again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict, get_args

from torch import Tensor, nn

from graph2nn.arguments import checked_arguments
from graph2nn.budget import macs
from graph2nn.budget.trace import Inputs
from graph2nn.conversion.conversion_plan import (
    Graphs,
    ModuleEngine,
    Step,
    StepEngine,
    choose_engines,
    make_plan,
)
from graph2nn.conversion.conversion_report import Changed, Relationalized, Skipped
from graph2nn.conversion.encoder_fast_path import leave_fast_path, restore_fast_path
from graph2nn.conversion.example import example_inputs
from graph2nn.conversion.notes import notes_of
from graph2nn.conversion.pretrained import hook_saving
from graph2nn.conversion.weight_choice import Selection
from graph2nn.errors import UserError, unknown
from graph2nn.layers.parametrisation import Keep, make_mask, mask_weight, masked_weights, unmask
from graph2nn.layers.weight_mask import WeightMask


class RelationalizeOptions(TypedDict, total=False):
    """Keywords of :func:`relationalize` that say which weights follow the graph, and how.

    Example:
        >>> RelationalizeOptions(exclude="head", rescale=True)
        {'exclude': 'head', 'rescale': True}
    """

    include: Selection
    exclude: Selection
    stacked: Mapping[str, int]
    stacked_inputs: Mapping[str, int | Sequence[int]]
    input_size: Sequence[int]
    rescale: bool
    remember: bool
    engine: ModuleEngine


@checked_arguments
def relationalize(
    module: nn.Module,
    graph: Graphs,
    *,
    include: Selection | None = None,
    exclude: Selection | None = None,
    stacked: Mapping[str, int] | None = None,
    stacked_inputs: Mapping[str, int | Sequence[int]] | None = None,
    input_size: Sequence[int] | None = None,
    inputs: Inputs | None = None,
    rescale: bool = False,
    remember: bool = True,
    engine: ModuleEngine = "auto",
) -> Relationalized:
    """Let the weights of any module follow a graph, in place, and report what was done.

    Weights of ``Linear``, ``Conv1d/2d/3d`` and their transposed forms, ``MultiheadAttention`` (in and out
    projections), ``RNN``, ``GRU``, ``LSTM`` and their cells, and the ``Conv1D`` of transformers follow the
    graph (paper, section 2.2): kept zero off its mask, or computed where it is on alone (``engine``). Each
    gate, and each of the query, key and value projections, follows the graph. Tables of embeddings are left
    alone; a projection next to one is a linear layer like any other. So are grouped convolutions, layers
    narrower than the graph, and parameters shared with something dense (a head tied to an embedding).

    By default stem and head stay dense. The stem is the first weight, unless it belongs to an attention or an
    embedding is as wide as what it reads; the head is the last one, unless a weight other than the stem reads
    as many features as it gives. First and last go by the order of registration, or by that of a run if
    ``input_size`` or ``inputs`` is given. With ``include`` there is no stem and no head.

    Load checkpoints of the dense module *before*; :func:`load_dense` loads one afterwards. Build the optimiser
    afterwards. Whatever writes to ``layer.weight`` (``nn.init``, ``.data``, an adapter that is merged) arrives,
    and what it writes off the mask is zero when the weight is next read. ``state_dict`` names a changed weight
    ``parametrizations.weight.original`` and its mask ``parametrizations.weight.0.mask``. A subclass of these
    layers with a forward of its own is probed on a small input, and left dense where the mask would not hold.

    Args:
        module: any module; it is changed, and returned in the report.
        graph: one graph; or a graph (``None``: stay dense) for each chosen module, in order; or a function
            ``(name, module)`` that gives it.
        include: what to change: names with wildcards (``"encoder.*"``), types of modules, functions
            ``(name, module) -> bool``, or several of these. A name or a type also means everything inside it;
            a function is asked about each module that holds a weight.
        exclude: what to leave, likewise.
        stacked: how many weights are stacked along the outputs of a fused layer, by the pattern of its name,
            for example ``{"*.qkv": 3}``, so that each follows the graph.
        stacked_inputs: how many inputs, or of which widths, a layer reads one behind the other, by the pattern
            of its name, for example ``{"up.*.conv1": 2}`` after the concatenation of a UNet, so that each
            input is spread over the nodes by itself. The report notes such layers where it can see them.
        input_size: of one sample without the batch, for modules that take one float tensor: multiply-adds
            are then counted, and stem and head found by running it.
        inputs: the same for other modules: a tensor, a tuple of positional arguments, or a mapping of keyword
            arguments, nested where the module takes nested ones.
        rescale: multiply the kept weights by 1/√density once, which keeps the variance of what each layer
            gives where weights were initialised for dense layers.
        remember: keep the values that are switched off in main memory, for ``densify(keep="original")``.
        engine: how the weights are multiplied. ``"masked"`` multiplies by the mask in every forward, in any
            module, on any device. ``"block"`` computes ``Linear`` and ``Conv2d`` on their blocks alone, on the
            CPU: one group, square kernel, stride and zero padding, dilation 1, float32 or float64, the class's
            own forward, a parameter of their own; everything else is masked. ``"edge"`` computes such
            ``Linear`` layers connection by connection, meant for graphs whose nodes are one feature each.
            ``"auto"`` takes what was measured to be fastest for the widths, the nodes and the density of the
            layer. ``state_dict`` is the same for all, so checkpoints move between engines.

    Returns:
        The module, what was changed and what it costs.

    Raises:
        UserError: an engine that does not exist; nothing to change, a selector that matches nothing, a weight
            that is named in full but cannot change. The module is untouched then.

    Example:
        >>> from torch import nn
        >>> from graph2nn import ws_flex
        >>> module = nn.Sequential(nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 10))
        >>> report = relationalize(module, ws_flex(16, 4, 0.1, seed=1))
        >>> [change.weight for change in report.changed]
        ['1.weight']
    """
    if engine not in get_args(ModuleEngine):
        raise unknown("relationalize: engine", engine, get_args(ModuleEngine))
    example = example_inputs(input_size, inputs, module)
    plan = make_plan(
        module,
        graph,
        include=include,
        exclude=exclude,
        stacked=stacked or {},
        stacked_inputs=stacked_inputs or {},
        example=example,
    )
    before = None if example is None else _macs(module, input_size, example)
    total = sum(parameter.numel() for parameter in module.parameters())
    engines = choose_engines(module, plan.steps, engine)
    notes = notes_of(plan.steps, plan.joined)
    off = _apply(plan.steps, engines, rescale=rescale, remember=remember)
    leave_fast_path(module)
    hook_saving(module)
    return Relationalized(
        module=module,
        changed=tuple(
            Changed(
                step.weight.name,
                step.weight.kind,
                step.weight.shape,
                step.graph,
                step.layout.weights_on(step.graph),
                chosen,
            )
            for step, chosen in zip(plan.steps, engines, strict=True)
        ),
        skipped=tuple(Skipped(weight.name, weight.kind, weight.shape, reason) for weight, reason in plan.stay),
        params_before=total,
        params_after=total - off,
        macs_before=before,
        macs_after=None if example is None else _macs(module, input_size, example),
        notes=notes,
    )


@checked_arguments
def densify(module: nn.Module, *, keep: Keep = "masked") -> nn.Module:
    """Undo :func:`relationalize`: every weight is a plain parameter again, the same object as before.

    Args:
        module: changed in place and returned. Layers that were built relational stay so.
        keep: ``"masked"``: weights that were off are zero, the module computes what it did before this call;
            ``"original"``: they get back the values they had before :func:`relationalize` (and a rescaling is
            undone, to rounding); with nothing trained in between, the module is what it was.

    Raises:
        UserError: nothing here was relationalized, or the values were not remembered.

    Example:
        >>> from torch import nn
        >>> from graph2nn import ws_flex
        >>> module = nn.Sequential(nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 10))
        >>> dense = module[1].weight.detach().clone()
        >>> relational = relationalize(module, ws_flex(16, 4, 0.1, seed=1))
        >>> (densify(module, keep="original")[1].weight == dense).all().item()
        True
    """
    if keep not in get_args(Keep):
        raise unknown("densify: keep", keep, get_args(Keep))
    if not unmask(module, keep=keep):
        raise UserError(f"densify: no weight of this {type(module).__name__} was relationalized.")
    restore_fast_path(module)
    module.__dict__.pop("save_pretrained", None)
    return module


def load_dense(module: nn.Module, state: Mapping[str, Tensor], *, strict: bool = True) -> nn.Module:
    """Load the ``state_dict`` of the dense module into its relationalized self; the masks stay.

    Args:
        module: relationalized; changed in place and returned.
        state: of the same module before it was relationalized, or after :func:`densify`.
        strict: refuse missing and unexpected names, as ``load_state_dict`` does.

    Returns:
        ``module``.

    Raises:
        RuntimeError: as ``load_state_dict``.

    Example:
        >>> from torch import nn
        >>> from graph2nn import ws_flex
        >>> module = nn.Sequential(nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 10))
        >>> state = {name: value.clone() for name, value in module.state_dict().items()}
        >>> relational = relationalize(module, ws_flex(16, 4, 0.1, seed=1))
        >>> load_dense(module, state) is module
        True
    """
    translated = dict(state)
    masks = list(masked_weights(module))
    # A module that is registered twice has its weights in the state under both names.
    for name, part in module.named_modules(remove_duplicate=False):
        prefix = f"{name}.".lstrip(".")
        for tensor, step in ((tensor, step) for owner, tensor, step in masks if owner is part):
            if (plain := f"{prefix}{tensor}") in translated:
                weight = translated.pop(plain)
                translated[f"{prefix}parametrizations.{tensor}.original"] = weight * step.mask.to(weight.device)
                translated[f"{prefix}parametrizations.{tensor}.0.mask"] = step.mask
    module.load_state_dict(translated, strict=strict)
    return module


def _apply(steps: Sequence[Step], engines: Sequence[StepEngine], *, rescale: bool, remember: bool) -> int:
    """Lay the masks over the weights; return how many parameters are no longer in use."""
    masks: dict[int, WeightMask] = {}
    off = 0
    for step, engine in zip(steps, engines, strict=True):
        weight, parameter = step.weight, step.weight.parameter
        if id(parameter) not in masks:
            masks[id(parameter)] = make_mask(
                step.graph, step.layout, parameter, rescale=rescale, remember=remember
            )
            off += parameter.numel() - step.layout.weights_on(step.graph)
        if engine == "block":
            from graph2nn.layers.block.block_weight import store_blocks

            store_blocks(weight.module, masks[id(parameter)], step.layout)
        elif engine == "edge":
            from graph2nn.layers.edge.edge_weight import store_connections

            store_connections(weight.module, masks[id(parameter)], step.layout)
        else:
            mask_weight(weight.module, weight.tensor, masks[id(parameter)])
    return off


def _macs(module: nn.Module, input_size: Sequence[int] | None, example: Inputs) -> int:
    return macs(module, inputs=example) if input_size is None else macs(module, input_size)
