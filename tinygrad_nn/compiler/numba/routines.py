"""Compiled routines that are no loops over elements. Imported by generated modules alone."""

from __future__ import annotations

from typing import Any

from numba import float32, float64, int64

from tinygrad_nn.compiler.numba.kept import inner
from tinygrad_nn.compiler.numba.runtime import apart, index, loads, stores

__all__ = ["multiply_f4", "multiply_f8", "pick", "place_f4", "place_f8"]

_load_a, _load_b, _load_c = loads[:3]
_store_c = stores[2]


def _multiply(number: Any) -> Any:
    @inner
    def multiply(
        m: Any, n: Any, k: Any, a: Any, b: Any, c: Any,
        down_a: Any, right_a: Any, down_b: Any, right_b: Any, down_c: Any, right_c: Any,
    ) -> None:  # fmt: skip
        """C = A B for small matrices, or such as BLAS does not take."""
        apart()
        for i in range(m):
            for j in range(n):
                _store_c(c, i * down_c + j * right_c, number(0))
            for h in range(k):
                x = _load_a(a, i * down_a + h * right_a)
                for j in range(n):
                    at = i * down_c + j * right_c
                    y = x * _load_b(b, h * down_b + j * right_b)
                    _store_c(c, at, _load_c(c, at) + y)

    return multiply


multiply_f4, multiply_f8 = _multiply(float32), _multiply(float64)


@inner
def pick(
    rows: Any, columns: Any, table: Any, places: Any, out: Any,
    down: Any, right: Any, step: Any, out_step: Any, strict: Any,
) -> Any:  # fmt: skip
    """Of each row the element at its place; True if a place is outside."""
    apart()
    for i in range(rows):
        place = int64(_load_b(places, i * step))
        at = index(place, columns)
        if at == columns or (strict and place < 0):
            return True
        _store_c(out, i * out_step, _load_a(table, i * down + at * right))
    return False


def _place(number: Any) -> Any:
    @inner
    def place(
        rows: Any, columns: Any, values: Any, places: Any, out: Any,
        value_step: Any, step: Any, down: Any, right: Any,
    ) -> Any:  # fmt: skip
        """Zeros, and a value at the place of each row; True if a place is outside."""
        apart()
        for i in range(rows):
            at = index(int64(_load_b(places, i * step)), columns)
            if at == columns:
                return True
            for j in range(columns):
                _store_c(out, i * down + j * right, number(0))
            _store_c(out, i * down + at * right, _load_a(values, i * value_step))
        return False

    return place


place_f4, place_f8 = _place(float32), _place(float64)
