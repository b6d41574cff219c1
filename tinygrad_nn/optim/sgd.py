"""Stochastic gradient descent, and its average over the steps."""

from __future__ import annotations

from typing import Any, ClassVar

from tinygrad_nn.errors import OptionError
from tinygrad_nn.optim.limits import FINITE
from tinygrad_nn.optim.optimizer import Optimizer
from tinygrad_nn.optim.rule import given, remember

__all__ = ["ASGD", "SGD"]


class SGD(Optimizer):
    """Gradient descent p ← p − lr · g, with momentum on request.

    With momentum μ a buffer b ← μ b + (1 − dampening) g (at first b = g) takes the place of
    g; with Nesterov's form g + μ b does. Weight decay λ adds λ p to the gradient first.

    Args:
        params: Parameters, or groups of them.
        lr: Learning rate, at least 0.
        momentum: μ, at least 0.
        dampening: Share of the gradient that is kept out of the buffer.
        weight_decay: λ, at least 0.
        nesterov: Look ahead along the buffer.
        maximize: Climb instead.
        foreach: None or False, as differentiable and fused: how PyTorch runs the same formula.
        differentiable: See foreach.
        fused: See foreach.

    Raises:
        OptionError: An option is out of range, or contradicts another.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import optim
        >>> w = tg.Value(1.0)
        >>> optimizer = optim.SGD([w], lr=0.1)
        >>> (w * w).backward()
        >>> optimizer.step()
        >>> w.data
        0.8

    Source:
        Sutskever, Martens, Dahl and Hinton 2013 for the momentum.
    """

    limits: ClassVar = {"dampening": FINITE}
    factors = True

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(params, given(locals()))

    def check(self, options: dict[str, Any]) -> None:
        """Refuse options out of range, and Nesterov's form without plain momentum."""
        super().check(options)
        if options["nesterov"] and (not options["momentum"] or options["dampening"]):
            raise OptionError(
                f"SGD: got nesterov=True with momentum={options['momentum']!r} and "
                f"dampening={options['dampening']!r}, expected momentum > 0 and dampening 0"
            )

    def begin(self, state: dict[str, Any], value: Any, group: dict[str, Any]) -> Any:
        """−lr, and the shares of the buffer and of the gradient in the new buffer.

        The gradient's is None where it is always 1.
        """
        size = -float(group["lr"])
        if not group["momentum"]:
            return size, None, None
        first = "momentum_buffer" not in state
        remember(state, value, "momentum_buffer")
        keep, take = (0.0, 1.0) if first else (group["momentum"], 1 - group["dampening"])
        return size, keep, take if group["dampening"] else None

    def shared(self, group: dict[str, Any]) -> bool:
        """Without momentum there is the rate alone."""
        return not group["momentum"]

    def update(
        self, value: Any, g: Any, state: dict[str, Any], group: dict[str, Any], c: Any
    ) -> Any:
        """−lr · (g or its buffer)."""
        size, keep, take = c
        if keep is not None:
            buffer = state["momentum_buffer"]
            buffer *= keep
            buffer += g if take is None else take * g
            state["momentum_buffer"] = buffer
            g = g + group["momentum"] * buffer if group["nesterov"] else buffer
        return g * size


class ASGD(Optimizer):
    """Averaged gradient descent: besides p, its mean over the steps after the first t0.

    p ← (1 − λ η) p − η g with η = lr / (1 + λ lr t)^α; the mean ax ← ax + μ (p − ax) with
    μ = 1 / max(1, t − t0). It is `optimizer.state[p]["ax"]`, for the model at the end.

    Args:
        params: Parameters, or groups of them.
        lr: Learning rate, at least 0.
        lambd: λ, how fast the rate falls and parameters decay.
        alpha: α, power of the fall.
        t0: Step at which averaging begins.
        weight_decay: Times p is added to the gradient; at least 0.
        foreach: None or False, as differentiable and capturable: how PyTorch runs it.
        maximize: Climb instead.
        differentiable: See foreach.
        capturable: See foreach.

    Raises:
        OptionError: An option is out of range.

    Source:
        Polyak and Juditsky 1992.
    """

    limits: ClassVar = {"lambd": FINITE, "alpha": FINITE, "t0": FINITE}

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        super().__init__(params, given(locals()))

    def begin(self, state: dict[str, Any], value: Any, group: dict[str, Any]) -> Any:
        """η and μ of this step (None for 1); those of the next are kept."""
        remember(state, value, "ax")
        lr = float(group["lr"])
        eta, mu = state.get("eta", lr), state.get("mu", 1.0)
        t = state["step"] = state.get("step", 0) + 1
        state["eta"] = lr / (1 + group["lambd"] * lr * t) ** group["alpha"]
        state["mu"] = 1 / max(1.0, float(t - group["t0"]))
        return eta, None if mu == 1 else mu

    def update(
        self, value: Any, g: Any, state: dict[str, Any], group: dict[str, Any], c: Any
    ) -> Any:
        """−λ η p − η g."""
        eta, mu = c
        change = value * (-group["lambd"] * eta)
        change -= eta * g
        new, ax = value + change, state["ax"]
        state["ax"] = new if mu is None else ax + (new - ax) * mu
        return change
