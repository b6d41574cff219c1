"""Arrays as arguments of compiled functions: looked at where they lie, and handed on as an address.

numba looks the type of each argument up at each call, and makes a description of each array that
counts references: 1.1 µs for eight arrays, and 0.1 here. Imported by generated modules alone, since
it imports numba.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import NativeValue, intrinsic, models, register_model, unbox

__all__ = ["Memory", "entry", "pointer"]

_HEAD = object.__basicsize__
"""Bytes before an array's own fields; the last of them are the address of its class."""
_DATA, _AXES, _SHAPE, _STRIDES, _DTYPE, _FLAGS = (_HEAD + 8 * i for i in (0, 1, 2, 3, 5, 6))
"""Where the fields lie that NumPy promises to C code, in all of its versions."""
_NUMBER = _HEAD + 12
"""Where a dtype says which of NumPy's it is; its order of bytes is a letter before that."""
_SWAPPED = ord(">" if sys.byteorder == "little" else "<")
_WRITEABLE = 0x400

_CODES = {
    "f4": types.float32, "f8": types.float64, "i1": types.int8, "i2": types.int16,
    "i4": types.int32, "i8": types.int64, "u1": types.uint8, "u2": types.uint16,
    "u4": types.uint32, "u8": types.uint64, "b1": types.uint8,
}  # fmt: skip


class Memory(types.Type):  # type: ignore[misc]
    """An array that lies just so.

    Args:
        code: Kind and bytes of an element; "b1" are bools, which are read as bytes.
        shape: Its shape.
        strides: Bytes from one element to the next, by axis.
        written: Whether it is written to.
    """

    def __init__(
        self, code: str, shape: tuple[int, ...], strides: tuple[int, ...], written: bool = False
    ) -> None:
        self.code, self.shape, self.strides, self.written = code, shape, strides, written
        super().__init__(f"Memory({code}, {shape}, {strides}, {written})")


register_model(Memory)(models.OpaqueModel)


_WORD, _INT, _BYTE = ir.IntType(64), ir.IntType(32), ir.IntType(8)
_ADDRESS = _BYTE.as_pointer()


def _unboxed(kind: Memory, array: Any, c: Any) -> Any:
    """Address of the first element; TypeError if the array is another than the function is for.

    Each look is made only where the one before it says that there is something to look at.
    """
    builder = c.builder
    good = cgutils.alloca_once_value(builder, cgutils.false_bit)
    data = cgutils.alloca_once(builder, _ADDRESS)
    with (
        builder.if_then(_is_array(c.context, builder, array), likely=True),
        builder.if_then(_is_of(builder, array, kind), likely=True),
    ):
        builder.store(_lies(builder, array, kind), good)
        builder.store(_field(builder, array, _DATA, _ADDRESS), data)
    wrong = builder.not_(builder.load(good))
    with builder.if_then(wrong, likely=False):
        c.pyapi.err_set_string(
            "PyExc_TypeError", "jit: an array of the step is another than when it was captured"
        )
    return NativeValue(builder.load(data), is_error=wrong)


unbox(Memory)(_unboxed)


def _field(builder: Any, at: Any, offset: int, word: Any) -> Any:
    """What lies so many bytes behind an address."""
    place = builder.gep(builder.bitcast(at, _ADDRESS), [_WORD(offset)])
    return builder.load(builder.bitcast(place, word.as_pointer()))


def _is_array(context: Any, builder: Any, x: Any) -> Any:
    """Whether it is of NumPy's class or of one derived from it."""
    cls = _field(builder, x, _HEAD - 8, _ADDRESS)
    known = context.get_c_value(builder, _BYTE, "tinygrad_nn_ndarray")
    asked = ir.FunctionType(_INT, [_ADDRESS, _ADDRESS])
    derived = cgutils.get_or_insert_function(builder.module, asked, "PyType_IsSubtype")
    same = builder.icmp_unsigned("==", cls, known)
    found = cgutils.alloca_once_value(builder, same)
    with builder.if_then(builder.not_(same), likely=False):
        builder.store(
            builder.icmp_signed("!=", builder.call(derived, [cls, known]), _INT(0)), found
        )
    return builder.load(found)


def _is_of(builder: Any, array: Any, kind: Memory) -> Any:
    """Whether it has this dtype and so many axes, and may be written to."""
    dtype = _field(builder, array, _DTYPE, _ADDRESS)
    number = _field(builder, dtype, _NUMBER, _INT)
    order = _field(builder, dtype, _NUMBER - 2, _BYTE)
    fits = cgutils.false_bit
    for n in _numbers(kind.code):
        fits = builder.or_(fits, builder.icmp_signed("==", number, _INT(n)))
    fits = builder.and_(fits, builder.icmp_signed("!=", order, _BYTE(_SWAPPED)))
    axes = _field(builder, array, _AXES, _INT)
    fits = builder.and_(fits, builder.icmp_signed("==", axes, _INT(len(kind.shape))))
    if not kind.written:
        return fits
    flag = builder.and_(_field(builder, array, _FLAGS, _INT), _INT(_WRITEABLE))
    return builder.and_(fits, builder.icmp_signed("!=", flag, _INT(0)))


def _lies(builder: Any, array: Any, kind: Memory) -> Any:
    """Whether it has this shape and lies so in memory."""
    sides, steps = (_field(builder, array, x, _ADDRESS) for x in (_SHAPE, _STRIDES))
    fits = cgutils.true_bit
    for i, (n, step) in enumerate(zip(kind.shape, kind.strides, strict=True)):
        pairs = [(sides, n)] if n == 1 else [(sides, n), (steps, step)]
        for numbers, wanted in pairs:
            there = _field(builder, numbers, 8 * i, _WORD)
            fits = builder.and_(fits, builder.icmp_signed("==", there, _WORD(wanted)))
    return fits


def _numbers(code: str) -> list[int]:
    """NumPy may have two dtypes of the same integers."""
    return sorted({np.dtype(c).num for c in "?bBhHiIlLqQfd" if np.dtype(c) == np.dtype(code)})


def _pointer(typing: Any, array: Any) -> Any:
    """Address of the first element of an array, as one of numbers."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], context.get_value_type(signature.return_type))

    return types.CPointer(_CODES[array.code])(array), generate


pointer: Any = intrinsic(_pointer)


def entry(function: Any) -> Any:
    """What calls the only form of a compiled function, without a look at the types first."""
    (form,) = function.overloads.values()
    return form.entry_point


def _looked_at() -> None:
    """Refuse to work where arrays are made otherwise."""
    array = np.arange(6, dtype="f4").reshape(2, 3)

    def word(place: int, kind: Any) -> Any:
        return kind.from_address(place).value

    at = id(array)
    sides, steps = (word(at + field, ctypes.c_void_p) for field in (_SHAPE, _STRIDES))
    found = [word(at + _DATA, ctypes.c_void_p), word(at + _AXES, ctypes.c_int)]
    found += [word(at + _HEAD - 8, ctypes.c_void_p)]
    found += [word(at + _FLAGS, ctypes.c_int) & _WRITEABLE]
    dtype = word(at + _DTYPE, ctypes.c_void_p)
    found += [word(dtype + _NUMBER, ctypes.c_int), word(dtype + _NUMBER - 2, ctypes.c_char)]
    found += [word(x + 8 * i, ctypes.c_int64) for x in (sides, steps) for i in range(2)]
    truth = [array.ctypes.data, 2, id(np.ndarray), _WRITEABLE, array.dtype.num, b"="]
    truth += [2, 3, 12, 4]
    if found != truth:
        raise RuntimeError("jit: arrays of this NumPy are made in a way that is not known here")


_looked_at()
binding.add_symbol("tinygrad_nn_ndarray", id(np.ndarray))
