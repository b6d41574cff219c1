"""No rule reads payloads or uses an array library."""

import numpy as np
import pytest

from tests.ops.laws import breaches, rules_of
from tests.ops.planting import planted
from tinygrad_nn.backends import namespace
from tinygrad_nn.core.op import OPS, Op
from tinygrad_nn.ops import exp

WITH_RULES = [r for r in OPS.values() if rules_of(r)]


@pytest.mark.parametrize("record", WITH_RULES, ids=lambda r: r.key)
def test_rules_use_only_operations(record: Op):
    assert not (found := breaches(record)), found


def _helper(g, y):
    return g * y._data


_captured = np.square

BREACHES = {
    "payload": lambda g, y, x: g * y._data,
    "data": lambda g, y, x: g * x.data,
    "item": lambda g, y, x: g * y.item(),
    "library": lambda g, y, x: g * np.exp(x),
    "from a library": lambda g, y, x: g * _captured(x),
    "namespace": lambda g, y, x: g * namespace(x).exp(x),
    "in a helper": lambda g, y, x: _helper(g, y),
    "in a function inside": lambda g, y, x: next(h * y._data for h in (g,)),
    "in a default": lambda g, y, x, helper=_helper: helper(g, y),
}


@pytest.mark.parametrize("rule", BREACHES.values(), ids=BREACHES.keys())
def test_a_planted_breach_is_found(rule):
    assert breaches(planted(kernel="exp", vjp=rule))


def test_operations_and_operators_are_allowed():
    assert not breaches(planted(kernel="exp", vjp=lambda g, y, x: g * exp(x) * x.shape[0]))
