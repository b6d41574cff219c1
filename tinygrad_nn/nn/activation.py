"""Activation functions: as modules, and by name."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from tinygrad_nn.errors import OperandError, OptionError
from tinygrad_nn.nn.functional.activation import axis_of_classes
from tinygrad_nn.nn.module import Module
from tinygrad_nn.ops.activation import elu, gelu, leaky_relu, mish, silu, softplus, step
from tinygrad_nn.ops.elementwise import relu, sigmoid, tanh
from tinygrad_nn.ops.softmax import log_softmax, softmax

__all__ = [
    "ACTIVATIONS",
    "ELU",
    "GELU",
    "LeakyReLU",
    "LogSoftmax",
    "Mish",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Step",
    "Swish",
    "Tanh",
    "named_activation",
]


class Step(Module):
    """1 where x ≥ threshold, else 0: the neuron fires or does not.

    Its slope is 0 everywhere, so that nothing below it learns.

    Args:
        threshold: Where the neuron begins to fire.
    """

    def __init__(self, threshold: float = 0.0) -> None:
        super().__init__()
        self.threshold = threshold

    def forward(self, x: Any) -> Any:
        """step(x), elementwise."""
        return step(x, self.threshold)

    def extra_repr(self) -> str:
        """Threshold, where it is not 0."""
        return f"threshold={self.threshold}" if self.threshold else ""


class Sigmoid(Module):
    """Logistic function 1 / (1 + e⁻ˣ), into (0, 1)."""

    def forward(self, x: Any) -> Any:
        """sigmoid(x), elementwise."""
        return sigmoid(x)


class Tanh(Module):
    """Hyperbolic tangent, into (-1, 1)."""

    def forward(self, x: Any) -> Any:
        """tanh(x), elementwise."""
        return tanh(x)


class ReLU(Module):
    """max(x, 0); slope 0 at 0."""

    def forward(self, x: Any) -> Any:
        """relu(x), elementwise."""
        return relu(x)


class LeakyReLU(Module):
    """x where positive, else `negative_slope` x.

    Args:
        negative_slope: Slope below 0.
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__()
        self.negative_slope = negative_slope

    def forward(self, x: Any) -> Any:
        """leaky_relu(x), elementwise."""
        return leaky_relu(x, self.negative_slope)

    def extra_repr(self) -> str:
        """Slope."""
        return f"negative_slope={self.negative_slope}"


class ELU(Module):
    """x where positive, else α (eˣ − 1) (Clevert, Unterthiner and Hochreiter 2016).

    Args:
        alpha: α, the depth that negative inputs saturate at.
    """

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__()
        self.alpha = alpha

    def forward(self, x: Any) -> Any:
        """elu(x), elementwise."""
        return elu(x, self.alpha)

    def extra_repr(self) -> str:
        """Depth."""
        return f"alpha={self.alpha}"


class SiLU(Module):
    """x · sigmoid(x), also called Swish."""

    def forward(self, x: Any) -> Any:
        """silu(x), elementwise."""
        return silu(x)


Swish = SiLU


class Mish(Module):
    """x · tanh(softplus(x)) (Misra 2020)."""

    def forward(self, x: Any) -> Any:
        """mish(x), elementwise."""
        return mish(x)


class GELU(Module):
    """x · Φ(x), with Φ the normal distribution function (Hendrycks and Gimpel 2016).

    Args:
        approximate: "none", or "tanh" for the formula through tanh.
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        if approximate not in ("none", "tanh"):
            raise OptionError(f"GELU: got approximate={approximate!r}, expected 'none' or 'tanh'")
        self.approximate = approximate

    def forward(self, x: Any) -> Any:
        """gelu(x), elementwise."""
        return gelu(x, self.approximate)

    def extra_repr(self) -> str:
        """Formula."""
        return f"approximate={self.approximate!r}"


class Softplus(Module):
    """ln(1 + e^(βx)) / β, a smooth ReLU.

    Args:
        beta: β.
        threshold: Where βx is above it, x itself.
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta, self.threshold = beta, threshold

    def forward(self, x: Any) -> Any:
        """softplus(x), elementwise."""
        return softplus(x, self.beta, self.threshold)

    def extra_repr(self) -> str:
        """Options."""
        return f"beta={self.beta}, threshold={self.threshold}"


class Softmax(Module):
    """eˣ over its sum along `dim`: positive numbers that add up to 1.

    Args:
        dim: Axis of the classes. It has to be given: a guess would be wrong in silence.
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = axis_of_classes(type(self).__name__, dim)

    def forward(self, x: Any) -> Any:
        """softmax(x) along `dim`."""
        return softmax(x, self.dim)

    def extra_repr(self) -> str:
        """Axis."""
        return f"dim={self.dim}"


class LogSoftmax(Softmax):
    """ln softmax(x) along `dim`, without rounding small probabilities to 0.

    Args:
        dim: Axis of the classes.
    """

    def forward(self, x: Any) -> Any:
        """log_softmax(x) along `dim`."""
        return log_softmax(x, self.dim)


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
