"""Large instructions, shared by threads: each takes some of the rows.

Only what is worked out row by row is cut, and only between rows, so that the bits are those of one
thread, whatever the number of threads is when the program runs: elementwise functions, sums along
the last axis, products of matrices by rows or columns of their result, compiled kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from math import prod
from typing import Any

import numpy as np

from tinygrad_nn.backends import gelu as gelus
from tinygrad_nn.backends.normalization import standardize
from tinygrad_nn.compiler.facts import facts_of
from tinygrad_nn.compiler.kernels.building import Ranged
from tinygrad_nn.compiler.layout import alike, c_order, dense
from tinygrad_nn.compiler.parallel.large import PRODUCTS, size_of_linear, size_of_product
from tinygrad_nn.compiler.parallel.sharing import Spread
from tinygrad_nn.compiler.passes.blocks import BLOCK
from tinygrad_nn.compiler.plan.forms import Form, form_of, inplace_pairs
from tinygrad_nn.compiler.plan.memory import Plan, planned
from tinygrad_nn.compiler.program import Instruction, Program, Var, counted

__all__ = ["spread"]

_QUICK, _USUAL, _SLOW = 1 << 20, 1 << 18, 1 << 17
"""Elements of a piece: 100 µs or more, where handing over takes 60 to 80 amid a step. For calls
of arithmetic and comparisons; for exponentials and the like, and for kernels; for other functions,
which are up to 100 times slower than arithmetic."""
_ARITHMETIC = frozenset(
    {
        "absolute", "add", "bitwise_and", "bitwise_or", "divide", "equal", "greater",
        "greater_equal", "isfinite", "isinf", "isnan", "less", "less_equal", "logical_and",
        "logical_not", "logical_or", "maximum", "minimum", "multiply", "negative", "not_equal",
        "positive", "reciprocal", "sign", "sqrt", "square", "subtract",
    }
)  # fmt: skip
_EXPONENTIAL = frozenset({"cos", "exp", "log", "sin", "tanh"})
_SIDES = {"f": 64, "d": 192}
"""Rows or columns that pieces of a product are multiples of: so many, or a divisor of it, the
kernels of OpenBLAS work on at a time, and only then a row has the same bits in a piece."""
_NARROW = 16
"""Products of a narrower matrix are bound by memory."""
_SMALL = 1 << 17
"""Bytes of the largest array of an instruction that is not looked at."""
_GROUP = 64
"""The same for functions that multiply rows with a vector."""
_LONG = 1 << 18
"""Elements that a thread works on by one call where it has a piece of many short calls. All want
Python's lock between two calls, and to get it from another thread takes 50 µs: with blocks of
128 kB two threads took for a GELU what one takes, with these 0.6 of it."""


def spread(program: Program) -> Program:
    """The same program with large instructions that threads can share."""
    found: list[Instruction] = []
    plan: Plan | None = None
    count = 0
    for i in program.instructions:
        if max(v.nbytes for v in (*i.results, *i.inputs, i.out)) < _SMALL:
            found.append(i)  # small, whatever it is
            continue
        plan = plan or planned(program, placing=False)
        shared = _shared(i, plan)
        count += shared is not i
        found.append(shared)
    if not count:
        return program
    text = f"threads share {counted(count, 'large instruction')}, where more than one is allowed"
    return replace(program, instructions=tuple(found)).noted("threads", text)


def _shared(i: Instruction, plan: Plan) -> Instruction:
    form = form_of(i)
    call: Spread | None = None
    pairs: frozenset[tuple[int, int]] = frozenset()
    if not i.pure:
        return i
    if form is Form.WRITES:
        call, pairs = _written(i), i.inplace
    elif form is Form.UFUNC:
        call, pairs = (
            _elementwise(i, partial(_into_ufunc, i.call), _rate(i.call)),
            inplace_pairs(i, form),
        )
    elif form is Form.REDUCTION:
        call = _sums(i)
    elif form is Form.PRODUCT:
        call = _product(i, plan)
    elif i.op is not None and form is Form.CALL and dense(i.out):
        call = _operation(i)
    if call is None:
        return i
    return replace(i, call=call, params={}, writes=True, inplace=pairs)


def _pieces(elements: int, rate: int) -> int:
    return elements // rate


def _rate(ufunc: Any) -> int:
    """Elements of a piece."""
    if ufunc.__name__ in _ARITHMETIC:
        return _QUICK
    return _USUAL if ufunc.__name__ in _EXPONENTIAL else _SLOW


# ── Rows as slices ──────────────────────────────────────────────────────────────────────


def _sliced(
    call: Callable[..., Any],
    axes: Sequence[int | None],
    _: int,
    start: int,
    stop: int,
    *arrays: Any,
) -> None:
    """Call with rows of those arrays that have them along an axis."""
    call(*[
        x if axis is None else x[(*[slice(None)] * axis, slice(start, stop))]
        for x, axis in zip(arrays, axes, strict=True)
    ])  # fmt: skip


def _rows(
    call: Callable[..., Any],
    axes: Sequence[int | None],
    total: int,
    grain: int,
    most: int,
    part: Callable[..., Any] | None = None,
) -> Spread | None:
    found = Spread(call, partial(_sliced, part or call, axes), total, grain, most)
    return found if found.most > 1 else None


def _into_ufunc(ufunc: Any, *arrays: Any) -> None:
    ufunc(*arrays[:-1], out=arrays[-1])


def _into(call: Callable[..., Any], params: dict[str, Any], *arrays: Any) -> None:
    arrays[-1][...] = call(*arrays[:-1], **params)


def _gelu_into(params: dict[str, Any], x: Any, out: Any, **block: Any) -> None:
    gelus.gelu(x, **{"approximate": "none", **params}, out=out, **block)


def _gelu_slope_into(params: dict[str, Any], g: Any, x: Any, out: Any, **block: Any) -> None:
    gelus.gelu_slope(g, x, **params, out=out, **block)


def _standardize_into(params: dict[str, Any], x: Any, *others: Any) -> None:
    *affine, out = others
    standardize(x, tuple(affine), **{"centred": True, **params}, out=out)


_WRITTEN: dict[str, Callable[..., None]] = {
    "gelu": _gelu_into,
    "gelu_slope": _gelu_slope_into,
    "standardize": _standardize_into,
}
"""Kernels that write where they are told: for a GELU of 4 MB a copy would take a fifth more."""
_IN_BLOCKS = frozenset({"gelu", "gelu_slope"})
"""Those that are told how many elements to work on at a time."""


def _elementwise(
    i: Instruction, call: Callable[..., Any], rate: int, part: Callable[..., Any] | None = None
) -> Spread | None:
    """Cut along the axis that is outermost in memory; `part` does a piece, if not `call`."""
    sides, out = i.out.shape, i.out
    most = _pieces(prod(sides), rate)
    if most < 2:
        return None
    axis = max(range(len(sides)), key=lambda a: abs(out.strides[a]) if sides[a] > 1 else -1)
    axes = [_axis_of(x, axis, sides) for x in (*i.args, out)]
    return _rows(call, axes, sides[axis], 1, most, part)


def _axis_of(x: Any, axis: int, sides: Sequence[int]) -> int | None:
    """The axis of an operand that is broadcast to the axis of the result."""
    if not isinstance(x, Var):
        return None
    axis -= len(sides) - len(x.shape)
    return axis if axis >= 0 and x.shape[axis] > 1 else None


def _sums(i: Instruction) -> Spread | None:
    """Along the last axis: a row each."""
    x: Var = i.args[0]
    axis, keep = i.params.get("axis", 0), i.params.get("keepdims", False)
    if len(x.shape) < 2 or axis not in (-1, len(x.shape) - 1, (-1,), (len(x.shape) - 1,)):
        return None

    def call(x: Any, out: Any) -> None:
        i.call(x, axis, None, out, keep)

    return _rows(call, (0, 0), x.shape[0], 1, _pieces(prod(x.shape), _QUICK))


# ── Products ────────────────────────────────────────────────────────────────────────────


def _product(i: Instruction, plan: Plan) -> Spread | None:
    a, b = i.args
    most = size_of_product(i) // PRODUCTS
    # The product of an array with itself has a short cut.
    if most < 2 or plan.owners[a] & plan.owners[b]:
        return None
    if len(i.out.shape) > 2:
        if len(a.shape) < 3 and len(b.shape) < 3:
            return None
        axes = [
            _axis_of(x, 0, i.out.shape) if len(x.shape) == len(i.out.shape) else None
            for x in (a, b, i.out)
        ]
        return _rows(partial(_into_ufunc, np.matmul), axes, i.out.shape[0], 1, most)
    if not c_order(i.out):
        return None
    whole = partial(_into_product, i.call)
    return _halves(whole, i.out, most, partial(_some_of_product, i.call))


def _into_product(call: Callable[..., Any], a: Any, b: Any, out: Any) -> None:
    call(a, b, out=out)


def _halves(
    whole: Callable[..., Any], out: Var, most: int, part: Callable[..., None]
) -> Spread | None:
    """Cut the longer side of the result; `part` is told whether these are its rows."""
    sides = prod(out.shape[:-1]), out.shape[-1]
    rows = sides[0] >= sides[1]
    found = Spread(whole, partial(part, rows), max(sides), _SIDES[out.dtype.char], most)
    return found if found.most > 1 and min(sides) >= _NARROW else None


def _some_of_product(
    call: Callable[..., Any], rows: bool, _: int, start: int, stop: int, a: Any, b: Any, out: Any
) -> None:
    if rows:
        call(a[start:stop], b, out=out[start:stop])
    else:
        np.matmul(a, b[:, start:stop], out=out[:, start:stop])


def _linear(i: Instruction) -> Spread | None:
    most = size_of_linear(i) // PRODUCTS
    if most < 2:
        return None
    whole = partial(_some_of_linear, True, 0, 0, prod(i.out.shape[:-1]))
    return _halves(whole, i.out, most, _some_of_linear)


def _some_of_linear(
    rows: bool, _: int, start: int, stop: int, x: Any, weight: Any, *others: Any
) -> None:
    """As the kernel of `linear`, with its result in given memory."""
    *bias, out = others
    x, out = x.reshape(-1, x.shape[-1]), out.reshape(-1, out.shape[-1])
    if rows:
        out = out[start:stop]
        x[start:stop].dot(weight.T, out)
    else:
        out, bias = out[:, start:stop], [b[start:stop] for b in bias]
        np.matmul(x, weight[start:stop].T, out=out)
    for b in bias:
        out += b


# ── Kernels ─────────────────────────────────────────────────────────────────────────────


def _operation(i: Instruction) -> Spread | None:
    """Kernels that are functions of NumPy, of operations that are known to go row by row."""
    key = i.op.key
    if key == "linear":
        return _linear(i)
    if not dense(i.out) or any(isinstance(x, (tuple, list)) for x in i.args):
        return None
    call = partial(_WRITTEN.get(key) or partial(_into, i.call), dict(i.params))
    if any(True for _ in _variables(i.params)):
        return None
    if facts_of(i).each:
        part = partial(call, block=_LONG) if key in _IN_BLOCKS else None
        return _elementwise(i, call, _USUAL, part)
    if key == "standardize":
        return _standardized(i, call)
    return None


def _variables(params: Any) -> list[Any]:
    return [x for x in params.values() if isinstance(x, Var)]


def _standardized(i: Instruction, call: Callable[..., Any]) -> Spread | None:
    x, *affine = i.args
    axes = i.params["axes"]
    last = axes == tuple(range(len(x.shape) - len(axes), len(x.shape)))
    if not last or not axes or axes[0] == 0 or not c_order(x):
        return None
    if any(w.shape != x.shape[axes[0] :] for w in affine):
        return None
    inner = prod(x.shape[1 : axes[0]])
    grain = -(-_GROUP // inner) if _GROUP % inner == 0 or inner % _GROUP == 0 else _GROUP
    cut = [0, *[None] * len(affine), 0]
    # Ten short calls, between which the threads wait for one another.
    return _rows(call, cut, x.shape[0], grain, _pieces(prod(x.shape), _QUICK))


def _written(i: Instruction) -> Spread | None:
    """What earlier passes made."""
    call = i.call
    if isinstance(call, Ranged):
        most = _pieces(sum(prod(v.shape) for v in (*i.inputs, *i.results)), 2 * _USUAL)
        return _ranged(call, most) if min(most, call.total) > 1 else None
    arrays = [v for v in (*i.args, *i.results) if isinstance(v, Var) and v.shape]
    if i.name != "blocks" or not all(alike(v, i.out) for v in arrays):
        return None
    size, grain = prod(i.out.shape), BLOCK // i.out.dtype.itemsize
    flags = [isinstance(v, Var) and bool(v.shape) for v in (*i.args, *i.results)]
    most = _pieces(len(i.inside) * size, _QUICK)
    found = Spread(call, partial(_some_blocks, call, flags), size, grain, most)
    return found if found.most > 1 else None


def _some_blocks(
    call: Callable[..., Any], flags: Sequence[bool], _: int, start: int, stop: int, *arrays: Any
) -> None:
    given = [x.reshape(-1)[start:stop] if f else x for x, f in zip(arrays, flags, strict=True)]
    call(*given, length=min(_LONG, stop - start))


def _ranged(call: Ranged, most: int) -> Spread:
    """Each piece has work space of its own."""
    spaces: dict[int, Any] = {}

    def part(number: int, start: int, stop: int, *arrays: Any) -> None:
        if number not in spaces:
            spaces[number] = call.space()
        call.part(start, stop, spaces[number], *arrays)

    return Spread(call, part, call.total, 1, most)
