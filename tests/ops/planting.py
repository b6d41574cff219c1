"""Faulty operations for the tests of the tests, kept out of the registry."""

from collections.abc import Callable
from typing import Any

from tinygrad_nn.core.op import describe_op, give_rules
from tinygrad_nn.core.record import Kind, Op
from tinygrad_nn.core.samples import REAL


def _planted(x: Any, /) -> Any:
    """One argument."""


def _planted_pair(a: Any, b: Any, /) -> Any:
    """Two arguments."""


def planted(
    function: Callable[..., Any] | None = None,
    *,
    vjp: Any,
    kernel: str | None = None,
    kind: Kind = Kind.GENERAL,
    domain: Any = REAL,
    samples: Any = None,
    numpy: str | tuple[str, ...] = (),
    jvp: Any = None,
) -> Op:
    """Record of an operation that `OPS` does not know; the arguments are those of `op`.

    The signature follows from the number of rules unless `function` has one.
    """
    function = function or (_planted_pair if isinstance(vjp, tuple) else _planted)
    record = describe_op(function, kind, domain, samples, numpy)
    record.kernel = kernel
    record.body = None if kernel else function
    give_rules(record, function, vjp, None, jvp)
    return record
