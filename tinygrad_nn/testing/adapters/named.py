"""What functions and their arguments are called."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

__all__ = ["labels_of", "listed", "named", "of_gradient"]


def named(f: Any) -> str:
    """Name of a function for messages."""
    if isinstance(f, str):
        return f
    owner = getattr(f, "__self__", None)
    name = str(getattr(f, "__name__", None) or getattr(f, "name", None) or type(f).__name__)
    qualified = str(getattr(f, "__qualname__", name)).rsplit("<locals>.", 1)[-1]
    if isinstance(owner, type) and not hasattr(owner, name):
        return name
    if isinstance(owner, type) and not owner.__name__.startswith("_"):
        return f"{owner.__name__}.{name}"  # of a class method the class that it was called on
    if isinstance(owner, type) or qualified.startswith("_") or not qualified.endswith(name):
        return name  # of a built-in the class that it hides in, of a wrapper its inner function
    return qualified


def labels_of(f: Any, count: int) -> tuple[str, ...]:
    """Names of the first arguments of a function; "" where they have none."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except Exception:  # of built-in functions, and of objects whose == raises
        return ("",) * count
    found: list[str] = []
    for p in parameters:
        if p.kind is p.VAR_POSITIONAL:
            found += [f"{p.name}[{n}]" for n in range(count - len(found))]
        elif p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
            found.append(p.name)
    return tuple((found + [""] * count)[:count])


def of_gradient(name: str, labels: Sequence[str], cotangents: int) -> tuple[str, tuple[str, ...]]:
    """Name of the gradient of a function, and labels of its arguments: those, and cotangents."""
    return f"the gradient of {name}", (*labels, *(f"cotangent {n}" for n in range(cotangents)))


def listed(found: Any) -> list[Any]:
    """A tuple or list of results as a list; one result as a list of it."""
    return list(found) if isinstance(found, (tuple, list)) else [found]
