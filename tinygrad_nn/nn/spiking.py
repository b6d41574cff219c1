"""Spiking neurons: a potential that leaks, and fires when it reaches a threshold."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.nn.functional.spiking import spike
from tinygrad_nn.nn.module import Module
from tinygrad_nn.ops.join import stack

__all__ = ["LIF"]


class LIF(Module):
    """Leaky integrate-and-fire neurons: `(T, ...) -> (T, ...)`, and the last potential `(...)`.

    v[t] = β v[t−1] + x[t] − θ s[t−1], s[t] = 1 where v[t] ≥ θ, else 0 (Lapicque 1907, in the
    discrete form of Neftci, Mostafa and Zenke, "Surrogate gradient learning in spiking neural
    networks", 2019). The potential is that before the spike takes its part, so that a run may be
    continued with it. The gradient of the spike is that of a stand-in; see
    `functional.spike`. With reset="zero" the potential is set to 0 by a spike instead.

    Args:
        beta: β, what is left of the potential after a step, in [0, 1].
        threshold: θ.
        slope: k, how narrow the stand-in is.
        reset: "subtract" or "zero".

    Raises:
        OptionError: An option is out of range.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> spikes, potential = nn.LIF(beta=0.5)(tg.tensor([0.6, 0.6, 0.6, 0.6]))
        >>> spikes.tolist()
        [0.0, 0.0, 1.0, 0.0]
    """

    def __init__(
        self,
        beta: float = 0.9,
        threshold: float = 1.0,
        slope: float = 25.0,
        reset: str = "subtract",
    ) -> None:
        super().__init__()
        if not 0 <= beta <= 1:
            raise OptionError(f"LIF: got beta={beta!r}, expected a number in [0, 1]")
        if not (threshold > 0 and slope > 0):
            raise OptionError(
                f"LIF: got threshold={threshold!r} and slope={slope!r}, expected positive numbers"
            )
        if reset not in ("subtract", "zero"):
            raise OptionError(f"LIF: got reset={reset!r}, expected 'subtract' or 'zero'")
        self.beta, self.threshold, self.slope, self.reset = beta, threshold, slope, reset

    def forward(self, input: Any, potential: Any = None) -> tuple[Any, Any]:
        """Spikes at each step, and the potential after the last.

        Args:
            input: Currents, steps first.
            potential: Where to start; None for 0.

        Raises:
            ShapeError: There is no step.
        """
        if not input.ndim or not input.shape[0]:
            raise ShapeError(f"LIF: got {tuple(input.shape)}, expected at least one step, (T, ...)")
        spikes = []
        v, fired = potential, None
        if v is not None:
            fired = spike(v - self.threshold, self.slope)
        for t in range(input.shape[0]):
            v = input[t] if v is None else self._leaked(v, fired) + input[t]
            fired = spike(v - self.threshold, self.slope)
            spikes.append(fired)
        return stack(spikes), v

    def _leaked(self, v: Any, fired: Any) -> Any:
        """What is left of the potential after the last spike."""
        if self.reset == "zero":
            return self.beta * v * (1 - fired)
        return self.beta * v - self.threshold * fired

    def extra_repr(self) -> str:
        """Options."""
        return f"beta={self.beta}, threshold={self.threshold}, slope={self.slope}"
