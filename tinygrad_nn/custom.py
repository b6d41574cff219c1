"""Operations of the user: one decorated function, checked when it is registered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import numpy as np

from tinygrad_nn.core.node import Node
from tinygrad_nn.core.op import Kind, Op, Rule, describe_op, give_rules
from tinygrad_nn.core.samples import REAL, Domain, Draw, Sample
from tinygrad_nn.draws import RandomDraw
from tinygrad_nn.errors import RegistrationError
from tinygrad_nn.transforms import jvp as jvp_of
from tinygrad_nn.transforms import vjp as vjp_of

__all__ = ["custom_op"]

F = TypeVar("F", bound=Callable[..., Any])


def custom_op(
    function: None = None,
    /,
    *,
    vjp: Rule | Sequence[Rule | None] | None = None,
    pullback: Rule | None = None,
    jvp: Rule | None = None,
    kind: Kind = Kind.GENERAL,
    domain: Domain | Sequence[Domain] = REAL,
    samples: Callable[[Draw], Sample] | Sequence[Sequence[Any]] | None = None,
    check: bool = True,
) -> Callable[[F], F]:
    """Make an operation of a NumPy function and its gradient rule.

    The decorated function takes arrays before a `/` (they carry gradients; it cannot write
    into them) and static arguments after it, and returns one array. A rule is
    `(g, y, *arrays, **static)` and returns the gradient of one array; write it with
    operators and `tinygrad_nn`'s functions, and derivatives of every order follow.

    At registration the rule is compared with finite differences, to second order; so is
    forward mode, with `jvp` or with what follows from `kind`.

    Args:
        function: Nothing: the decorator needs its rule, as in the example.
        vjp: One rule for each array (None: no gradient), or a single rule.
        pullback: Instead, one function `(g, y, *arrays, needs, **static)` for all.
        jvp: `(tangents, y, *arrays, **static)` for forward mode; derived if left away.
        kind: Shape of the derivative (`Kind.ELEMENTWISE` makes forward mode quick).
        domain: Where each argument is differentiable, for the check.
        samples: Arguments for the check: a list of tuples of arrays, or a function of a
            `Draw`; by default broadcastable arrays of `domain`.
        check: False leaves the check away.

    Raises:
        RegistrationError: The rule disagrees with finite differences (with the numbers),
            or the parts contradict each other.

    Example:
        >>> import numpy as np
        >>> import tinygrad_nn as tg
        >>> @tg.custom_op(vjp=lambda g, y, x: g * tg.cos(x))
        ... def sine(x, /):
        ...     return np.sin(x)
        >>> tg.grad(lambda x: sine(x))(0.0)
        1.0
    """
    if function is not None:
        raise RegistrationError(
            f"custom_op: got {getattr(function, '__name__', function)} alone, expected the rule of "
            "its gradient; write @tg.custom_op(vjp=lambda g, y, x: ...) above the function"
        )

    def register(function: F) -> F:
        drawn = samples if callable(samples) else None
        record = describe_op(function, kind, domain, drawn, ())
        record.body = _reading(function)
        give_rules(record, function, vjp, pullback, jvp)
        if check:
            _check_rules(record, _given(samples))
        return cast(F, record.call)

    return register


def _reading(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` on views that cannot be written: the arrays belong to the graph."""

    def body(*xs: Any, **static: Any) -> Any:
        return function(*map(_locked, xs), **static)

    return body


def _locked(x: Any) -> Any:
    if not isinstance(x, np.ndarray):
        return x
    view = x.view()
    view.flags.writeable = False
    return view


def _given(samples: Any) -> list[Sample] | None:
    if samples is None or callable(samples):
        return None
    return [(tuple(args), {}) for args in samples]


def _check_rules(record: Op, given: list[Sample] | None) -> None:
    rng = np.random.default_rng(0)
    cases = [record.sample(RandomDraw(seed)) for seed in range(8)] if given is None else given
    checked = False
    for args, static in cases:
        if len(args) != len(record.data) and not record.variadic:
            raise RegistrationError(
                f"operation {record.name!r}: got samples of {len(args)} arguments, expected a list "
                f"of tuples of {len(record.data)}: samples=[(array,), ...]"
            )
        floats = [
            i
            for i, x in enumerate(args)
            if np.asarray(x).dtype.kind == "f" and not (record.rules and record.rules[i] is None)
        ]
        if not floats or not all(np.size(args[i]) for i in floats):
            continue
        checked = True
        inputs = [np.asarray(args[i], dtype=np.float64) for i in floats]

        def f(*xs: Any, args: Any = args, static: Any = static, floats: Any = floats) -> Any:
            full = list(args)
            for i, x in zip(floats, xs, strict=True):
                full[i] = x
            return record.call(*full, **static)

        weight = rng.normal(size=_value(f(*inputs)).shape)

        def first(*xs: Any, f: Any = f, weight: Any = weight) -> Any:
            return (f(*xs) * weight).sum()

        def slope(*xs: Any, first: Any = first) -> Any:
            _, back = vjp_of(first, *xs)
            return sum((g * g).sum() for g in back(1.0))

        _compare(record, first, inputs, rng, order=1)
        _compare(record, slope, inputs, rng, order=2)
    if not checked and given is not None:
        raise RegistrationError(
            f"operation {record.name!r}: got samples without a float array that is not empty, so "
            "that no rule could be checked; expected a list of tuples of arrays, or check=False"
        )


def _compare(record: Op, f: Any, inputs: list[Any], rng: Any, order: int) -> None:
    """Directional derivatives by the rule against central differences at two steps."""
    directions = [rng.normal(size=x.shape) for x in inputs]
    try:
        _, back = vjp_of(f, *inputs)
        found = sum(float((g * d).sum()) for g, d in zip(back(1.0), directions, strict=True))
        # The second order by forward mode would only repeat the first order's rule.
        ahead = float(jvp_of(f, tuple(inputs), tuple(directions))[1]) if order == 1 else found
    except Exception as error:
        error.add_note(f"while checking the derivative of order {order} of {record.name!r}")
        error.add_note(_called_as(record))
        raise

    def along(t: float) -> float:
        return float(_value(f(*[x + t * d for x, d in zip(inputs, directions, strict=True)])))

    near, far = [(along(h) - along(-h)) / (2 * h) for h in (1e-5, 2e-5)]
    # Richardson's combination; the two steps' difference tells how far to trust it.
    numeric = (4 * near - far) / 3
    doubt = 1e-6 * (abs(numeric) + abs(along(0.0)) + 1e-3) + 10 * abs(near - far)
    for way, number in (("rule", found), ("forward mode (jvp= or kind=)", ahead)):
        if not abs(number - numeric) <= doubt:
            raise RegistrationError(
                f"operation {record.name!r}: its {way} disagrees with finite differences at order "
                f"{order}: got {number:.10g}, expected {numeric:.10g} (± {doubt:.1g}) along one "
                f"random direction, for arguments of shapes {[x.shape for x in inputs]}; mend it, "
                "give domain= or samples= where the function is smooth, or pass check=False"
            )


def _called_as(record: Op) -> str:
    """How the rule of an operation is called, for who wrote another."""
    arrays = [*record.data, *["..."] * record.variadic]
    static = [f"{name}={name}" for name in record.static]
    if record.pullback is not None:
        call = ", ".join(["g", "y", *arrays, "needs", *static])
        return f"the rule is called as pullback({call}), and gives a gradient for each array"
    call = ", ".join(["g", "y", *arrays, *static])
    return f"a rule is called as rule({call}), and gives the gradient of one array"


def _value(x: Any) -> Any:
    return x._data if isinstance(x, Node) else np.asarray(x)
