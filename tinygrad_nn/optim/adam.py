"""Adam and AdamW."""

from __future__ import annotations

from math import sqrt
from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.errors import OptionError
from tinygrad_nn.optim.optimizer import Optimizer
from tinygrad_nn.optim.rule import at_least_zero, below_one

__all__ = ["Adam", "AdamW"]

_BLOCK = 16384
"""Elements worked on at a time: the five arrays of a float32 block stay in a 512 KB cache."""


class Adam(Optimizer):
    """Adam: steps of about lr, in units of the gradient's recent size (Kingma and Ba 2015, alg. 1).

    m ← β₁ m + (1 − β₁) g and v ← β₂ v + (1 − β₂) g², both corrected for starting at 0:
    m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ). Then p ← p − lr · m̂ / (√v̂ + ε). Weight decay λ adds
    λ p to the gradient.

    Args:
        params: Parameters, or groups of them.
        lr: Learning rate.
        betas: β₁ and β₂.
        eps: ε.
        weight_decay: λ.
        amsgrad: Divide by the largest v̂ so far (Reddi, Kale and Kumar 2018).

    Raises:
        OptionError: An option is out of range.
    """

    decoupled = False

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
            },
        )

    def check(self, options: dict[str, Any]) -> None:
        """Refuse negative options and decay rates outside [0, 1)."""
        at_least_zero(self.name, options, "lr", "eps", "weight_decay")
        betas = options["betas"]
        if not isinstance(betas, (tuple, list)) or len(betas) != 2:
            raise OptionError(f"{self.name}: got betas={betas!r}, expected two numbers")
        for i, beta in enumerate(betas):
            below_one(self.name, f"betas[{i}]", beta)

    def update(self, place: int, value: Any, g: Any, group: dict[str, Any]) -> Any:
        """p − lr · m̂ / (√v̂ + ε)."""
        remembered = self.state.get(place)
        if remembered is None:
            zero = g * 0.0 if isinstance(g, float) else namespace(g).zeros(g.shape, g.dtype)
            remembered = self.state[place] = {"step": 0, "exp_avg": zero, "exp_avg_sq": zero + 0.0}
            if group["amsgrad"]:
                remembered["max_exp_avg_sq"] = zero + 0.0
        remembered["step"] += 1
        if isinstance(g, float):
            return self._numbers(value, g, remembered, group)
        return self._blocks(value, g, remembered, group)

    def _numbers(
        self, value: Any, g: Any, remembered: dict[str, Any], group: dict[str, Any]
    ) -> Any:
        """The formula, for floats and for arrays of one block; writes m and v anew."""
        beta1, beta2 = group["betas"]
        decay, lr, t = group["weight_decay"], group["lr"], remembered["step"]
        if decay and self.decoupled:
            value = value * (1 - lr * decay)
        elif decay:
            g = g + decay * value
        m, v = remembered["exp_avg"], remembered["exp_avg_sq"]
        # Floats are rebound, arrays written in place: the same lines serve both.
        m *= beta1
        m += (1 - beta1) * g
        v *= beta2
        v += (1 - beta2) * (g * g)
        remembered["exp_avg"], remembered["exp_avg_sq"] = m, v
        if group["amsgrad"]:
            v = remembered["max_exp_avg_sq"] = namespace(v).maximum(remembered["max_exp_avg_sq"], v)
        denominator = namespace(v).sqrt(v)
        denominator *= 1 / sqrt(1 - beta2**t)
        denominator += group["eps"]
        new = m / denominator
        new *= -lr / (1 - beta1**t)
        new += value
        return new

    def _blocks(self, value: Any, g: Any, remembered: dict[str, Any], group: dict[str, Any]) -> Any:
        """The same in blocks that fit the cache: 1.6 ms for 670,000 parameters."""
        if value.size <= _BLOCK:
            return self._numbers(value, g, remembered, group)
        new = namespace(value).empty(value.shape, value.dtype)
        flat_new, flat_value, flat_g = new.reshape(-1), value.reshape(-1), g.reshape(-1)
        flat = {k: a.reshape(-1) for k, a in remembered.items() if k != "step"}
        for start in range(0, value.size, _BLOCK):
            part = slice(start, start + _BLOCK)
            block: dict[str, Any] = {k: a[part] for k, a in flat.items()}
            block["step"] = remembered["step"]
            flat_new[part] = self._numbers(flat_value[part], flat_g[part], block, group)
            if group["amsgrad"]:
                flat["max_exp_avg_sq"][part] = block["max_exp_avg_sq"]
        return new


class AdamW(Adam):
    """Adam with weight decay apart from the gradient, p ← (1 − lr λ) p.

    From Loshchilov and Hutter 2019.

    Args:
        params: Parameters, or groups of them.
        lr: Learning rate.
        betas: β₁ and β₂.
        eps: ε.
        weight_decay: λ.
        amsgrad: Divide by the largest v̂ so far.

    Raises:
        OptionError: An option is out of range.
    """

    decoupled = True

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad)
