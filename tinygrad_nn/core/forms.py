"""Rules that the sweep of numbers works out itself: two calls less for each sum and product.

A rule of two inputs is known by its text: nothing here defines an operation once more, and a rule
that is changed is no longer among these. That of weighted sums is made here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tinygrad_nn.core.node import Node

__all__ = ["DIFFERENCE", "PRODUCT", "SUM", "WEIGHTED", "form_of", "handed_through", "weighted"]

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


def weighted(functions: Mapping[str, Any]) -> Callable[..., Any]:
    """Pullback of f(b + w₁x₁ + … + wₙxₙ), for the arguments w₁, …, wₙ, x₁, …, xₙ, b.

    Args:
        functions: For each `activation` what f is: an elementwise operation whose rule asks for
            the result alone, or None.
    """
    records = {key: f and f.op for key, f in functions.items()}

    def pullback(
        g: Any, y: Any, *wxb: Any, needs: Sequence[bool], activation: str
    ) -> Sequence[Any]:
        g = handed_through(records[activation], g, y)
        n = len(wxb) // 2
        return [*[g * factor for factor in wxb[n:-1] + wxb[:n]], g]

    setattr(pullback, "functions", records)  # noqa: B010  (functions have no declared attributes)
    return pullback


def handed_through(op: Any, g: Any, y: Any) -> Any:
    """Gradient of what the operation was applied to, for its result `y`; `g` where it is None."""
    if op is None:
        return g
    quick = type(g) is type(y) and not isinstance(g, Node)
    rule = op.slopes[type(y)] if quick else op.rules[0]
    return rule(g, y, y)


def form_of(
    rules: Sequence[Callable[..., Any] | None], pullback: Callable[..., Any] | None = None
) -> str | None:
    """Which of the forms the rules of two inputs without static arguments have, or the pullback.

    None: another.
    """
    if hasattr(pullback, "functions"):
        return WEIGHTED
    return _FORMS.get((_text(rules[0]), _text(rules[1]))) if len(rules) == 2 else None
