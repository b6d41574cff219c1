"""What a check is asked for; what means nothing is refused before anything is computed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from math import isfinite
from numbers import Integral, Real
from typing import Any

import numpy as np

from tinygrad_nn.errors import CheckError, OperandError

__all__ = ["Options", "refuse_unknown"]


@dataclass(frozen=True)
class Options:
    """The options of `gradcheck`, which documents them and has their defaults.

    Raises:
        CheckError: One of them is no order, tolerance, part, choice or seed: with a nan of them
            all would fail.
    """

    engine: str
    order: int
    tolerance: float | None
    cap: float
    dense: bool | None
    laws: bool
    exact: Any
    seed: int
    timeout: float | None

    def __post_init__(self) -> None:
        for name, (fits, expected) in _EXPECTED.items():
            got = getattr(self, name)
            if not fits(got):
                raise CheckError(f"gradcheck: got {name}={got!r}, expected {expected}")

    def by_name(self) -> Mapping[str, Any]:
        """All of them."""
        return vars(self)


def refuse_unknown(names: Iterable[str]) -> None:
    """Refuse keywords that `gradcheck` does not have.

    Raises:
        OperandError: There are any.
    """
    unknown = list(names)
    if not unknown:
        return
    known = ["grad", *(f.name for f in fields(Options))]
    advice = [f"{name}: {text}" for name in unknown if (text := _advice(name, known))]
    raise OperandError(
        f"gradcheck: got the keyword{'s' * (len(unknown) > 1)} {', '.join(map(repr, unknown))}, "
        f"expected some of {', '.join(known)}{'; '.join(['', *advice])}"
    )


def _advice(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return _ELSEWHERE.get(name) or (f"did you mean {near[0]}?" if near else "")


def _is_number(x: Any) -> bool:
    return not isinstance(x, bool) and isinstance(x, Real) and isfinite(x)


def _is_tolerance(x: Any) -> bool:
    return x is None or (_is_number(x) and x >= 0)


def _is_part(x: Any) -> bool:
    return _is_number(x) and 0 <= x <= 1


def _is_choice(x: Any) -> bool:
    return x is None or isinstance(x, (bool, np.bool_))


def _is_seed(x: Any) -> bool:
    return isinstance(x, Integral) and int(x) >= 0


_EXPECTED: dict[str, tuple[Callable[[Any], bool], str]] = {
    "order": (lambda x: x in (1, 2, 3), "1, 2 or 3"),
    "tolerance": (_is_tolerance, "a part of each element's size, such as 1e-6, or None"),
    "cap": (_is_part, "the part of the elements that may be inconclusive, from 0 to 1"),
    "dense": (_is_choice, "True, False, or None to choose by size"),
    "seed": (_is_seed, "a whole number that is not negative"),
}
"""Of options with a check of their own: what else they may be. `engine`, `exact` and `timeout` are
judged where they are used."""

_ELSEWHERE = {
    "eps": "leave it out, the check chooses its steps",
    "atol": "leave it out, or write tolerance=, which is relative to each element's own scale",
    "rtol": "leave it out, or write tolerance=, the allowed part of each element",
    "nondet_tol": "leave it out, results that differ by more than rounding are refused",
    "raise_exception": "leave it out, gradcheck(...).assert_ok() raises",
    "fast_mode": "write dense=False for random directions instead of every element",
    "modes": "leave it out, forward mode is held against the gradient where there is one (laws=)",
    "check_forward_ad": "leave it out, forward mode is held against the gradient (laws=)",
    "check_backward_ad": "leave it out, it always is",
    "check_batched_grad": "leave it out, gradients under vmap are not checked",
    "check_batched_forward_grad": "leave it out, gradients under vmap are not checked",
    "check_undefined_grad": "leave it out",
    "check_grad_dtypes": "leave it out",
    "masked": "leave it out, inputs are dense",
}
"""What those who come from another library's check write, and what is here instead."""
