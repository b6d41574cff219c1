"""Every function of torch.nn.functional: here, of the same signature, and of the same numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tests.parity.cases
from tests.extents import share, twofold
from tests.parity.case import FUNCTIONS
from tests.parity.draws import Draw
from tests.parity.harness import compare_function, same_signature
from tests.parity.left_out import FUNCTIONS as LEFT_OUT
from tinygrad_nn import nn

torch = pytest.importorskip("torch")

F = torch.nn.functional
THEIRS = sorted(
    name
    for name, found in vars(F).items()
    if callable(found) and not name.startswith("_") and found.__module__ != "typing"
)
SHARED = [name for name in THEIRS if name not in LEFT_OUT]


@pytest.mark.parametrize("name", [*THEIRS, *sorted(set(LEFT_OUT) - set(THEIRS))])
def test_a_function_is_here_or_left_out_with_a_reason(name):
    assert hasattr(F, name), f"{name} is left out, and PyTorch has none"
    assert hasattr(nn.functional, name) != (name in LEFT_OUT)


@pytest.mark.parametrize("name", SHARED)
def test_signature(name):
    same_signature(getattr(nn.functional, name), getattr(F, name))


@pytest.mark.parametrize("name", SHARED)
@twofold
@share(100)
@given(data=st.data())
def test_numbers(name, data):
    assert name in FUNCTIONS, f"{name} has no case: add one to {tests.parity.cases.__name__}"
    draw = Draw(data)
    case = FUNCTIONS[name](draw)
    compare_function(torch, name, case, draw.integer(0, 99))
