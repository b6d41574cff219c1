"""Takes instructions apart into what loops are made of, as far as they are understood.

NumPy's functions are looked up in the table. An operation of this package is run again, its own
text, on stand-ins that write down NumPy's functions: so it is compiled without a second
definition. What asks for a number, or writes into a part of an array, stays a call of NumPy.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_nn.backends import array
from tinygrad_nn.compiler.facts import Lies, facts_of
from tinygrad_nn.compiler.layout import example
from tinygrad_nn.compiler.numba.parts import (
    Assemble,
    Element,
    Part,
    Pick,
    Place,
    Product,
    Reduce,
    View,
    renamed,
    steps_of,
)
from tinygrad_nn.compiler.numba.table import REDUCTIONS, code, expression
from tinygrad_nn.compiler.opening import Opening, StandIn
from tinygrad_nn.compiler.program import Instruction, Var, mapped

__all__ = ["parts_of"]

_DEPTH = 4
"""Operations within operations that are looked into."""
_LARGEST = 2**26
"""Bytes of the largest array that an operation is tried on."""


def parts_of(instruction: Instruction, depth: int = 0) -> list[Part] | None:
    """Parts that compute the same; None if they are not known."""
    if instruction.more or instruction.writes or not instruction.pure:
        return None
    if not all(_plain(v) for v in (instruction.out, *instruction.inputs)):
        return None
    if instruction.out.dtype is None:
        return None
    try:
        found = _direct(instruction)
        if found is None and depth < _DEPTH:
            found = _opened(instruction, depth)
    except (TypeError, ValueError, IndexError):
        return None  # arguments in a form that is not known here
    return found


def _plain(var: Var) -> bool:
    if var.dtype is None:
        return True
    return bool(code(var.dtype)) and steps_of(var) is not None and 0 not in var.shape


def _direct(i: Instruction) -> list[Part] | None:
    """By the tables."""
    known = _SPECIAL.get(i.name)
    if known is None and _is_numpys(i):
        known = _FUNCTIONS.get(i.name)
        if known is None and isinstance(i.call, np.ufunc):
            known = _ufunc
        elif i.name in REDUCTIONS:
            known = _reduce
        elif i.name == "copy" or facts_of(i).lies is Lies.OVER:
            known = _view
    return known(i) if known is not None else None


def _is_numpys(i: Instruction) -> bool:
    """Whether the name says what is called: a function of the backend or of NumPy, or a method."""
    if i.name in ("getitem", "pow", "astype"):
        return True
    if "." in i.name:
        first, method = i.name.split(".", 1)
        return i.call == getattr(getattr(np, first, None), method, None)
    known = (getattr(array, i.name, None), getattr(np, i.name, None))
    return i.call in known or i.call is np.add.reduce


# ── Elementwise ─────────────────────────────────────────────────────────────────────────


def _ufunc(i: Instruction) -> list[Part] | None:
    ufunc: Any = i.call
    if i.params or len(i.args) != ufunc.nin or ufunc.nout != 1:
        return None
    kinds = []
    for x in i.args:
        if isinstance(x, Var):
            kinds.append(float if x.dtype is None else x.dtype)
        elif type(x) in (int, float):
            kinds.append(type(x))
        elif type(x) is bool:
            kinds.append(np.dtype(bool))
        elif isinstance(x, np.generic):
            kinds.append(x.dtype)
        else:
            return None
    dtypes = ufunc.resolve_dtypes((*kinds, None))
    template = expression(ufunc.__name__, dtypes)
    if not template or dtypes[-1] != i.out.dtype:
        return None
    return [Element(i.out, template, tuple(i.args), tuple(dtypes[:-1]))]


def _converted(out: Var, x: Var) -> list[Part] | None:
    """`x` as another dtype. NaN as an integer is whatever the machine makes of it: not here."""
    if x.dtype.kind == "f" and out.dtype.kind in "iu":
        return None
    return [Element(out, "{0}", (x,), (out.dtype,))]


def _astype(i: Instruction) -> list[Part] | None:
    return _converted(i.out, i.args[0])


def _power(i: Instruction) -> list[Part] | None:
    """What NumPy's operator computes without its general function."""
    x, n = i.args
    if not isinstance(x, Var) or type(n) not in (int, float) or i.out.dtype.kind != "f":
        return None
    if x.dtype != i.out.dtype or n not in _POWERS or i.call is not operator.pow:
        return None
    (name,) = [_POWERS[n]]
    return [Element(i.out, expression(name, (x.dtype, i.out.dtype)), (x,), (x.dtype,))]


_POWERS = {2: "square", 1: "positive", 0.5: "sqrt", -1: "reciprocal"}


def _where(i: Instruction) -> list[Part] | None:
    condition, a, b = i.args
    if i.params or not isinstance(condition, Var) or condition.dtype != np.dtype(bool):
        return None
    dtypes = (condition.dtype, i.out.dtype, i.out.dtype)
    return [Element(i.out, "{1} if {0} else {2}", (condition, a, b), dtypes)]


def _masked(i: Instruction) -> list[Part] | None:
    x, mask = i.args
    if not isinstance(mask, Var) or mask.dtype != np.dtype(bool) or x.dtype != i.out.dtype:
        return None
    dtypes = (x.dtype, mask.dtype)
    return [Element(i.out, "{0} if {1} else {t}(0)", (x, mask), dtypes)]


# ── Reductions ──────────────────────────────────────────────────────────────────────────


def _reduce(i: Instruction) -> list[Part] | None:
    names = ("axis", "keepdims") if i.call is getattr(array, i.name, None) else ("axis",)
    if len(i.args) > 1 + len(names):
        return None
    given = dict(zip(names, i.args[1:], strict=False)) | dict(i.params)
    x, axis = i.args[0], given.pop("axis", None if "." not in i.name else 0)
    if given.pop("dtype", None) not in (None, i.out.dtype) or set(given) - {"keepdims"}:
        return None
    return _reduced(i.out, REDUCTIONS[i.name], x, axis)


def _reduced(out: Var, kind: str, x: Var, axis: Any) -> list[Part] | None:
    if x.dtype != out.dtype or out.dtype.kind == "b":
        return None
    every = tuple(range(len(x.shape)))
    axes = every if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
    return [Reduce(out, kind, x, tuple(a % len(x.shape) for a in axes))]


def _sum_rows(i: Instruction) -> list[Part] | None:
    """Its text multiplies by ones, which is quick in NumPy and slow in a loop."""
    (x,) = i.args
    return _reduced(i.out, "sum", x, tuple(range(len(x.shape) - 1)))


# ── Views ───────────────────────────────────────────────────────────────────────────────


def _view(i: Instruction) -> list[Part] | None:
    """By doing it to an array laid out in the same way."""
    source, *rest = i.args
    if not isinstance(source, Var) or len(i.inputs) > 1 or source.dtype is None:
        return None
    if i.name == "getitem":
        rest = [_always_view(rest[0])]
    probe = example(source)  # no page of it is touched by a view
    done = i.call(probe, *rest, **i.params)
    if not isinstance(done, np.ndarray):
        return None
    size = source.dtype.itemsize
    if done.size and np.may_share_memory(done, probe):
        offset = (_address(done) - _address(probe)) // size
        return [View(i.out, source, offset, tuple(s // size for s in done.strides))]
    middle = Var(source.shape, source.dtype, np.empty(source.shape, source.dtype).strides)
    copied = Element(middle, "{0}", (source,), (source.dtype,))
    if i.name == "copy":
        return [Element(i.out, "{0}", (source,), (source.dtype,))]
    if i.name not in ("reshape", "ravel"):
        return None
    return [copied, View(i.out, middle, 0, steps_of(i.out) or ())]


def _address(x: Any) -> int:
    return x.__array_interface__["data"][0]  # type: ignore[no-any-return]


# ── Products, and picking by class ──────────────────────────────────────────────────────


def _product(i: Instruction) -> list[Part] | None:
    if len(i.args) != 2 or i.params:
        return None
    a, b = i.args
    if not isinstance(a, Var) or not isinstance(b, Var) or a.dtype != b.dtype:
        return None
    if a.dtype != i.out.dtype or a.dtype.kind != "f":
        return None
    if not {len(a.shape), len(b.shape)} <= {1, 2}:
        return None
    return [Product(i.out, a, b)]


def _nll(i: Instruction) -> list[Part] | None:
    """Its text looks at the classes."""
    table, index = i.args[:2]
    reduction = i.params.get("reduction", "mean")
    if len(table.shape) != 2 or i.out.dtype != table.dtype or index.dtype.kind not in "iu":
        return None
    picked = _like(index.shape, table.dtype)
    parts: list[Part] = [Pick(picked, table, index, True)]
    if reduction == "none":
        return [*parts, Element(i.out, "-{0}", (picked,), (picked.dtype,))]
    total = _like((), table.dtype)
    parts.append(Reduce(total, "sum", picked, (0,)))
    if reduction == "sum":
        return [*parts, Element(i.out, "-{0}", (total,), (total.dtype,))]
    count = -index.shape[0]
    return [*parts, Element(i.out, "{0} / {1}", (total, count), (total.dtype, total.dtype))]


def _place(i: Instruction) -> list[Part] | None:
    values, index = i.args[:2]
    if (
        len(index.shape) != 1
        or values.dtype != i.out.dtype
        or values.dtype.kind != "f"
        or index.dtype.kind not in "iu"
    ):
        return None
    return [Place(i.out, values, index)]


def _unslice(i: Instruction) -> list[Part] | None:
    (x,) = i.args
    whole = example(i.out)
    place = whole[_always_view(i.params["key"])]
    return _assembled(i.out, whole, [(x, place)], True)


def _stack(i: Instruction) -> list[Part] | None:
    axis = dict(zip(("axis",), i.args[1:], strict=False), **i.params).get("axis", 0)
    whole = example(i.out)
    places = [(x, np.moveaxis(whole, axis, 0)[n, ...]) for n, x in enumerate(i.args[0])]
    return _assembled(i.out, whole, places, False)


def _concat(i: Instruction) -> list[Part] | None:
    axis = dict(zip(("axis",), i.args[1:], strict=False), **i.params).get("axis", 0)
    whole, places, start = example(i.out), [], 0
    for x in i.args[0]:
        end = start + x.shape[axis]
        here = np.moveaxis(whole, axis, 0)[start:end]
        places.append((x, np.moveaxis(here, 0, axis)))
        start = end
    return _assembled(i.out, whole, places, False)


def _assembled(out: Var, whole: Any, places: Any, fill: bool) -> list[Part] | None:
    size, pieces = out.dtype.itemsize, []
    for x, place in places:
        if x.dtype != out.dtype or x.shape != place.shape:
            return None
        offset = (_address(place) - _address(whole)) // size
        pieces.append((x, offset, tuple(s // size for s in place.strides)))
    return [Assemble(out, tuple(pieces), fill)]


def _always_view(key: Any) -> tuple[Any, ...]:
    """A key with which one element is a view too."""
    key = key if isinstance(key, tuple) else (key,)
    if any(isinstance(k, (np.ndarray, list, bool)) for k in key):
        raise TypeError("not a basic key")
    return key if any(k is Ellipsis for k in key) else (*key, Ellipsis)


def _like(shape: tuple[int, ...], dtype: Any) -> Var:
    return Var(shape, dtype, np.empty(shape, dtype).strides)


_FUNCTIONS: dict[str, Callable[[Instruction], list[Part] | None]] = {
    "matmul": _product, "dot": _product, "where": _where, "masked": _masked,
    "astype": _astype, "pow": _power, "stack": _stack, "concat": _concat, "concatenate": _concat,
}  # fmt: skip
"""Functions of arrays that are no ufuncs."""

_SPECIAL: dict[str, Callable[[Instruction], list[Part] | None]] = {
    "nll": _nll, "place": _place, "sum_rows": _sum_rows, "unslice": _unslice,
}  # fmt: skip
"""Operations whose text cannot be run on stand-ins."""


# ── Operations, by their own text ───────────────────────────────────────────────────────


def _opened(i: Instruction, depth: int) -> list[Part] | None:
    """Run what the instruction calls on stand-ins, and take apart what it called."""
    arrays = {v for v in i.inputs if v.dtype is not None}
    if not arrays or any(v.nbytes > _LARGEST for v in arrays) or len(arrays) < len(set(i.inputs)):
        return None
    opening = Opening()
    stands: dict[Any, Any] = {}
    for v in arrays:
        value = example(v)
        value[...] = 1
        stands[v] = StandIn(opening, v, value)
    try:
        with np.errstate(all="ignore"):
            found = i.call(*mapped(i.args, stands), **mapped(dict(i.params), stands))
    except Exception:  # whatever it needs that stand-ins do not have
        return None
    if not isinstance(found, StandIn):
        return None
    parts: list[Part] = []
    for inner in opening.instructions:
        if inner.call is np.empty_like:
            continue  # what is written over it comes later
        known = parts_of(inner, depth + 1)
        if known is None:
            return None
        parts += known
    made = arrays | {p.out for p in parts}
    if any(v not in made for p in parts for v in p.reads):
        return None  # read what was never written
    return _ending(parts, found.var, i.out)


def _ending(parts: list[Part], found: Var, out: Var) -> list[Part] | None:
    """The same parts with `out` as the result."""
    if found.shape != out.shape or found.dtype != out.dtype:
        return None
    if found.strides == out.strides and any(p.out is found for p in parts):
        return [renamed(part, {found: out}) for part in parts]
    return [*parts, Element(out, "{0}", (found,), (found.dtype,))]
