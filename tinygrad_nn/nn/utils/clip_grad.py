"""Gradients kept small: by their common norm, or each number by itself."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf, isfinite
from typing import Any, cast

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.capturing import Traced, refuse_captured
from tinygrad_nn.core.node import Node
from tinygrad_nn.errors import GradientError, OperandError, OptionError
from tinygrad_nn.ops.reduce import vector_norm
from tinygrad_nn.tensor import Tensor, tensor

__all__ = ["clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm"]


def clip_grad_norm_(
    parameters: Any,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients by one factor, so that their common norm is at most `max_norm`.

    The factor is max_norm / (norm + 1e-6), where that is below 1 (Pascanu, Mikolov and
    Bengio 2013). Call it between `backward` and the optimiser's step.

    Args:
        parameters: Parameters, or one; those without a gradient are left out.
        max_norm: Greatest norm.
        norm_type: Order p of the norm; `inf` for the greatest number.
        error_if_nonfinite: Raise where the norm is infinite or NaN; otherwise it spreads.
        foreach: For PyTorch's sake; makes no difference.

    Returns:
        The norm before.

    Raises:
        GradientError: The norm is not finite, and that was to be refused.
        OptionError: `max_norm` is negative.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> w = nn.Parameter([3.0, 4.0])
        >>> (w * w).sum().backward()
        >>> nn.utils.clip_grad_norm_([w], 1.0).item(), w.grad.norm().item() <= 1.0
        (10.0, True)
    """
    found = _with_gradient("clip_grad_norm_", parameters)
    norm = get_total_norm([p.grad for p in found], norm_type, error_if_nonfinite)
    clip_grads_with_norm_(found, max_norm, norm)
    return norm


def get_total_norm(
    tensors: Any,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Norm of all numbers of all tensors, as if they were one vector; nothing is recorded.

    Args:
        tensors: Tensors (gradients, not parameters), or one.
        norm_type: Order p of the norm; `inf` for the greatest number.
        error_if_nonfinite: Raise where the norm is infinite or NaN.
        foreach: For PyTorch's sake; makes no difference.

    Raises:
        GradientError: The norm is not finite, and that was to be refused.
    """
    if error_if_nonfinite:
        refuse_captured("error_if_nonfinite=True", "look at the norm after the captured step")
    order = float(norm_type)
    arrays = [_array(t) for t in _listed("get_total_norm", tensors)]
    norms = [_norm(a, order) for a in arrays]
    if not norms:
        return tensor(0.0)
    kind, math = arrays[0].dtype, namespace(arrays[0])
    if isinstance(arrays[0], Traced):
        together = math.stack([n.astype("float64") for n in norms])
        return Tensor.wrap(_norm(together, order).astype(kind))
    together = math.asarray([float(n) for n in norms])
    total = _norm(together, order).astype(kind)
    if error_if_nonfinite and not isfinite(float(total)):
        wrong = [i for i, n in enumerate(norms) if not isfinite(float(n))]
        raise GradientError(
            f"get_total_norm: got a norm of order {order:g} that is {float(total)}, from the "
            f"gradients {wrong[:5]} of {len(norms)}, expected a finite one; look at the loss, or "
            "find the operation with tinygrad_nn.autograd.detect_anomaly()"
        )
    return Tensor.wrap(math.asarray(total))


def clip_grads_with_norm_(
    parameters: Any, max_norm: float, total_norm: Any, foreach: bool | None = None
) -> None:
    """Scale gradients whose common norm is known: the second half of `clip_grad_norm_`.

    Args:
        parameters: Parameters, or one.
        max_norm: Greatest norm.
        total_norm: The norm, as `get_total_norm` gave it.
        foreach: For PyTorch's sake; makes no difference.

    Raises:
        OptionError: `max_norm` is negative.
    """
    _least("clip_grads_with_norm_", "max_norm", max_norm)
    found = _with_gradient("clip_grads_with_norm_", parameters)
    norm: Any = _numbers(total_norm)
    if isinstance(norm, Traced):
        norm = cast(Any, norm)
        factor = namespace(norm).minimum(max_norm / (norm.astype("float64") + 1e-6), 1.0)
        for p in found:
            g = _numbers(p.grad)
            if hasattr(g, "dtype"):
                p.grad = Tensor.wrap(_array(p.grad) * factor.astype(g.dtype))
            else:
                p.grad = g * factor
        return
    factor = max_norm / (float(total_norm) + 1e-6)
    if factor >= 1:  # not for NaN
        return
    for p in found:
        p.grad = _numbers(p.grad) * factor


def clip_grad_value_(parameters: Any, clip_value: float, foreach: bool | None = None) -> None:
    """Limit each number of each gradient to ±`clip_value`.

    Args:
        parameters: Parameters, or one; those without a gradient are left out.
        clip_value: Greatest magnitude.
        foreach: For PyTorch's sake; makes no difference.

    Raises:
        OptionError: `clip_value` is negative.
    """
    limit = _least("clip_grad_value_", "clip_value", clip_value)
    for p in _with_gradient("clip_grad_value_", parameters):
        numbers = _changing("clip_grad_value_", p.grad)
        if isinstance(p.grad, Node):
            p.grad = Tensor.wrap(namespace(numbers).clip(numbers, -limit, limit))
        else:
            math = namespace(numbers)
            p.grad = math.maximum(math.minimum(numbers, limit), -limit)


def _norm(array: Any, order: float) -> Any:
    wide = array.astype("float32") if array.dtype.itemsize < 4 else array
    if not wide.size:
        return wide.sum()
    if order == inf:
        return namespace(wide).max(abs(wide))
    if order == -inf:
        return namespace(wide).min(abs(wide))
    return vector_norm(wide.reshape(-1), axis=0, ord=order)


def _array(x: Any) -> Any:
    if isinstance(x, Tensor):
        return _changing("a norm of gradients", x)
    return tensor(_numbers(x), dtype="float64")._data


def _changing(name: str, gradient: Any) -> Any:
    """Numbers of a gradient, which those of a captured step must have been made in."""
    numbers = _numbers(gradient)
    if not isinstance(numbers, Traced):
        refuse_captured(f"{name} from before the step", "call backward() in the captured step")
    return numbers


def _numbers(gradient: Any) -> Any:
    return gradient._data if isinstance(gradient, Node) else gradient


def _listed(name: str, tensors: Any) -> list[Any]:
    if hasattr(tensors, "parameters"):
        raise OperandError(
            f"{name}: got {type(tensors).__name__}, expected parameters: model.parameters()"
        )
    if isinstance(tensors, Node):
        return [tensors]
    if not isinstance(tensors, Iterable):
        raise OperandError(f"{name}: got {type(tensors).__name__}, expected a list of tensors")
    return list(tensors)


def _with_gradient(name: str, parameters: Any) -> list[Any]:
    listed = _listed(name, parameters)
    for p in listed:
        if not isinstance(p, Node):
            raise OperandError(f"{name}: got {type(p).__name__}, expected parameters")
    # A Value's gradient starts at 0; a tensor's is None before the first pass.
    return [p for p in listed if p.grad is not None]


def _least(name: str, word: str, limit: Any) -> float:
    if not float(limit) >= 0:
        raise OptionError(f"{name}: got {word}={limit!r}, expected a number of at least 0")
    return float(limit)
