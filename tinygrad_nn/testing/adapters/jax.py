"""A function of JAX."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from jax import numpy as jnp

from tinygrad_nn.errors import CheckError
from tinygrad_nn.testing.adapters.engine import Engine, Function
from tinygrad_nn.testing.adapters.named import labels_of, named
from tinygrad_nn.testing.adapters.slots import Slot, slot_of
from tinygrad_nn.testing.problem.subject import Arrays, Problem

__all__ = ["problem_of"]

_SINGLE = (
    "JAX computes in float32 here, so that only errors above 1e-3 are seen; for float64 call "
    'jax.config.update("jax_enable_x64", True) first'
)


def problem_of(f: Function, inputs: tuple[Any, ...]) -> Problem:
    """`f(*inputs)` gives a nest of arrays, as its inputs may be nests (lists, tuples, dicts)."""
    leaves, tree = jax.tree_util.tree_flatten(inputs)

    def call(*args: Any) -> Any:
        return f(*jax.tree_util.tree_unflatten(tree, args))

    slots = [_slot(x) for x in leaves]
    single = not jax.config.jax_enable_x64  # type: ignore[attr-defined, unused-ignore]
    wide = any(slot_of(x).array.dtype.kind == "f" for x in leaves)
    notes = (_SINGLE,) if single and wide else ()
    return _Jax().problem(named(f), call, slots, _labels(f, inputs), notes)


def _labels(f: Any, inputs: tuple[Any, ...]) -> tuple[str, ...]:
    """Name of the argument and place in it for each leaf."""
    names = labels_of(f, len(inputs))
    found = []
    for name, x in zip(names, inputs, strict=True):
        for path, _ in jax.tree_util.tree_flatten_with_path(x)[0]:
            found.append(name + jax.tree_util.keystr(path))
    return tuple(found)


def _slot(x: Any) -> Slot:
    """Of floats an array of JAX's widest dtype at most; anything else is passed on."""
    kind = getattr(x, "dtype", None)
    if kind is not None and kind == jnp.bfloat16:
        raise CheckError(
            "gradcheck: got an array of bfloat16, in which too few digits are left for slopes; "
            "expected float64, float32 or float16; give x.astype(float)"
        )
    slot = slot_of(x)
    if slot.array.dtype.kind != "f":
        return Slot(slot.array, lambda array: x)
    narrow = slot.array.dtype.itemsize > 4 and not jax.config.jax_enable_x64  # type: ignore[attr-defined, unused-ignore]
    return Slot(slot.array.astype(np.float32) if narrow else slot.array, jnp.asarray)


class _Jax(Engine):
    def leaf(self, array: Any) -> Any:
        return jnp.asarray(array)

    def outputs(self, found: Any) -> list[Any]:
        # None is a leaf: that of a function without a return.
        return jax.tree_util.tree_leaves(found, is_leaf=lambda y: y is None)  # type: ignore[no-any-return, unused-ignore]

    def pulled(self, f: Function, xs: Arrays, cotangents: Arrays, again: bool) -> list[Any]:
        outputs, back = jax.vjp(f, *xs)
        return list(back(tuple(map(_cotangent, cotangents, outputs))))

    def pushed(self, f: Function, xs: Arrays, tangents: Arrays) -> list[Any]:
        along = [jnp.asarray(t, x.dtype) for t, x in zip(tangents, xs, strict=True)]
        outputs, moved = jax.jvp(f, xs, along)
        return [_number(t, y) for t, y in zip(moved, outputs, strict=True)]


def _cotangent(c: Any, y: Any) -> Any:
    """A cotangent in the dtype that JAX wants: of integers a void one."""
    if jnp.issubdtype(jnp.result_type(y), jnp.floating):
        return jnp.asarray(c, jnp.result_type(y))
    return np.zeros(np.shape(y), jax.dtypes.float0)


def _number(tangent: Any, y: Any) -> Any:
    """A tangent as an array of numbers: of integers zeros."""
    void = getattr(tangent, "dtype", None) == jax.dtypes.float0
    return np.zeros(np.shape(y)) if void else tangent
