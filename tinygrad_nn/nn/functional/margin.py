"""Losses of margins and of distances between samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygrad_nn.errors import ShapeError
from tinygrad_nn.nn.functional.distance import pairwise_distance
from tinygrad_nn.nn.functional.operands import class_indices, operand, raw
from tinygrad_nn.nn.functional.sizes import number
from tinygrad_nn.nn.functional.targets import (
    check_classes,
    check_signs,
    pair,
    reduced,
    weighted,
)
from tinygrad_nn.ops.activation import logsigmoid, softplus
from tinygrad_nn.ops.arithmetic import negative
from tinygrad_nn.ops.elementwise import relu, sqrt
from tinygrad_nn.ops.extrema import minimum
from tinygrad_nn.ops.neural import one_hot
from tinygrad_nn.ops.reduce import mean
from tinygrad_nn.ops.reduce import sum as total
from tinygrad_nn.ops.scan import cumprod
from tinygrad_nn.ops.select import where
from tinygrad_nn.ops.shape import expand_dims

__all__ = [
    "cosine_embedding_loss",
    "margin_ranking_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]

_TINY = 1e-12

# ── Labels ──────────────────────────────────────────────────────────────────────────────


def soft_margin_loss(input: Any, target: Any, *, reduction: str = "mean") -> Any:
    """ln(1 + e^(−y x)) of scores x and labels y of −1 and 1, without overflow.

    Raises:
        ShapeError: Scores and labels differ in shape.
        OptionError: A label is neither −1 nor 1.
    """
    x, y = pair("soft_margin_loss", input, target)
    check_signs("soft_margin_loss", y)
    return reduced("soft_margin_loss", softplus(negative(y * x), 1.0, float("inf")), reduction)


def multilabel_soft_margin_loss(
    input: Any, target: Any, weight: Any = None, *, reduction: str = "mean"
) -> Any:
    """Binary cross-entropy of logits, averaged over the classes: `(..., C), (..., C) -> (...)`.

    Raises:
        ShapeError: Logits and labels differ in shape.
    """
    x, t = pair("multilabel_soft_margin_loss", input, target)
    losses = negative(t * logsigmoid(x) + (1 - t) * logsigmoid(negative(x)))
    check_classes("multilabel_soft_margin_loss", x)
    losses = mean(weighted("multilabel_soft_margin_loss", losses, weight), -1)
    return reduced("multilabel_soft_margin_loss", losses, reduction)


def multilabel_margin_loss(input: Any, target: Any, *, reduction: str = "mean") -> Any:
    """Σ max(0, 1 − x[j] + x[i]) over right classes j and wrong classes i, over C.

    `(N, C), (N, C)` or `(C,), (C,)`. Each row of the target lists right classes; the first −1
    ends the list.

    Raises:
        ShapeError: The shapes differ, or have more than two axes.
        OptionError: A class is out of range.
    """
    x = operand("multilabel_margin_loss", input)
    index = class_indices("multilabel_margin_loss", target)
    if tuple(x.shape) != tuple(index.shape) or x.ndim not in (1, 2):
        raise ShapeError(
            f"multilabel_margin_loss: got scores {tuple(x.shape)} and targets "
            f"{tuple(index.shape)}, expected the same shape, (N, C) or (C,): lists of classes "
            "that -1 ends"
        )
    check_classes("multilabel_margin_loss", x)
    listed = cumprod((index >= 0).astype(x.dtype), -1) > 0
    right = one_hot(where(listed, index, 0), x.shape[-1]) & expand_dims(listed, -1)
    wrong = ~right.any(axis=-2)
    score = total(where(right, expand_dims(x, -2), 0.0), -1)
    gaps = relu(1 - expand_dims(score, -1) + expand_dims(x, -2))
    counted = expand_dims(listed, -1) & expand_dims(wrong, -2)
    losses = total(where(counted, gaps, 0.0), (-2, -1)) / x.shape[-1]
    return reduced("multilabel_margin_loss", losses, reduction)


# ── Pairs ───────────────────────────────────────────────────────────────────────────────


def margin_ranking_loss(
    input1: Any, input2: Any, target: Any, margin: float = 0, *, reduction: str = "mean"
) -> Any:
    """max(0, margin − y (x₁ − x₂)): y = 1 where x₁ should rank higher, −1 where x₂ should.

    Raises:
        ShapeError: The shapes differ.
        OptionError: A label is neither −1 nor 1.
    """
    a, b = pair("margin_ranking_loss", input1, input2)
    a, y = pair("margin_ranking_loss", a, target)
    check_signs("margin_ranking_loss", y)
    return reduced("margin_ranking_loss", relu(margin - y * (a - b)), reduction)


def cosine_embedding_loss(
    input1: Any, input2: Any, target: Any, margin: float = 0, *, reduction: str = "mean"
) -> Any:
    """1 − cos where the label is 1, max(0, cos − margin) where it is −1.

    `(N, D), (N, D), (N,)` or `(D,), (D,), ()`; cos is that of the angle between the vectors.

    Raises:
        ShapeError: The shapes do not fit.
        OptionError: A label is neither −1 nor 1.
    """
    a, b = pair("cosine_embedding_loss", input1, input2)
    y = raw(target)
    if not a.ndim or tuple(y.shape) != tuple(a.shape[:-1]):
        raise ShapeError(
            f"cosine_embedding_loss: got vectors {tuple(a.shape)} and labels {tuple(y.shape)}, "
            f"expected labels {tuple(a.shape[:-1])}: one for each pair"
        )
    check_signs("cosine_embedding_loss", y)
    lengths = sqrt((total(a * a, -1) + _TINY) * (total(b * b, -1) + _TINY))
    cosine = total(a * b, -1) / lengths
    losses = where(y > 0, 1 - cosine, relu(cosine - margin))
    return reduced("cosine_embedding_loss", losses, reduction)


# ── Triplets ────────────────────────────────────────────────────────────────────────────


def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    *,
    reduction: str = "mean",
) -> Any:
    """max(0, margin + d(a, p) − d(a, n)) with distances in the p-norm.

    `(N, D)` three times. With `swap`, d(p, n) counts where it is less than d(a, n) (Balntas and
    others 2016).

    Raises:
        ShapeError: The numbers of axes differ.
        OptionError: `margin` is not positive.
    """
    return _triplet(
        "triplet_margin_loss",
        (anchor, positive, negative),
        lambda a, b: pairwise_distance(a, b, p, eps),
        margin,
        swap,
        reduction,
    )


def triplet_margin_with_distance_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    *,
    distance_function: Callable[[Any, Any], Any] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Any:
    """`triplet_margin_loss` with a distance of one's own; Euclid's if it is None.

    Raises:
        ShapeError: The numbers of axes differ.
        OptionError: `margin` is not positive.
    """
    distance = distance_function or pairwise_distance
    name = "triplet_margin_with_distance_loss"
    return _triplet(name, (anchor, positive, negative), distance, margin, swap, reduction)


def _triplet(
    name: str,
    samples: tuple[Any, Any, Any],
    distance: Callable[[Any, Any], Any],
    margin: float,
    swap: bool,
    reduction: str,
) -> Any:
    number(name, "margin", margin, above=True)
    anchor, positive, other = (operand(name, x) for x in samples)
    if not anchor.ndim == positive.ndim == other.ndim:
        raise ShapeError(
            f"{name}: got anchor {tuple(anchor.shape)}, positive {tuple(positive.shape)} and "
            f"negative {tuple(other.shape)}, expected the same number of axes"
        )
    apart = distance(anchor, other)
    if swap:
        apart = minimum(apart, distance(positive, other))
    return reduced(name, relu(margin + distance(anchor, positive) - apart), reduction)
