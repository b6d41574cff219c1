"""Every module of torch.nn: here, of the same signature, and of the same numbers."""

import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tests.parity.cases
from tests.extents import share, twofold
from tests.parity.case import MODULES
from tests.parity.draws import Draw
from tests.parity.harness import compare_module, same_signature
from tests.parity.left_out import MODULES as LEFT_OUT
from tinygrad_nn import nn

torch = pytest.importorskip("torch")

THEIRS = sorted(
    name
    for name, found in vars(torch.nn).items()
    if inspect.isclass(found) and issubclass(found, torch.nn.Module)
)
SHARED = [name for name in THEIRS if name not in LEFT_OUT and name != "Module"]


@pytest.mark.parametrize("name", [*THEIRS, *sorted(set(LEFT_OUT) - set(THEIRS))])
def test_a_module_is_here_or_left_out_with_a_reason(name):
    assert hasattr(torch.nn, name), f"{name} is left out, and PyTorch has none"
    assert hasattr(nn, name) != (name in LEFT_OUT)


@pytest.mark.parametrize("name", SHARED)
def test_signature(name):
    ours, theirs = getattr(nn, name), getattr(torch.nn, name)
    same_signature(ours, theirs)


@pytest.mark.parametrize("name", SHARED)
@twofold
@share(100)
@given(data=st.data())
def test_numbers(name, data):
    assert name in MODULES, f"{name} has no case: add one to {tests.parity.cases.__name__}"
    draw = Draw(data)
    case = MODULES[name](draw)
    compare_module(torch, name, case, draw.integer(0, 99))
