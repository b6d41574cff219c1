"""Leaving out at random: elements, or whole channels; and choosing a class at random.

There is no global seed: each function takes `rng=`, a seed or generator; None differs on each
run. Probabilities are exact to a double's precision.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.generator import generator
from tinygrad_nn.nn.functional.operands import floats, probability
from tinygrad_nn.ops.axis import normal
from tinygrad_nn.ops.dropout import keep_mask, thin
from tinygrad_nn.ops.noise import noise
from tinygrad_nn.ops.softmax import softmax

__all__ = [
    "alpha_dropout",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "feature_alpha_dropout",
    "gumbel_softmax",
]

# What SELU approaches for large negative inputs (Klambauer et al. 2017).
_SELU_FLOOR = -1.7580993408473766


def dropout(
    input: Any, p: float = 0.5, training: bool = True, inplace: bool = False, rng: Any = None
) -> Any:
    """Each element 0 with probability p, otherwise times 1 / (1 − p): its mean stays.

    Args:
        input: Tensor of floats.
        p: Probability of leaving out. 0 returns the input itself, 1 zeros.
        training: False returns the input itself.
        inplace: Accepted as in PyTorch; a new tensor is returned all the same.
        rng: Seed or generator.

    Raises:
        OptionError: p is outside [0, 1].

    Source:
        Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from
        overfitting".
    """
    return _dropped("dropout", input, p, training, rng, None)


def dropout1d(
    input: Any, p: float = 0.5, training: bool = True, inplace: bool = False, rng: Any = None
) -> Any:
    """`dropout` of whole channels: `(N, C, L)` or, of one sample, `(C, L)`.

    Neighbouring places of a channel tell much the same, so that leaving out single ones
    leaves out little.

    Raises:
        OptionError: p is outside [0, 1].
        ShapeError: There are not two or three axes.
    """
    return _dropped("dropout1d", input, p, training, rng, {3: 2, 2: 1})


def dropout2d(
    input: Any, p: float = 0.5, training: bool = True, inplace: bool = False, rng: Any = None
) -> Any:
    """`dropout` of whole channels: `(N, C, H, W)`, or, as in PyTorch, `(N, C, L)`.

    Raises:
        OptionError: p is outside [0, 1].
        ShapeError: There are not three or four axes.
    """
    return _dropped("dropout2d", input, p, training, rng, {4: 2, 3: 2})


def dropout3d(
    input: Any, p: float = 0.5, training: bool = True, inplace: bool = False, rng: Any = None
) -> Any:
    """`dropout` of whole channels: `(N, C, D, H, W)` or, of one sample, `(C, D, H, W)`.

    Raises:
        OptionError: p is outside [0, 1].
        ShapeError: There are not four or five axes.
    """
    return _dropped("dropout3d", input, p, training, rng, {5: 2, 4: 1})


def alpha_dropout(
    input: Any, p: float = 0.5, training: bool = False, inplace: bool = False, rng: Any = None
) -> Any:
    """Each element replaced with probability p by SELU's floor; mean 0 and variance 1 stay.

    Then scaled and shifted: a · (x or floor) + b.

    Raises:
        OptionError: p is outside [0, 1].

    Source:
        Klambauer et al. 2017, "Self-normalizing neural networks".
    """
    return _floored("alpha_dropout", input, p, training, rng, None)


def feature_alpha_dropout(
    input: Any, p: float = 0.5, training: bool = False, inplace: bool = False, rng: Any = None
) -> Any:
    """`alpha_dropout` of whole channels: `(N, C, ...)`.

    Raises:
        OptionError: p is outside [0, 1].
        ShapeError: There are fewer than two axes.
    """
    return _floored("feature_alpha_dropout", input, p, training, rng, 2)


def _dropped(
    name: str, input: Any, p: float, training: bool, rng: Any, leading: dict[int, int] | None
) -> Any:
    """`leading` tells for a number of axes how many of them the mask has; None: all."""
    x, p = floats(name, input), probability(name, p)
    if leading is not None and x.ndim not in leading:
        counts = " or ".join(map(str, sorted(leading)))
        raise ShapeError(
            f"{name}: got an input {x.shape}, expected {counts} axes; dropout leaves out single "
            "elements of any shape"
        )
    if not training or p == 0:
        return x
    mask = _mask(x, 1 - p, rng, None if leading is None else leading[x.ndim])
    return thin(x, mask, scale=0.0 if p == 1 else 1 / (1 - p))


def _mask(x: Any, keep: float, rng: Any, leading: int | None) -> Any:
    """What to keep: a bool for each element, or for each of the first axes' slices."""
    template = x.synced()
    if leading is not None:
        template = template[(..., *[slice(1)] * (x.ndim - leading))]
    return keep_mask(template, probability=keep, rng=generator(rng))


def _floored(name: str, input: Any, p: float, training: bool, rng: Any, leading: int | None) -> Any:
    x, p = floats(name, input), probability(name, p)
    if leading is not None and x.ndim < leading:
        raise ShapeError(f"{name}: got an input {x.shape}, expected (samples, channels, ...)")
    if not training or p == 0:
        return x
    if p == 1:
        return thin(x, _mask(x, 0.0, 0, leading), scale=0.0)
    a = 1 / sqrt((1 - p) * (1 + p * _SELU_FLOOR**2))
    mask = _mask(x, 1 - p, rng, leading)
    low, shift = a * _SELU_FLOOR, -a * p * _SELU_FLOOR
    return thin(x, mask, scale=a) + (shift + low * (~mask).astype(x.dtype))


def gumbel_softmax(
    logits: Any,
    tau: float = 1,
    hard: bool = False,
    eps: float = 1e-10,
    dim: int = -1,
    rng: Any = None,
) -> Any:
    """softmax((logits + Gumbel noise) / tau): a random class, nearly, with a gradient.

    The greatest element of each row is class i with probability softmax(logits)[i]; the smaller
    tau, the closer is the row to that class's 1 and 0.

    Args:
        logits: Unnormalised log-probabilities.
        tau: Temperature, above 0.
        hard: Whether to return exactly 1 and 0; the gradient is that of the soft row.
        eps: Accepted as in PyTorch, without effect.
        dim: Axis of the classes.
        rng: Seed or generator.

    Raises:
        OptionError: tau is not positive.

    Source:
        Jang, Gu and Poole 2017, "Categorical reparameterization with Gumbel-softmax".
    """
    x = floats("gumbel_softmax", logits)
    axis = normal("gumbel_softmax", dim, x.ndim)
    if not tau > 0:
        raise OptionError(f"gumbel_softmax: got tau={tau!r}, expected a temperature above 0")
    drawn = noise(x.synced(), kind="gumbel", rng=generator(rng))
    y = softmax((x + drawn) / tau, axis)
    if not hard:
        return y
    soft = y.synced()
    functions = namespace(soft)
    classes = functions.arange(soft.shape[axis]).reshape(-1, *[1] * (x.ndim - 1 - axis))
    chosen = classes == functions.argmax(soft, axis=axis, keepdims=True)
    # The difference is exactly 0, and carries the gradient.
    return (y - y.detach()) + chosen.astype(y.dtype)
