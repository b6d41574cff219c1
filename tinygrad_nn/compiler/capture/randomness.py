"""Random generators while a step is captured: what they draw is drawn anew at each replay."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_nn.core.capturing import Traced

if TYPE_CHECKING:
    from tinygrad_nn.compiler.capture.capture import Capture
    from tinygrad_nn.compiler.program import Var

__all__ = ["Draws", "TracedGenerator", "state_of"]


class TracedGenerator(Traced):
    """Stands for a generator: operations take it, and its methods are instructions."""

    __slots__ = ("capture", "value", "var")
    __array_priority__ = -1

    def __init__(self, capture: Capture, var: Var, value: Any) -> None:
        self.capture = capture
        self.var = var
        self.value = value

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(type(self.value), name)

        def draw(*args: Any, **options: Any) -> Any:
            given = (self, *args)
            found = self.capture.apply(f"random.{name}", method, given, options, pure=False)
            self.capture.draws.watch(self.value)
            return found

        return draw


class Draws:
    """Generators that a step uses, and whether anything else drew from them.

    A step that draws with NumPy's own functions would have the same numbers in each replay.
    """

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self._known: dict[int, tuple[Any, Any]] = {}
        self._of_all = _of_all()

    def watch(self, rng: Any) -> None:
        """Remember where a generator stands; what draws from it next must be ours."""
        self._known[id(rng)] = rng, state_of(rng)

    def check(self, rng: Any) -> None:
        """Refuse if something else drew from it since it was looked at last."""
        known = self._known.get(id(rng))
        if known is not None and state_of(rng) != known[1]:
            raise self._capture.refused(
                "draws of a numpy.random.Generator by its own methods",
                "draw with tinygrad_nn.random: tinygrad_nn.random.normal(size=3, rng=rng), or "
                "draw before the step and pass the array",
            )

    def check_all(self) -> None:
        """The same for each that is known, and for those that are everybody's."""
        for rng, _ in tuple(self._known.values()):
            self.check(rng)
        if _of_all() != self._of_all:
            raise self._capture.refused(
                "draws of numpy.random's or Python's common generator",
                "draw with tinygrad_nn.random and a generator of your own: "
                "tinygrad_nn.random.normal(size=3, rng=rng), or before the step",
            )


def _of_all() -> Any:
    """States of the generators that nobody hands over."""
    name, *rest = np.random.get_state()
    return name, *[x.tobytes() if hasattr(x, "tobytes") else x for x in rest], random.getstate()


def state_of(rng: Any) -> Any:
    """State of a generator in a form that can be compared."""
    if isinstance(rng, random.Random):
        return rng.getstate()
    if isinstance(rng, np.random.RandomState):
        return repr(rng.get_state(legacy=False))
    return repr(rng.bit_generator.state)
