"""Activations as modules: what they share, the smooth ones, and activations by name.

Where PyTorch's module takes `inplace`, so does this one; it returns a new tensor all the same,
and the input stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, ClassVar

from tinygrad_nn.errors import OperandError, OptionError, ShapeError
from tinygrad_nn.nn import functional
from tinygrad_nn.nn.functional.activation import axis_of_classes
from tinygrad_nn.nn.module import Module
from tinygrad_nn.ops import activation as ops
from tinygrad_nn.ops.activation import elu, gelu, leaky_relu, mish, silu, softplus, step
from tinygrad_nn.ops.elementwise import relu, sigmoid, tanh
from tinygrad_nn.ops.softmax import softmax

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softsign",
    "Swish",
    "Tanh",
    "Tanhshrink",
]


class Activation(Module):
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


class Plain(Activation):
    """An activation without options besides `inplace`."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace


class Sigmoid(Activation):
    """Logistic function 1 / (1 + e⁻ˣ), into (0, 1)."""

    function = staticmethod(sigmoid)


class LogSigmoid(Activation):
    """ln sigmoid(x), without overflow."""

    function = staticmethod(ops.logsigmoid)


class Tanh(Activation):
    """Hyperbolic tangent, into (-1, 1)."""

    function = staticmethod(tanh)


class Tanhshrink(Activation):
    """x − tanh x."""

    function = staticmethod(ops.tanhshrink)


class Softsign(Activation):
    """x / (1 + |x|), into (-1, 1)."""

    function = staticmethod(ops.softsign)


class SiLU(Plain):
    """x · sigmoid(x), also called Swish."""

    function = staticmethod(silu)


Swish = SiLU


class Mish(Plain):
    """x · tanh(softplus(x)) (Misra 2020)."""

    function = staticmethod(mish)


class SELU(Plain):
    """1.0507… · elu(x, 1.6733…) (Klambauer and others 2017): keeps mean 0 and variance 1."""

    function = staticmethod(ops.selu)


class ELU(Activation):
    """x where positive, else α (eˣ − 1) (Clevert, Unterthiner and Hochreiter 2016).

    Args:
        alpha: α, the depth that negative inputs saturate at.
        inplace: See the module's text.
    """

    function = staticmethod(elu)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(alpha=alpha)
        self.inplace = inplace


class CELU(Activation):
    """x where positive, else α (e^(x/α) − 1) (Barron 2017).

    Args:
        alpha: α, the depth that negative inputs saturate at.
        inplace: See the module's text.
    """

    function = staticmethod(functional.celu)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(alpha=alpha)
        self.inplace = inplace


class GELU(Activation):
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


class Softplus(Activation):
    """ln(1 + e^(βx)) / β, a smooth ReLU.

    Args:
        beta: β.
        threshold: Where βx is above it, x itself.
    """

    function = staticmethod(softplus)

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__(beta=beta, threshold=threshold)


# ── Along an axis ───────────────────────────────────────────────────────────────────────


class GLU(Activation):
    """a · sigmoid(b) of the two halves a, b of x along `dim` (Dauphin and others 2017).

    Args:
        dim: Axis that is halved.
    """

    function = staticmethod(functional.glu)

    def __init__(self, dim: int = -1) -> None:
        super().__init__(dim=dim)


class Softmax(Activation):
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
