"""Where maxima of windows stand, and what spreads gradients there: see `backends.pooling`.

Windows tile the last two axes; the batch is innermost in memory, as convolutions leave it.
"""

from __future__ import annotations

from typing import Any

from numba import float32 as real
from numba import uint8

from tinygrad_nn.compiler.kernels.memory import address, apart, compiled, entry
from tinygrad_nn.compiler.numba.runtime import loads, stores

_at: Any = address["f4"]
_byte: Any = address["u1"]
_load0, _load1, _load2 = loads[:3]
_store0, _store2 = stores[0], stores[2]
_NONE = 255


@compiled
def _begun(count: Any, winner: Any) -> None:
    apart()
    for j in range(count):
        _store0(winner, j, uint8(_NONE))


@compiled
def _compared(count: Any, number: Any, x: Any, y: Any, winner: Any) -> None:
    """The first place that has the maximum wins, or the last one of NaN."""
    apart()
    for j in range(count):
        v, old = _load0(x, j), _load2(winner, j)
        hit = ((v == _load1(y, j)) & (old == uint8(_NONE))) | (v != v)  # noqa: PLR0124  (NaN)
        _store2(winner, j, uint8(number) if hit else old)


@entry(21)
def pool_winner(
    begin: Any, end: Any, space: Any, x: Any, y: Any, out: Any, count: Any, channels: Any,
    columns: Any, tall: Any, wide: Any, xc: Any, xh: Any, xw: Any, yc: Any, yh: Any, yw: Any,
    oc: Any, oh: Any, ow: Any, spare: Any,
) -> None:  # fmt: skip
    """For some rows of windows."""
    for r in range(begin, end):
        h, c = r // channels, r % channels
        for w in range(columns):
            best = _at(y, c * yc + h * yh + w * yw)
            winner = _byte(out, c * oc + h * oh + w * ow)
            _begun(count, winner)
            for a in range(tall):
                for b in range(wide):
                    place = _at(x, c * xc + (h * tall + a) * xh + (w * wide + b) * xw)
                    # What no place before has, the last one has.
                    number = a * wide + b
                    wanted = place if number == tall * wide - 1 else best
                    _compared(count, number, place, wanted, winner)


@compiled
def _placed(count: Any, number: Any, g: Any, step: Any, winner: Any, out: Any) -> None:
    apart()
    for j in range(count):
        value = _load0(g, j * step)
        _store2(out, j, value if _load1(winner, j) == uint8(number) else real(0))


@entry(21)
def pool_place(
    begin: Any, end: Any, space: Any, g: Any, winner: Any, out: Any, count: Any, channels: Any,
    columns: Any, tall: Any, wide: Any, gc: Any, gh: Any, gw: Any, kc: Any, kh: Any, kw: Any,
    oc: Any, oh: Any, ow: Any, step: Any,
) -> None:  # fmt: skip
    """For some rows of windows."""
    for r in range(begin, end):
        h, c = r // channels, r % channels
        for w in range(columns):
            given = _at(g, c * gc + h * gh + w * gw)
            chosen = _byte(winner, c * kc + h * kh + w * kw)
            for a in range(tall):
                for b in range(wide):
                    place = _at(out, c * oc + (h * tall + a) * oh + (w * wide + b) * ow)
                    _placed(count, a * wide + b, given, step, chosen, place)
