"""Activation functions: what a neuron makes of its weighted sum, elementwise.

All of them work on numbers too, and neither value nor derivative overflows for large inputs.
Where a derivative jumps, it is the one from the left there, as PyTorch's.
"""

from __future__ import annotations

import math
from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.op import Kind, composed, op
from tinygrad_nn.core.samples import NONZERO, Domain, Draw, Sample
from tinygrad_nn.errors import OptionError
from tinygrad_nn.ops.elementwise import abs, exp, sigmoid, tanh
from tinygrad_nn.ops.extrema import _clamp
from tinygrad_nn.ops.select import (
    greater,
    less,
    less_equal,
    logical_and,
    masked,
    no_gradient,
    where,
)

__all__ = [
    "celu",
    "elu",
    "gelu",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "leaky_relu",
    "logsigmoid",
    "mish",
    "relu6",
    "selu",
    "silu",
    "softplus",
    "softshrink",
    "softsign",
    "step",
    "swish",
    "tanhshrink",
    "threshold",
]

_SQRT_TWO_PI = math.sqrt(2 * math.pi)


def _with(name: str, *values: Any, domain: Domain = NONZERO) -> Any:
    """Samples of one array and one static argument."""

    def samples(draw: Draw) -> Sample:
        return (draw.array(draw.shape(), domain),), {name: draw.choice(values)}

    return samples


# ── Steps and pieces of lines ───────────────────────────────────────────────────────────


@op(
    vjp=lambda g, y, x, threshold: no_gradient(g),
    kind=Kind.ELEMENTWISE,
    samples=_with("threshold", 0.0),
)
def step(x: Any, /, threshold: float = 0.0) -> Any:
    """1 where x ≥ threshold, else 0: the neuron fires or does not. dy/dx = 0 everywhere."""
    return namespace(x).heaviside(x - threshold, 1.0)


@op(
    vjp=lambda g, y, x, negative_slope: where(greater(x, 0.0), g, negative_slope * g),
    kind=Kind.ELEMENTWISE,
    samples=_with("negative_slope", 0.01, 0.2),
)
def leaky_relu(x: Any, /, negative_slope: float = 0.01) -> Any:
    """x where x > 0, else negative_slope · x; dy/dx = 1 or negative_slope."""
    xp = namespace(x)
    if 0 < negative_slope <= 1:
        return xp.maximum(x, negative_slope * x)
    return xp.where(x > 0, x, negative_slope * x)


def _between(x: Any, low: float, high: float) -> Any:
    return logical_and(greater(x, low), less(x, high))


@op(
    vjp=lambda g, y, x, min_val, max_val: masked(g, _between(x, min_val, max_val)),
    kind=Kind.ELEMENTWISE,
    domain=Domain(avoid=(-1.0, 1.0)),
)
def hardtanh(x: Any, /, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    """x kept within [min_val, max_val]; dy/dx = 1 strictly between them, else 0."""
    xp = namespace(x)
    return xp.minimum(xp.maximum(x, min_val), max_val)


@composed(domain=Domain(low=-3.0, high=9.0, avoid=(0.0, 6.0)))
def relu6(x: Any, /) -> Any:
    """x kept within [0, 6]; dy/dx = 1 strictly between them, else 0."""
    return hardtanh(x, 0.0, 6.0)


@composed(domain=Domain(low=-5.0, high=5.0, avoid=(-3.0, 3.0)))
def hardsigmoid(x: Any, /) -> Any:
    """x / 6 + 1/2 kept within [0, 1]; dy/dx = 1/6 for -3 < x < 3, else 0."""
    return hardtanh(x * (1 / 6) + 0.5, 0.0, 1.0)


@composed(domain=Domain(low=-5.0, high=5.0, avoid=(-3.0, 3.0)))
def hardswish(x: Any, /) -> Any:
    """x · hardsigmoid(x)."""
    return x * hardsigmoid(x)


@op(
    vjp=lambda g, y, x, lambd: masked(g, greater(abs(x), lambd)),
    kind=Kind.ELEMENTWISE,
    domain=Domain(avoid=(-0.5, 0.5)),
)
def softshrink(x: Any, /, lambd: float = 0.5) -> Any:
    """x moved towards 0 by `lambd`, and 0 within; dy/dx = 1 where |x| > lambd, else 0."""
    xp = namespace(x)
    return x - xp.minimum(xp.maximum(x, -lambd), lambd)


@composed(domain=Domain(avoid=(-0.5, 0.5)))
def hardshrink(x: Any, /, lambd: float = 0.5) -> Any:
    """x where |x| > lambd, else 0; dy/dx = 1 or 0; NaN stays NaN."""
    # By what is within, which NaN is not.
    return where(less_equal(abs(x), lambd), 0.0, x)


def _above(draw: Draw) -> Sample:
    return (draw.array(draw.shape(), Domain(avoid=(0.3,))),), {"threshold": 0.3, "value": -1.0}


@composed(samples=_above)
def threshold(x: Any, /, threshold: float, value: float) -> Any:
    """x where x > threshold, else the constant `value`; dy/dx = 1 or 0; NaN stays NaN."""
    return where(less_equal(x, threshold), value, x)


# ── Exponential units ───────────────────────────────────────────────────────────────────


def _elu(x: Any, alpha: float, scale: float, rate: float) -> Any:
    """scale · x above 0, else scale · alpha · (exp(x · rate) - 1)."""
    xp = namespace(x)
    below = xp.expm1(rate * xp.minimum(x, 0.0))
    return scale * xp.where(x > 0, x, alpha * below)


@op(
    vjp=lambda g, y, x, alpha: g * where(greater(x, 0.0), 1.0, y + alpha),
    kind=Kind.ELEMENTWISE,
    samples=_with("alpha", 1.0, 0.5),
)
def elu(x: Any, /, alpha: float = 1.0) -> Any:
    """x where x > 0, else alpha · (e^x - 1); dy/dx = 1 or y + alpha."""
    return _elu(x, alpha, 1.0, 1.0)


# G. Klambauer and others, "Self-normalizing neural networks" (2017), equation 14.
_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805


@op(
    vjp=lambda g, y, x: g * where(greater(x, 0.0), _SELU_SCALE, y + _SELU_SCALE * _SELU_ALPHA),
    kind=Kind.ELEMENTWISE,
    domain=NONZERO,
)
def selu(x: Any, /) -> Any:
    """1.0507… · elu(x, 1.6733…): keeps mean 0 and variance 1 of its inputs; dy/dx as of `elu`."""
    return _elu(x, _SELU_ALPHA, _SELU_SCALE, 1.0)


@op(
    vjp=lambda g, y, x, alpha: g * where(greater(x, 0.0), 1.0, y / alpha + 1.0),
    kind=Kind.ELEMENTWISE,
    samples=_with("alpha", 1.0, 2.0),
)
def celu(x: Any, /, alpha: float = 1.0) -> Any:
    """x where x > 0, else alpha · (e^(x/alpha) - 1); dy/dx = 1 or y / alpha + 1."""
    return _elu(x, alpha, 1.0, 1.0 / alpha)


# ── Smooth ──────────────────────────────────────────────────────────────────────────────


def _softplus_slope(g: Any, y: Any, x: Any, beta: float, threshold: float) -> Any:
    slope = sigmoid(x if beta == 1 else beta * x)
    if threshold == math.inf:
        return g * slope
    return g * where(greater(x, threshold / beta), 1.0, slope)


@op(
    vjp=_softplus_slope,
    kind=Kind.ELEMENTWISE,
    samples=_with("beta", 1.0, 2.0),
)
def softplus(x: Any, /, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """ln(1 + e^(beta x)) / beta, and x itself where beta · x > threshold, as PyTorch's.

    dy/dx = sigmoid(beta x), 1 above the threshold. `threshold=math.inf` gives the exact
    function everywhere; it does not overflow.
    """
    xp = namespace(x)
    z = beta * x
    y = (xp.maximum(z, 0.0) + xp.log1p(xp.exp(-xp.abs(z)))) / beta
    return y if threshold == math.inf else xp.where(z > threshold, x, y)


@op(vjp=lambda g, y, x: g * sigmoid(-x), kind=Kind.ELEMENTWISE)
def logsigmoid(x: Any, /) -> Any:
    """ln sigmoid(x) = -ln(1 + e^-x) without overflow or underflow; dy/dx = sigmoid(-x)."""
    xp = namespace(x)
    return xp.minimum(x, 0.0) - xp.log1p(xp.exp(-xp.abs(x)))


def _silu_slope(g: Any, y: Any, x: Any) -> Any:
    s = sigmoid(x)
    return g * (s + y * (1.0 - s))


@op(vjp=_silu_slope, kind=Kind.ELEMENTWISE)
def silu(x: Any, /) -> Any:
    """x · sigmoid(x), also called swish; dy/dx = s + y (1 - s) with s = sigmoid(x)."""
    return x * namespace(x).sigmoid(x)


swish = silu

# D. Hendrycks and K. Gimpel, "Gaussian error linear units" (2016), section 2.
_GELU_RATE, _GELU_CUBIC = math.sqrt(2 / math.pi), 0.044715
# The hyperbolic tangent is 1 beyond in every dtype, while the cube is finite in each.
_GELU_END = 10.0


def _gelu_curve(g: Any, y: Any, h: Any, x: Any, approximate: str) -> Any:
    """Times the second derivative: φ(x) (2 − x²), or that of the formula through tanh."""
    if approximate == "none":
        return g * h * exp(-0.5 * x * x) * (2.0 - x * x) / _SQRT_TWO_PI
    z = _clamp(x, -_GELU_END, _GELU_END)
    square = z * z
    t = tanh(_GELU_RATE * z * (1.0 + _GELU_CUBIC * square))
    slope = _GELU_RATE * (1.0 + 3.0 * _GELU_CUBIC * square)
    curve = 3.0 * _GELU_CUBIC * _GELU_RATE * z
    return g * h * ((1.0 - t * t) * (slope + z * (curve - t * slope * slope)))


def _gelu_transpose(g: Any, y: Any, h: Any, x: Any, approximate: str) -> Any:
    return gelu_slope(g, x, approximate=approximate)


def _gelu_pair(draw: Draw) -> Sample:
    g, x = (draw.array(shape) for shape in draw.shapes(2))
    return (g, x), {"approximate": draw.choice(["none", "tanh"])}


@op(
    vjp=(
        _gelu_transpose,
        _gelu_curve,
    ),
    kind=Kind.ELEMENTWISE,
    samples=_gelu_pair,
)
def gelu_slope(h: Any, x: Any, /, approximate: str) -> Any:
    """h · d gelu(x) / dx: h (Φ(x) + x φ(x))."""
    functions = namespace(x if hasattr(x, "shape") else h)
    return functions.gelu_slope(h, x, approximate)


@op(
    vjp=lambda g, y, x, approximate: gelu_slope(g, x, approximate=approximate),
    kind=Kind.ELEMENTWISE,
    samples=_with("approximate", "none", "tanh", domain=Domain()),
)
def gelu(x: Any, /, approximate: str = "none") -> Any:
    """x · Φ(x) with the normal distribution function Φ; dy/dx = Φ(x) + x φ(x).

    Args:
        x: Input.
        approximate: "none", or "tanh" for Φ(x) ≈ (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2.

    Raises:
        OptionError: `approximate` is neither.
    """
    if approximate not in ("none", "tanh"):
        raise OptionError(f"gelu: got approximate={approximate!r}, expected 'none' or 'tanh'")
    return namespace(x).gelu(x, approximate)


def _mish_slope(g: Any, y: Any, x: Any) -> Any:
    w = tanh(softplus(x, 1.0, math.inf))
    return g * (w + x * sigmoid(x) * (1.0 - w * w))


@op(vjp=_mish_slope, kind=Kind.ELEMENTWISE)
def mish(x: Any, /) -> Any:
    """x · w with w = tanh(softplus(x)); dy/dx = w + x · sigmoid(x) · (1 - w²)."""
    xp = namespace(x)
    w = xp.tanh(xp.maximum(x, 0.0) + xp.log1p(xp.exp(-xp.abs(x))))
    return x * w


def _softsign_slope(g: Any, y: Any, x: Any) -> Any:
    d = 1.0 + abs(x)
    return g / d / d


@op(vjp=_softsign_slope, kind=Kind.ELEMENTWISE, domain=NONZERO)
def softsign(x: Any, /) -> Any:
    """x / (1 + |x|); dy/dx = 1 / (1 + |x|)²."""
    return x / (1.0 + namespace(x).abs(x))


def _tanhshrink_slope(g: Any, y: Any, x: Any) -> Any:
    t = tanh(x)
    return g * (t * t)


@op(vjp=_tanhshrink_slope, kind=Kind.ELEMENTWISE)
def tanhshrink(x: Any, /) -> Any:
    """x - tanh x; dy/dx = tanh² x."""
    return x - namespace(x).tanh(x)
