"""Operations: one decorated function each, and the binders that call and record them.

A function decorated with `@op` is the whole definition of an operation. Its parameters
before the `/` are *data* (they may carry gradients), those after it are *static*. Its
gradient rules are plain arithmetic; fed payloads they are the fast first-order sweep, fed
nodes they record themselves, which is how every higher order comes about.

    @op(kernel="tanh", vjp=lambda g, y, x: g * (1 - y * y), kind=ELEMENTWISE)
    def tanh(x: T, /) -> T: ...

    @op(vjp=lambda g, y, x, axis: expand_dims(g, axis), kind=LINEAR, samples=one_axis)
    def first(x: T, /, axis: int = 0) -> T:
        return namespace(x).take(x, 0, axis=axis)

Five laws of a rule: (1) only operators, `.shape`, `.dtype`, `.mT` and public operations;
(2) never `.data`, never an array library; (3) never branch on a value; (4) ignore
broadcasting and dtype, the sweep fits; (5) what it reads besides must be locally constant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from inspect import CO_VARARGS
from typing import Any, TypeVar, cast

from tinygrad_nn.core.bind import VARIADIC, caller_of
from tinygrad_nn.core.forms import form_of
from tinygrad_nn.core.record import (
    LEAF,
    NUMPYS,
    OPS,
    SEVERED,
    Kind,
    Op,
    Rule,
    family,
    register_family,
)
from tinygrad_nn.core.reverse import reverser_of
from tinygrad_nn.core.samples import REAL, Domain, Draw, Sample
from tinygrad_nn.errors import OperandError, RegistrationError

__all__ = [
    "LEAF",
    "OPS",
    "SEVERED",
    "Kind",
    "Op",
    "Rule",
    "composed",
    "describe_op",
    "family",
    "give_rules",
    "op",
    "register_family",
]

F = TypeVar("F", bound=Callable[..., Any])


def op(
    *,
    kernel: str | None = None,
    vjp: Rule | Sequence[Rule | None] | None = None,
    pullback: Rule | None = None,
    jvp: Rule | None = None,
    quick: str | None = None,
    kind: Kind = Kind.GENERAL,
    domain: Domain | Sequence[Domain] = REAL,
    samples: Callable[[Draw], Sample] | None = None,
    numpy: str | Sequence[str] = (),
) -> Callable[[F], F]:
    """Make the decorated function an operation. See the module's text.

    Args:
        kernel: Name of the function of every array namespace that computes it. Without
            it the body of the decorated function does, on payloads.
        vjp: Gradient rule `(g, y, *data, **static) -> gradient` for each data argument
            (None where there is no gradient); a single rule for a single argument.
        pullback: Instead of `vjp`, when inputs share work or their number varies:
            `(g, y, *data, needs, **static) -> gradients`, `needs` a tuple of bools.
        jvp: `(tangents, y, *data, **static) -> tangent`, when forward mode does not
            follow from `kind` or is dear that way. A tangent is None where it is zero.
        quick: Name of an array namespace's function with the arguments and the bits of the rule
            (the only one, or the pullback), for sweeps of first order.
        kind: Shape of the derivative.
        domain: Where each argument is differentiable, for the generated tests.
        samples: Arguments for the generated tests, when one broadcastable array for each
            argument will not do.
        numpy: NumPy functions that it answers for.

    Raises:
        RegistrationError: The parts contradict each other, or the name is taken.
    """

    def register(function: F) -> F:
        record = describe_op(function, kind, domain, samples, numpy)
        record.kernel = kernel
        record.body = None if kernel else function
        record.quick = quick
        give_rules(record, function, vjp, pullback, jvp)
        _register(record)
        return cast(F, record.call)

    return register


def composed(
    *,
    samples: Callable[[Draw], Sample] | None = None,
    domain: Domain | Sequence[Domain] = REAL,
    numpy: str | Sequence[str] = (),
) -> Callable[[F], F]:
    """Register a function made of operations, which needs no rule of its own."""

    def register(function: F) -> F:
        record = describe_op(function, Kind.COMPOSED, domain, samples, numpy)
        called = _teaching(record, function) if "axis" in record.static else function
        record.body = record.call = called
        setattr(called, "op", record)  # noqa: B010
        _register(record)
        return called

    return register


def _teaching(record: Op, function: F) -> F:
    """`function`, but it knows PyTorch's words, or its error says more than Python's."""

    @wraps(function)
    def call(*args: Any, **given: Any) -> Any:
        for name in NUMPYS.keys() & given.keys() if given else ():
            own = record.own_word(name)
            if own in given:
                raise OperandError(f"{record.name}: got two values for {own!r}, one as {name!r}")
            given[own] = given.pop(name)
        return function(*args, **given)

    return cast(F, call)


def _register(record: Op) -> None:
    if record.key in OPS:
        raise RegistrationError(f"operation {record.key!r}: the name is taken; choose another")
    OPS[record.key] = record


def give_rules(
    record: Op,
    function: Callable[..., Any],
    vjp: Rule | Sequence[Rule | None] | None,
    pullback: Rule | None,
    jvp: Rule | None,
) -> None:
    """Complete `record` with its derivative, and with what is called instead of `function`.

    Raises:
        RegistrationError: The parts contradict each other.
    """
    record.pullback, record.jvp = pullback, jvp
    if vjp is not None:
        record.rules = (vjp,) if callable(vjp) else tuple(vjp)
    _check(record, derivative=(vjp is not None) + (pullback is not None))
    record.reverse = reverser_of(record)
    record.form = form_of(record.rules, pullback)
    record.call = wraps(function)(caller_of(record))
    setattr(record.call, "op", record)  # noqa: B010  (functions have no declared attributes)


def describe_op(
    function: Callable[..., Any],
    kind: Kind,
    domain: Domain | Sequence[Domain],
    samples: Callable[[Draw], Sample] | None,
    numpy: str | Sequence[str],
) -> Op:
    """Record of a function, without its derivative: what its signature tells."""
    # Read from the code object: inspect.signature would take 10 ms of the package's import.
    code = getattr(function, "__code__", None)
    if code is None:
        raise RegistrationError(
            f"operation: got {function!r}, expected a plain Python function; wrap it in one"
        )
    names, count = code.co_varnames, code.co_argcount
    data = names[: code.co_posonlyargcount]
    static = names[len(data) : count + code.co_kwonlyargcount]
    variadic = bool(code.co_flags & CO_VARARGS)
    given = function.__defaults__ or ()
    defaults = dict(zip(names[count - len(given) : count], given, strict=True))
    defaults.update(function.__kwdefaults__ or {})
    arity = len(data) if len(data) in (1, 2) and not variadic else VARIADIC
    # The part of an operation that a public function wraps is told apart by its underscore.
    record = Op(function.__name__.strip("_"), arity)
    record.key = function.__name__
    record.data = data
    record.variadic = variadic
    record.kind, record.samples = kind, samples
    record.static = static
    record.defaults = {name: defaults[name] for name in static if name in defaults} or None
    record.domains = (
        (domain,) * len(data) if isinstance(domain, Domain) else cast(Any, tuple(domain))
    )
    record.numpy = (numpy,) if isinstance(numpy, str) else tuple(numpy)
    return record


def _check(record: Op, derivative: int) -> None:
    """Refuse a record whose parts contradict each other."""
    data = record.data
    if record.kind is Kind.CONSTANT:
        if derivative:
            raise RegistrationError(f"operation {record.name!r}: a constant one has no rules")
    elif derivative != 1:
        raise RegistrationError(
            f"operation {record.name!r}: got {derivative} of vjp= and pullback=, expected one"
        )
    if record.rules and record.variadic:
        raise RegistrationError(
            f"operation {record.name!r}: got vjp= for a number of data arguments that varies, "
            "expected pullback="
        )
    if record.kind is Kind.ELEMENTWISE and not record.rules:
        raise RegistrationError(
            f"operation {record.name!r}: got pullback= for an elementwise one, expected vjp=, "
            "from which forward mode follows"
        )
    if not isinstance(record.kind, Kind):
        raise RegistrationError(
            f"operation {record.name!r}: got kind={record.kind!r}, expected one of "
            f"{', '.join(map(str, Kind))}"
        )
    given = (*record.rules, record.pullback, record.jvp)
    if not all(rule is None or callable(rule) for rule in given):
        raise RegistrationError(
            f"operation {record.name!r}: got a rule that is no function, expected "
            "(g, y, *data) -> gradient, or None"
        )
    by_rules = derivative and record.pullback is None and not record.variadic
    if by_rules and len(record.rules) != len(data):
        raise RegistrationError(
            f"operation {record.name!r}: got {len(record.rules)} rules for the "
            f"{len(data)} data arguments {data} (those before the '/'), expected one for each"
            + ("" if data else "; write the '/' behind the arrays: def f(x, /, axis=0)")
        )
    if not data and not record.variadic:
        raise RegistrationError(
            f"operation {record.name!r}: got no data argument, expected at least one; "
            "put a '/' after the arguments that carry gradients: def f(x, /, axis=0)"
        )
