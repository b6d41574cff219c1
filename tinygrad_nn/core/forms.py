"""Rules that the sweep of numbers works out itself: two calls less for each sum and product.

A rule is known by its text: nothing here defines an operation once more, and a rule that is
changed is no longer among these.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["DIFFERENCE", "PRODUCT", "SUM", "form_of"]

SUM, DIFFERENCE, PRODUCT = "sum", "difference", "product"


def _text(rule: Callable[..., Any] | None) -> Any:
    code = getattr(rule, "__code__", None)
    if code is None or code.co_argcount != 4:
        return rule
    return code.co_code, code.co_consts, code.co_names


_FORMS = {
    (_text(lambda g, y, a, b: g), _text(lambda g, y, a, b: g)): SUM,
    (_text(lambda g, y, a, b: g), _text(lambda g, y, a, b: -g)): DIFFERENCE,
    (_text(lambda g, y, a, b: g * b), _text(lambda g, y, a, b: g * a)): PRODUCT,
}


def form_of(rules: Sequence[Callable[..., Any] | None]) -> str | None:
    """Which of the forms the rules of two inputs without static arguments have; None: another."""
    return _FORMS.get((_text(rules[0]), _text(rules[1]))) if len(rules) == 2 else None
