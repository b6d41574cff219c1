"""Rules that the sweep of numbers works out itself: two calls less for each sum and product.

A rule of two inputs is known by its text: nothing here defines an operation once more, and a rule
that is changed is no longer among these. That of weighted sums is made here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["DIFFERENCE", "PRODUCT", "SUM", "WEIGHTED", "form_of", "weighted"]

SUM, DIFFERENCE, PRODUCT, WEIGHTED = "sum", "difference", "product", "weighted sum"


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


def weighted(before: Callable[..., Any]) -> Callable[..., Any]:
    """Pullback of f(b + w₁x₁ + … + wₙxₙ), for the arguments w₁, …, wₙ, x₁, …, xₙ, b.

    Args:
        before: `(g, y, **static) -> gradient` of the sum, where `g` is that of the result `y`.
    """

    def pullback(g: Any, y: Any, *wxb: Any, needs: Sequence[bool], **static: Any) -> list[Any]:
        g = before(g, y, **static)
        n = len(wxb) // 2
        return [*[g * factor for factor in wxb[n:-1] + wxb[:n]], g]

    setattr(pullback, "before", before)  # noqa: B010  (functions have no declared attributes)
    return pullback


def form_of(
    rules: Sequence[Callable[..., Any] | None], pullback: Callable[..., Any] | None = None
) -> str | None:
    """Which of the forms the rules of two inputs without static arguments have, or the pullback.

    None: another.
    """
    if hasattr(pullback, "before"):
        return WEIGHTED
    return _FORMS.get((_text(rules[0]), _text(rules[1]))) if len(rules) == 2 else None
