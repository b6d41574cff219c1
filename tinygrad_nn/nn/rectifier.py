"""Activations made of pieces of lines, as modules.

Where PyTorch's module takes `inplace`, so does this one; it returns a new tensor all the same,
and the input stays as it was.
"""

from __future__ import annotations

from typing import Any, Unpack

from tinygrad_nn.errors import OptionError
from tinygrad_nn.generator import generator
from tinygrad_nn.nn import functional
from tinygrad_nn.nn.activation import Activation, Plain
from tinygrad_nn.nn.factory import Factory, Start
from tinygrad_nn.nn.functional.sizes import whole
from tinygrad_nn.nn.module import Module
from tinygrad_nn.ops import activation as ops
from tinygrad_nn.ops.activation import leaky_relu, step
from tinygrad_nn.ops.elementwise import relu

__all__ = [
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "PReLU",
    "RReLU",
    "ReLU",
    "ReLU6",
    "Softshrink",
    "Step",
    "Threshold",
]


class Step(Activation):
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


class ReLU(Plain):
    """max(x, 0); slope 0 at 0."""

    function = staticmethod(relu)


class ReLU6(Plain):
    """x kept within [0, 6]."""

    function = staticmethod(ops.relu6)


class LeakyReLU(Activation):
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


class Hardtanh(Activation):
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


class Hardsigmoid(Plain):
    """x / 6 + ½ kept within [0, 1]."""

    function = staticmethod(ops.hardsigmoid)

    def extra_repr(self) -> str:
        """Nothing, as PyTorch's."""
        return ""


class Hardswish(Plain):
    """x · hardsigmoid(x) (Howard and others 2019)."""

    function = staticmethod(ops.hardswish)

    def extra_repr(self) -> str:
        """Nothing, as PyTorch's."""
        return ""


class Hardshrink(Activation):
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


class Softshrink(Activation):
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


class Threshold(Activation):
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
