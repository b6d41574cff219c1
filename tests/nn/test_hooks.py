"""Hooks see what passes a module, forward and backward, and may replace it."""

import copy
import sys
from threading import Thread

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_nn as tg
from tinygrad_nn import nn
from tinygrad_nn.errors import OperandError
from tinygrad_nn.nn.hooks import _CHANGING


def test_options_come_along_and_may_be_replaced():
    class Scale(nn.Module):
        def forward(self, x, by=1):
            return x * by

    model, seen = Scale(), []
    model.register_forward_pre_hook(lambda m, x, kw: (x, {"by": kw["by"] + 1}), with_kwargs=True)
    model.register_forward_hook(lambda m, x, kw, y: seen.append((x, kw, y)), with_kwargs=True)
    assert model(3, by=4) == 15
    assert seen == [((3,), {"by": 5}, 15)]


def test_order_and_prepend():
    model, seen = nn.Identity(), []
    for name, first in (("a", False), ("b", False), ("c", True)):
        model.register_forward_hook(lambda m, x, y, name=name: seen.append(name), prepend=first)
    model(1)
    assert seen == ["c", "a", "b"]


def test_always_called_also_when_forward_raises():
    class Bad(nn.Module):
        def forward(self, x):
            raise RuntimeError("no")

    model, seen = Bad(), []
    model.register_forward_hook(lambda m, x, y: seen.append(y), always_call=True)
    model.register_forward_hook(lambda m, x, y: seen.append("not"))
    with pytest.raises(RuntimeError, match="no"):
        model(1)
    assert seen == [None]


def test_without_hooks_nothing_is_left():
    model = nn.Identity()
    with model.register_forward_hook(lambda m, x, y: -y):
        assert model(1) == -1
    assert model._hooks is None


def test_a_hook_is_a_function():
    with pytest.raises(OperandError, match="expected a function"):
        nn.Identity().register_forward_hook(3)


def two_of(library):
    class Model(library.Module):
        def forward(self, a, b, note=None):
            return a * b, a.sum() + 1

    return Model()


@pytest.mark.parametrize("change", [None, "double"])
@given(
    which=st.sampled_from(["first", "second", "both"]), tracked=st.sampled_from(["ab", "a", "b"])
)
def test_backward_hooks_see_the_gradients_that_pytorchs_see(change, which, tracked):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    arrays = {"a": rng.standard_normal((2, 3)), "b": rng.standard_normal((2, 3))}

    def run(library, tensors):
        model, seen = two_of(library), []
        model.register_full_backward_pre_hook(
            lambda m, g: tuple(None if x is None else 2 * x for x in g)
        )

        def hook(module, grad_input, grad_output):
            seen.append((grad_input, grad_output))
            if change is None:
                return None
            return tuple(None if g is None else 2 * g for g in grad_input)

        model.register_full_backward_hook(hook)
        y, z = model(tensors["a"], tensors["b"])
        total = {"first": y.sum(), "second": z * 3, "both": y.sum() + z * 3}[which]
        if total.requires_grad:
            total.backward()
        return seen, {k: t.grad for k, t in tensors.items()}

    mine = {k: tg.tensor(v, requires_grad=k in tracked) for k, v in arrays.items()}
    theirs = {k: torch.tensor(v, requires_grad=k in tracked) for k, v in arrays.items()}
    (ours, our_grads), (expected, their_grads) = run(nn, mine), run(torch.nn, theirs)
    assert len(ours) == len(expected)
    for seen, wanted in zip(ours, expected, strict=True):
        for left, right in zip(seen, wanted, strict=True):
            for a, b in zip(left, right, strict=True):
                same(a, b)
    for key, g in their_grads.items():
        same(our_grads[key], g)


def same(ours, theirs):
    """Where no gradient arrived there may be None or zeros, here as in PyTorch."""
    a, b = (0.0 if g is None else np.asarray(g.data) for g in (ours, theirs))
    np.testing.assert_allclose(*np.broadcast_arrays(a, b), rtol=1e-12)


def test_the_gradient_of_a_layer_is_shown_and_replaced():
    layer, seen = nn.Linear(3, 2, rng=0), []
    x = tg.tensor(np.ones((4, 3), np.float32), requires_grad=True)
    plain = layer(x).sum()
    plain.backward()
    expected, x.grad = x.grad.data.copy(), None
    handle = layer.register_full_backward_hook(
        lambda m, grad_input, grad_output: seen.append(grad_output) or (grad_input[0] * 3,)
    )
    layer(x).sum().backward()
    np.testing.assert_allclose(x.grad.data, 3 * expected, rtol=1e-6)
    np.testing.assert_array_equal(seen[0][0].data, np.ones((4, 2)))
    handle.remove()
    x.grad = None
    layer(x).sum().backward()
    np.testing.assert_array_equal(x.grad.data, expected)


def test_inputs_without_a_gradient_are_none():
    layer, seen = nn.Linear(3, 2, rng=0), []
    layer.register_full_backward_hook(lambda m, a, b: seen.append((a, b[0].shape)))
    layer(np.ones((4, 3), np.float32)).sum().backward()
    assert seen == [((None,), (4, 2))]
    layer.register_full_backward_hook(lambda m, a, b: (b[0],))
    with pytest.raises(OperandError, match="no input requires one"):
        layer(np.ones((4, 3), np.float32)).sum().backward()


def test_a_hook_that_returns_too_much_is_told():
    layer = nn.ReLU()
    layer.register_full_backward_hook(lambda m, a, b: (a[0], a[0]))
    with pytest.raises(OperandError, match="returned 2 gradients, expected 1"):
        layer(tg.tensor([1.0], requires_grad=True)).sum().backward()


def test_outputs_that_no_gradient_can_be_shown_of_are_told():
    class Text(nn.Module):
        def forward(self, x):
            return {"y": x}

    model = Text()
    model.register_full_backward_hook(lambda m, a, b: None)
    with pytest.raises(OperandError, match="returned dict"):
        model(tg.tensor([1.0], requires_grad=True))


def test_second_order_passes_the_hooks():
    layer = nn.Tanh()
    layer.register_full_backward_hook(lambda m, a, b: (a[0] * 2,))
    x = tg.tensor([0.3], requires_grad=True, dtype="float64")
    (g,) = tg.autograd.grad(layer(x).sum(), x, create_graph=True)
    (h,) = tg.autograd.grad(g.sum(), x)
    y = np.tanh(0.3)
    # The second pass goes through the hook of the first once more.
    assert g.item() == pytest.approx(2 * (1 - y * y))
    assert np.isfinite(h.item())


def test_hooks_are_copied_with_the_model():
    model = nn.Sequential(nn.Identity())
    model[0].register_forward_hook(lambda m, x, y: y + 1)
    assert copy.deepcopy(model)(1) == 2


def test_hooks_on_state_dicts():
    model, calls = nn.Sequential(nn.Linear(1, 1)), []
    model[0].register_state_dict_pre_hook(lambda m, prefix, keep: calls.append(prefix))
    model.register_state_dict_post_hook(lambda m, s, prefix, meta: s.update(more=1))
    state = model.state_dict()
    assert calls == ["0."]
    assert state.pop("more") == 1
    state["0.old"] = state.pop("0.weight")

    def rename(module, state, prefix, *rest):
        state[prefix + "weight"] = state.pop(prefix + "old")

    model[0].register_load_state_dict_pre_hook(rename)
    model.register_load_state_dict_post_hook(lambda m, found: calls.append(found))
    model.load_state_dict(state)
    assert "0.old" in state
    assert calls[-1] == ([], [])


def test_hooks_of_several_threads_come_and_go():
    model, lost = nn.Identity(), []

    def work():
        for k in range(200):
            seen = []
            with model.register_forward_hook(lambda m, x, y, seen=seen: seen.append(1)):
                model(k)
            if not seen:
                lost.append(k)

    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(usual)
    assert not lost
    assert model._hooks is None


def test_a_hook_may_be_removed_while_the_same_thread_changes_hooks():
    """As the garbage collector does, when it ends an object that removes its own hook."""
    model, done = nn.Identity(), []
    handle = model.register_forward_hook(lambda m, x, y: None)

    def work():
        with _CHANGING:
            handle.remove()
        done.append(model._hooks)

    thread = Thread(target=work, daemon=True)
    thread.start()
    thread.join(10)
    assert done == [None]
