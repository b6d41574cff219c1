"""Pruning: weights set to 0 for good, by a mask that each call of the module applies.

`module.weight` becomes `module.weight_orig` (learnt) times `module.weight_mask` (a buffer of
zeros and ones), names that PyTorch's state dicts have too. `remove` makes it permanent.
"""

from __future__ import annotations

from typing import Any, TypeVar

from tinygrad_nn.backends import namespace
from tinygrad_nn.errors import OperandError, OptionError
from tinygrad_nn.nn.module import Module
from tinygrad_nn.nn.utils.convert_parameters import parameters_to_vector
from tinygrad_nn.nn.utils.pruning_methods import (
    BasePruningMethod,
    CustomFromMask,
    Identity,
    L1Unstructured,
    LnStructured,
    PruningContainer,
    RandomStructured,
    RandomUnstructured,
    as_tensor,
    hooked,
)
from tinygrad_nn.tensor import Tensor

__all__ = [
    "BasePruningMethod",
    "CustomFromMask",
    "Identity",
    "L1Unstructured",
    "LnStructured",
    "PruningContainer",
    "RandomStructured",
    "RandomUnstructured",
    "custom_from_mask",
    "global_unstructured",
    "identity",
    "is_pruned",
    "l1_unstructured",
    "ln_structured",
    "random_structured",
    "random_unstructured",
    "remove",
]

M = TypeVar("M", bound=Module)


def identity(module: M, name: str) -> M:
    """Prune nothing; see `Identity`."""
    Identity.apply(module, name)
    return module


def random_unstructured(module: M, name: str, amount: float, *, rng: Any = None) -> M:
    """Prune numbers of a parameter at random; see `RandomUnstructured`.

    Example:
        >>> from tinygrad_nn import nn
        >>> layer = nn.utils.prune.random_unstructured(nn.Linear(4, 3), "weight", 0.5, rng=0)
        >>> int((layer.weight.data == 0).sum())
        6
    """
    RandomUnstructured.apply(module, name, amount, rng=rng)
    return module


def l1_unstructured(module: M, name: str, amount: float, importance_scores: Any = None) -> M:
    """Prune the numbers of least magnitude; see `L1Unstructured`."""
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_structured(module: M, name: str, amount: float, dim: int, *, rng: Any = None) -> M:
    """Prune slices at random; see `RandomStructured`."""
    RandomStructured.apply(module, name, amount, dim, rng=rng)
    return module


def ln_structured(
    module: M, name: str, amount: float, n: Any, dim: int, importance_scores: Any = None
) -> M:
    """Prune the slices of least norm; see `LnStructured`."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: M, name: str, mask: Any) -> M:
    """Prune by a mask; see `CustomFromMask`."""
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Any, pruning_method: Any, importance_scores: Any = None, **kwargs: Any
) -> None:
    """Prune several parameters as if they were one: the least numbers of all.

    Args:
        parameters: Pairs of module and name.
        pruning_method: An unstructured method, such as `L1Unstructured`.
        importance_scores: Dict of pair to what to look at in place of the parameter.
        kwargs: Of the method's constructor.

    Raises:
        OperandError: `parameters` are no pairs, or the method is not an unstructured one.
    """
    pairs: list[Any] = list(parameters) if hasattr(parameters, "__iter__") else [None]
    if any(not isinstance(pair, (tuple, list)) or len(pair) != 2 for pair in pairs) or not pairs:
        raise OperandError(
            "global_unstructured: expected pairs of module and name: [(model[0], 'weight'), ...]"
        )
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise OperandError(
            f"global_unstructured: got {pruning_method.__name__}, which is "
            f"{method.PRUNING_TYPE}, expected an unstructured method"
        )
    given = {} if importance_scores is None else importance_scores
    tensors = [getattr(module, name) for module, name in pairs]
    scores = [as_tensor(given.get(tuple(p), t)) for p, t in zip(pairs, tensors, strict=True)]
    masks = [
        getattr(module, f"{name}_mask", None) if f"{name}_mask" in module._buffers else None
        for module, name in pairs
    ]
    before = [
        Tensor.wrap(namespace(t._data).ones_like(t._data)) if mask is None else mask
        for t, mask in zip(tensors, masks, strict=True)
    ]
    method._tensor_name = "all"
    both = parameters_to_vector(scores).detach(), parameters_to_vector(before).detach()
    mask = PruningContainer(method).compute_mask(*both)
    begin = 0
    for (module, name), t in zip(pairs, tensors, strict=True):
        part = mask._data[begin : begin + t.size].reshape(t.shape)
        custom_from_mask(module, name, Tensor.wrap(part.copy()))
        begin += t.size


def remove(module: M, name: str) -> M:
    """Make the pruning of a parameter permanent: it is the module's own again, with zeros.

    Raises:
        OptionError: It is not pruned.
    """
    number, method = hooked(module, name)
    if method is None:
        raise OptionError(f"remove: {name!r} of {type(module).__name__} is not pruned")
    held: Any = module._hooks
    held.before.pop(number)
    method.remove(module)
    return module


def is_pruned(module: Module) -> bool:
    """Whether the module, or one below it, is pruned."""
    return any(
        isinstance(hook.function, BasePruningMethod)
        for part in module.modules()
        for hook in (() if part._hooks is None else part._hooks.of("before"))
    )
