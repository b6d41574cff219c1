"""`backward`: what it adds where, how often, and what it refuses."""

import threading

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn.errors import FreedGraphError, GradientError, ShapeError


def leaf(data, dtype=np.float64):
    return tg.tensor(np.array(data, dtype), requires_grad=True)


def array(t):
    return np.asarray(t)


# --------------------------------------------------------------------------- what may arrive
@pytest.mark.parametrize("make", [np.array, tg.tensor, list], ids=["ndarray", "Tensor", "list"])
def test_the_gradient_that_arrives_may_be_any_array(make):
    x = leaf([1.0, 2.0])
    (x * x).backward(make([10.0, 100.0]))
    np.testing.assert_array_equal(array(x.grad), [20.0, 400.0])


def test_several_elements_need_a_gradient():
    with pytest.raises(GradientError, match=r"\(2,\).*sum\(\)"):
        (leaf([1.0, 2.0]) * 2).backward()


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_one_element_needs_none(shape):
    x = leaf(np.full(shape, 3.0))
    (x * x).backward()
    np.testing.assert_array_equal(array(x.grad), np.full(shape, 6.0))


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 1), (1, 2)])
def test_a_gradient_of_the_wrong_shape_is_refused(shape):
    y = leaf([1.0, 2.0]) * 2
    with pytest.raises(ShapeError, match=r"\(2,\)"):
        y.backward(np.ones(shape))


def test_a_root_that_needs_no_gradient_is_refused():
    with pytest.raises(GradientError, match="requires no gradient"):
        tg.tensor(1.0).backward()
    x = leaf(1.0)
    with tg.no_grad():
        y = x * 2
    with pytest.raises(GradientError, match="no_grad"):
        y.backward()


def test_the_gradient_that_arrives_is_neither_kept_nor_written():
    x = leaf([1.0, 2.0])
    g = np.array([1.0, 1.0])
    (x + 0).backward(g)
    g[:] = 9
    np.testing.assert_array_equal(array(x.grad), [1.0, 1.0])
    y = x * 2
    y.backward(np.array([1.0, 1.0]))
    assert not np.may_share_memory(array(x.grad), g)


def test_a_leaf_is_its_own_gradient():
    x = leaf([1.0, 2.0])
    x.backward(np.array([3.0, 4.0]))
    np.testing.assert_array_equal(array(x.grad), [3.0, 4.0])


# ------------------------------------------------------------------------------ accumulation
def test_gradients_add_up_over_passes_and_within_one():
    x = leaf([3.0])
    for count in (1, 2, 3):
        (x * x + x).sum().backward()
        np.testing.assert_array_equal(array(x.grad), [7.0 * count])


@pytest.mark.parametrize("uses", [2, 3, 5])
def test_a_node_used_often_is_swept_once_with_the_sum(uses):
    x = leaf([2.0])
    seen = []
    y = x * x
    y.register_hook(lambda g: seen.append(g.item()))
    z = y
    for _ in range(uses - 1):
        z = z + y
    z.sum().backward()
    assert seen == [float(uses)]
    assert x.grad.item() == 4.0 * uses


def test_diamonds_of_unequal_depth():
    x = leaf(1.5)
    a = x * 2
    b = a * a
    c = b * a + x  # a is used at two depths, x at two
    c.backward()
    assert x.grad.item() == pytest.approx(3 * 8 * 1.5**2 + 1)


def test_exponentially_many_paths_take_linear_time():
    x = leaf(1.0)
    y = x
    for _ in range(200):
        y = y + y
    y.backward()
    assert x.grad.item() == 2.0**200


def test_gradients_never_alias():
    x, y = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    (x + y).backward(np.ones(2))
    x.grad.data[0] = 50
    np.testing.assert_array_equal(array(y.grad), [1.0, 1.0])
    (x + y).backward(np.ones(2))
    np.testing.assert_array_equal(array(y.grad), [2.0, 2.0])
    for t in (x, y):
        assert not np.may_share_memory(array(t.grad), array(t))


def test_a_gradient_kept_by_the_user_does_not_change_with_later_passes():
    x = leaf([1.0])
    (x * 2).sum().backward()
    first = x.grad
    kept = first.numpy()
    (x * 3).sum().backward()
    np.testing.assert_array_equal(kept, [2.0])
    np.testing.assert_array_equal(array(x.grad), [5.0])


def test_a_write_into_a_gradient_is_seen_by_the_next_pass():
    """Clipping writes into `x.grad.data`; the next pass adds to what was written."""
    x = leaf([1.0])
    (x * 2).sum().backward()
    x.grad.data[0] = 10.0
    (x * 3).sum().backward()
    np.testing.assert_array_equal(array(x.grad), [13.0])


def test_the_same_tensor_as_both_arguments():
    x = leaf([3.0])
    (x * x).sum().backward()
    assert x.grad.item() == 6
    x.grad = None
    (x - x).sum().backward()
    assert x.grad.item() == 0


def test_constants_get_no_gradient_and_no_place_in_the_graph():
    x, c = leaf([1.0]), tg.tensor(np.array([2.0]))
    y = x * c
    assert all(p is not c for p in y.inputs)
    y.sum().backward()
    assert c.grad is None


# ------------------------------------------------------------------------- freeing the graph
def test_a_second_backward_names_the_line_that_freed_the_graph():
    x = leaf([1.0, 2.0])
    y = (x * x).sum()
    y.backward()
    with pytest.raises(FreedGraphError, match=r"test_backward\.py:\d+.*retain_graph=True"):
        y.backward()
    np.testing.assert_array_equal(array(x.grad), [2.0, 4.0])


def test_a_shared_part_that_was_freed_is_named():
    x = leaf([1.0])
    shared = x * x
    shared.sum().backward()
    with pytest.raises(FreedGraphError, match="multiply"):
        (shared * 2).sum().backward()


def test_with_retain_graph_a_second_backward_adds_once_more():
    x = leaf([1.0, 2.0])
    y = (x * x).sum()
    for count in (1, 2, 3):
        y.backward(retain_graph=True)
        np.testing.assert_array_equal(array(x.grad), count * np.array([2.0, 4.0]))
    y.backward()
    np.testing.assert_array_equal(array(x.grad), [8.0, 16.0])


def test_a_failed_pass_changes_no_gradient():
    x = leaf([1.0])
    y = (x * x).sum()
    y.backward()
    before = array(x.grad).copy()
    for _ in range(2):
        with pytest.raises(FreedGraphError):
            y.backward()
    np.testing.assert_array_equal(array(x.grad), before)


def test_leaves_survive_freeing():
    x = leaf([1.0])
    for _ in range(3):
        (x * 2).sum().backward()
    assert x.grad.item() == 6


# -------------------------------------------------------------------------- modes, per thread
def test_no_grad_and_enable_grad_nest():
    x = leaf([1.0])
    with tg.no_grad():
        assert not tg.is_grad_enabled()
        with tg.enable_grad():
            assert (x * 2).requires_grad
        assert not (x * 2).requires_grad
    assert tg.is_grad_enabled()


def test_no_grad_is_left_after_an_error():
    with pytest.raises(ZeroDivisionError), tg.no_grad():
        raise ZeroDivisionError
    assert tg.is_grad_enabled()


def test_no_grad_as_a_decorator():
    @tg.no_grad()
    def double(x):
        return x * 2

    assert not double(leaf([1.0])).requires_grad
    assert tg.is_grad_enabled()


def test_no_grad_is_per_thread():
    entered, checked, seen = threading.Event(), threading.Event(), []

    def quiet():
        with tg.no_grad():
            entered.set()
            checked.wait(10)
            seen.append((leaf([1.0]) * 2).requires_grad)

    thread = threading.Thread(target=quiet)
    thread.start()
    assert entered.wait(10)
    assert (leaf([1.0]) * 2).requires_grad
    checked.set()
    thread.join()
    assert seen == [False]


def test_threads_sweep_their_own_graphs():
    results = {}

    def work(number):
        x = leaf(np.full(20, float(number)))
        y = x
        for _ in range(200):
            y = y * 1.0 + x
        y.sum().backward()
        results[number] = array(x.grad)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    for g in results.values():
        np.testing.assert_array_equal(g, np.full(20, 201.0))


def test_backward_works_under_no_grad():
    x = leaf([3.0])
    y = (x * x).sum()
    with tg.no_grad():
        y.backward()
    assert x.grad.item() == 6
    assert not x.grad.requires_grad


# ------------------------------------------------------- gradients of results, and hooks
def test_retain_grad_keeps_the_gradient_of_a_result():
    x = leaf([1.0, 2.0])
    y = x * 2
    assert y.retain_grad() is y
    z = y * y
    z.sum().backward()
    np.testing.assert_array_equal(array(y.grad), [4.0, 8.0])
    assert z.grad is None


def test_a_retained_gradient_is_not_aliased():
    x = leaf([1.0, 2.0])
    y = (x * 1).retain_grad()
    (y + 0).backward(np.ones(2))
    y.grad.data[0] = 50
    np.testing.assert_array_equal(array(x.grad), [1.0, 1.0])


@pytest.mark.parametrize("shape", [(), (2,)])
def test_a_hook_sees_the_complete_gradient_as_a_tensor(shape):
    x = leaf(np.full(shape, 3.0))
    y = x * 2
    seen = []
    y.register_hook(lambda g: seen.append(g * 1))
    (y * y + y).sum().backward()
    (g,) = seen
    assert isinstance(g, tg.Tensor) and isinstance(g.data, np.ndarray)
    np.testing.assert_array_equal(g.data, np.full(shape, 13.0))


def test_what_a_hook_returns_replaces_the_gradient():
    x = leaf([1.0])
    y = x * 2
    y.register_hook(lambda g: g * 10)
    y.register_hook(lambda g: g + 1)
    y.sum().backward()
    assert x.grad.item() == 2 * 11


def test_a_hook_on_a_leaf_changes_what_is_added():
    x = leaf([1.0])
    x.register_hook(lambda g: g * 10)
    for count in (1, 2):
        (x * 2 + x).sum().backward()
        assert x.grad.item() == 30 * count


def test_a_hook_can_be_removed():
    x = leaf([1.0])
    handle = x.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: g * 10)()
    handle.remove()
    handle.remove()
    (x * 2).sum().backward()
    assert x.grad.item() == 2


def test_a_hook_that_changes_the_shape_is_refused():
    x = leaf([1.0, 2.0])
    y = x * 2
    y.register_hook(lambda g: g.sum())
    with pytest.raises(ShapeError, match=r"hook.*\(\).*\(2,\)"):
        y.sum().backward()


def test_a_hook_where_no_gradient_arrives_is_refused():
    with pytest.raises(GradientError, match="requires no gradient"):
        tg.tensor(1.0).register_hook(print)


def test_a_hook_is_differentiated_too():
    x = leaf(3.0)
    y = x * x
    y.register_hook(lambda g: g * x)  # the gradient becomes 2 x²
    y.backward(create_graph=True)
    g, x.grad = x.grad, None
    assert g.item() == 18
    g.backward()
    assert x.grad.item() == 12


# ------------------------------------------------------------------------------ higher orders
def test_create_graph_to_the_fourth_order():
    x = leaf(2.0)
    y = x * x * x * x
    for want in (4 * 2.0**3, 12 * 2.0**2, 24 * 2.0, 24.0):
        y.backward(create_graph=True)
        y, x.grad = x.grad, None
        assert y.item() == pytest.approx(want)


def test_gradients_with_a_graph_add_up():
    x = leaf(2.0)
    y = x * x * x
    y.backward(create_graph=True)
    y.backward(create_graph=True)
    g, x.grad = x.grad, None
    assert g.item() == 24
    g.backward()
    assert x.grad.item() == 24


def test_create_graph_keeps_the_first_graph():
    x = leaf(2.0)
    y = x * x
    y.backward(create_graph=True)
    y.backward()
    assert x.grad.item() == 8


def test_without_create_graph_a_gradient_has_no_history():
    x = leaf(2.0)
    (x * x).backward()
    assert not x.grad.requires_grad


def test_the_gradient_that_arrives_is_in_the_graph_too():
    x, w = leaf([2.0]), leaf([5.0])
    (x * x).backward(w, create_graph=True)
    g, x.grad = x.grad, None
    g.sum().backward()
    assert w.grad.item() == 4
    assert x.grad.item() == 10


def test_a_gradient_penalty_trains():
    """The gradient's norm as a part of the loss: mixed orders in one sweep."""
    x, w = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    y = (w * x * x).sum()
    y.backward(create_graph=True)
    g = x.grad
    x.grad = w.grad = None
    loss = (g * g).sum() + (w * x).sum()  # g = 2 w x
    loss.backward()
    np.testing.assert_allclose(array(w.grad), 8 * np.array([3.0, 16.0]) + [1.0, 2.0])
    np.testing.assert_allclose(array(x.grad), 8 * np.array([9.0, 32.0]) + [3.0, 4.0])


def test_switching_a_leaf_off_after_its_use_does_not_disturb_the_others():
    x, w = leaf([1.0]), leaf([2.0])
    y = (x * w + x).sum()
    x.requires_grad_(False)
    y.backward()
    assert w.grad.item() == 1


def test_an_argument_without_a_rule_does_not_hold_back_the_gradients_of_others():
    x = leaf([1.0, 0.0, 2.0])
    tg.where(x, 2 * x, 3 * x).sum().backward()
    np.testing.assert_array_equal(np.asarray(x.grad), [2, 3, 2])


def test_a_gradient_that_a_pullback_leaves_out_is_zero_and_others_still_arrive():
    @tg.custom_op(pullback=lambda g, y, a, b, needs: (g * 2.0, None), check=False)
    def first_only(a, b, /):
        return 2.0 * a

    x = leaf([1.0, 3.0])
    (first_only(x, x * x) + x).sum().backward()
    np.testing.assert_array_equal(np.asarray(x.grad), [3, 3])


def _shared(x, kept):
    """Ways in which a gradient's array may also be held by something else."""

    @tg.custom_op(
        pullback=lambda g, y, a, b, needs: (kept.setdefault("rule", g * 2.0),) * 2, check=False
    )
    def doubled(a, b, /):
        return 2.0 * (a + b)

    return doubled(x[0], x[1]).sum()


def test_gradients_share_memory_with_nothing_that_anyone_holds():
    kept = {}
    x = [leaf([1.0, 2.0]), leaf([3.0, 4.0])]
    _shared(x, kept).backward()
    arrays = [np.asarray(t.grad) for t in x]
    assert not np.shares_memory(*arrays)
    assert not any(np.shares_memory(a, kept["rule"]) for a in arrays)


@pytest.mark.parametrize("way", ["hook", "seed", "retained", "observer"])
def test_a_gradient_that_something_else_saw_is_copied(way):
    x, seen = leaf([1.0, 2.0]), []
    y = x + 0.0
    seed = np.array([5.0, 6.0])
    if way == "hook":
        x.register_hook(lambda g: seen.append(np.asarray(g)))
    if way == "retained":
        y.retain_grad()

    class Look(tg.Observer):
        def edge(self, node, p, contribution):
            seen.append(contribution)

    with tg.observe(Look()):
        y.backward(seed)
    if way == "retained":
        seen.append(np.asarray(y.grad))
    seen.append(seed)
    grad = x.grad.data
    grad[...] = -1.0
    assert all(np.array_equal(other, [5.0, 6.0]) for other in seen)


def test_a_root_that_is_a_leaf_gets_a_gradient_of_its_own():
    x = leaf(3.0)
    x.backward()
    y = leaf(4.0)
    y.backward()
    x.grad.data[...] = 7.0
    assert y.grad.item() == 1.0


def test_an_observer_is_told_of_the_end_also_when_a_rule_raises():
    @tg.custom_op(vjp=lambda g, y, x: 1 / 0, check=False)
    def broken(x, /):
        return x * 1.0

    class Calls(tg.Observer):
        ended = 0

        def end(self):
            self.ended += 1

    with tg.observe(Calls()) as calls, pytest.raises(ZeroDivisionError, match="zero"):
        broken(leaf([1.0])).sum().backward()
    assert calls.ended == 1


def test_a_program_whose_folder_only_begins_like_the_package_is_the_users():
    name = tg.__path__[0] + "_examples/program.py"
    source = "x = tg.tensor([1.0], requires_grad=True)\ny = (x * x).sum()\ny.backward()\n"
    space = {"tg": tg}
    exec(compile(source, name, "exec"), space)
    with pytest.raises(tg.errors.FreedGraphError, match=r"_examples/program\.py:3"):
        space["y"].backward()
