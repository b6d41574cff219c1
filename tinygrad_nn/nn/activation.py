"""Activation functions: as modules, and by name.

Where PyTorch's module takes `inplace`, so does this one; it returns a new tensor all the same,
and the input stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, ClassVar, Unpack

from tinygrad_nn.errors import OperandError, OptionError, ShapeError
from tinygrad_nn.generator import generator
from tinygrad_nn.nn import functional
from tinygrad_nn.nn.factory import Factory, Start, whole
from tinygrad_nn.nn.functional.activation import axis_of_classes
from tinygrad_nn.nn.module import Module
from tinygrad_nn.ops import activation as ops
from tinygrad_nn.ops.activation import elu, gelu, leaky_relu, mish, silu, softplus, step
from tinygrad_nn.ops.elementwise import relu, sigmoid, tanh
from tinygrad_nn.ops.softmax import softmax

__all__ = [
    "ACTIVATIONS",
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "PReLU",
    "RReLU",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Step",
    "Swish",
    "Tanh",
    "Tanhshrink",
    "Threshold",
    "named_activation",
]


class _Activation(Module):
    """A function of one tensor; its options are attributes and may be changed."""

    function: ClassVar[Callable[..., Any]]
    _names: tuple[str, ...]

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.__dict__.update(options)
        self._names = tuple(options)

    def forward(self, input: Any) -> Any:
        """The activation of `input`."""
        if not self._names:
            return self.function(input)
        return self.function(input, **{name: getattr(self, name) for name in self._names})

    def extra_repr(self) -> str:
        """Options."""
        parts = [f"{name}={getattr(self, name)!r}" for name in self._names]
        return ", ".join([*parts, "inplace=True"] if getattr(self, "inplace", False) else parts)


class _Plain(_Activation):
    """An activation without options besides `inplace`."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace


# ── Pieces of lines ─────────────────────────────────────────────────────────────────────


class Step(_Activation):
    """1 where x ≥ threshold, else 0: the neuron fires or does not.

    Its slope is 0 everywhere, so that nothing below it learns.

    Args:
        threshold: Where the neuron begins to fire.
    """

    function = staticmethod(step)

    def __init__(self, threshold: float = 0.0) -> None:
        super().__init__(threshold=threshold)

    def extra_repr(self) -> str:
        """Threshold, where it is not 0."""
        return f"threshold={self.threshold}" if self.threshold else ""


class ReLU(_Plain):
    """max(x, 0); slope 0 at 0."""

    function = staticmethod(relu)


class ReLU6(_Plain):
    """x kept within [0, 6]."""

    function = staticmethod(ops.relu6)


class LeakyReLU(_Activation):
    """x where positive, else `negative_slope` x.

    Args:
        negative_slope: Slope below 0.
        inplace: See the module's text.
    """

    function = staticmethod(leaky_relu)

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__(negative_slope=negative_slope)
        self.inplace = inplace


class PReLU(Module):
    """x where positive, else w x with a learned w (He and others 2015, equation 1).

    `(N, num_parameters, ...) -> (N, num_parameters, ...)`; one parameter serves any shape.

    Args:
        num_parameters: 1, or the number of channels.
        init: First value of w.
        factory: rng, dtype and device; see `nn.factory.Factory`.

    Attributes:
        weight: Parameter (num_parameters,).
    """

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, **factory: Unpack[Factory]
    ) -> None:
        super().__init__()
        self.num_parameters = whole("PReLU", "num_parameters", num_parameters, 1)
        self.init = init
        self.weight = Start("PReLU", factory).constant((num_parameters,), init)

    def forward(self, input: Any) -> Any:
        """prelu(x)."""
        return functional.prelu(input, self.weight)

    def extra_repr(self) -> str:
        """Number of parameters."""
        return f"num_parameters={self.num_parameters}"


class RReLU(Module):
    """x where positive, else a x: a uniform in [lower, upper] in training, else their mean.

    From Xu and others, "Empirical evaluation of rectified activations" (2015).

    Args:
        lower: Lower end.
        upper: Upper end.
        inplace: See the module's text.
        rng: Seed or generator of the draws.

    Raises:
        OptionError: lower > upper.
    """

    def __init__(
        self,
        lower: float = 1.0 / 8,
        upper: float = 1.0 / 3,
        inplace: bool = False,
        *,
        rng: Any = None,
    ) -> None:
        super().__init__()
        if lower > upper:
            raise OptionError(
                f"RReLU: got lower={lower!r} and upper={upper!r}, expected lower ≤ upper"
            )
        self.lower, self.upper, self.inplace = lower, upper, inplace
        self.rng = generator(rng)

    def forward(self, input: Any) -> Any:
        """rrelu(x)."""
        return functional.rrelu(input, self.lower, self.upper, self.training, rng=self.rng)

    def extra_repr(self) -> str:
        """Ends."""
        inplace = ", inplace=True" if self.inplace else ""
        return f"lower={self.lower}, upper={self.upper}{inplace}"


class Hardtanh(_Activation):
    """x kept within [min_val, max_val].

    Args:
        min_val: Lower bound.
        max_val: Upper bound.
        inplace: See the module's text.
        min_value: PyTorch's older name of `min_val`.
        max_value: PyTorch's older name of `max_val`.

    Raises:
        OptionError: The bounds are not in order.
    """

    function = staticmethod(ops.hardtanh)

    def __init__(
        self,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
        min_value: float | None = None,
        max_value: float | None = None,
    ) -> None:
        low = min_val if min_value is None else min_value
        high = max_val if max_value is None else max_value
        if not low < high:
            raise OptionError(
                f"Hardtanh: got min_val={low!r} and max_val={high!r}, expected min_val < max_val"
            )
        super().__init__(min_val=low, max_val=high)
        self.inplace = inplace


class Hardsigmoid(_Plain):
    """x / 6 + ½ kept within [0, 1]."""

    function = staticmethod(ops.hardsigmoid)

    def extra_repr(self) -> str:
        """Nothing, as PyTorch's."""
        return ""


class Hardswish(_Plain):
    """x · hardsigmoid(x) (Howard and others 2019)."""

    function = staticmethod(ops.hardswish)

    def extra_repr(self) -> str:
        """Nothing, as PyTorch's."""
        return ""


class Hardshrink(_Activation):
    """x where |x| > lambd, else 0.

    Args:
        lambd: Half the width of the gap, at least 0.
    """

    function = staticmethod(ops.hardshrink)

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__(lambd=lambd)

    def extra_repr(self) -> str:
        """Half the width of the gap."""
        return str(self.lambd)


class Softshrink(_Activation):
    """x moved towards 0 by `lambd`, and 0 within.

    Args:
        lambd: Half the width of the gap, at least 0.
    """

    function = staticmethod(functional.softshrink)

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__(lambd=lambd)

    def extra_repr(self) -> str:
        """Half the width of the gap."""
        return str(self.lambd)


class Threshold(_Activation):
    """x where x > threshold, else `value`.

    Args:
        threshold: Where the slope begins.
        value: The constant below.
        inplace: See the module's text.
    """

    function = staticmethod(ops.threshold)

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__(threshold=threshold, value=value)
        self.inplace = inplace


# ── Smooth ──────────────────────────────────────────────────────────────────────────────


class Sigmoid(_Activation):
    """Logistic function 1 / (1 + e⁻ˣ), into (0, 1)."""

    function = staticmethod(sigmoid)


class LogSigmoid(_Activation):
    """ln sigmoid(x), without overflow."""

    function = staticmethod(ops.logsigmoid)


class Tanh(_Activation):
    """Hyperbolic tangent, into (-1, 1)."""

    function = staticmethod(tanh)


class Tanhshrink(_Activation):
    """x − tanh x."""

    function = staticmethod(ops.tanhshrink)


class Softsign(_Activation):
    """x / (1 + |x|), into (-1, 1)."""

    function = staticmethod(ops.softsign)


class SiLU(_Plain):
    """x · sigmoid(x), also called Swish."""

    function = staticmethod(silu)


Swish = SiLU


class Mish(_Plain):
    """x · tanh(softplus(x)) (Misra 2020)."""

    function = staticmethod(mish)


class SELU(_Plain):
    """1.0507… · elu(x, 1.6733…) (Klambauer and others 2017): keeps mean 0 and variance 1."""

    function = staticmethod(ops.selu)


class ELU(_Activation):
    """x where positive, else α (eˣ − 1) (Clevert, Unterthiner and Hochreiter 2016).

    Args:
        alpha: α, the depth that negative inputs saturate at.
        inplace: See the module's text.
    """

    function = staticmethod(elu)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(alpha=alpha)
        self.inplace = inplace


class CELU(_Activation):
    """x where positive, else α (e^(x/α) − 1) (Barron 2017).

    Args:
        alpha: α, the depth that negative inputs saturate at.
        inplace: See the module's text.
    """

    function = staticmethod(functional.celu)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(alpha=alpha)
        self.inplace = inplace


class GELU(_Activation):
    """x · Φ(x), with Φ the normal distribution function (Hendrycks and Gimpel 2016).

    Args:
        approximate: "none", or "tanh" for the formula through tanh.

    Raises:
        OptionError: `approximate` is neither.
    """

    function = staticmethod(gelu)

    def __init__(self, approximate: str = "none") -> None:
        if approximate not in ("none", "tanh"):
            raise OptionError(f"GELU: got approximate={approximate!r}, expected 'none' or 'tanh'")
        super().__init__(approximate=approximate)


class Softplus(_Activation):
    """ln(1 + e^(βx)) / β, a smooth ReLU.

    Args:
        beta: β.
        threshold: Where βx is above it, x itself.
    """

    function = staticmethod(softplus)

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__(beta=beta, threshold=threshold)


# ── Along an axis ───────────────────────────────────────────────────────────────────────


class GLU(_Activation):
    """a · sigmoid(b) of the two halves a, b of x along `dim` (Dauphin and others 2017).

    Args:
        dim: Axis that is halved.
    """

    function = staticmethod(functional.glu)

    def __init__(self, dim: int = -1) -> None:
        super().__init__(dim=dim)


class Softmax(_Activation):
    """eˣ over its sum along `dim`: positive numbers that add up to 1.

    Args:
        dim: Axis of the classes. It has to be given: a guess would be wrong in silence.
    """

    function = staticmethod(functional.softmax)

    def __init__(self, dim: int | None = None) -> None:
        super().__init__(dim=axis_of_classes(type(self).__name__, dim))


class LogSoftmax(Softmax):
    """ln softmax(x) along `dim`, without rounding small probabilities to 0.

    Args:
        dim: Axis of the classes.
    """

    function = staticmethod(functional.log_softmax)


class Softmin(Softmax):
    """softmax(−x) along `dim`.

    Args:
        dim: Axis of the classes.
    """

    function = staticmethod(functional.softmin)


class Softmax2d(Module):
    """Softmax over the channels of images: `(N, C, H, W)` or `(C, H, W)`."""

    def forward(self, input: Any) -> Any:
        """Softmax over the axis third from the last.

        Raises:
            ShapeError: The input has neither 3 nor 4 axes.
        """
        if input.ndim not in (3, 4):
            raise ShapeError(
                f"Softmax2d: got {tuple(input.shape)}, expected (N, C, H, W) or (C, H, W)"
            )
        return softmax(input, -3)


# ── By name ─────────────────────────────────────────────────────────────────────────────


ACTIVATIONS: dict[str, tuple[str, Callable[[Any], Any] | None]] = {
    "linear": ("Linear", None),
    "identity": ("Linear", None),
    "step": ("Step", step),
    "sigmoid": ("Sigmoid", sigmoid),
    "tanh": ("Tanh", tanh),
    "relu": ("ReLU", relu),
    "leaky_relu": ("LeakyReLU", leaky_relu),
    "elu": ("ELU", elu),
    "silu": ("SiLU", silu),
    "swish": ("SiLU", silu),
    "mish": ("Mish", mish),
    "gelu": ("GELU", gelu),
    "softplus": ("Softplus", softplus),
    "selu": ("SELU", ops.selu),
    "softsign": ("Softsign", ops.softsign),
}
"""Name to the word in a neuron's text, and the operation."""


def named_activation(chosen: Any) -> tuple[str, Callable[[Any], Any] | None]:
    """Word and function for the name of an activation, or for a function.

    Raises:
        OptionError: The name is unknown.
        OperandError: It is neither a name nor a function.
    """
    if callable(chosen):
        return getattr(chosen, "__name__", type(chosen).__name__), chosen
    if not isinstance(chosen, str):
        raise OperandError(
            f"activation: got {type(chosen).__name__}, expected a name or a function of one node"
        )
    if chosen not in ACTIVATIONS:
        near = get_close_matches(chosen.lower(), ACTIVATIONS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise OptionError(
            f"activation: got {chosen!r}, expected one of {', '.join(ACTIVATIONS)}{hint}"
        )
    return ACTIVATIONS[chosen]
