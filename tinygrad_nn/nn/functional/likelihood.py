"""Losses of classifiers: cross-entropy and negative log-likelihood."""

from __future__ import annotations

from contextlib import suppress
from math import prod
from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.capturing import looked, wrong
from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.nn.functional.operands import class_indices, operand, raw
from tinygrad_nn.nn.functional.sizes import is_whole
from tinygrad_nn.nn.functional.targets import class_weights, reduced
from tinygrad_nn.ops.neural import linear, nll, one_hot
from tinygrad_nn.ops.rearrange import moveaxis
from tinygrad_nn.ops.reduce import sum as total
from tinygrad_nn.ops.select import where
from tinygrad_nn.ops.shape import reshape
from tinygrad_nn.ops.softmax import log_softmax
from tinygrad_nn.tensor import Tensor

__all__ = ["cross_entropy", "linear_cross_entropy", "nll_loss"]


def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """Cross-entropy −Σ tⱼ ln softmax(x)ⱼ of logits x, at class indices or probabilities t.

    Logits `(N, classes)`, `(classes,)` or `(N, classes, …)`. The target has class indices, in
    the logits' shape without the classes, or a probability for each class, in the logits'
    shape. The mean weighs each sample by its class; ignored samples do not count.

    Args:
        input: Logits, not probabilities: softmax is part of the loss.
        target: Class indices or probabilities.
        weight: One number for each class.
        ignore_index: Samples of this class index are left out.
        reduction: "mean", "sum" or "none".
        label_smoothing: ε: the target becomes (1 − ε) t + ε / classes.

    Raises:
        ShapeError: The shapes do not fit.
        DTypeError: Class indices are not integers.
        OptionError: A class index or an option is out of range.
    """
    _check_ignored("cross_entropy", ignore_index)
    if not hasattr(label_smoothing, "__float__") or not 0.0 <= label_smoothing <= 1.0:
        raise OptionError(
            f"cross_entropy: got label_smoothing={label_smoothing!r}, expected a number in [0, 1]"
        )
    plain = weight is None and not label_smoothing
    if plain and ignore_index < 0 and _is_plain(input, target):
        # The usual case, a fifth of a small network's step, is spared all other questions.
        with suppress(OptionError):
            logp = log_softmax(input)
            return nll(logp, target) if reduction == "mean" else nll(logp, target, reduction)
    x = _classes_last(operand("cross_entropy", input))
    if _are_probabilities(input, target):
        t = _classes_last(operand("cross_entropy", target))
        return _soft(x, t, weight, reduction, label_smoothing)
    index = class_indices("cross_entropy", target)
    _check_index("cross_entropy", input, x, index)
    if plain and index.size and not looked((index == ignore_index).any()):
        return nll(log_softmax(x), index, reduction)
    return _indexed(
        "cross_entropy", log_softmax(x), index, weight, ignore_index, reduction, label_smoothing
    )


def nll_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Any:
    """Negative log-likelihood −x[t] of log-probabilities x at class indices t.

    Shapes and options as for `cross_entropy`, which is this after `log_softmax`.

    Raises:
        ShapeError: The shapes do not fit.
        DTypeError: Class indices are not integers.
        OptionError: A class index is out of range.
    """
    _check_ignored("nll_loss", ignore_index)
    x = _classes_last(operand("nll_loss", input))
    index = class_indices("nll_loss", target)
    _check_index("nll_loss", input, x, index)
    return _indexed("nll_loss", x, index, weight, ignore_index, reduction, 0.0)


def linear_cross_entropy(
    input: Any,
    linear_weight: Any,
    target: Any,
    *,
    linear_bias: Any = None,
    weight: Any = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: None = None,
) -> Any:
    """`cross_entropy` of the logits x Wᵀ + b.

    Args:
        input: `(N, in_features)` or `(in_features,)`.
        linear_weight: `(classes, ..., in_features)`.
        target: As for `cross_entropy`, of logits `(N, classes, ...)`.
        linear_bias: `(classes, ...)`, or None.
        weight: One number for each class.
        reduction: "mean", "sum" or "none".
        ignore_index: Samples of this class index are left out; not with probabilities.
        label_smoothing: ε: the target becomes (1 − ε) t + ε / classes.
        options: None: the logits are computed at once. PyTorch's chunks are not here.

    Raises:
        ShapeError: The shapes do not fit.
        OptionError: `options` is not None, or `ignore_index` is given with probabilities.
    """
    if options is not None:
        raise OptionError(
            f"linear_cross_entropy: got options={options!r}, expected None: logits are computed "
            "at once here; leave it out"
        )
    classes, *more, width = linear_weight.shape
    if (more and input.ndim != 2) or input.ndim not in (1, 2):
        raise ShapeError(
            f"linear_cross_entropy: got x {tuple(input.shape)} and a weight "
            f"{tuple(linear_weight.shape)}, expected x (N, {width})"
        )
    flat = reshape(linear_weight, (classes * prod(more), width))
    bias = () if linear_bias is None else (reshape(linear_bias, (classes * prod(more),)),)
    logits = reshape(linear(input, flat, *bias), (*input.shape[:-1], classes, *more))
    if ignore_index is not None and _are_probabilities(logits, target):
        raise OptionError(
            "linear_cross_entropy: got ignore_index with a target of probabilities, expected "
            "class indices; leave it out"
        )
    return cross_entropy(
        logits,
        target,
        weight,
        ignore_index=-100 if ignore_index is None else ignore_index,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )


def _check_ignored(name: str, ignore_index: Any) -> None:
    """Refuse what no class index equals, so that nothing would be left out."""
    if not is_whole(ignore_index):
        raise OptionError(
            f"{name}: got ignore_index={ignore_index!r}, expected an integer: the class index "
            "whose samples are left out"
        )


def _classes_last(x: Any) -> Any:
    return moveaxis(x, 1, -1) if x.ndim > 2 else x


def _are_probabilities(input: Any, target: Any) -> bool:
    target = raw(target)
    return tuple(target.shape) == tuple(raw(input).shape) and target.dtype.kind == "f"


def _check_index(name: str, input: Any, x: Any, index: Any) -> None:
    if x.ndim and tuple(index.shape) == tuple(x.shape[:-1]):
        return
    shape, wanted = tuple(index.shape), tuple(x.shape[:-1])
    hint = "or one probability for each class"
    if shape == (*wanted, 1):
        hint = "drop the last axis: target[:, 0]"
    raise ShapeError(
        f"{name}: got logits {tuple(raw(input).shape)} and a target {shape}, expected class "
        f"indices {wanted}; {hint}"
    )


def _is_plain(input: Any, target: Any) -> bool:
    """Whether it is the usual case: a table of logits, and one integer for each row."""
    if not isinstance(input, Tensor) or input.ndim != 2:
        return False
    index = target._data if isinstance(target, Tensor) else target
    # An array of another library has no kind of dtype.
    if getattr(index, "ndim", None) != 1 or getattr(index.dtype, "kind", "") not in ("i", "u"):
        return False
    return len(index) == len(input) > 0


def _indexed(
    name: str, logp: Any, index: Any, weight: Any, ignore_index: int, reduction: str, smooth: float
) -> Any:
    """The loss of log-probabilities at class indices, from a table of what each class counts."""
    classes = logp.shape[-1]
    keep = index != ignore_index
    safe = namespace(index).where(keep, index, 0)
    weights = _class_weights(name, weight, classes, logp)
    chosen = one_hot(safe, classes)
    table = chosen * ((1 - smooth) * weights)
    if smooth:
        table = table + (smooth / classes) * weights
    functions = namespace(index)
    counts = functions.where(keep, functions.take(weights, safe, axis=0), 0)
    # A log-probability of -inf counts nothing where its weight is 0.
    losses = -total(where((table != 0) & keep[..., None], logp, 0.0) * table, -1)
    if reduction == "mean" and index.size:
        count = counts.sum(dtype=logp.dtype)
        if wrong(count == 0):
            raise OptionError(
                f"{name}: got {index.size} targets of which none counts, each ignored "
                f"(ignore_index={ignore_index}) or of a class of weight 0, expected at least one "
                "to take the mean over; leave the batch out, or take reduction='sum'"
            )
        return total(losses) / count
    return reduced(name, losses, reduction)


def _soft(x: Any, t: Any, weight: Any, reduction: str, smooth: float) -> Any:
    """The loss of logits at probabilities."""
    classes = x.shape[-1]
    if smooth:
        t = (1 - smooth) * t + smooth / classes
    if weight is not None:
        t = t * _class_weights("cross_entropy", weight, classes, x)
    logp = log_softmax(x)
    losses = -total(where(t == 0, 0.0, logp) * t, -1)
    return reduced("cross_entropy", losses, reduction)


def _class_weights(name: str, weight: Any, classes: int, x: Any) -> Any:
    payload = raw(x)
    if weight is None:
        return namespace(payload).ones(classes, payload.dtype)
    return class_weights(name, weight, classes).astype(payload.dtype)
