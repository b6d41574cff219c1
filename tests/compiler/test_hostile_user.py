"""What optimisers, leaves and arguments do that one would not expect: captured equals eager."""

from types import SimpleNamespace
from typing import Any

import pytest

import tinygrad_nn as tg
from tests.compiler.beside import ENGINE, beside, loss_of, rows, weights
from tests.compiler.twins import bits, gradient_bits
from tinygrad_nn import optim

# ── Optimisers ──────────────────────────────────────────────────────────────────────────

_KINDS = [
    "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Lion", "NAdam", "RAdam",
    "RMSprop", "Rprop", "SGD",
]  # fmt: skip


@pytest.mark.parametrize("kind", _KINDS)
def test_an_optimiser_may_step_twice_in_one_step(kind):
    """The second goes on with what the first one remembered."""

    def make():
        w, b = weights()
        options = {"momentum": 0.9} if kind == "SGD" else {}
        optimizer = getattr(optim, kind)([w, b], lr=0.05, **options)

        def step(x):
            for scale in (1.0, -2.0):
                optimizer.zero_grad()
                loss = loss_of(w, b, x * scale)
                loss.backward()
                optimizer.step()
            return loss

        return [w, b], step

    beside(make)


def looks_for_a_key(state, g):
    if "m" not in state:
        state["m"] = g
    else:
        state["m"] = state["m"] * 0.9 + g


def asks_for_a_key(state, g):
    m = state.get("m")
    state["m"] = g if m is None else m * 0.9 + g


def looks_whether_it_is_empty(state, g):
    if not state:
        state["m"] = g * 0.0
    state["m"] = state["m"] * 0.9 + g


@pytest.mark.parametrize(
    "remember",
    [looks_for_a_key, asks_for_a_key, looks_whether_it_is_empty],
    ids=lambda f: f.__name__,
)
def test_what_an_optimiser_of_the_user_looks_at_counts(remember):
    settings: list[Any] = []

    class Mine(optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {"lr": 0.1})
            self.scale = 1.0

        def update(self, value, g, state, group, c):
            remember(state, g)
            return -group["lr"] * self.scale * state["m"] * settings[0]

    made: list[Any] = []

    def make():
        settings[:] = [1.0]
        w, b = weights()
        optimizer = Mine([w, b])
        made.append(optimizer)

        def step(x):
            optimizer.zero_grad()
            loss = loss_of(w, b, x)
            loss.backward()
            optimizer.step()
            return loss

        return [w, b], step

    def between(turn, leaves):
        (mine,) = [x for x in made if x.param_groups[0]["params"][0] is leaves[0]]
        if turn == 1:
            mine.scale = 3.0
        if turn == 2:
            mine.state.clear()
            settings[0] = 2.0

    beside(make, between=between)


def test_groups_that_are_taken_away_are_no_failed_replay():
    def make():
        (w, b), (v, _) = weights(), weights()
        optimizer = optim.Adam([{"params": [w, b]}, {"params": [v], "lr": 0.5}], lr=0.1)
        groups.append(optimizer.param_groups)

        def step(x):
            loss = loss_of(w, b, x) + v.sum()
            loss.backward()
            optimizer.step()
            return loss

        return [w, b, v], step

    groups: list[Any] = []
    beside(make, between=lambda turn, leaves: [g.pop() for g in groups if len(g) > 1 and turn == 1])


# ── Leaves ──────────────────────────────────────────────────────────────────────────────


def swapped(w, v):
    w.data, v.data = v.data, w.data


def added(w, v):
    w.data += v.data
    v.data -= w.grad.data


def kept(w, v):
    old = w.data
    w.data = w.data * 2.0
    v.data = old
    w.data += v.data


@pytest.mark.parametrize("change", [swapped, added, kept], ids=lambda f: f.__name__)
def test_an_array_that_was_replaced_is_no_more_the_leaf_s(change):
    def make():
        (w, b), (v, _) = weights(), weights()
        v.data = v.data * 3.0

        def step(x):
            w.grad = v.grad = None
            loss = loss_of(w, b, x) * v.sum()
            loss.backward()
            change(w, v)
            return loss

        return [w, v], step

    beside(make)


def test_hooks_of_arguments_and_what_hooks_name_count():
    settings = SimpleNamespace(scale=1.0)
    w, _ = weights()
    w.register_hook(lambda g: g * settings.scale)

    def step(x):
        w.grad = None
        loss = (x @ w).sum()
        loss.backward()
        return loss

    captured = tg.jit(step, engine=ENGINE)
    for turn in range(6):
        settings.scale = 1.0 + turn // 3
        found = []
        for f in (step, captured):
            x = tg.tensor(rows(turn).data, requires_grad=True)
            if turn % 3:
                x.register_hook(lambda g, turn=turn: g * turn)
            found.append((bits(f(x)), gradient_bits(x), gradient_bits(w)))
        assert found[0] == found[1], turn


# ── Arguments ───────────────────────────────────────────────────────────────────────────


def test_keywords_in_another_order_are_another_program():
    step = tg.jit(lambda **named: tg.stack([*named.values()]), engine=ENGINE)
    a, b = rows(0), rows(1)
    for given in ({"a": a, "b": b}, {"b": b, "a": a}, {"a": b, "b": a}):
        assert bits(step(**given)) == bits(step.function(**given))


@pytest.mark.parametrize("keys", [(1, True, 1.0), (0.0, -0.0), ((1, 2), (True, 2)), (1, "1")])
def test_keys_that_only_compare_equal_differ(keys):
    step = tg.jit(lambda d: {str(k): x * 2 for k, x in d.items()}, engine=ENGINE)
    for turn in range(6):
        given = {keys[turn % len(keys)]: rows(turn)}
        assert bits(step(given)) == bits(step.function(given))


def test_a_number_has_text_a_hash_and_the_methods_of_a_float():
    table = {0.0: 5.0, 1.0: 7.0, 2.5: 1.0}

    def step(x, s):
        text = f"{s!r} {s}", s.is_integer(), s.hex(), hash(s), divmod(s, 2.0)[1]
        return x * table[s] * float(str(s)), text

    captured = tg.jit(step, engine=ENGINE)
    for turn in range(6):
        s = [0.0, 1.0, 2.5][turn % 3]
        assert bits(captured(rows(turn), s)) == bits(step(rows(turn), s))


def test_an_array_held_by_the_user_stays_as_it_is_when_the_leaf_gets_another():
    def make():
        w, b = weights()
        held.append(w.data)

        def step(x):
            w.grad = None
            loss = loss_of(w, b, x)
            loss.backward()
            w.data = w.data - 0.1 * w.grad.data
            return loss

        return [w, b], step

    held: list[Any] = []
    beside(make)
    assert bits(held[0]) == bits(held[1]) == bits(weights()[0].data)
