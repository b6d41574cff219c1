"""What a case of the corpus is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np


class Truth(Enum):
    """What mathematics says of a gradient."""

    RIGHT = "right"
    """It is the derivative, but for rounding."""
    WRONG = "wrong"
    """It is not; at a kink: it lies beyond the one-sided slopes."""
    KINK = "kink"
    """There is no derivative, and the claim is a value that a subgradient may have."""
    UNDECIDABLE = "undecidable"
    """Nobody could know from values of the function."""


@dataclass(frozen=True)
class Case:
    """A function, what is claimed to be its gradient, and whether that is so.

    Attributes:
        name: Of one case only.
        category: Row of the page.
        f: Function of NumPy arrays.
        grad: `grad(*inputs)` where `f` gives one number, else `grad(*inputs, cotangent)`; of
            several inputs a tuple.
        inputs: Where it is checked.
        truth: By mathematics.
        why: The truth's reason, in words.
    """

    name: str
    category: str
    f: Callable[..., Any]
    grad: Callable[..., Any]
    inputs: tuple[Any, ...]
    truth: Truth
    why: str


class Category(list[Case]):
    """The cases of one module."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def _add(self, truth: Truth, name: str, f: Any, grad: Any, inputs: Any, why: str) -> None:
        arrays = tuple(np.asarray(x) for x in inputs)
        self.append(Case(name, self.name, f, grad, arrays, truth, why))

    def right(self, name: str, f: Any, grad: Any, *inputs: Any, why: str = "") -> None:
        self._add(Truth.RIGHT, name, f, grad, inputs, why or "the derivative by calculus")

    def wrong(self, name: str, f: Any, grad: Any, *inputs: Any, why: str) -> None:
        self._add(Truth.WRONG, name, f, grad, inputs, why)

    def kink(self, name: str, f: Any, grad: Any, *inputs: Any, why: str) -> None:
        self._add(Truth.KINK, name, f, grad, inputs, why)

    def undecidable(self, name: str, f: Any, grad: Any, *inputs: Any, why: str) -> None:
        self._add(Truth.UNDECIDABLE, name, f, grad, inputs, why)

    def both(
        self, name: str, f: Any, grad: Any, *inputs: Any, factor: float = 1.01, why: str = ""
    ) -> None:
        """The right gradient, and the same times a factor."""
        self.right(name, f, grad, *inputs, why=why)

        def slipped(*given: Any) -> Any:
            found = grad(*given)
            if isinstance(found, tuple):
                return tuple(factor * g for g in found)
            return factor * found

        self.wrong(f"{name}, times {factor:g}", f, slipped, *inputs, why=f"{factor:g} times right")


def always(value: float) -> Callable[..., Any]:
    """A gradient that is claimed to be this number."""
    return lambda *inputs: np.float64(value)


def noise(x: Any) -> Any:
    """Numbers in [-1, 1] that look random, the same for the same bits of x."""
    bits = np.asarray(x, np.float64).view(np.uint64)
    with np.errstate(over="ignore"):
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            bits = (bits ^ (bits >> np.uint64(shift))) * np.uint64(factor)
        bits ^= bits >> np.uint64(31)
    return bits.astype(np.float64) / 2.0**63 - 1.0


def draws(seed: int, *shape: int) -> Any:
    """Numbers of the standard normal distribution."""
    return np.random.default_rng(seed).standard_normal(shape)
