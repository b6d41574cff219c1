"""Operations that are treated in a way of their own do what the lists say of them.

A new operation needs no entry; what could be listed and is not is named here, with the reason.
"""

import re
from collections.abc import Callable, Iterator
from importlib import resources
from typing import Any

import numpy as np
import pytest

import tinygrad_nn as tg
from tests.ops.case import Case
from tests.ops.draws import SeededDraw
from tinygrad_nn import nn
from tinygrad_nn.core.op import OPS, Kind, Op
from tinygrad_nn.nn.activation import ACTIVATIONS
from tinygrad_nn.report.layers import _ACTIVATIONS, _OFF_AT_0, Layers
from tinygrad_nn.viz.notation.expression import SIGNS
from tinygrad_nn.viz.notation.traits import COMMUTATIVE, FITTED, PLUMBING, SAME, ZEROS
from tinygrad_nn.viz.notation.typeset import Latex

SEEDS = range(30)
RECORDED = {r.name: r for r in OPS.values() if r.kind not in (Kind.CONSTANT, Kind.COMPOSED)}
ONE_ARRAY = {n: r for n, r in RECORDED.items() if r.arity == 1 and not r.variadic}
TWO_ARRAYS = {n: r for n, r in RECORDED.items() if r.arity == 2 and not r.variadic}
NOT_PLUMBING = {
    "flip": "another order of the elements is worth seeing",
    "nan_to_num": "finite numbers only stay what they are",
    "roll": "as of flip",
}


def calls(record: Op) -> Iterator[tuple[tuple[Any, ...], Callable[..., Any]]]:
    """Data arguments of several sampled calls, and the call with its other arguments."""
    for seed in SEEDS:
        case = Case(record, record.sample(SeededDraw(seed)))
        yield (
            case.arguments(case.floats),
            lambda *args, case=case: np.asarray(record.call(*args, **case.fresh_params())),
        )


def selection(x: Any, call: Callable[..., Any]) -> Any:
    """Position in `x` of each element of the result; None where that is no selection."""
    places = np.arange(1.0, x.size + 1).reshape(x.shape)
    found = call(places)
    if found.dtype.kind != "f" or not np.isin(found, places).all():
        return None
    numbers = np.random.default_rng(0).normal(size=x.shape)
    chosen = found.astype(int) - 1
    return chosen if np.array_equal(call(numbers), numbers.ravel()[chosen]) else None


def rearranges(record: Op) -> bool:
    """Whether every element comes out again, somewhere, and nothing else does."""
    with np.errstate(all="ignore"):
        for (x,), call in calls(record):
            try:
                chosen = selection(x, call)
            except ValueError:
                return False  # of some matrices only
            if chosen is None or set(chosen.ravel()) != set(range(x.size)):
                return x.size == 0 and chosen is not None
    return True


def commutes(record: Op) -> bool:
    for (a, b), call in calls(record):
        one = call(a, b)
        try:
            with np.errstate(all="ignore"):
                other = call(b, a)
        except (IndexError, TypeError, ValueError):
            return False
        if not np.array_equal(one, other, equal_nan=True):
            return False
    return True


# ── Lists against operations ────────────────────────────────────────────────────────────


def test_what_is_listed_are_operations():
    assert PLUMBING | COMMUTATIVE <= RECORDED.keys()
    assert ZEROS <= {r.name for r in OPS.values()}
    assert SIGNS.keys() <= {r.name for r in OPS.values()}
    assert SAME | FITTED < PLUMBING


def test_plumbing_gives_the_same_numbers_and_nothing_else_does():
    found = {name for name, record in ONE_ARRAY.items() if rearranges(record)}
    # It adds up what was broadcast, and is linear otherwise.
    assert found == (PLUMBING - {"sum_to"}) | NOT_PLUMBING.keys()


@pytest.mark.parametrize("name", sorted(SAME))
def test_the_same_is_the_same(name: str):
    for (x,), call in calls(RECORDED[name]):
        assert np.array_equal(call(x), x.astype(call(x).dtype))


def test_a_sum_to_a_shape_keeps_the_total():
    for (x,), call in calls(RECORDED["sum_to"]):
        assert np.isclose(call(x).sum(), x.sum())


def test_commutative_operations_and_no_others_give_the_same_with_operands_exchanged():
    assert {name for name, record in TWO_ARRAYS.items() if commutes(record)} == COMMUTATIVE


@pytest.mark.parametrize("name", sorted(ZEROS))
def test_zeros_are_zeros(name: str):
    for args, call in calls(next(r for r in OPS.values() if r.name == name)):
        assert not call(*args).any()


def test_latex_has_commands_for_these_names():
    """Its names of functions: others are set upright by hand, or would be errors."""
    standard = set(
        "arccos arcsin arctan arg cos cosh cot coth csc deg det dim exp gcd hom inf ker lg lim "
        "liminf limsup ln log max min Pr sec sin sinh sup tan tanh".split()
    )
    assert Latex.FUNCTIONS <= standard
    assert {name for name in RECORDED if name in standard} <= Latex.FUNCTIONS


# ── Activations ─────────────────────────────────────────────────────────────────────────


def last_op(function: Callable[..., Any]) -> str:
    y = function(tg.tensor([[0.3, -0.2]], requires_grad=True))
    return "" if y.op is None else y.op.name


def test_every_activation_by_name_is_known_to_the_report():
    named = {last_op(f) for _, f in ACTIVATIONS.values() if f is not None} - {""}
    assert named <= _ACTIVATIONS


@pytest.mark.parametrize("name", sorted(ACTIVATIONS.keys() - {"linear", "identity"}))
def test_a_layer_is_named_after_the_activation_behind_it(name: str):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 2, rng=0)

        def forward(self, x):
            return ACTIVATIONS[name][1](self.layer(x))

    layers = Layers(Net())
    layers.activations(tg.ones((3, 2)))
    assert layers.listed[0].activation in _ACTIVATIONS


@pytest.mark.parametrize("name", sorted(_ACTIVATIONS))
def test_an_activation_takes_one_array_and_keeps_its_shape(name: str):
    record = next(r for r in OPS.values() if r.name == name)
    for args, call in calls(record):
        assert call(*args).shape == np.shape(args[0])


@pytest.mark.parametrize("name", _OFF_AT_0)
def test_a_unit_that_gives_0_passes_no_gradient(name: str):
    x = tg.tensor([-3.0, -0.5, 0.5, 2.0], requires_grad=True)
    y = getattr(nn.functional, name)(x)
    y.sum().backward()
    assert np.array_equal(x.grad.numpy() == 0, y.numpy() == 0)


def test_the_page_warns_of_dead_units_of_the_same_operations():
    text = (
        resources.files("tinygrad_nn.viz.page").joinpath("stepper", "alarms.js").read_text("utf8")
    )
    found = re.search(r"const OFF_AT_0 = \[(.*?)\];", text)
    assert found is not None
    assert tuple(re.findall(r'"(.*?)"', found[1])) == _OFF_AT_0
