"""Strategies of shapes: one, or several that broadcast with one another."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tinygrad_nn.errors import OptionError

__all__ = ["Shape", "broadcastable", "shapes"]

Shape = tuple[int, ...]


def shapes(
    min_dims: int = 0, max_dims: int = 3, max_side: int = 4, empty: bool = False
) -> st.SearchStrategy[Shape]:
    """Shapes, the fewest axes and the shortest sides first.

    Args:
        min_dims: Fewest axes; 0 for numbers too.
        max_dims: Most axes.
        max_side: Longest side.
        empty: Whether a side may be 0.

    Raises:
        OptionError: There is no such shape.
    """
    if not 0 <= min_dims <= max_dims or max_side < 1:
        raise OptionError(
            f"shapes: got {min_dims} to {max_dims} axes with sides up to {max_side}, expected "
            "0 <= min_dims <= max_dims and max_side >= 1"
        )
    sides = st.integers(1, max_side)
    full = st.lists(sides, min_size=min_dims, max_size=max_dims).map(tuple)
    if not empty or not max_dims:
        return full
    some = st.tuples(
        st.lists(sides, min_size=max(min_dims, 1), max_size=max_dims),
        st.integers(0, max_dims - 1),
    )
    return full | full | full | some.map(_with_an_empty_side)


def _with_an_empty_side(drawn: tuple[list[int], int]) -> Shape:
    sides, axis = drawn
    sides[axis % len(sides)] = 0
    return tuple(sides)


def broadcastable(
    count: int,
    min_dims: int = 0,
    max_dims: int = 3,
    max_side: int = 4,
    empty: bool = False,
) -> st.SearchStrategy[tuple[Shape, ...]]:
    """Shapes that broadcast with one another: axes may be missing in front, sides may be 1.

    Args:
        count: Number of shapes.
        min_dims: Fewest axes of each.
        max_dims: Most axes.
        max_side: Longest side.
        empty: Whether sides may be 0.

    Example:
        >>> import numpy as np
        >>> from hypothesis import given, settings
        >>> from tinygrad_nn.testing import strategies as st_
        >>> @settings(deadline=None, max_examples=10)
        ... @given(st_.broadcastable(3))
        ... def test(shapes):
        ...     np.broadcast_shapes(*shapes)
        >>> test()
    """
    return _parts(shapes(min_dims, max_dims, max_side, empty), count, min_dims)


@st.composite
def _parts(
    draw: Any, known: st.SearchStrategy[Shape], count: int, min_dims: int
) -> tuple[Shape, ...]:
    full = draw(known)
    return tuple(_part_of(draw, full, min_dims) for _ in range(count))


def _part_of(draw: Any, full: Shape, min_dims: int) -> Shape:
    """`full` with leading axes dropped and some sides 1; at its simplest, `full`."""
    kept = full[draw(st.integers(0, len(full) - min_dims)) :]
    ones = draw(st.integers(0, 2 ** len(kept) - 1))
    return tuple(1 if ones >> i & 1 else side for i, side in enumerate(kept))
