"""Optimisers: PyTorch's trajectories, exact resume, and clear refusals."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_nn as tg
from tests.extents import share, twofold
from tests.optim.draws import ELEMENTWISE, STEPPING, options, shapes
from tinygrad_nn import nn, optim
from tinygrad_nn.errors import GradientError, OperandError, StateError

SEEDS = st.integers(0, 2**32 - 1)


def leaves(name, rng, dtype=np.float64):
    return [nn.Parameter(rng.standard_normal(shape).astype(dtype)) for shape in shapes(name)]


def give(parameters, rng):
    for p in parameters:
        p.grad = np.asarray(rng.standard_normal(p.shape), p.dtype)


# ---------------------------------------------------------------------------- trajectories
@pytest.mark.parametrize("name", sorted({*ELEMENTWISE, "Adafactor"}))
@given(data=st.data())
def test_values_take_the_steps_of_tensors(name, data):
    drawn, rng = data.draw(options(name)), np.random.default_rng(data.draw(SEEDS))
    if name == "Adafactor":
        drawn["eps"] = (None, 1e-3)  # of float64, as that of a float
    tensors = [nn.Parameter(np.array(number)) for number in (0.5, -2.0)]
    values = [tg.Value(0.5), tg.Value(-2.0)]
    a, b = (getattr(optim, name)(ps, **drawn) for ps in (tensors, values))
    for _ in range(16):
        for p, v in zip(tensors, values, strict=True):
            v.grad = rng.standard_normal()
            p.grad = np.array(v.grad)
        a.step()
        b.step()
    assert all(isinstance(v.data, float) for v in values)
    np.testing.assert_allclose([v.data for v in values], [p.item() for p in tensors], rtol=1e-12)


@pytest.mark.parametrize("name", ELEMENTWISE)
@twofold
@share(100)
@given(data=st.data())
def test_large_parameters_take_the_steps_of_small_ones(name, data):
    """Block by block or as a whole: the same bits."""
    drawn, rng = data.draw(options(name)), np.random.default_rng(data.draw(SEEDS))
    size = 40_000  # several blocks, the last one partly filled
    whole = nn.Parameter(rng.standard_normal((200, 200)))
    parts = [nn.Parameter(part) for part in np.split(whole.data.reshape(-1), 40)]
    a, b = (getattr(optim, name)(ps, **drawn) for ps in ([whole], parts))
    for _ in range(4):
        gradient = rng.standard_normal(size)
        whole.grad = gradient.reshape(200, 200)
        for p, g in zip(parts, np.split(gradient, 40), strict=True):
            p.grad = g
        a.step()
        b.step()
    found = np.concatenate([p.data for p in parts])
    np.testing.assert_array_equal(whole.data.reshape(-1), found)
    for key, kept in a.state[whole].items():
        if isinstance(kept, np.ndarray):
            joined = np.concatenate([b.state[p][key] for p in parts])
            np.testing.assert_array_equal(kept.reshape(-1), joined)


@given(data=st.data())
def test_lion_takes_the_steps_of_the_paper(data):
    drawn, rng = data.draw(options("Lion")), np.random.default_rng(data.draw(SEEDS))
    settings = {"lr": 1e-4, "betas": (0.9, 0.99), "weight_decay": 0.0, **drawn}
    x, m = rng.standard_normal(5), np.zeros(5)
    p = nn.Parameter(x)
    optimizer = optim.Lion([p], **drawn)
    for _ in range(15):
        g = rng.standard_normal(5)
        p.grad = g
        optimizer.step()
        g = -g if settings.get("maximize") else g
        beta1, beta2 = settings["betas"]
        direction = np.sign(beta1 * m + (1 - beta1) * g)
        x = x - settings["lr"] * (direction + settings["weight_decay"] * x)
        m = beta2 * m + (1 - beta2) * g
    np.testing.assert_allclose(p.data, x, rtol=1e-12)
    np.testing.assert_allclose(optimizer.state[p]["exp_avg"], m, rtol=1e-9, atol=1e-14)


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
@pytest.mark.parametrize("name", STEPPING)
@twofold
@share(100)
@given(data=st.data())
def test_dtype_and_shape_stay(name, dtype, data):
    drawn, rng = data.draw(options(name)), np.random.default_rng(data.draw(SEEDS))
    ps = leaves(name, rng, dtype)
    optimizer = getattr(optim, name)(ps, **drawn)
    # In float16 ε = 1e-8 is 0, and so may be the root it is added to, as in PyTorch.
    with np.errstate(all="ignore" if dtype is np.float16 else "warn"):
        for _ in range(2):
            give(ps, rng)
            optimizer.step()
    for p in ps:
        kept = optimizer.state[p].values()
        assert {x.dtype for x in kept if hasattr(x, "dtype")} <= {np.dtype(dtype)}
    for p, shape in zip(ps, shapes(name), strict=True):
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
    assert "Parameter Group 2" in repr(optimizer)
    assert "momentum: 0.9" in repr(optimizer)


def test_a_gradient_of_another_dtype_does_not_change_the_parameter():
    p = nn.Parameter([1.0])
    p.grad = tg.tensor(np.array([1.0]))
    optim.SGD([p], lr=0.5).step()
    assert p.dtype == np.float32


# -------------------------------------------------------------------------------- resume
@pytest.mark.parametrize("name", STEPPING)
@twofold
@share(100)
@given(data=st.data())
def test_resume_is_exact(name, data):
    drawn, seed = data.draw(options(name)), data.draw(SEEDS)
    travel = data.draw(
        st.sampled_from([copy.copy, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
    )

    def steps(optimizer, parameters, seed):
        draws = np.random.default_rng(seed)
        for _ in range(5):
            give(parameters, draws)
            optimizer.step()

    straight = leaves(name, np.random.default_rng(seed), data.draw(st.sampled_from("fd")))
    first = getattr(optim, name)(straight, **drawn)
    steps(first, straight, 1)
    resumed = [nn.Parameter(np.asarray(p)) for p in straight]
    second = getattr(optim, name)(resumed, lr=9.0)
    second.load_state_dict(travel(first.state_dict()))
    steps(first, straight, 2)
    steps(second, resumed, 2)
    for p, q in zip(straight, resumed, strict=True):
        assert p.data.tobytes() == q.data.tobytes()


def test_a_state_in_the_order_of_fortran_is_taken_over():
    p, q = (nn.Parameter(np.ones((300, 200))) for _ in range(2))
    a, b = optim.Adam([p]), optim.Adam([q])
    for _ in range(2):
        g = np.random.default_rng(0).standard_normal((300, 200))
        p.grad = q.grad = g
    a.step()
    b.step()
    state = a.state_dict()
    for key in ("exp_avg", "exp_avg_sq"):
        state["state"][0][key] = np.asfortranarray(state["state"][0][key])
    a.load_state_dict(state)
    a.step()
    b.step()
    np.testing.assert_array_equal(np.asarray(p), np.asarray(q))
    np.testing.assert_array_equal(a.state[p]["exp_avg"], b.state[q]["exp_avg"])


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
        r"parameter 0: 'exp_avg': got shape \(3,\), expected \(2,\)": wrong,
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


# --------------------------------------------------------------------------------- hooks
def test_hooks_are_called_around_steps_and_states():
    p = nn.Parameter([1.0])
    optimizer, calls = optim.SGD([p], lr=1.0), []
    p.grad = [1.0]
    pre = optimizer.register_step_pre_hook(lambda o, args, kwargs: calls.append(("pre", p.item())))
    optimizer.register_step_post_hook(lambda o, args, kwargs: calls.append(("post", p.item())))
    optimizer.step()
    pre.remove()
    optimizer.step()
    assert calls == [("pre", 1.0), ("post", 0.0), ("post", -1.0)]
    with optimizer.register_step_pre_hook(lambda o, args, kwargs: ((lambda: 5.0,), {})):
        assert optimizer.step() == 5.0
    assert optimizer.step() is None
    with (
        optimizer.register_step_pre_hook(lambda o, args, kwargs: 3),
        pytest.raises(OperandError, match="got 3 from a hook"),
    ):
        optimizer.step()
    calls.clear()
    optimizer.register_state_dict_pre_hook(lambda o: calls.append("save"))
    optimizer.register_state_dict_post_hook(lambda o, state: {**state, "note": 1})
    optimizer.register_state_dict_pre_hook(lambda o: calls.append("first"), prepend=True)
    optimizer.register_load_state_dict_pre_hook(lambda o, state: calls.append(state["note"]))
    optimizer.register_load_state_dict_post_hook(lambda o: calls.append("loaded"))
    optimizer.load_state_dict(optimizer.state_dict())
    assert calls == ["first", "save", 1, "loaded"]
