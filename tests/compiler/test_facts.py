"""What the compiler takes for known of a function is so: each entry of the table, on real arrays.

Nothing here names a function, except for what the samples of the operations cannot give.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

import tinygrad_nn as tg
from tests.compiler.programs import Builder
from tests.ops.draws import SeededDraw
from tinygrad_nn.backends import array
from tinygrad_nn.compiler import facts as facts_module
from tinygrad_nn.compiler.facts import FACTS, Facts, Lies, facts_of
from tinygrad_nn.compiler.passes.simplify import simplified
from tinygrad_nn.core.op import OPS, Kind
from tinygrad_nn.core.tree import flatten

SAMPLES = range(25)
EXTREMES = (0.0, -0.0, 1.0, np.nan, np.inf, -np.inf, 3e38, -1e-45)


# ── Each function on many arrays ────────────────────────────────────────────────────────

OTHER: dict[str, tuple[Any, ...]] = {"getitem": (slice(None, None, 2),)}
"""Further arguments of functions that need some and are no operation of that name."""


def functions(name: str) -> Iterator[Callable[..., Any]]:
    """All that has this name: a kernel, a function of backends/, NumPy's."""
    if name in OPS and OPS[name].kind is not Kind.COMPOSED:
        yield OPS[name].kernels[np.ndarray][0]
    found = [getattr(array, name, None), getattr(np, name, None)]
    if name == "getitem":
        found = [lambda x, key: x[key]]
    yield from dict.fromkeys(f for f in found if f is not None)


def laid_out(x: Any) -> Iterator[Any]:
    """The same numbers in several layouts."""
    yield x
    if not isinstance(x, np.ndarray) or not x.ndim:
        return
    yield np.asfortranarray(x)
    wide = np.repeat(x, 2, axis=-1)
    yield wide[..., ::2]
    yield np.flip(np.flip(x).copy())
    # Axes of zero strides, where the numbers allow.
    first = x[:1]
    yield np.broadcast_to(first, x.shape) if x.size else x
    yield x[:0]
    if x.size:
        yield x.reshape(-1)[0, ...]


def calls(name: str) -> Iterator[tuple[Any, list[Any], Any]]:
    """A function of arrays, arguments, and its result."""
    for function in functions(name):
        for args, params in samples(name):
            for n, x in enumerate(args):
                for other in laid_out(x):
                    given = [*args[:n], other, *args[n + 1 :]]
                    try:
                        with np.errstate(all="ignore"):
                            out = function(*given, **params)
                    except Exception:
                        continue
                    yield partial(function, **params), given, out


def samples(name: str) -> Iterator[tuple[list[Any], dict[str, Any]]]:
    if name in OPS:
        for seed in SAMPLES:
            args, params = OPS[name].sample(SeededDraw(seed))
            yield list(args), {k: v for k, v in params.items() if k != "rng"}
        return
    for shape in ((2, 3), (4,), (1, 3, 2), (3, 0), ()):
        x = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype("f4")
        yield [x, *OTHER.get(name, ())], {}


def arrays(tree: Any) -> list[Any]:
    return [x for x in flatten(tree)[0] if isinstance(x, np.ndarray)]


def shows(out: Any, given: Any) -> bool:
    """Whether a result shows memory of an argument."""
    return any(np.shares_memory(y, x) for y in arrays(out) for x in arrays(given))


# ── What is checked ─────────────────────────────────────────────────────────────────────


def wrong_memory(name: str, known: Facts) -> str:
    """What is wrong with what is said of the memory of its result, or ""."""
    count = shared = 0
    for _, given, out in calls(name):
        count += 1
        if shows(out, given):
            shared += 1
            if known.lies is Lies.APART:
                return f"shows {[(x.shape, x.strides) for x in arrays(given)]}"
    if not count and known.lies is not Lies.ANYWHERE:
        return "was never tried"
    return "never shows an argument" if known.lies is Lies.OVER and not shared else ""


def wrong_surety(name: str, known: Facts) -> str:
    if not known.sure:
        return ""
    rng = np.random.default_rng(0)
    for function, given, _ in calls(name):
        extreme = [
            rng.choice(EXTREMES, x.shape).astype(x.dtype)
            if isinstance(x, np.ndarray) and x.dtype.kind == "f"
            else x
            for x in given
        ]
        try:
            with np.errstate(all="ignore"):
                function(*extreme)
        except Exception as error:
            return f"fails: {error!r}"
    return ""


def wrong_conversion(name: str, known: Facts) -> str:
    function = getattr(np, name, None)
    if not known.converts:
        return ""
    if not isinstance(function, np.ufunc):
        return "is no ufunc"
    for code in "fd":
        x = np.array([0.1, -2.5, 7.0], code)
        for number in (0.1, 3, -1e-9, 1e30):
            there = np.array(number, code)
            try:
                with np.errstate(all="ignore"):
                    pairs = [(function(x, number), function(x, there))]
                    pairs.append((function(number, x), function(there, x)))
            except TypeError:
                return f"does not take {number!r} beside {code}"
            if any(a.dtype != b.dtype or a.tobytes() != b.tobytes() for a, b in pairs):
                return f"differs for {number!r} beside {code}"
    return ""


def wrong_elements(name: str, known: Facts) -> str:
    """By pieces it must be what it is at once."""
    if not known.each:
        return ""
    for args, params in samples(name):
        given = np.broadcast_arrays(*args)
        with np.errstate(all="ignore"):
            for function in functions(name):
                whole = function(*given, **params)
                if whole.ndim and len(whole) > 1:
                    half = len(whole) // 2
                    pieces = [
                        function(*[x[piece] for x in given], **params)
                        for piece in (slice(None, half), slice(half, None))
                    ]
                    if np.concatenate(pieces).tobytes() != whole.tobytes():
                        return f"differs by pieces for {[x.shape for x in given]}"
    return ""


CHECKS = (wrong_memory, wrong_surety, wrong_conversion, wrong_elements)


@pytest.mark.parametrize("name", sorted(FACTS))
def test_what_is_said_of_a_function_is_so(name: str):
    assert not list(filter(None, (check(name, FACTS[name]) for check in CHECKS)))


@pytest.mark.parametrize(
    ("name", "claim"),
    [
        ("reshape", Facts(Lies.APART)),
        ("diagonal", Facts(Lies.APART)),
        ("squeeze", Facts(Lies.APART)),
        ("multiply", Facts(Lies.OVER)),
        ("inv", Facts(sure=True)),
        ("ldexp", Facts(converts=True)),
        ("where", Facts(converts=True)),
        ("softmax", Facts(each=True)),
        ("cumsum", Facts(each=True)),
        ("no_such_function", Facts(Lies.APART)),
    ],
)
def test_a_wrong_entry_is_found(name: str, claim: Facts):
    assert any(check(name, claim) for check in CHECKS)


@pytest.mark.parametrize("key", sorted(OPS))
def test_what_draws_says_so(key: str):
    assert FACTS.get(key, facts_module.UNKNOWN).draws == ("rng" in OPS[key].static)


def test_of_an_unknown_function_nothing_is_known():
    b = Builder()
    x = b.input(np.ones(3))
    b.do("mystery", lambda x: x, x)
    assert facts_of(b.instructions[-1]) == Facts()
    assert Facts().lies is Lies.ANYWHERE
    assert not any((Facts().sure, Facts().converts, Facts().each))


def test_somebody_else_s_elementwise_function_may_have_any_name():
    b = Builder()
    inner = b.do("negative", np.negative, b.input(np.ones(3)))
    y = b.do("positive", np.negative, inner)  # as one named `positive` that negates
    z = b.do("add", np.logaddexp, y, inner)
    program = b.program(b.do("absolute", np.absolute, z))
    assert not facts_of(program.instructions[2]).sure
    assert [i.name for i in simplified(program).instructions] == [
        i.name for i in program.instructions
    ]


# ── Operations of the user, which may have any name ─────────────────────────────────────


def named(name: str) -> Any:
    """An operation of the user: twice its argument, by a name of this package's."""

    def body(x: Any, /) -> Any:
        return x * 2.0

    body.__name__ = name
    return tg.custom_op(vjp=lambda g, y, x: g * 2.0, check=False)(body)


@pytest.mark.parametrize("engine", ["numpy", "auto"])
@pytest.mark.parametrize(
    "name",
    sorted({n for n in FACTS if n.isidentifier()} | {"positive", "copy", "astype", "nll", "place"}),
)
def test_an_operation_of_the_user_is_not_taken_for_ours(name: str, engine: Any):
    twice = named(name)

    @tg.jit(engine=engine)
    def step(x: Any) -> Any:
        y = twice(x)
        return y + 1.0, tg.grad(lambda x: twice(x).sum())(x)

    for k in range(3):
        x = tg.tensor(np.arange(6.0).reshape(2, 3) - k)
        y, slope = step(x)
        np.testing.assert_array_equal(y.numpy(), x.numpy() * 2 + 1)
        np.testing.assert_array_equal(slope.numpy(), np.full((2, 3), 2.0))


def test_an_operation_of_the_user_with_a_shape_by_values():
    @tg.custom_op(vjp=lambda g, y, x: g, check=False)
    def picked(x: Any, /) -> Any:
        return x[x > 0]

    step = tg.jit(lambda x: picked(x) * 2.0)
    for numbers in ([1.0, -2.0, 3.0], [1.0, 5.0, -3.0], [-1.0, -5.0, 3.0], [1.0, 5.0, 3.0]):
        x = tg.tensor(numbers)
        np.testing.assert_array_equal(step(x).numpy(), picked(x).numpy() * 2)
