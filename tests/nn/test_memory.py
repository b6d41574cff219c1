"""The Turing machine and the neural computer: a step written out, bounds, gradients, learning."""

import numpy as np
import pytest

import tinygrad_nn as tg
from tests.extents import thinned
from tests.nn.differences import check
from tinygrad_nn import nn, optim
from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.nn.dnc import allocation

F = nn.functional
CELLS = {
    "ntm": lambda **options: nn.NTMCell(3, 4, 2, memory_size=5, word_size=4, **options),
    "dnc": lambda **options: nn.DNCCell(3, 4, 2, memory_size=5, word_size=4, **options),
}
SETTINGS = [
    ("ntm", {}),
    ("ntm", {"read_heads": 2, "write_heads": 2, "shift": 2, "memory": "learned"}),
    ("ntm", {"controller": "linear", "shift": 0}),
    ("dnc", {}),
    ("dnc", {"read_heads": 3}),
    ("dnc", {"controller": "linear", "read_heads": 2}),
]
every = pytest.mark.parametrize(("kind", "options"), SETTINGS)
# The gradients of the others take seconds each.
QUICK = [setting for n, setting in enumerate(SETTINGS) if n not in (1, 4)]


def machine(kind, rng, scale=1.0, **options):
    """A cell in float64 with weights large enough for the heads to move."""
    cell = CELLS[kind](rng=0, **options).double()
    for p in cell.parameters():
        p.data = rng.standard_normal(p.shape) * scale
    return cell


def run(cell, x, state=None):
    outputs = []
    for step in x:
        y, state = cell(step, state)
        outputs.append(y)
    return outputs, state


def numbers(state):
    return {k: None if v is None else np.asarray(v.detach()) for k, v in state._asdict().items()}


# ─────────────────────────────────────────────────────────── a step, in NumPy alone, by loops
def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def softplus(x):
    return np.log1p(np.exp(x))


def cosine(u, v):
    return u @ v / np.sqrt((u @ u + 1e-6) * (v @ v + 1e-6))


def by_content(memory, key, strength):
    return softmax(np.array([strength * cosine(key, row) for row in memory]))


def emitted(cell, x, state):
    """Controller's output, LSTM's new state, and the interface vector, of one sample."""
    p = {k: np.asarray(v.detach()) for k, v in cell.named_parameters()}
    seen = np.r_[x, state["reads"].ravel()]
    if "controller.weight_ih" in p:
        h, c = state["hidden"], state["cells"]
        z = p["controller.weight_ih"] @ seen + p["controller.bias_ih"]
        z = z + p["controller.weight_hh"] @ h + p["controller.bias_hh"]
        i, f, g, o = np.split(z, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        hidden = sigmoid(o) * np.tanh(c)
    else:
        hidden, c = np.tanh(p["controller.weight"] @ seen + p["controller.bias"]), None
    return hidden, c, p["interface.weight"] @ hidden + p["interface.bias"]


def answer(cell, hidden, reads):
    w, b = np.asarray(cell.output.weight), np.asarray(cell.output.bias)
    return w @ np.r_[hidden, reads.ravel()] + b


def cut(v, *sizes):
    return np.split(v, np.cumsum(sizes)[:-1])


def kept(hidden, cells):
    return {"hidden": None if cells is None else hidden, "cells": cells}


def ntm_step(cell, x, s):
    hidden, c, v = emitted(cell, x, s)
    R, H, W, k = cell.read_heads, cell.write_heads, cell.word_size, cell.shift
    M, count = s["memory"], cell.memory_size
    heads = [cut(v[i * (W + 4 + 2 * k) :][: W + 4 + 2 * k], W, 1, 1, 1, 2 * k + 1)
             for i in range(R + H)]  # fmt: skip
    changes = v[(R + H) * (W + 4 + 2 * k) :].reshape(H, 2 * W)

    def place(memory, head, before):
        key, strength, gate, sharpness, shifts = head
        content = by_content(memory, key, softplus(strength[0]))  # (5), (6)
        g = sigmoid(gate[0])
        gated = g * content + (1 - g) * before  # (7)
        s = softmax(shifts)
        moved = np.zeros(count)
        for i in range(count):  # (8)
            for j in range(count):
                for d in range(-k, k + 1):
                    if (i - j - d) % count == 0:
                        moved[i] += gated[j] * s[d + k]
        sharp = moved ** (1 + softplus(sharpness[0]))  # (9)
        return sharp / sharp.sum()

    writing = np.array([place(M, heads[R + h], s["write_weights"][h]) for h in range(H)])
    for h in range(H):  # (3)
        M = M * (1 - np.outer(writing[h], sigmoid(changes[h, :W])))
    for h in range(H):  # (4)
        M = M + np.outer(writing[h], changes[h, W:])
    reading = np.array([place(M, heads[r], s["read_weights"][r]) for r in range(R)])
    reads = reading @ M  # (2)
    after = {"memory": M, "read_weights": reading, "write_weights": writing, "reads": reads}
    return answer(cell, hidden, reads), after | kept(hidden, c)


def dnc_step(cell, x, s):
    hidden, c, v = emitted(cell, x, s)
    R, W, count = cell.read_heads, cell.word_size, cell.memory_size
    kr, br, kw, bw, e, add, f, ga, gw, modes = cut(v, R * W, R, W, 1, W, W, R, 1, 1, 3 * R)
    usage = s["usage"] + s["write_weights"] - s["usage"] * s["write_weights"]
    for r in range(R):
        usage = usage * (1 - sigmoid(f[r]) * s["read_weights"][r])
    order = sorted(range(count), key=lambda i: usage[i])
    a, product = np.zeros(count), 1.0
    for i in order:
        a[i] = (1 - usage[i]) * product
        product *= usage[i]
    ga, gw = sigmoid(ga[0]), sigmoid(gw[0])
    content = by_content(s["memory"], kw, 1 + softplus(bw[0]))
    w = gw * (ga * a + (1 - ga) * content)
    M = s["memory"] * (1 - np.outer(w, sigmoid(e))) + np.outer(w, add)
    link = np.zeros((count, count))
    for i in range(count):
        for j in range(count):
            if i != j:
                link[i, j] = (1 - w[i] - w[j]) * s["link"][i, j] + w[i] * s["precedence"][j]
    precedence = (1 - w.sum()) * s["precedence"] + w
    reading = []
    for r in range(R):
        pi, before = softmax(modes[3 * r : 3 * r + 3]), s["read_weights"][r]
        found = by_content(M, kr[r * W : (r + 1) * W], 1 + softplus(br[r]))
        reading.append(pi[0] * link.T @ before + pi[1] * found + pi[2] * link @ before)
    reading = np.array(reading)
    after = {"memory": M, "usage": usage, "link": link, "precedence": precedence}
    after |= {"read_weights": reading, "write_weights": w, "reads": reading @ M}
    return answer(cell, hidden, reading @ M), after | kept(hidden, c)


STEP = {"ntm": ntm_step, "dnc": dnc_step}


@every
def test_steps_are_those_of_the_papers(kind, options, rng):
    cell = machine(kind, rng, **options)
    x, state = rng.standard_normal((4, 2, 3)), cell.first_state(2)
    for step in x:
        before = numbers(state)
        y, state = cell(tg.tensor(step), state)
        for n in range(2):
            one = {k: v if v is None else v[n] for k, v in before.items()}
            output, after = STEP[kind](cell, step[n], one)
            np.testing.assert_allclose(np.asarray(y)[n], output, rtol=1e-9, atol=1e-12)
            for name, value in numbers(state).items():
                if value is None:
                    assert after[name] is None
                else:
                    np.testing.assert_allclose(value[n], after[name], rtol=1e-9, atol=1e-12)


# ────────────────────────────────────────────────────────────────────────────────── bounds
@every
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", [0.3, 3.0, 30.0])
def test_weights_are_shares(kind, options, scale, dtype, rng):
    cell = machine(kind, rng, scale, **options).to(dtype)
    _, s = run(cell, rng.standard_normal((12, 3, 3)).astype(dtype))
    s = numbers(s)
    assert all(np.isfinite(v).all() and v.dtype == dtype for v in s.values() if v is not None)
    slack = 1e-5 if dtype == "float32" else 1e-12
    for name in ("read_weights", "write_weights"):
        assert (s[name] >= -slack).all()
        sums = s[name].sum(-1)
        assert (sums <= 1 + slack).all()
        if kind == "ntm":
            np.testing.assert_allclose(sums, 1, atol=slack)
    if kind == "dnc":
        assert (s["usage"] >= -slack).all()
        assert (s["usage"] <= 1 + slack).all()
        assert (s["precedence"].sum(-1) <= 1 + slack).all()
        assert (s["link"] >= -slack).all()
        assert (s["link"].sum(1) <= 1 + slack).all()
        assert (s["link"].sum(2) <= 1 + slack).all()
        assert not np.diagonal(s["link"], axis1=1, axis2=2).any()


def test_allocation_prefers_what_is_free():
    usage = tg.tensor(np.array([[0.9, 0.0, 0.5], [1.0, 1.0, 1.0], [0.2, 0.2, 0.2]]))
    a = np.asarray(allocation(usage))
    np.testing.assert_allclose(a[0], [0, 1, 0])
    np.testing.assert_allclose(a[1], 0)
    np.testing.assert_allclose(a[2], [0.8, 0.16, 0.032])


# ─────────────────────────────────────────────────────────────────────────────── gradients
@pytest.mark.parametrize(("kind", "options"), thinned(SETTINGS, QUICK))
def test_gradients_are_those_of_differences(kind, options, rng):
    cell = machine(kind, rng, 0.6, **options)
    x = tg.tensor(rng.standard_normal((3, 2, 3)), requires_grad=True)
    wanted = rng.standard_normal((3, 2, 2))

    def loss():
        outputs, _ = run(cell, x)
        return (tg.stack(outputs) * wanted).sum()

    check(loss, [x, *cell.parameters()], 2e-6)


@every
def test_hard_choices_leave_finite_gradients(kind, options, rng):
    cell = machine(kind, rng, 40.0, **options).to("float32")
    outputs, _ = run(cell, rng.standard_normal((8, 2, 3)).astype("float32"))
    sum(y.sum() for y in outputs).backward()
    found = [np.asarray(p.grad) for p in cell.parameters() if p.grad is not None]
    assert all(np.isfinite(g).all() for g in found)


def test_a_learned_start_is_learned(rng):
    cell = machine("ntm", rng, memory="learned")
    y, _ = cell(tg.tensor(rng.standard_normal((2, 3))))
    y.sum().backward()
    assert np.asarray(cell.first_memory.grad).any()
    assert np.asarray(cell.first_weights.grad).any()


# ─────────────────────────────────────────────────────────────────────────────── sequences
@pytest.mark.parametrize("kind", [nn.NTM, nn.DNC])
def test_a_sequence_goes_on_where_it_stopped(kind, rng):
    net = kind(3, 6, 2, memory_size=5, word_size=4, rng=0)
    x = tg.tensor(rng.standard_normal((7, 2, 3)).astype("float32"))
    whole, last = net(x)
    first, state = net(x[:3])
    second, end = net(x[3:], state.detach())
    assert whole.shape == (7, 2, 2)
    assert whole.dtype == "float32"
    np.testing.assert_array_equal(np.r_[np.asarray(first), np.asarray(second)], np.asarray(whole))
    np.testing.assert_array_equal(np.asarray(end.memory), np.asarray(last.memory))
    again = kind(3, 6, 2, memory_size=5, word_size=4, rng=0)
    np.testing.assert_array_equal(np.asarray(again(x)[0]), np.asarray(whole))
    assert net(x[:, :0])[0].shape == (7, 0, 2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "options", "steps"),
    [(nn.NTM, {"controller": "linear"}, 250), (nn.DNC, {}, 250)],
)
def test_a_short_copy_is_learned(kind, options, steps):
    """Three words of four bits, a sign, and the words again."""
    net = kind(6, 24, 4, memory_size=8, word_size=8, rng=1, **options)
    optimizer = optim.RMSprop(net.parameters(), lr=5e-3)
    draws, losses = np.random.default_rng(0), []
    for _ in range(steps):
        bits = draws.integers(0, 2, (3, 16, 4)).astype("float32")
        x = np.zeros((7, 16, 6), "float32")
        x[:3, :, :4], x[3, :, 4], x[4:, :, 5] = bits, 1, 1
        optimizer.zero_grad()
        outputs, _ = net(tg.tensor(x))
        loss = F.binary_cross_entropy_with_logits(outputs[4:], tg.tensor(bits))
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 10.0)
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-20:]) < 0.6 * np.mean(losses[:20])


# ──────────────────────────────────────────────────────────────────────────────── refusals
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CELLS["ntm"](shift=3), "2 \\* shift < memory_size"),
        (lambda: CELLS["ntm"](memory="zero"), "memory='zero'"),
        (lambda: CELLS["dnc"](controller="gru"), "'lstm' or 'linear'"),
        (lambda: CELLS["dnc"](read_heads=0), "read_heads=0"),
        (lambda: nn.DNC(3, 6, 2, size=4), "'size'"),
    ],
)
def test_options_are_refused(make, message):
    with pytest.raises(OptionError, match=message):
        make()


@pytest.mark.parametrize("kind", ["ntm", "dnc"])
def test_shapes_are_refused(kind):
    cell = CELLS[kind](rng=0)
    with pytest.raises(ShapeError, match=r"\(2, 4\), expected \(N, 3\)"):
        cell(tg.zeros((2, 4)))
    with pytest.raises(ShapeError, match=r"one step; a sequence goes to"):
        cell(tg.zeros((5, 2, 3)))
    with pytest.raises(ShapeError, match=r"state.memory \(4, 5, 4\), expected \(2, 5, 4\)"):
        cell(tg.zeros((2, 3)), cell.first_state(4))
    with pytest.raises(ShapeError, match="at least one step"):
        nn.NTM(3, 6, 2)(tg.zeros((0, 2, 3)))
