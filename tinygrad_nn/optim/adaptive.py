"""Adagrad, Adadelta, RMSprop: steps in units of the gradient's own size, without Adam's mean."""

from __future__ import annotations

from typing import Any, ClassVar

from tinygrad_nn.backends import namespace
from tinygrad_nn.errors import OptionError
from tinygrad_nn.optim.limits import AT_LEAST_ZERO, where_true
from tinygrad_nn.optim.optimizer import Optimizer
from tinygrad_nn.optim.rule import filled, given, remember

__all__ = ["Adadelta", "Adagrad", "RMSprop"]


class Adagrad(Optimizer):
    """Each element's rate falls with the squares it has seen (Duchi, Hazan and Singer 2011).

    s ← s + g², p ← p − lr / (1 + (t − 1) η) · g / (√s + ε).

    Args:
        params: Parameters, or groups of them.
        lr: Learning rate, at least 0.
        lr_decay: η, at least 0.
        weight_decay: Times p is added to the gradient; at least 0.
        initial_accumulator_value: s at the start, at least 0.
        eps: ε, at least 0.
        foreach: None or False, as differentiable and fused: how PyTorch runs it.
        maximize: Climb instead.
        differentiable: See foreach.
        fused: See foreach.

    Raises:
        OptionError: An option is out of range.
    """

    limits: ClassVar = {"lr_decay": AT_LEAST_ZERO, "initial_accumulator_value": AT_LEAST_ZERO}

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(params, given(locals()))

    def add_param_group(self, param_group: Any) -> None:
        """Train more parameters; s exists from the start, as in PyTorch."""
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        start = self.defaults["initial_accumulator_value"]
        if group["initial_accumulator_value"] != start:
            del self.param_groups[-1]
            raise OptionError(
                f"Adagrad: got a group with initial_accumulator_value="
                f"{group['initial_accumulator_value']!r}, expected {start!r} as for all (PyTorch "
                "passes over that of a group); give it to Adagrad(...), or make two optimisers"
            )
        for p in group["params"]:
            self.state[p] = {"step": 0, "sum": filled(p._data, start)}

    def begin(self, state: dict[str, Any], value: Any, group: dict[str, Any]) -> Any:
        """−lr / (1 + (t − 1) η)."""
        if "sum" not in state:
            state["sum"] = filled(value, self.defaults["initial_accumulator_value"])
        remember(state, value, "sum")
        t = state["step"] = state.get("step", 0) + 1
        return -float(group["lr"]) / (1 + (t - 1) * group["lr_decay"])

    def update(
        self, value: Any, g: Any, state: dict[str, Any], group: dict[str, Any], c: Any
    ) -> Any:
        """−rate · g / (√s + ε)."""
        math = namespace(g)
        s = state["sum"]
        s += g * g
        state["sum"] = s
        denominator = math.sqrt(s)
        denominator += group["eps"]
        change = math.divide(g, denominator)
        change *= c
        return change


class Adadelta(Optimizer):
    """Steps in the units of the parameter (Zeiler 2012).

    s ← ρ s + (1 − ρ) g², Δ = √(d + ε) / √(s + ε) · g, d ← ρ d + (1 − ρ) Δ², p ← p − lr Δ.

    Args:
        params: Parameters, or groups of them.
        lr: Factor of the step, at least 0.
        rho: ρ in [0, 1].
        eps: ε, at least 0.
        weight_decay: Times p is added to the gradient; at least 0.
        foreach: None or False, as capturable and differentiable: how PyTorch runs it.
        capturable: See foreach.
        maximize: Climb instead.
        differentiable: See foreach.

    Raises:
        OptionError: An option is out of range.
    """

    limits: ClassVar = {"rho": where_true(lambda x: 0 <= x <= 1, "a number in [0, 1]")}

    def __init__(
        self,
        params: Any,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(params, given(locals()))

    def begin(self, state: dict[str, Any], value: Any, group: dict[str, Any]) -> Any:
        """−lr."""
        remember(state, value, "square_avg", "acc_delta")
        state["step"] = state.get("step", 0) + 1
        return -float(group["lr"])

    def update(
        self, value: Any, g: Any, state: dict[str, Any], group: dict[str, Any], c: Any
    ) -> Any:
        """−lr Δ."""
        rho, eps = group["rho"], group["eps"]
        math = namespace(g)
        s, d = state["square_avg"], state["acc_delta"]
        s *= rho
        s += (1 - rho) * (g * g)
        delta = math.divide(math.sqrt(d + eps), math.sqrt(s + eps))
        delta *= g
        d *= rho
        d += (1 - rho) * (delta * delta)
        state["square_avg"], state["acc_delta"] = s, d
        delta *= c
        return delta


class RMSprop(Optimizer):
    """The gradient over the root of the recent mean of its squares (Hinton 2012, lecture 6e).

    s ← α s + (1 − α) g², u = g / (√s + ε); centred, s less the square of the recent mean of g
    stands under the root. With momentum μ: b ← μ b + u, p ← p − lr b; otherwise p ← p − lr u.

    Args:
        params: Parameters, or groups of them.
        lr: Learning rate, at least 0.
        alpha: α, at least 0.
        eps: ε, at least 0.
        weight_decay: Times p is added to the gradient; at least 0.
        momentum: μ, at least 0.
        centered: Divide by the spread of the gradients instead of their size (Graves 2013).
        capturable: None or False, as foreach and differentiable: how PyTorch runs it.
        foreach: See capturable.
        maximize: Climb instead.
        differentiable: See capturable.

    Raises:
        OptionError: An option is out of range.
    """

    limits: ClassVar = {"alpha": AT_LEAST_ZERO}

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(params, given(locals()))

    def begin(self, state: dict[str, Any], value: Any, group: dict[str, Any]) -> Any:
        """−lr; momentum and the centred form remember an array each."""
        remember(state, value, "square_avg")
        if group["momentum"]:
            remember(state, value, "momentum_buffer")
        if group["centered"]:
            remember(state, value, "grad_avg")
        state["step"] = state.get("step", 0) + 1
        return -float(group["lr"])

    def update(
        self, value: Any, g: Any, state: dict[str, Any], group: dict[str, Any], c: Any
    ) -> Any:
        """−lr · (u or its buffer)."""
        alpha, math = group["alpha"], namespace(g)
        s = state["square_avg"]
        s *= alpha
        s += (1 - alpha) * (g * g)
        state["square_avg"] = under = s
        if group["centered"]:
            mean = state["grad_avg"]
            mean += (g - mean) * (1 - alpha)
            state["grad_avg"] = mean
            under = s - mean * mean
        denominator = math.sqrt(under)
        denominator += group["eps"]
        step = math.divide(g, denominator)
        if group["momentum"]:
            buffer = state["momentum_buffer"]
            buffer *= group["momentum"]
            buffer += step
            state["momentum_buffer"] = buffer
            step = buffer
        return step * c
