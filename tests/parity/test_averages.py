"""Averages of weights, their schedule and formulas, as in torch.optim.swa_utils."""

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.optim.draws import numbers
from tests.parity.test_schedulers import run, same
from tinygrad_nn import nn, optim, train
from tinygrad_nn.optim import lr_scheduler


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def test_every_name_is_here(torch):
    for name in torch.optim.swa_utils.__all__:
        assert hasattr(optim.swa_utils, name) or hasattr(train, name), name


@pytest.mark.parametrize("name", ["SWALR", "get_ema_avg_fn", "get_ema_multi_avg_fn",
                                  "get_swa_avg_fn", "get_swa_multi_avg_fn"])  # fmt: skip
def test_averages_have_the_arguments_of_torch(name, torch):
    ours, theirs = (
        [(p.name, p.default) for p in inspect.signature(kind).parameters.values()]
        for kind in (getattr(optim.swa_utils, name), getattr(torch.optim.swa_utils, name))
    )
    assert ours == theirs


@given(data=st.data())
def test_rates_for_averaging_are_those_of_torch(torch, data):
    rate = data.draw(numbers(0.001, 0.5) | st.lists(numbers(0.001, 0.5), min_size=2, max_size=2))
    epochs = data.draw(st.integers(0, 20))
    strategy = data.draw(st.sampled_from(["cos", "linear"]))
    resume, source = data.draw(st.integers(1, 40)), data.draw(st.sampled_from(["ours", "torch"]))

    def build_one(where, optimizer):
        kind = optim.swa_utils if where is lr_scheduler else torch.optim.swa_utils
        return kind.SWALR(optimizer, rate, epochs, strategy)

    run(torch, build_one, resume, source)


AVERAGES = {
    "plain": lambda utils: {},
    "swa": lambda utils: {"multi_avg_fn": utils.get_swa_multi_avg_fn()},
    "ema": lambda utils: {"multi_avg_fn": utils.get_ema_multi_avg_fn(0.8)},
    "one by one": lambda utils: {"avg_fn": utils.get_ema_avg_fn(0.8)},
    "buffers": lambda utils: {"use_buffers": True},
}


@pytest.fixture
def wide(torch):
    """PyTorch computes the share of the newest weights in its default dtype."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.mark.usefixtures("wide")
@pytest.mark.parametrize("average", AVERAGES)
def test_averaged_models_are_those_of_torch(average, torch):
    rng = np.random.default_rng(0)
    a = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).double()
    b = torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2)
    ).double()
    mean = train.AveragedModel(a, **AVERAGES[average](optim.swa_utils))
    other = torch.optim.swa_utils.AveragedModel(b, **AVERAGES[average](torch.optim.swa_utils))
    batches = rng.standard_normal((3, 5, 3))
    for _ in range(4):
        state = {k: rng.uniform(0.5, 1.5, v.shape) for k, v in a.state_dict().items()}
        state["1.num_batches_tracked"] = np.array(7)
        a.load_state_dict(state)
        b.load_state_dict({k: torch.tensor(v) for k, v in state.items()})
        mean.update_parameters(a)
        other.update_parameters(b)
        same(_lists(mean.state_dict()), _lists(other.state_dict()))
    train.update_bn(list(batches), mean)
    torch.optim.swa_utils.update_bn(torch.tensor(batches), other)
    same(_lists(mean.state_dict()), _lists(other.state_dict()))
    assert mean.training


def _lists(state):
    return {k: np.asarray(v).tolist() for k, v in state.items()}
