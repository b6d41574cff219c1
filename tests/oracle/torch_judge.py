"""PyTorch as a judge."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from tests.ops.case import Arrays, flatten, rebuild
from tests.oracle.judge import first_found
from tinygrad_nn.core.op import Op

PLACES = (torch, torch.special, torch.linalg, functional)
RENAMED = {"axis": "dim", "keepdims": "keepdim"}


def _cross_entropy(x: Any, index: Any, reduction: str) -> Any:
    found = functional.cross_entropy(
        x.reshape(-1, x.shape[-1]), index.reshape(-1), reduction=reduction
    )
    return found.reshape(index.shape) if reduction == "none" else found


def _spread(function: Callable[..., Any]) -> Callable[..., Any]:
    """`var` or `std` by NumPy's arguments."""

    def call(
        x: Any, axis: Any, ddof: Any = 0, keepdims: bool = False, correction: Any = None
    ) -> Any:
        freedom = ddof if correction is None else correction
        return function(x, dim=axis, correction=freedom, keepdim=keepdims)

    return call


def _convolved(*inputs: Any, padding: Any, **static: Any) -> Any:
    """A convolution; what is padded is put around it before, and a negative number cuts."""
    x, weight, *bias = inputs
    widths = [n for pair in reversed(padding) for n in pair]
    function = getattr(functional, f"conv{weight.ndim - 2}d")
    return function(functional.pad(x, widths), weight, *bias, **static)


def _convolved_back(x: Any, weight: Any, padding: Any, **static: Any) -> Any:
    """A transposed convolution; padding is cut off it afterwards, or put around."""
    y = getattr(functional, f"conv_transpose{weight.ndim - 2}d")(x, weight, **static)
    return functional.pad(y, [-n for pair in reversed(padding) for n in pair])


# Ours to PyTorch's, where the name or the meaning differs; None: there is none that means the same.
NAMES: dict[str, Callable[..., Any] | None] = {
    "_add_at": None,
    "_concat": lambda *xs, axis: torch.cat(xs, dim=axis),
    "_stack": lambda *xs, axis: torch.stack(xs, dim=axis),
    "broadcast_to": lambda x, shape: x.expand(shape),
    "convolution": _convolved,
    "convolution_transpose": _convolved_back,
    "flip": lambda x, axis: torch.flip(x, _axes(x, axis)),
    "ldexp": None,  # its gradient is 0 for negative exponents
    "masked": lambda x, mask: torch.where(mask, x, 0.0),
    "nanmedian": None,  # the lower of two in the middle, not their mean
    "neuron": lambda *wxb, activation: _neuron(wxb, activation),
    "outer": lambda a, b: torch.outer(a.reshape(-1), b.reshape(-1)),
    "psi": lambda x, n: torch.polygamma(n, x),
    "rot90": lambda x, k, axes: x.rot90(k, axes),
    # Of several values for one place PyTorch gives all a gradient, though one alone stays.
    "scatter": None,
    # Its second derivative at 0 is NaN there, and not -π²/3.
    "sinc": None,
    "softmax_cross_entropy": _cross_entropy,
    "std": _spread(torch.std),
    "sum_rows": lambda x: x.reshape(-1, x.shape[-1]).sum(0),
    "sum_to": lambda x, shape: x.sum_to_size(shape),
    "trigamma": lambda x: torch.polygamma(1, x),
    "var": _spread(torch.var),
}


def _axes(x: Any, axis: Any) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(x.ndim))
    return axis if isinstance(axis, tuple) else (axis,)


def _neuron(wxb: tuple[Any, ...], activation: str) -> Any:
    count = len(wxb) // 2
    pairs = zip(wxb[:count], wxb[count:-1], strict=True)
    total = sum((w * x for w, x in pairs), wxb[-1])
    return total if activation == "linear" else getattr(torch, activation)(total)


class TorchJudge:
    """Functions of `torch`, with `dim` for `axis`."""

    def find(self, record: Op) -> Callable[..., Any] | None:
        function = NAMES[record.key] if record.key in NAMES else first_found(PLACES, record)
        return None if function is None else _adapted(function, renames=record.key not in NAMES)

    def values(self, call: Callable[[Sequence[Any]], Any], floats: Arrays) -> Arrays:
        outputs = call([torch.tensor(x) for x in floats])
        return [y.numpy() for y in flatten(outputs) if y.is_floating_point()]

    def gradients(
        self, call: Callable[[Sequence[Any]], Any], floats: Arrays, weights: Arrays, probes: Arrays
    ) -> tuple[Arrays, Arrays | None]:
        leaves = [torch.tensor(x, requires_grad=True) for x in floats]
        outputs = [y for y in flatten(call(leaves)) if y.is_floating_point()]
        firsts = _grad(outputs, leaves, weights)
        try:
            seconds = _grad(firsts, leaves, probes)
        except RuntimeError as error:
            if "is not implemented" not in str(error):
                raise
            return [_array(g) for g in firsts], None
        return [_array(g) for g in firsts], [_array(g) for g in seconds]


def _grad(outputs: list[Any], leaves: list[Any], weights: Arrays) -> list[Any]:
    total = sum((y * torch.tensor(w)).sum() for y, w in zip(outputs, weights, strict=True))
    if not total.requires_grad:
        return [torch.zeros_like(x) for x in leaves]
    found = torch.autograd.grad(total, leaves, create_graph=True, allow_unused=True)
    return [torch.zeros_like(x) if g is None else g for x, g in zip(leaves, found, strict=True)]


def _array(g: Any) -> Any:
    return g.detach().numpy(force=True)


def _adapted(function: Callable[..., Any], renames: bool) -> Callable[..., Any]:
    """`function` on tensors in place of arrays, with PyTorch's names of the arguments."""

    def call(*args: Any, **params: Any) -> Any:
        leaves = (torch.tensor(x) if isinstance(x, np.ndarray) else x for x in flatten(args))
        if renames:
            params = {RENAMED.get(k, k): v for k, v in params.items()}
        return function(*rebuild(args, leaves), **params)

    return call
