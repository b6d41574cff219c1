"""What a step finds without a name, or what is exchanged under its name, counts between calls."""

import array
import collections
import contextvars
import copy
import dataclasses
import functools
import operator
import types
import weakref
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import tinygrad_nn as tg
from tests.compiler.beside import ENGINE, loss_of, rows, weights
from tests.compiler.twins import bits, gradient_bits
from tinygrad_nn.errors import CaptureError


@dataclasses.dataclass
class Data:
    a: float = 1.0
    b: float = 1.0


class Asked:
    def __init__(self):
        self.__dict__["table"] = {"b": 1.0}

    def __getattr__(self, name):
        try:
            return self.__dict__["table"][name]
        except KeyError:
            raise AttributeError(name) from None


VARIABLE = contextvars.ContextVar("variable", default=1.0)
SCALE = 1.0
NAMES = ["a", "b"]


def place(kind):  # noqa: PLR0911, PLR0912  (one line for each)
    """A step, and what changes a number that it finds."""
    thing: Any = Data()
    change = lambda: setattr(thing, "b", thing.b + 1.0)  # noqa: E731
    if kind == "asdict":
        return lambda x: x * dataclasses.asdict(thing)["b"], change
    if kind == "vars":
        return lambda x: x * sum(vars(thing).values()), change
    if kind == "dict of an object":
        return lambda x: x * thing.__dict__["b"], change
    if kind == "names in a tuple":
        return lambda x: x * sum(getattr(thing, n) for n in ("a", "b")), change
    if kind == "names in a list":
        return lambda x: x * sum(getattr(thing, n) for n in NAMES), change
    if kind == "composed name":
        return lambda x: x * getattr(thing, f"{x.dtype}"[:0] + chr(98)), change
    if kind == "globals":
        return lambda x: x * globals()["SCALE"], lambda: globals().update(SCALE=SCALE + 1)
    if kind == "attribute getter":
        get = operator.attrgetter("b")
        return lambda x: x * get(thing), change
    if kind == "weak reference":
        thing = Data()
        weak = weakref.ref(thing)
        return lambda x: x * weak().b, lambda: setattr(thing, "b", 3.0)
    if kind == "asked":
        thing = Asked()
        return lambda x: x * thing.b, lambda: thing.table.update(b=2.0)
    if kind == "context variable":
        return lambda x: x * VARIABLE.get(), lambda: VARIABLE.set(VARIABLE.get() + 1)
    if kind == "object array":
        held = np.array([{"b": 1.0}, None], dtype=object)
        return lambda x: x * held[0]["b"], lambda: held[0].update(b=2.0)
    if kind == "single dispatch":
        general = functools.singledispatch(lambda x: x * thing.b)
        return general, change
    table: Any = {"b": 1.0}
    made = {
        "proxy": types.MappingProxyType(table),
        "chain": collections.ChainMap({}, table),
        "user dict": collections.UserDict(table),
        "user list": collections.UserList([1.0]),
        "bytes": bytearray(b"ab"),
        "array": array.array("d", [1.0, 2.0]),
    }[kind]
    if kind in ("proxy", "chain"):
        return lambda x: x * made["b"], lambda: table.update(b=2.0)
    key: Any = "b" if kind == "user dict" else 0
    return lambda x: x * made[key], lambda: operator.setitem(made, key, 2)


@pytest.mark.parametrize(
    "kind",
    [
        "asdict", "vars", "dict of an object", "names in a tuple", "names in a list",
        "composed name", "globals", "attribute getter", "weak reference", "asked",
        "context variable", "object array", "single dispatch", "proxy", "chain", "user dict",
        "user list", "bytes", "array",
    ],
)  # fmt: skip
def test_what_is_found_without_a_name_counts(kind):
    step, change = place(kind)
    captured, x = tg.jit(step, engine=ENGINE), rows(1)
    for _ in range(2):
        assert bits(captured(x)) == bits(captured(x)) == bits(step(x))
        change()
    assert bits(captured(x)) == bits(step(x))


def test_a_name_that_stands_in_the_code_lets_other_attributes_change():
    thing = SimpleNamespace(b=2.0, calls=0)
    captured = tg.jit(lambda x: x * getattr(thing, "b", 1.0), engine=ENGINE)
    for _ in range(3):
        captured(rows(0))
        thing.calls += 1
    assert sum(map(len, captured._captured.values())) == 1


class Base:
    def scaled(self, x):
        return x


class Derived(Base):
    def __add__(self, x):
        return x

    def __call__(self, x):
        return x


def scale(x, by=1.0):
    return x * by


PATCHES = {
    "code": (lambda x: scale(x) + 0, lambda m: m.setattr(scale, "__code__", tenfold.__code__)),
    "defaults": (lambda x: scale(x) + 0, lambda m: m.setattr(scale, "__defaults__", (10.0,))),
    "operator": (lambda x: HERE + x, lambda m: m.setattr(Derived, "__add__", tenfold_of)),
    "call": (lambda x: HERE(x) + 0, lambda m: m.setattr(Derived, "__call__", tenfold_of)),
    "derived": (
        lambda x: HERE.scaled(x) + 0,
        lambda m: m.setattr(Derived, "scaled", tenfold_of, raising=False),
    ),
}


def tenfold(x, by=1.0):
    return x * 10.0


def tenfold_of(self, x):
    return x * 10.0


HERE = Derived()


@pytest.mark.parametrize("name", sorted(PATCHES))
def test_what_is_patched_between_calls_counts(name, monkeypatch):
    step, patch = PATCHES[name]
    captured = tg.jit(step, engine=ENGINE)
    for turn in range(5):
        if turn == 2:
            with monkeypatch.context() as m:
                patch(m)
                assert bits(captured(rows(turn))) == bits(step(rows(turn)))
        assert bits(captured(rows(turn))) == bits(step(rows(turn)))


def test_an_operation_of_the_user_may_draw_and_its_rule_may_name_things():
    settings = SimpleNamespace(scale=1.0)

    def make():
        rng, (w, b) = np.random.default_rng(0), weights()

        @tg.custom_op(vjp=lambda g, y, x: g * settings.scale, check=False)
        def noisy(x, /):
            return x + rng.standard_normal(x.shape).astype(x.dtype)

        def step(x):
            w.grad = None
            loss = (noisy(w) * noisy(w)).sum() + loss_of(w, b, x)
            loss.backward()
            return loss

        return [w], step

    settings.scale = 1.0
    (mine, eager), (theirs, step) = make(), make()
    captured = tg.jit(step, engine=ENGINE)
    for turn in range(4):
        settings.scale = 1.0 + turn // 2
        assert bits(captured(rows(turn))) == bits(eager(rows(turn)))
        assert gradient_bits(theirs[0]) == gradient_bits(mine[0])
    assert copy.copy(captured)._last is None


@functools.lru_cache
def table_of(n):
    return tg.arange(n) * 2.0


@functools.lru_cache
def count_of(n):
    return n + 1


def test_a_cache_keeps_no_tensor_of_a_step():
    captured = tg.jit(lambda x: x * table_of(x.shape[-1]) * count_of(2), engine=ENGINE)
    for _ in range(2):
        table_of.cache_clear()
        with pytest.raises(CaptureError, match="fills the cache of table_of"):
            captured(rows(0))
    table_of(3)
    for turn in range(3):
        assert bits(captured(rows(turn))) == bits(captured.function(rows(turn)))
