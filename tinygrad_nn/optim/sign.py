"""Rprop and Lion: steps by the sign of the gradient, whatever its size."""

from __future__ import annotations

from typing import Any, ClassVar

from tinygrad_nn.backends import namespace
from tinygrad_nn.errors import OptionError
from tinygrad_nn.optim.limits import AT_LEAST_ZERO, where_true
from tinygrad_nn.optim.optimizer import Optimizer
from tinygrad_nn.optim.rule import filled, given, remember

__all__ = ["Lion", "Rprop"]


class Rprop(Optimizer):
    """A step size for each element, from whether its gradient keeps its sign.

    If g has the sign of the previous gradient, the size s ← η₊ s; if the other, s ← η₋ s and g
    counts as 0; s is kept within `step_sizes`. p ← p − sign(g) s. For gradients of all the data.

    Args:
        params: Parameters, or groups of them.
        lr: s at the start, at least 0.
        etas: η₋ in (0, 1) and η₊ > 1.
        step_sizes: Smallest and largest s.
        capturable: None or False, as foreach and differentiable: how PyTorch runs it.
        foreach: See capturable.
        maximize: Climb instead.
        differentiable: See capturable.

    Raises:
        OptionError: An option is out of range.

    Source:
        Riedmiller and Braun 1993.
    """

    limits: ClassVar = {
        "etas": (
            where_true(lambda x: 0 < x < 1, "a number in (0, 1)"),
            where_true(lambda x: x > 1, "a number above 1"),
        ),
        "step_sizes": (AT_LEAST_ZERO, where_true(lambda x: x >= 0, "a number of at least 0")),
    }

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(params, given(locals()))

    def check(self, options: dict[str, Any]) -> None:
        """Refuse options out of range, and a smallest size above the largest."""
        super().check(options)
        least, most = options["step_sizes"]
        if least > most:
            raise OptionError(
                f"Rprop: got step_sizes=({least!r}, {most!r}), expected the smaller one first"
            )

    def begin(self, state: dict[str, Any], value: Any, group: dict[str, Any]) -> Any:
        """Count; step sizes begin at lr."""
        if "step_size" not in state:
            state["step_size"] = filled(value, float(group["lr"]))
        remember(state, value, "prev", "step_size")
        state["step"] = state.get("step", 0) + 1

    def update(
        self, value: Any, g: Any, state: dict[str, Any], group: dict[str, Any], c: Any
    ) -> Any:
        """−sign(g) s."""
        (down, up), (least, most) = group["etas"], group["step_sizes"]
        math = namespace(g)
        same = math.sign(g * state["prev"])
        factor = math.where(same > 0, up, same)
        factor = math.where(same < 0, down, factor)
        size = state["step_size"] * math.where(same == 0, 1.0, factor)
        size = math.minimum(math.maximum(size, least), most)
        g = math.where(same < 0, 0.0, g)
        state["prev"], state["step_size"] = g, size
        new = math.sign(g)
        new *= -size
        return new


class Lion(Optimizer):
    """Steps of lr by the sign of a mean of the gradients (Chen et al. 2023, alg. 2).

    p ← p − lr (sign(β₁ m + (1 − β₁) g) + λ p), then m ← β₂ m + (1 − β₂) g. One array is
    remembered where Adam needs two; lr is three to ten times smaller than Adam's, λ as much larger.

    PyTorch has no Lion; arguments and defaults are those of the authors' program.

    Args:
        params: Parameters, or groups of them.
        lr: Learning rate, at least 0.
        betas: β₁ and β₂, each in [0, 1).
        weight_decay: λ, at least 0.
        maximize: Climb instead.

    Raises:
        OptionError: An option is out of range.
    """

    decoupled = True

    def __init__(
        self,
        params: Any,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, given(locals()))

    def begin(self, state: dict[str, Any], value: Any, group: dict[str, Any]) -> Any:
        """−lr; m is at first 0."""
        remember(state, value, "exp_avg")
        return -float(group["lr"])

    def update(
        self, value: Any, g: Any, state: dict[str, Any], group: dict[str, Any], c: Any
    ) -> Any:
        """−lr · sign of the mean."""
        beta1, beta2 = group["betas"]
        m = state["exp_avg"]
        change = g - m
        new = namespace(g).sign(m + (1 - beta1) * change)
        change *= 1 - beta2
        m += change
        state["exp_avg"] = m
        new *= c
        return new
