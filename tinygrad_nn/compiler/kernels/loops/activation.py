"""GELU and its slope, some elements at a time: see `backends.gelu`."""

from __future__ import annotations

from math import pi, sqrt
from typing import Any

from numba import float32 as real

from tinygrad_nn.compiler.kernels.memory import address, apart, compiled, entry
from tinygrad_nn.compiler.numba.mathematics import exp_f4 as exp
from tinygrad_nn.compiler.numba.runtime import loads, stores

_at: Any = address["f4"]
_load0, _load1 = loads[:2]
_store2 = stores[2]
_RATE, _CUBIC = sqrt(2 / pi), 0.044715
_FAR = 100.0


@compiled
def _values(begin: Any, end: Any, x: Any, out: Any) -> None:
    """x σ(2u) with u = √(2/π) (x + 0.044715 x³): ½ (1 + tanh u) is σ(2u)."""
    apart()
    low, high = real(-2 * _RATE), real(-2 * _RATE * _CUBIC)
    for j in range(begin, end):
        v = _load0(x, j)
        _store2(out, j, v / (real(1) + exp(v * (low + high * (v * v)))))


@compiled
def _slopes(begin: Any, end: Any, g: Any, x: Any, out: Any) -> None:
    """g (σ + x σ (1 − σ) 2u')."""
    apart()
    low, high, steep = real(2 * _RATE), real(2 * _RATE * _CUBIC), real(6 * _RATE * _CUBIC)
    for j in range(begin, end):
        v = _load0(x, j)
        square = v * v
        square = real(_FAR) if square > real(_FAR) else square
        s = real(1) / (real(1) + exp(-v * (low + high * square)))
        slope = s + (s - s * s) * (v * (low + steep * square))
        _store2(out, j, _load1(g, j) * slope)


@entry(5)
def gelu(begin: Any, end: Any, space: Any, x: Any, out: Any) -> None:
    """Some elements."""
    _values(begin, end, _at(x, 0), _at(out, 0))


@entry(6)
def gelu_slope(begin: Any, end: Any, space: Any, g: Any, x: Any, out: Any) -> None:
    """Some elements."""
    _slopes(begin, end, _at(g, 0), _at(x, 0), _at(out, 0))
