"""Adam and its relatives: a mean of the gradients over the root of a mean of their squares."""

from __future__ import annotations

from math import sqrt
from typing import Any, ClassVar

from tinygrad_nn.backends import namespace
from tinygrad_nn.optim.limits import AT_LEAST_ZERO
from tinygrad_nn.optim.optimizer import Optimizer
from tinygrad_nn.optim.rule import given, remember

__all__ = ["Adam", "AdamW", "Adamax", "NAdam", "RAdam"]


class _Moments(Optimizer):
    """What the family shares: m ← β₁ m + (1 − β₁) g and v ← β₂ v + (1 − β₂) g²."""

    factors = True

    def begin(self, state: dict[str, Any], value: Any, group: dict[str, Any]) -> Any:
        """Count, and hand on 1 − β₁, β₂, 1 − β₂ and the numbers of this step."""
        remember(state, value, "exp_avg", "exp_avg_sq")
        t = state["step"] = state.get("step", 0) + 1
        beta1, beta2 = group["betas"]
        return 1 - beta1, beta2, 1 - beta2, *self.numbers(t, state, group)

    def numbers(self, t: int, state: dict[str, Any], group: dict[str, Any]) -> tuple[Any, ...]:
        """The numbers of step t that are the same for all elements."""
        raise NotImplementedError


def _moments(g: Any, state: dict[str, Any], c: tuple[Any, ...]) -> tuple[Any, Any]:
    """Means of the gradients and of their squares, with this one; few arrays, all in the cache."""
    take1, keep2, take2 = c[:3]
    m, v = state["exp_avg"], state["exp_avg_sq"]
    t = g - m
    t *= take1
    m += t
    t = g * g
    t *= take2
    v *= keep2
    v += t
    state["exp_avg"], state["exp_avg_sq"] = m, v
    return m, v


class Adam(_Moments):
    """Adam: steps of about lr, in units of the gradient's recent size (Kingma and Ba 2015, alg. 1).

    m ← β₁ m + (1 − β₁) g and v ← β₂ v + (1 − β₂) g², both corrected for starting at 0:
    m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ). Then p ← p − lr · m̂ / (√v̂ + ε). Weight decay λ adds
    λ p to the gradient.

    Args:
        params: Parameters, or groups of them.
        lr: Learning rate, at least 0.
        betas: β₁ and β₂, each in [0, 1).
        eps: ε, at least 0.
        weight_decay: λ, at least 0.
        amsgrad: Divide by the largest v̂ so far (Reddi, Kale and Kumar 2018).
        foreach: None or False, as capturable, differentiable and fused: how PyTorch runs it.
        maximize: Climb instead.
        capturable: See foreach.
        differentiable: See foreach.
        fused: See foreach.
        decoupled_weight_decay: Decay as `AdamW` does.

    Raises:
        OptionError: An option is out of range.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        super().__init__(params, given(locals()))

    def begin(self, state: dict[str, Any], value: Any, group: dict[str, Any]) -> Any:
        """Count; with amsgrad a third array is remembered."""
        if group["amsgrad"]:
            remember(state, value, "max_exp_avg_sq")
        return super().begin(state, value, group)

    def numbers(self, t: int, state: dict[str, Any], group: dict[str, Any]) -> tuple[Any, ...]:
        """−lr √(1 − β₂ᵗ) / (1 − β₁ᵗ) and ε √(1 − β₂ᵗ): both corrections, off the arrays."""
        beta1, beta2 = group["betas"]
        root = sqrt(1 - beta2**t)
        return -float(group["lr"]) * root / (1 - beta1**t), group["eps"] * root

    def update(
        self, value: Any, g: Any, state: dict[str, Any], group: dict[str, Any], c: Any
    ) -> Any:
        """−lr · m̂ / (√v̂ + ε)."""
        m, v = _moments(g, state, c)
        math = namespace(v)
        if group["amsgrad"]:
            v = state["max_exp_avg_sq"] = math.maximum(state["max_exp_avg_sq"], v)
        size, eps = c[3:]
        denominator = math.sqrt(v)
        denominator += eps
        change = math.divide(m, denominator)
        change *= size
        return change


class AdamW(Adam):
    """Adam with weight decay apart from the gradient, p ← (1 − lr λ) p.

    From Loshchilov and Hutter 2019.

    Args:
        params: Parameters, or groups of them.
        lr: Learning rate, at least 0.
        betas: β₁ and β₂, each in [0, 1).
        eps: ε, at least 0.
        weight_decay: λ, at least 0.
        amsgrad: Divide by the largest v̂ so far.
        maximize: Climb instead.
        foreach: None or False, as capturable, differentiable and fused: how PyTorch runs it.
        capturable: See foreach.
        differentiable: See foreach.
        fused: See foreach.

    Raises:
        OptionError: An option is out of range.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(params, **given(locals()), decoupled_weight_decay=True)

    def load_state_dict(self, state_dict: Any) -> None:
        """Continue from a state, also one of `Adam`; the decay stays apart from the gradient."""
        super().load_state_dict(state_dict)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True


class NAdam(_Moments):
    """Adam with Nesterov's look ahead (Dozat 2016).

    With μₜ = β₁ (1 − ½ · 0.96^(t ψ)): p ← p − lr ((1 − μₜ) g / (1 − Πμ) + μₜ₊₁ m / (1 − μₜ₊₁ Πμ))
    / (√v̂ + ε), where Πμ is the product of μ₁ … μₜ.

    Args:
        params: Parameters, or groups of them.
        lr: Learning rate, at least 0.
        betas: β₁ and β₂, each in [0, 1).
        eps: ε, at least 0.
        weight_decay: λ, at least 0.
        momentum_decay: ψ, at least 0.
        decoupled_weight_decay: Decay the parameter and not the gradient, as `AdamW`.
        foreach: None or False, as capturable and differentiable: how PyTorch runs it.
        maximize: Climb instead.
        capturable: See foreach.
        differentiable: See foreach.

    Raises:
        OptionError: An option is out of range.
    """

    limits: ClassVar = {"momentum_decay": AT_LEAST_ZERO}

    def __init__(
        self,
        params: Any,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(params, given(locals()))

    def numbers(self, t: int, state: dict[str, Any], group: dict[str, Any]) -> tuple[Any, ...]:
        """Factors of g and m, and 1 − β₂ᵗ."""
        (beta1, beta2), lr = group["betas"], float(group["lr"])
        mu, following = (
            beta1 * (1 - 0.5 * 0.96 ** (k * group["momentum_decay"])) for k in (t, t + 1)
        )
        product = state["mu_product"] = state.get("mu_product", 1.0) * mu
        of_g = -lr * (1 - mu) / (1 - product)
        of_m = -lr * following / (1 - product * following)
        return of_g, of_m, 1 - beta2**t

    def update(
        self, value: Any, g: Any, state: dict[str, Any], group: dict[str, Any], c: Any
    ) -> Any:
        """(factor · g + factor · m) / (√v̂ + ε)."""
        of_g, of_m, correction = c[3:]
        m, v = _moments(g, state, c)
        math = namespace(v)
        denominator = math.sqrt(v / correction)
        denominator += group["eps"]
        change = of_g * g
        change += of_m * m
        change = math.divide(change, denominator)
        return change


class RAdam(_Moments):
    """Adam that begins without dividing, while v is known from few gradients (Liu et al. 2020).

    With ρ∞ = 2 / (1 − β₂) − 1 and ρ = ρ∞ − 2 t β₂ᵗ / (1 − β₂ᵗ): as long as ρ ≤ 5,
    p ← p − lr m̂; then p ← p − lr r m̂ √(1 − β₂ᵗ) / (√v + ε) with
    r² = (ρ − 4)(ρ − 2) ρ∞ / ((ρ∞ − 4)(ρ∞ − 2) ρ).

    Args:
        params: Parameters, or groups of them.
        lr: Learning rate, at least 0.
        betas: β₁ and β₂, each in [0, 1).
        eps: ε, at least 0.
        weight_decay: λ, at least 0.
        decoupled_weight_decay: Decay the parameter and not the gradient, as `AdamW`.
        foreach: None or False, as capturable and differentiable: how PyTorch runs it.
        maximize: Climb instead.
        capturable: See foreach.
        differentiable: See foreach.

    Raises:
        OptionError: An option is out of range.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(params, given(locals()))

    def numbers(self, t: int, state: dict[str, Any], group: dict[str, Any]) -> tuple[Any, ...]:
        """Factor of m, and whether to divide it."""
        beta1, beta2 = group["betas"]
        size, correction = -float(group["lr"]) / (1 - beta1**t), 1 - beta2**t
        most = 2 / (1 - beta2) - 1
        rho = most - 2 * t * beta2**t / correction
        if rho <= 5:
            return size, False
        r = sqrt((rho - 4) * (rho - 2) * most / ((most - 4) * (most - 2) * rho))
        return size * r * sqrt(correction), True

    def update(
        self, value: Any, g: Any, state: dict[str, Any], group: dict[str, Any], c: Any
    ) -> Any:
        """factor · m, or that over √v + ε."""
        size, divides = c[3:]
        m, v = _moments(g, state, c)
        change = size * m
        if divides:
            denominator = namespace(v).sqrt(v)
            denominator += group["eps"]
            change = namespace(v).divide(change, denominator)
        return change


class Adamax(Optimizer):
    """Adam with the largest recent gradient in the place of √v̂ (Kingma and Ba 2015, alg. 2).

    m ← β₁ m + (1 − β₁) g, u ← max(β₂ u, |g| + ε), p ← p − lr / (1 − β₁ᵗ) · m / u.

    Args:
        params: Parameters, or groups of them.
        lr: Learning rate, at least 0.
        betas: β₁ and β₂, each in [0, 1).
        eps: ε, at least 0.
        weight_decay: Times p is added to the gradient; at least 0.
        foreach: None or False, as differentiable and capturable: how PyTorch runs it.
        maximize: Climb instead.
        differentiable: See foreach.
        capturable: See foreach.

    Raises:
        OptionError: An option is out of range.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        super().__init__(params, given(locals()))

    def begin(self, state: dict[str, Any], value: Any, group: dict[str, Any]) -> Any:
        """−lr / (1 − β₁ᵗ)."""
        remember(state, value, "exp_avg", "exp_inf")
        t = state["step"] = state.get("step", 0) + 1
        return -float(group["lr"]) / (1 - group["betas"][0] ** t)

    def update(
        self, value: Any, g: Any, state: dict[str, Any], group: dict[str, Any], c: Any
    ) -> Any:
        """−lr / (1 − β₁ᵗ) · m / u."""
        beta1, beta2 = group["betas"]
        math = namespace(g)
        m = state["exp_avg"]
        m += (g - m) * (1 - beta1)
        u = math.maximum(state["exp_inf"] * beta2, abs(g) + group["eps"])
        state["exp_avg"], state["exp_inf"] = m, u
        change = math.divide(m, u)
        change *= c
        return change
