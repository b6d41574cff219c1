"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.errors import OptionError
from tinygrad_nn.optim.optimizer import Optimizer
from tinygrad_nn.optim.rule import at_least_zero

__all__ = ["SGD"]


class SGD(Optimizer):
    """Gradient descent p ← p − lr · g, with momentum on request.

    With momentum μ a buffer b ← μ b + (1 − dampening) g (at first b = g) takes the place of
    g; with Nesterov's form g + μ b does. Weight decay λ adds λ p to the gradient first.

    Args:
        params: Parameters, or groups of them.
        lr: Learning rate.
        momentum: μ.
        dampening: Share of the gradient that is kept out of the buffer.
        weight_decay: λ.
        nesterov: Look ahead along the buffer.

    Raises:
        OptionError: An option is negative, NaN, or contradicts another.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import optim
        >>> w = tg.Value(1.0)
        >>> optimizer = optim.SGD([w], lr=0.1)
        >>> (w * w).backward()
        >>> optimizer.step()
        >>> w.data
        0.8
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
            },
        )

    def check(self, options: dict[str, Any]) -> None:
        """Refuse negative options, and Nesterov's form without plain momentum."""
        at_least_zero("SGD", options, "lr", "momentum", "dampening", "weight_decay")
        if options["nesterov"] and (not options["momentum"] or options["dampening"]):
            raise OptionError(
                f"SGD: got nesterov=True with momentum={options['momentum']!r} and "
                f"dampening={options['dampening']!r}, expected momentum > 0 and dampening 0"
            )

    def update(self, place: int, value: Any, g: Any, group: dict[str, Any]) -> Any:
        """p − lr · (g or its buffer)."""
        if group["weight_decay"]:
            g = g + group["weight_decay"] * value
        momentum = group["momentum"]
        if momentum:
            remembered = self.state.setdefault(place, {})
            buffer = remembered.get("momentum_buffer")
            if buffer is None:
                buffer = g + 0.0
            else:
                buffer *= momentum
                buffer += (1 - group["dampening"]) * g
            remembered["momentum_buffer"] = buffer
            g = g + momentum * buffer if group["nesterov"] else buffer
        new = g * -group["lr"]
        # In place in the product: one array less than `value - lr * g`, and the same bits.
        new += value
        return new
