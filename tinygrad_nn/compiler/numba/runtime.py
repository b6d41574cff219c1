"""What compiled kernels are made of: memory by address, sums in any order, products by BLAS.

Imported by generated modules alone, since it imports numba. Kernels get plain addresses and
compute their own places: compiling an access of a numba array takes ten times as long.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

__all__ = [
    "SCOPES", "add", "apart", "at", "bits", "differ", "gemm", "gemm_add", "index", "loads",
    "offset", "stores",
]  # fmt: skip


def _intrinsic(function: Callable[..., Any]) -> Any:
    return intrinsic(function)


@_intrinsic
def apart(typing: Any) -> Any:
    """Keep the function that calls this from being put into its callers.

    What the numbers of `loads` and `stores` say is true within one function only: together with
    another's accesses LLVM would take one array for two.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.void(), generate


SCOPES = 24
"""Arrays of a kernel that may be told apart."""

_TYPES = {
    "f4": types.float32, "f8": types.float64, "u1": types.uint8, "i1": types.int8,
    "i2": types.int16, "i4": types.int32, "i8": types.int64, "u2": types.uint16,
    "u4": types.uint32, "u8": types.uint64,
}  # fmt: skip


def _scoped(builder: Any, access: Any, number: int) -> None:
    """Tell LLVM that arrays of other numbers are other memory.

    It would compare all pairs of addresses before each loop, and give up above eight pairs.
    """
    if number >= SCOPES:
        return
    module = builder.module
    domain = module.add_metadata(["tinygrad_nn"])
    scopes = [module.add_metadata([f"tinygrad_nn {i}", domain]) for i in range(SCOPES)]
    others = [s for i, s in enumerate(scopes) if i != number]
    access.set_metadata("alias.scope", module.add_metadata([scopes[number]]))
    access.set_metadata("noalias", module.add_metadata(others))


def _load(number: int) -> Any:
    @_intrinsic
    def load(typing: Any, array: Any, place: Any) -> Any:
        """Element of an array given by its address."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            address = builder.gep(args[0], [args[1]], inbounds=True)
            found = builder.load(address)
            found.align = signature.return_type.bitwidth // 8
            _scoped(builder, found, number)
            return found

        return array.dtype(array, types.int64), generate

    return load


def _store(number: int) -> Any:
    @_intrinsic
    def store(typing: Any, array: Any, place: Any, value: Any) -> Any:
        """Write an element of an array given by its address."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            address = builder.gep(args[0], [args[1]], inbounds=True)
            done = builder.store(args[2], address)
            done.align = array.dtype.bitwidth // 8
            _scoped(builder, done, number)
            return context.get_dummy_value()

        return types.void(array, types.int64, array.dtype), generate

    return store


loads = tuple(_load(i) for i in range(SCOPES + 1))
"""Reading from the array of each number; the last may be any memory."""
stores = tuple(_store(i) for i in range(SCOPES + 1))


@_intrinsic
def offset(typing: Any, array: Any, count: Any) -> Any:
    """Address `count` elements further on."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.gep(args[0], [args[1]])

    return array(array, types.int64), generate


@_intrinsic
def differ(typing: Any, a: Any, b: Any) -> Any:
    """Whether two addresses are different ones."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.icmp_unsigned("!=", args[0], args[1])

    return types.boolean(a, a), generate


def _at(name: str) -> Any:
    dtype = _TYPES[name]

    @_intrinsic
    def at_bytes(typing: Any, space: Any, count: Any) -> Any:
        """Address `count` bytes behind the beginning of a work space."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            address = builder.gep(args[0], [args[1]])
            return builder.bitcast(address, context.get_value_type(signature.return_type))

        return types.CPointer(dtype)(space, types.int64), generate

    return at_bytes


at = {name: _at(name) for name in _TYPES}


@_intrinsic
def add(typing: Any, a: Any, b: Any) -> Any:
    """a + b as part of a sum whose order is free, which alone lets LLVM add in vectors.

    Only these additions are free: the flag on a whole function would break the exponential.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fadd(args[0], args[1], flags=["reassoc"])

    return a(a, a), generate


def _bits(source: Any, target: Any) -> Any:
    @_intrinsic
    def cast(typing: Any, x: Any) -> Any:
        """The same bits as another type."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.bitcast(args[0], context.get_value_type(target))

        return target(source), generate

    return cast


bits = {
    "i4": _bits(types.float32, types.int32), "f4": _bits(types.int32, types.float32),
    "i8": _bits(types.float64, types.int64), "f8": _bits(types.int64, types.float64),
}  # fmt: skip
"""Bits of a float read as an integer, and back; named by what comes out."""


@_intrinsic
def index(typing: Any, place: Any, size: Any) -> Any:
    """`place` counted from the end if negative; `size` if it is outside."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place, size = args
        negative = builder.icmp_signed("<", place, ir.Constant(place.type, 0))
        place = builder.select(negative, builder.add(place, size), place)
        return builder.select(builder.icmp_unsigned("<", place, size), place, size)

    return types.int64(types.int64, types.int64), generate


def _gemm(name: str, dtype: Any, kept: float) -> Any:
    """CBLAS's product; `name` is bound to the function of NumPy's own BLAS."""

    @_intrinsic
    def product(
        typing: Any, ta: Any, tb: Any, m: Any, n: Any, k: Any,
        a: Any, lda: Any, b: Any, ldb: Any, c: Any, ldc: Any,
    ) -> Any:  # fmt: skip
        """C = op(A) op(B) + kept C, all by rows."""
        whole = types.int64
        inputs = (
            whole, whole, whole, whole, whole, types.CPointer(dtype), whole,
            types.CPointer(dtype), whole, types.CPointer(dtype), whole,
        )  # fmt: skip

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            enum, size = ir.IntType(32), ir.IntType(64 if name.endswith("64") else 32)
            number = context.get_value_type(dtype)
            array = number.as_pointer()
            kind = ir.FunctionType(
                ir.VoidType(),
                [enum, enum, enum, size, size, size, number, array, size, array, size, number,
                 array, size],
            )  # fmt: skip
            function = cgutils.get_or_insert_function(builder.module, kind, name)

            def whole_number(x: Any, of: Any) -> Any:
                return x if of.width == 64 else builder.trunc(x, of)

            one, share = ir.Constant(number, 1.0), ir.Constant(number, kept)
            builder.call(
                function,
                [
                    ir.Constant(enum, 101),
                    whole_number(args[0], enum), whole_number(args[1], enum),
                    *[whole_number(x, size) for x in args[2:5]],
                    one, args[5], whole_number(args[6], size), args[7],
                    whole_number(args[8], size), share, args[9], whole_number(args[10], size),
                ],
            )  # fmt: skip
            return context.get_dummy_value()

        return types.void(*inputs), generate

    return product


def _products(kept: float) -> dict[tuple[str, int], Callable[..., Any]]:
    return {
        (code, width): _gemm(f"tinygrad_nn_{code}gemm{width}", dtype, kept)
        for code, dtype in (("s", types.float32), ("d", types.float64))
        for width in (32, 64)
    }


gemm = _products(0.0)
"""By letter of the dtype and bits of a size."""
gemm_add = _products(1.0)
"""The same, added to what is there."""
