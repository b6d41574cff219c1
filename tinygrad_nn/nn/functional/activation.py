"""Activations as functions, with PyTorch's names, order and `dim=`.

`inplace` is taken so that PyTorch scripts run as they are: the result is a new tensor all the
same, and the input stays as it was.
"""

from __future__ import annotations

from typing import Any

from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.generator import generator
from tinygrad_nn.nn.functional.sizes import is_whole
from tinygrad_nn.ops import activation as ops
from tinygrad_nn.ops import elementwise
from tinygrad_nn.ops.activation import logsigmoid as _logsigmoid
from tinygrad_nn.ops.arithmetic import negative
from tinygrad_nn.ops.cut import split
from tinygrad_nn.ops.noise import noise
from tinygrad_nn.ops.select import greater, where
from tinygrad_nn.ops.shape import reshape
from tinygrad_nn.ops.softmax import log_softmax as _log_softmax
from tinygrad_nn.ops.softmax import softmax as _softmax

__all__ = [
    "celu",
    "elu",
    "gelu",
    "glu",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "leaky_relu",
    "log_softmax",
    "logsigmoid",
    "mish",
    "prelu",
    "relu",
    "relu6",
    "rrelu",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "step",
    "tanh",
    "tanhshrink",
    "threshold",
]

# ── Pieces of lines ─────────────────────────────────────────────────────────────────────


def step(input: Any, threshold: float = 0.0) -> Any:
    """1 where x ≥ threshold, else 0; the slope is 0 everywhere."""
    return ops.step(input, threshold)


def relu(input: Any, inplace: bool = False) -> Any:
    """max(x, 0); slope 0 at 0."""
    return elementwise.relu(input)


def relu6(input: Any, inplace: bool = False) -> Any:
    """x kept within [0, 6]."""
    return ops.relu6(input)


def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    """x where positive, else negative_slope · x."""
    return ops.leaky_relu(input, negative_slope)


def prelu(input: Any, weight: Any) -> Any:
    """x where positive, else w x with a learned w (He and others 2015, equation 1).

    `(N, C, ...), (C,) -> (N, C, ...)`; a weight of one number serves all channels.

    Raises:
        ShapeError: The number of weights is neither 1 nor that of the channels.
    """
    channels = input.shape[1] if input.ndim > 1 else 1
    if weight.ndim > 1 or weight.size not in (1, channels):
        raise ShapeError(
            f"prelu: got x {tuple(input.shape)} and a weight {tuple(weight.shape)}, expected "
            f"weights (1,) or ({channels},): one for each channel, axis 1 of x"
        )
    if weight.size > 1:
        weight = reshape(weight, (channels,) + (1,) * (input.ndim - 2))
    elif weight.ndim != input.ndim:
        weight = reshape(weight, (1,) * input.ndim)
    return where(greater(input, 0.0), input, weight * input)


def rrelu(
    input: Any,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    inplace: bool = False,
    rng: Any = None,
) -> Any:
    """x where positive, else a x: a uniform in [lower, upper] in training, else their mean.

    From Xu and others, "Empirical evaluation of rectified activations" (2015).

    Args:
        input: Input.
        lower: Lower end.
        upper: Upper end.
        training: Whether to draw.
        inplace: See the module.
        rng: Seed or generator of the draws.

    Raises:
        OptionError: lower > upper.
    """
    if not lower <= upper:
        raise OptionError(f"rrelu: got lower={lower!r} and upper={upper!r}, expected lower ≤ upper")
    if not training:
        return ops.leaky_relu(input, (lower + upper) / 2)
    slope = lower + (upper - lower) * noise(input, "uniform", generator(rng))
    return where(greater(input, 0.0), input, slope * input)


def hardtanh(input: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Any:
    """x kept within [min_val, max_val].

    Raises:
        OptionError: The bounds are not in order.
    """
    if not min_val <= max_val:
        raise OptionError(
            f"hardtanh: got min_val={min_val!r} and max_val={max_val!r}, expected min_val ≤ max_val"
        )
    return ops.hardtanh(input, min_val, max_val)


def hardsigmoid(input: Any, inplace: bool = False) -> Any:
    """x / 6 + ½ kept within [0, 1]."""
    return ops.hardsigmoid(input)


def hardswish(input: Any, inplace: bool = False) -> Any:
    """x · hardsigmoid(x) (Howard and others 2019)."""
    return ops.hardswish(input)


def hardshrink(input: Any, lambd: float = 0.5) -> Any:
    """x where |x| > lambd, else 0."""
    return ops.hardshrink(input, lambd)


def softshrink(input: Any, lambd: float = 0.5) -> Any:
    """x moved towards 0 by `lambd`, and 0 within.

    Raises:
        OptionError: `lambd` is negative.
    """
    if not lambd >= 0:
        raise OptionError(f"softshrink: got lambd={lambd!r}, expected at least 0")
    return ops.softshrink(input, lambd)


def threshold(input: Any, threshold: float, value: float, inplace: bool = False) -> Any:
    """x where x > threshold, else `value`."""
    return ops.threshold(input, threshold, value)


# ── Smooth ──────────────────────────────────────────────────────────────────────────────


def sigmoid(input: Any) -> Any:
    """1 / (1 + e⁻ˣ)."""
    return elementwise.sigmoid(input)


def logsigmoid(input: Any) -> Any:
    """ln sigmoid(x), without overflow."""
    return _logsigmoid(input)


def tanh(input: Any) -> Any:
    """Hyperbolic tangent."""
    return elementwise.tanh(input)


def tanhshrink(input: Any) -> Any:
    """x − tanh x."""
    return ops.tanhshrink(input)


def softsign(input: Any) -> Any:
    """x / (1 + |x|)."""
    return ops.softsign(input)


def softplus(input: Any, beta: float = 1, threshold: float = 20) -> Any:
    """ln(1 + e^(βx)) / β; x itself where βx > threshold."""
    return ops.softplus(input, beta, threshold)


def elu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """x where positive, else α (eˣ − 1) (Clevert, Unterthiner and Hochreiter 2016)."""
    return ops.elu(input, alpha)


def selu(input: Any, inplace: bool = False) -> Any:
    """1.0507… · elu(x, 1.6733…) (Klambauer and others 2017)."""
    return ops.selu(input)


def celu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """x where positive, else α (e^(x/α) − 1) (Barron 2017).

    Raises:
        OptionError: `alpha` is 0.
    """
    if not alpha:
        raise OptionError("celu: got alpha=0, expected another number: x is divided by it")
    return ops.celu(input, alpha)


def gelu(input: Any, approximate: str = "none") -> Any:
    """x · Φ(x) with the normal distribution function Φ (Hendrycks and Gimpel 2016)."""
    return ops.gelu(input, approximate)


def silu(input: Any, inplace: bool = False) -> Any:
    """x · sigmoid(x)."""
    return ops.silu(input)


def mish(input: Any, inplace: bool = False) -> Any:
    """x · tanh(softplus(x)) (Misra 2020)."""
    return ops.mish(input)


# ── Along an axis ───────────────────────────────────────────────────────────────────────


def glu(input: Any, dim: int = -1) -> Any:
    """a · sigmoid(b) of the two halves a, b of x along `dim` (Dauphin and others 2017).

    Raises:
        OptionError: `dim` is no integer.
        ShapeError: The side is odd, or x has no axes.
    """
    if not is_whole(dim):
        raise OptionError(f"glu: got dim={dim!r}, expected an integer: the axis to halve")
    if not input.ndim or input.shape[dim] % 2:
        raise ShapeError(
            f"glu: got x {tuple(input.shape)} with dim={dim}, expected an even side: it is halved"
        )
    a, b = split(input, 2, axis=dim)
    return a * elementwise.sigmoid(b)


def softmax(input: Any, dim: int | None = None, dtype: Any = None, **others: Any) -> Any:
    """eˣ over its sum along `dim`; `dtype` converts x first.

    Raises:
        OptionError: `dim` is missing, or has another name.
    """
    return _softmax(_converted(input, dtype), axis_of_classes("softmax", dim, others))


def softmin(input: Any, dim: int | None = None, dtype: Any = None, **others: Any) -> Any:
    """softmax(−x) along `dim`.

    Raises:
        OptionError: `dim` is missing, or has another name.
    """
    return _softmax(negative(_converted(input, dtype)), axis_of_classes("softmin", dim, others))


def log_softmax(input: Any, dim: int | None = None, dtype: Any = None, **others: Any) -> Any:
    """ln softmax(x) along `dim`.

    Raises:
        OptionError: `dim` is missing, or has another name.
    """
    return _log_softmax(_converted(input, dtype), axis_of_classes("log_softmax", dim, others))


def _converted(x: Any, dtype: Any) -> Any:
    return x if dtype is None else x.astype(dtype)


def axis_of_classes(name: str, dim: Any, others: dict[str, Any] | None = None) -> int:
    """`dim`, refused where it is missing, or where `others` is what it should have been."""
    if others:
        got = next(iter(others))
        raise OptionError(
            f"{name}: got the keyword {got!r}, expected 'dim': nn has PyTorch's words, write dim="
        )
    if not is_whole(dim):
        raise OptionError(
            f"{name}: got dim={dim!r}, expected the axis of the classes, such as dim=-1 or dim=1"
        )
    return int(dim)
