"""Optimisers: options, parameters and states that are refused, with what the messages say."""

import math

import numpy as np
import pytest

import tinygrad_nn as tg
from tests.optim.draws import ELEMENTWISE, OPTIMIZERS, STEPPING
from tinygrad_nn import nn, optim
from tinygrad_nn.errors import GradientError, OperandError, OptionError, StateError


# ------------------------------------------------------------------------------- refused
@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("lr", [-0.1, math.nan, math.inf, "0.1", True, None])
def test_learning_rates_out_of_range(name, lr):
    with pytest.raises(OptionError, match=f"{name}: got lr="):
        getattr(optim, name)([nn.Parameter([[1.0]])], lr=lr)


BAD = [
    ("SGD", {"momentum": -1}, "momentum=-1"),
    ("SGD", {"weight_decay": -1}, "weight_decay=-1"),
    ("SGD", {"nesterov": True}, "momentum > 0"),
    ("SGD", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "dampening 0"),
    ("SGD", {"maximize": "yes"}, "maximize='yes', expected True or False"),
    ("Adam", {"betas": (1.0, 0.9)}, r"betas\[0\]=1.0, expected a number in \[0, 1\)"),
    ("Adam", {"betas": 0.9}, "expected two numbers"),
    ("Adam", {"eps": -1}, "eps=-1"),
    ("NAdam", {"momentum_decay": -1}, "momentum_decay=-1"),
    ("Adagrad", {"lr_decay": -1}, "lr_decay=-1"),
    ("Adagrad", {"initial_accumulator_value": -1}, "initial_accumulator_value=-1"),
    ("Adadelta", {"rho": 1.5}, r"rho=1.5, expected a number in \[0, 1\]"),
    ("RMSprop", {"alpha": -0.1}, "alpha=-0.1"),
    ("Rprop", {"etas": (1.5, 2)}, r"etas\[0\]=1.5"),
    ("Rprop", {"etas": (0.5, 0.9)}, r"etas\[1\]=0.9, expected a number above 1"),
    ("Rprop", {"step_sizes": (2, 1)}, "smaller one first"),
    ("ASGD", {"t0": math.nan}, "t0=nan"),
    ("Adafactor", {"beta2_decay": 0.5}, "beta2_decay=0.5, expected a number of at most 0"),
    ("Adafactor", {"eps": (-1, 0.1)}, r"eps\[0\]=-1"),
    ("Adafactor", {"d": 0.5}, "d=0.5"),
    ("Muon", {"ns_steps": 100}, "ns_steps=100"),
    ("Muon", {"ns_coefficients": (1, 2)}, "expected 3 numbers"),
    ("Muon", {"adjust_lr_fn": "adam"}, "'original'"),
    ("LBFGS", {"max_iter": 0}, "max_iter=0"),
    ("LBFGS", {"line_search_fn": "armijo"}, "'strong_wolfe'"),
    ("Lion", {"betas": (0.9, 1)}, r"betas\[1\]=1"),
]


@pytest.mark.parametrize(("name", "bad", "message"), BAD)
def test_options_out_of_range(name, bad, message):
    with pytest.raises(OptionError, match=f"{name}: got .*{message}"):
        getattr(optim, name)([nn.Parameter([[1.0]])], **bad)


@pytest.mark.parametrize("flag", ["foreach", "fused", "capturable", "differentiable"])
def test_how_pytorch_runs_a_step_is_not_for_us(flag):
    p = nn.Parameter([1.0])
    optim.Adam([p], **{flag: False})
    with pytest.raises(OptionError, match=f"Adam: got {flag}=True, expected None or False; .*"):
        optim.Adam([p], **{flag: True})


def test_a_state_of_a_fused_optimizer_is_resumed_without():
    optimizer = optim.Adam([nn.Parameter([1.0])])
    state = optimizer.state_dict()
    state["param_groups"][0].update(fused=True, foreach=False)
    del state["param_groups"][0]["decoupled_weight_decay"]  # as older versions wrote it
    optimizer.load_state_dict(state)
    assert optimizer.param_groups[0]["fused"] is None


def test_a_group_of_adagrad_begins_as_all_do():
    with pytest.raises(OptionError, match=r"initial_accumulator_value=1\.0, expected 0"):
        optim.Adagrad([{"params": [nn.Parameter([1.0])], "initial_accumulator_value": 1.0}])


def test_muon_wants_matrices_and_lbfgs_tensors():
    with pytest.raises(OptionError, match=r"Muon: parameter 0 has shape \(3,\), expected two axes"):
        optim.Muon([nn.Parameter(np.ones(3))])
    with pytest.raises(OperandError, match="LBFGS: parameter 0 is a Value"):
        optim.LBFGS([tg.Value(1.0)])
    p = nn.Parameter([1.0])
    with pytest.raises(OptionError, match="LBFGS: got several groups"):
        optim.LBFGS([{"params": [p]}, {"params": [nn.Parameter([1.0])]}])
    with pytest.raises(OptionError, match=r"LBFGS\.step: got no closure"):
        optim.LBFGS([p]).step()
    with pytest.raises(GradientError, match=r"LBFGS\.step: no parameter has a gradient"):
        optim.LBFGS([p]).step(lambda: 1.0)


def test_names_of_parameters_are_kept():
    model = nn.Linear(2, 1, rng=0)
    optimizer = optim.SGD(model.named_parameters(), lr=0.1)
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["weight", "bias"]
    with pytest.raises(OptionError, match="some parameters with names and some without"):
        optimizer.add_param_group({"params": [nn.Parameter([1.0])]})
    with pytest.raises(OperandError, match="got a set"):
        optim.SGD(set(model.parameters()))


def test_parameters_that_cannot_be_trained():
    p = nn.Parameter([1.0])
    for params, error, message in [
        ([], OptionError, "got no parameters"),
        (iter([]), OptionError, "got no parameters"),
        ([p, p], OptionError, "parameter 1 comes twice"),
        ([{"params": [p]}, {"params": [p]}], OptionError, "comes twice"),
        ([{"params": []}], OptionError, "without parameters"),
        ([{"params": [p], "rate": 1}], OptionError, "got the option 'rate'"),
        ([{"weights": [p]}], OperandError, "expected a dict with 'params'"),
        (p, OperandError, r"pass a list: \[parameter\]"),
        (3, OperandError, r"model\.parameters\(\)"),
        ([np.ones(2)], OperandError, "parameter 0 is a ndarray"),
        ([p * 2], OperandError, "result of multiply, expected a leaf"),
    ]:
        with pytest.raises(error, match=message):
            optim.SGD(params)


@pytest.mark.parametrize("name", ELEMENTWISE)
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_float64_learning_rate_does_not_widen_the_parameters(name, dtype):
    """What `np.cos` in a schedule gives."""
    p = nn.Parameter(np.array([1.0, 2.0], dtype))
    optimizer = getattr(optim, name)([p], lr=0.1)
    optimizer.param_groups[0]["lr"] = np.float64(0.05)
    for _ in range(2):
        optimizer.zero_grad()
        (p * p).sum().backward()
        optimizer.step()
    assert p.dtype == p.data.dtype == dtype


@pytest.mark.parametrize("name", STEPPING)
def test_a_model_that_becomes_double_stays_so(name):
    """The state of float32 drew the parameters back to float32."""
    model = nn.Linear(2, 1, bias=False, rng=0)
    optimizer = getattr(optim, name)(model.parameters())
    for dtype in (np.float32, np.float64):
        model.to(dtype)
        model(np.ones((1, 2), dtype)).sum().backward()
        optimizer.step()
        assert [p.dtype for p in model.parameters()] == [dtype]
        kept = [x for state in optimizer.state.values() for x in state.values()]
        assert {x.dtype for x in kept if hasattr(x, "dtype")} <= {np.dtype(dtype)}


@pytest.mark.parametrize(
    "entry",
    [
        {"step": "1"},
        {"step": -1},
        {"step": math.nan},
        {"step": np.ones(2)},
        {"exp_avg": np.ones(2, complex)},
        {"exp_avg": np.ones(2, object)},
        {"exp_avg": np.array(["a", "b"])},
        {"exp_avg": None},
    ],
)
def test_a_state_of_another_kind_is_refused(entry):
    p = nn.Parameter([1.0, 2.0])
    optimizer = optim.Adam([p])
    (p * p).sum().backward()
    optimizer.step()
    state = optimizer.state_dict()
    state["state"][0].update(entry)
    with pytest.raises(StateError, match=next(iter(entry))):
        optimizer.load_state_dict(state)


@pytest.mark.parametrize("remembered", [[1], {"a": {}}, {0: None}])
def test_a_state_of_another_form_is_refused(remembered):
    optimizer = optim.SGD([nn.Parameter([1.0])])
    groups = optimizer.state_dict()["param_groups"]
    with pytest.raises(StateError, match="'state'"):
        optimizer.load_state_dict({"state": remembered, "param_groups": groups})
