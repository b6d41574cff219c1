"""Faulty operations for the tests of the tests, kept out of the registry."""

from collections.abc import Callable
from typing import Any

from tinygrad_nn.core.op import OPS, Op, op


def _one(x: Any, /) -> Any:
    """One argument."""


def _two(a: Any, b: Any, /) -> Any:
    """Two arguments."""


def planted(function: Callable[..., Any] | None = None, **parts: Any) -> Op:
    """Record of an operation made of `parts` that `OPS` does not keep.

    The signature follows from the number of rules unless `function` has one.
    """
    rules = parts.get("vjp")
    function = function or (_two if isinstance(rules, tuple) else _one)
    name = function.__name__.strip("_")
    before = OPS.pop(name, None)
    try:
        record: Op = op(**parts)(function).op  # type: ignore[attr-defined]
    finally:
        del OPS[name]
        if before is not None:
            OPS[name] = before
    return record
