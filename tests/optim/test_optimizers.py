"""Optimisers: PyTorch's trajectories, exact resume, and clear refusals."""

import copy
import math
import pickle

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import nn, optim
from tinygrad_nn.errors import GradientError, OperandError, OptionError, StateError

SETTINGS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.05}),
    ("Adam", {"lr": 0.05, "betas": (0.5, 0.7), "eps": 1e-3, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.05, "amsgrad": True}),
    ("AdamW", {"lr": 0.05}),
    ("AdamW", {"lr": 0.05, "weight_decay": 0.3, "amsgrad": True}),
]
SHAPES = [(3, 2), (4,), ()]


def leaves(rng, dtype=np.float64):
    return [nn.Parameter(rng.standard_normal(shape).astype(dtype)) for shape in SHAPES]


def give(parameters, rng):
    for p in parameters:
        p.grad = np.asarray(rng.standard_normal(p.shape), p.dtype)


# ---------------------------------------------------------------------------- trajectories
@pytest.mark.parametrize(("name", "options"), SETTINGS)
def test_trajectories_are_those_of_torch(name, options, rng):
    torch = pytest.importorskip("torch")
    ours = leaves(rng)
    theirs = [torch.nn.Parameter(torch.tensor(p.data.copy())) for p in ours]
    a = getattr(optim, name)(ours, **options)
    b = getattr(torch.optim, name)(theirs, **options)
    for step in range(30):
        give(ours, rng)
        for p, q in zip(ours, theirs, strict=True):
            q.grad = torch.tensor(np.asarray(p.grad).copy())
        if step == 15:
            a.param_groups[0]["lr"] = b.param_groups[0]["lr"] = 0.02
        a.step()
        b.step()
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(np.asarray(p), q.detach().numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("name", "options"), SETTINGS)
def test_values_take_the_steps_of_tensors(name, options, rng):
    tensors = [nn.Parameter(np.array([0.5])), nn.Parameter(np.array([-2.0]))]
    values = [tg.Value(0.5), tg.Value(-2.0)]
    a, b = (getattr(optim, name)(ps, **options) for ps in (tensors, values))
    for _ in range(20):
        for p, v in zip(tensors, values, strict=True):
            v.grad = rng.standard_normal()
            p.grad = np.array([v.grad])
        a.step()
        b.step()
    assert all(isinstance(v.data, float) for v in values)
    expected = [p.item() for p in tensors]
    np.testing.assert_allclose([v.data for v in values], expected, rtol=1e-14)


@pytest.mark.parametrize("name", ["Adam", "AdamW"])
@pytest.mark.parametrize("amsgrad", [False, True])
def test_large_parameters_take_the_steps_of_small_ones(name, amsgrad, rng):
    size = 40_000  # several blocks, the last one partly filled
    whole = nn.Parameter(rng.standard_normal((200, 200)))
    parts = [nn.Parameter(part) for part in np.split(whole.data.reshape(-1), 40)]
    a = getattr(optim, name)([whole], lr=0.1, weight_decay=0.1, amsgrad=amsgrad)
    b = getattr(optim, name)(parts, lr=0.1, weight_decay=0.1, amsgrad=amsgrad)
    for _ in range(4):
        gradient = rng.standard_normal(size)
        whole.grad = gradient.reshape(200, 200)
        for p, g in zip(parts, np.split(gradient, 40), strict=True):
            p.grad = g
        a.step()
        b.step()
    found = np.concatenate([p.data for p in parts])
    np.testing.assert_array_equal(whole.data.reshape(-1), found)


def test_a_transposed_parameter_is_updated_like_any_other(rng):
    data, gradient = rng.standard_normal((300, 200)), rng.standard_normal((300, 200))
    results = []
    for order in "CF":
        p = nn.Parameter(np.array(data, order=order))
        p.grad = np.array(gradient, order=order)
        optim.Adam([p]).step()
        results.append(np.asarray(p))
    np.testing.assert_array_equal(*results)


# ------------------------------------------------------------------------------- a step
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(("name", "options"), SETTINGS)
def test_dtype_and_shape_stay(name, options, dtype, rng):
    ps = leaves(rng, dtype)
    optimizer = getattr(optim, name)(ps, **options)
    for _ in range(2):
        give(ps, rng)
        optimizer.step()
    for p, shape in zip(ps, SHAPES, strict=True):
        assert p.dtype == dtype
        assert p.shape == shape
        assert isinstance(p.data, np.ndarray)
        assert p.is_leaf
        assert p.requires_grad


def test_a_step_changes_neither_earlier_arrays_nor_the_gradient(rng):
    p = nn.Parameter(rng.standard_normal(3))
    view, detached = np.asarray(p), p.detach()
    before = view.copy()
    p.grad = np.ones(3)
    optim.SGD([p], lr=1.0, momentum=0.5).step()
    np.testing.assert_array_equal(view, before)
    np.testing.assert_array_equal(np.asarray(detached), before)
    np.testing.assert_array_equal(np.asarray(p.grad), np.ones(3))
    np.testing.assert_array_equal(np.asarray(p), before - 1)


def test_an_array_that_was_taken_shows_the_new_numbers_and_may_be_written():
    p = nn.Parameter(np.array([1.0, 2.0]))
    array = p.data
    optimizer = optim.SGD([p], lr=1.0)
    p.grad = np.array([0.5, 0.5])
    optimizer.step()
    assert array.tolist() == [0.5, 1.5]
    array[0] = 10.0
    optimizer.step()
    assert p.tolist() == [9.5, 1.0]


def test_a_graph_made_before_the_step_is_refused_after_it():
    p = nn.Parameter(np.array([1.0, 2.0]))
    loss = (p * p).sum()
    loss.backward(retain_graph=True)
    optim.SGD([p], lr=0.1).step()
    with pytest.raises(tg.errors.MutationError):
        loss.backward()


def test_parameters_without_a_gradient_stay_and_none_at_all_is_an_error():
    used, idle = nn.Parameter([1.0]), nn.Parameter([1.0])
    optimizer = optim.Adam([used, idle], lr=0.5)
    with pytest.raises(GradientError, match=r"Adam\.step: no parameter has a gradient"):
        optimizer.step()
    used.grad = [1.0]
    optimizer.step()
    assert idle.item() == 1.0
    assert used.item() == pytest.approx(0.5)


def test_zero_grad_forgets_or_fills():
    p, v = nn.Parameter([1.0, 2.0]), tg.Value(1.0)
    for optimizer, x in ((optim.SGD([p]), p), (optim.SGD([v]), v)):
        (x * x).sum().backward() if x is p else (x * x).backward()
        optimizer.zero_grad(set_to_none=False)
        assert np.all(np.asarray(x.grad) == 0)
        optimizer.zero_grad()
    assert p.grad is None
    assert v.grad == 0.0


def test_a_closure_computes_the_loss():
    p = nn.Parameter([2.0])
    optimizer = optim.SGD([p], lr=0.25)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with tg.no_grad():
        assert optimizer.step(closure).item() == 4.0
    assert p.item() == 1.0


def test_groups_have_their_own_options():
    a, b = nn.Parameter([1.0]), nn.Parameter([1.0])
    optimizer = optim.SGD([{"params": [a]}, {"params": b, "lr": 0.5}], lr=0.1)
    a.grad, b.grad = [1.0], [1.0]
    optimizer.step()
    assert a.item() == pytest.approx(0.9)
    assert b.item() == pytest.approx(0.5)
    c = nn.Parameter([1.0])
    optimizer.add_param_group({"params": [c], "momentum": 0.9})
    assert len(optimizer.param_groups) == 3
    assert "momentum=0.9" in repr(optimizer)


def test_a_gradient_of_another_dtype_does_not_change_the_parameter():
    p = nn.Parameter([1.0])
    p.grad = tg.tensor(np.array([1.0]))
    optim.SGD([p], lr=0.5).step()
    assert p.dtype == np.float32


# -------------------------------------------------------------------------------- resume
@pytest.mark.parametrize(
    "travel", [copy.copy, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))]
)
@pytest.mark.parametrize(("name", "options"), SETTINGS)
def test_resume_is_exact(name, options, travel):
    def steps(optimizer, parameters, seed):
        draws = np.random.default_rng(seed)
        for _ in range(5):
            give(parameters, draws)
            optimizer.step()

    straight = leaves(np.random.default_rng(0))
    first = getattr(optim, name)(straight, **options)
    steps(first, straight, 1)
    resumed = [nn.Parameter(np.asarray(p)) for p in straight]
    second = getattr(optim, name)(resumed, lr=9.0)
    second.load_state_dict(travel(first.state_dict()))
    steps(first, straight, 2)
    steps(second, resumed, 2)
    for p, q in zip(straight, resumed, strict=True):
        assert p.data.tobytes() == q.data.tobytes()


def test_a_state_is_a_copy():
    p = nn.Parameter([1.0])
    optimizer = optim.SGD([p], lr=0.1, momentum=0.9)
    p.grad = [1.0]
    optimizer.step()
    state = optimizer.state_dict()
    optimizer.step()
    assert state["state"][0]["momentum_buffer"].tolist() == [1.0]


def test_a_state_that_does_not_fit_is_refused_and_nothing_changes():
    p = nn.Parameter([1.0, 2.0])
    optimizer = optim.Adam([p])
    p.grad = [1.0, 1.0]
    optimizer.step()
    good = optimizer.state_dict()
    wrong = copy.deepcopy(good)
    wrong["state"][0]["exp_avg"] = np.ones(3)
    faults = {
        r"'exp_avg' of parameter 0: got shape \(3,\), expected \(2,\)": wrong,
        r"groups of \[2\] parameters, expected \[1\]": {
            **good,
            "param_groups": [{**good["param_groups"][0], "params": [0, 1]}],
        },
        "expected a dict with 'state'": {},
        "no parameter 5": {**good, "state": {5: {}}},
        "got the options lr": {**good, "param_groups": [{"params": [0], "lr": 0.1}]},
    }
    for message, state in faults.items():
        with pytest.raises(StateError, match=message):
            optimizer.load_state_dict(state)
    assert optimizer.state_dict()["state"][0]["exp_avg"].tolist() == pytest.approx([0.1, 0.1])


# ------------------------------------------------------------------------------- refused
@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
@pytest.mark.parametrize("lr", [-0.1, math.nan, math.inf, "0.1", True, None])
def test_learning_rates_out_of_range(name, lr):
    with pytest.raises(OptionError, match=f"{name}: got lr="):
        getattr(optim, name)([nn.Parameter([1.0])], lr=lr)


def test_options_out_of_range():
    p = [nn.Parameter([1.0])]
    for options, message in [
        ({"momentum": -1}, "momentum=-1"),
        ({"weight_decay": -1}, "weight_decay=-1"),
        ({"nesterov": True}, "momentum > 0"),
        ({"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "dampening 0"),
    ]:
        with pytest.raises(OptionError, match=message):
            optim.SGD(p, **options)
    for options, message in [
        ({"betas": (1.0, 0.9)}, r"betas\[0\]=1.0"),
        ({"betas": 0.9}, "expected two numbers"),
        ({"eps": -1}, "eps=-1"),
    ]:
        with pytest.raises(OptionError, match=message):
            optim.Adam(p, **options)


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


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
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


@pytest.mark.parametrize("name, options", SETTINGS)
def test_a_model_that_becomes_double_stays_so(name, options):
    """The state of float32 drew the parameters back to float32."""
    model = nn.Linear(2, 1, rng=0)
    optimizer = getattr(optim, name)(model.parameters(), **options)
    for dtype in (np.float32, np.float64):
        model.to(dtype)
        model(np.ones((1, 2), dtype)).sum().backward()
        optimizer.step()
        assert [p.dtype for p in model.parameters()] == [dtype, dtype]


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
