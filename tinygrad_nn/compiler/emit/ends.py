"""The two ends of a program as source: what is read and checked before, what is written after."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_nn.compiler.places import (
    Argument,
    Entry,
    Gradient,
    Leaf,
    Payload,
    Unfit,
    Worked,
    lasting,
)
from tinygrad_nn.compiler.program import Program, Var
from tinygrad_nn.compiler.source import Source
from tinygrad_nn.core.node import Node

__all__ = ["binding", "blank", "check", "holder", "payload", "read", "read_leaves"]


def check(x: Any, var: Var) -> None:
    """Raise `Unfit` unless `x` is laid out as the program has it."""
    if not isinstance(x, (np.ndarray, np.generic)) or x.shape != var.shape or x.dtype != var.dtype:
        raise Unfit  # also while another thread captures a step with the same leaf
    for a, b, side in zip(x.strides, var.strides, var.shape, strict=True):
        if a != b and side > 1:
            raise Unfit


def holder(source: Source, place: Any) -> str:
    """Expression for the node of a payload or gradient."""
    inner = place.holder
    if isinstance(inner, Leaf):
        return source.name(inner.leaf, "p")
    if isinstance(inner, Argument):
        return source.leaf(inner.index)
    return f"{source.name(inner.node, 'k')}(call)"


def _payload(node: str) -> str:
    return f"{node}._data if {node}.extra is None else {node}.synced()"


def _expression(source: Source, place: Any) -> str:
    """Expression for what is at a place now."""
    if isinstance(place, Payload) and isinstance(place.holder, (Leaf, Argument)):
        return _payload(holder(source, place))
    if isinstance(place, Argument):
        return f"payload({source.leaf(place.index)})"
    if isinstance(place, Gradient):
        return f"payload({holder(source, place)}._grad)"
    if isinstance(place, Entry):
        state, parameter = source.name(place.state, "s"), source.name(place.parameter, "p")
        return f"{state}()[{parameter}].get({place.key!r})"
    if isinstance(place, Worked):
        return f"numbers[{place.index}]"
    return f"{source.name(place.read, 'r')}(call)"


def payload(x: Any) -> Any:
    """Numbers of a node, or what else it is."""
    return x.synced() if isinstance(x, Node) else x


def read(source: Source, var: Var, place: Any, scalar: bool) -> str:
    """Lines that read an input, without axes as NumPy's `scalar` or as an array; its name."""
    now = _expression(source, place)
    if var.dtype is None:
        name = source.local("n")
        source.line(f"{name} = {now}")
        return name
    if not lasting(place, var):
        name = source.local("x")
        source.line(f"{name} = {now}")
        fits = source.name(var.shape, "shape"), source.name(var.dtype, "dtype")
        source.line(
            f"if {name}.__class__ is not ndarray or {name}.dtype is not {fits[1]} or "
            f"{name}.shape != {var.shape!r} or {name}.strides != {var.strides!r}: "
            f"check({name}, {source.name(var, 'v')})"
            # NumPy's scalars pass too, as arguments.
            + (f"; {name} = asarray({name})" if not var.shape and not scalar else "")
        )
        if scalar:
            source.line(f"{name} = {name}[()]")
        return name
    name = source.fresh("a")
    source.line(f"if ({now}) is not {name}: bind_{name}({now})")
    return name


def read_leaves(program: Program) -> frozenset[int]:
    """Indices of leaves whose numbers are an input, and so are checked when they are read."""
    found = set()
    for var, place in program.inputs.items():
        inner = getattr(place, "holder", None) if isinstance(place, Payload) else place
        if var.dtype is not None and isinstance(inner, Argument):
            found.add(inner.index)
    return frozenset(found)


def binding(source: Source, name: str, var: Var, views: dict[str, str]) -> None:
    """The function that takes over another array, and makes the views of it."""
    source.line(f"def bind_{name}(x):", 0)
    source.line(f"global {', '.join([name, f'free_{name}', *views])}")
    source.line(f"check(x, {source.name(var, 'v')})")
    source.line(f"{name} = x")
    source.line(f"free_{name} = x.base is None and x.flags.owndata and x.flags.writeable")
    for view, text in views.items():
        source.line(f"{view} = {text}")


def blank(source: Source, var: Var) -> str:
    """Expression for a new array."""
    template = np.empty(var.shape, var.dtype)
    if template.strides == var.strides:
        return f"empty({var.shape!r}, {source.name(var.dtype, 'dtype')})"
    # The order of the axes is that of a small array, which stays: one of `var.shape` would take as
    # much memory as the result.
    order = sorted(range(len(var.shape)), key=lambda axis: -var.strides[axis])
    like = np.empty((2,) * len(order), var.dtype).transpose(np.argsort(order))
    return f"empty_like({source.name(like, 'like')}, shape={var.shape!r})"
