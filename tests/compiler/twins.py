"""Captured steps beside the same steps run eagerly: bit for bit, on other numbers each time."""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

import tinygrad_nn as tg
from tests.ops.case import Case, flatten, float_outputs, leaf, rebuild, recorded
from tests.ops.draws import PatternDraw, SeededDraw, Shape
from tinygrad_nn.core.node import Node
from tinygrad_nn.core.op import Op

CALLS = 3


class OtherNumbers:
    """Mixin of sources: the same shapes and options for each `turn`, with other numbers."""

    turn = 0
    made: int

    def _rng(self, seed: int) -> np.random.Generator:
        self.made += 1
        return np.random.default_rng((seed, self.made, self.turn))


class TurningDraw(OtherNumbers, SeededDraw):
    """Shapes by a seed."""


class TurningPattern(OtherNumbers, PatternDraw):
    """Shapes as given."""


def turns(record: Op, seed: int, shapes: Sequence[Shape] | None = None) -> list[Case]:
    """The same call with the numbers of each turn; static arguments are those of the first."""
    found = []
    for turn in range(CALLS):
        draw: Any = TurningDraw(seed) if shapes is None else TurningPattern(shapes, seed)
        draw.turn = turn
        args, params = record.sample(draw)
        found.append(Case(record, (args, found[0].params if found else params)))
    return found


class Rounded:
    """Numbers that are equal to others if they are so to rounding."""

    def __init__(self, x: Any) -> None:
        self.x = np.array(x)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Rounded):
            return NotImplemented
        a, b = self.x, other.x
        if a.dtype.kind != "f":
            return bool((a == b).all())
        share = 1e-4 if a.dtype.itemsize < 8 else 1e-9
        size = float(np.max(np.abs(b), initial=0.0, where=np.isfinite(b)))
        return bool(np.isclose(a, b, rtol=share, atol=share * size, equal_nan=True).all())

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self.x)


_ROUNDING: ContextVar[bool] = ContextVar("rounding", default=False)


@contextmanager
def compared_for(engine: str) -> Iterator[None]:
    """Within this, `bits` are those that the engine promises: numba's to rounding."""
    token = _ROUNDING.set(engine == "numba")
    try:
        with np.errstate(all="ignore"):
            yield
    finally:
        _ROUNDING.reset(token)


def bits(x: Any) -> Any:
    """What must be equal of a result: kind, dtype, shape and each bit, NaN's too.

    Not its history: that of a captured step stays within.
    """
    if isinstance(x, Node):
        return type(x).__name__, bits(x.synced())
    if isinstance(x, (np.ndarray, np.generic)):
        return str(x.dtype), x.shape, Rounded(x) if _ROUNDING.get() else x.tobytes()
    if isinstance(x, float):
        return "float", Rounded(x) if _ROUNDING.get() else np.float64(x).tobytes()
    if isinstance(x, dict):
        return {k: bits(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return [type(x).__name__, *map(bits, x)]
    return x


def gradient_bits(x: Any) -> Any:
    """Bits of a gradient, or None; whether a node holds it already does not matter."""
    g = x._grad
    return bits(g._data if isinstance(g, Node) else g)


def leaves(floats: Sequence[Any]) -> list[tg.Tensor]:
    """New leaves that require gradients, with memory of their own in the same order."""
    return [leaf(np.array(x, order="K")) for x in floats]


def weighed(outputs: Sequence[Any], seed: int) -> list[Any]:
    """A gradient to arrive at each output, as a tensor."""
    rng = np.random.default_rng(seed)
    return [tg.tensor(rng.standard_normal(y.shape).astype(y.dtype)) for y in outputs]


def first_order(outputs: Sequence[Any], weights: Sequence[Any]) -> None:
    """Gradients of the weighed outputs."""
    for y, w in zip(outputs, weights, strict=True):
        if recorded(y):
            y.backward(w, retain_graph=True)


def second_order(inputs: Sequence[Any], outputs: Sequence[Any], weights: Sequence[Any]) -> Any:
    """Gradients of the sum of all gradients; those of first order are given back."""
    for y, w in zip(outputs, weights, strict=True):
        if recorded(y):
            y.backward(w, create_graph=True)
    grads = [x.grad for x in inputs]
    for x in inputs:
        x.grad = None
    for g in grads:
        if g is not None and recorded(g) and not g.is_leaf:
            (g * g).sum().backward(retain_graph=True)
    return [None if g is None else g.detach() for g in grads]


def step_of(case: Case, params: dict[str, Any], order: int) -> Callable[..., Any]:
    """A step that calls the operation and takes gradients of this order."""

    def step(floats: list[Any], others: dict[int, Any], weights: list[Any]) -> Any:
        flat = list(case._flat)
        for slot, x in zip(case.slots, floats, strict=True):
            flat[slot] = x
        for slot, x in others.items():
            flat[slot] = x
        outputs = flatten(case.record.call(*rebuild(case._args, iter(flat)), **params))
        sent = float_outputs(outputs)
        if order == 1:
            first_order(sent, weights)
        if order == 2:
            return outputs, second_order(floats, sent, weights)
        return outputs

    return step


def check_op(cases: Sequence[Case], order: int, engine: str = "numpy") -> bool:
    """Captured equals eager in each turn; False where there is nothing to compare."""
    first = cases[0]
    if not first.floats:
        return False
    eager_params, captured_params = first.fresh_params(), first.fresh_params()
    eager = step_of(first, eager_params, order)
    captured = tg.jit(step_of(first, captured_params, order), engine=engine)
    for turn, case in enumerate(cases):
        # Of each turn, since of a few operations the shape follows from the numbers.
        weights = weighed(float_outputs(case.call(leaves(case.floats))), turn)
        others = {
            i: x
            for i, x in enumerate(case._flat)
            if isinstance(x, np.ndarray) and i not in case.slots
        }
        mine, theirs = leaves(case.floats), leaves(case.floats)
        tensors = [{i: tg.tensor(x) for i, x in others.items()} for _ in range(2)]
        want = eager(mine, tensors[0], weights)
        got = captured(theirs, tensors[1], weights)
        where = f"call {turn}, order {order}"
        assert bits(got) == bits(want), f"{where}: results\n{got}\n{want}"
        for a, b in zip(mine, theirs, strict=True):
            assert gradient_bits(b) == gradient_bits(a), f"{where}: gradient\n{b.grad}\n{a.grad}"
            assert bits(b) == bits(a), f"{where}: an argument was written"
    return True


def independent(x: Any) -> Any:
    """A copy that shares nothing, for the second of two worlds."""
    return copy.deepcopy(x)
