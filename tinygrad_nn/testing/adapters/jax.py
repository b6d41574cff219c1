"""A function of JAX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax import numpy as jnp

from tinygrad_nn.errors import CheckError
from tinygrad_nn.testing.adapters.named import labels_of, named, of_gradient
from tinygrad_nn.testing.adapters.slots import Slot, given_back, slot_of
from tinygrad_nn.testing.problem.subject import Around, Arrays, Problem

__all__ = ["problem_of"]

_SINGLE = (
    "JAX computes in float32 here, so that only errors above 1e-3 are seen; for float64 call "
    'jax.config.update("jax_enable_x64", True) first'
)


def problem_of(f: Callable[..., Any], inputs: tuple[Any, ...]) -> Problem:
    """`f(*inputs)` gives a nest of arrays, as its inputs may be nests (lists, tuples, dicts)."""
    leaves, tree = jax.tree_util.tree_flatten(inputs)

    def call(*args: Any) -> Any:
        return f(*jax.tree_util.tree_unflatten(tree, args))

    slots = [_slot(x) for x in leaves]
    single = not jax.config.jax_enable_x64  # type: ignore[attr-defined, unused-ignore]
    wide = any(slot_of(x).array.dtype.kind == "f" for x in leaves)
    notes = (_SINGLE,) if single and wide else ()
    return _problem(named(f), call, slots, _labels(f, inputs), notes)


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
    return Slot(slot.array.astype(np.float32) if narrow else slot.array, _leaf)


def _leaf(array: Any) -> Any:
    return jnp.asarray(array)


def _problem(
    name: str,
    f: Callable[..., Any],
    slots: Sequence[Slot],
    labels: tuple[str, ...],
    notes: tuple[str, ...],
) -> Problem:
    """The problem of a function of arrays."""
    arrays = tuple(s.array for s in slots)
    active = [i for i, x in enumerate(arrays) if x.dtype.kind == "f"]
    count = len(slots)

    def partial(given: Sequence[Any]) -> Callable[..., Any]:
        """The function of the floats alone, which gives a list."""

        def moved(*moving: Any) -> list[Any]:
            args = list(given)
            for i, x in zip(active, moving, strict=True):
                args[i] = x
            # None is a leaf: that of a function without a return.
            return jax.tree_util.tree_leaves(f(*args), is_leaf=lambda y: y is None)  # type: ignore[no-any-return, unused-ignore]

        return moved

    def values(given: Arrays) -> Arrays:
        args = given_back(slots, given)
        outputs: list[Any] = partial(args)(*[args[i] for i in active])
        return outputs

    def pull(given: Arrays, cotangents: Arrays) -> Arrays:
        args = given_back(slots, given)
        return _pulled(partial(args), [args[i] for i in active], cotangents)

    def push(given: Arrays, tangents: Arrays) -> Arrays:
        args = given_back(slots, given)
        primals = [args[i] for i in active]
        along = [jnp.asarray(tangents[i], args[i].dtype) for i in active]
        outputs, moved = jax.jvp(partial(args), primals, along)
        return [_number(t, y) for t, y in zip(moved, outputs, strict=True)]

    def higher(cotangents: Arrays) -> Problem:
        def gradient(*args: Any) -> Any:
            return _pulled(partial(args[:count]), [args[i] for i in active], args[count:])

        more = [Slot(c, _leaf) for c in cotangents]
        title, names = of_gradient(name, labels, len(more))
        return _problem(title, gradient, [*slots, *more], names, notes)

    def remade(around: Around, kept: Sequence[int]) -> Problem:
        return _problem(name, around(f), [slots[i] for i in kept], (), ())

    return Problem(name, arrays, values, pull, push, higher, labels, notes=notes, remade=remade)


def _pulled(f: Callable[..., Any], primals: Sequence[Any], cotangents: Sequence[Any]) -> list[Any]:
    outputs, back = jax.vjp(f, *primals)
    return list(back([_cotangent(c, y) for c, y in zip(cotangents, outputs, strict=True)]))


def _cotangent(c: Any, y: Any) -> Any:
    """A cotangent in the dtype that JAX wants: of integers a void one."""
    if jnp.issubdtype(jnp.result_type(y), jnp.floating):
        return jnp.asarray(c, jnp.result_type(y))
    return np.zeros(np.shape(y), jax.dtypes.float0)


def _number(tangent: Any, y: Any) -> Any:
    """A tangent as an array of numbers: of integers zeros."""
    void = getattr(tangent, "dtype", None) == jax.dtypes.float0
    return np.zeros(np.shape(y)) if void else tangent
