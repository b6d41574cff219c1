"""What compiled kernels need besides `numba.runtime`. Imported by generated modules alone."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from tinygrad_nn.compile.numba.runtime import apart as apart

__all__ = ["address", "apart", "larger"]

_TYPES = {"f4": types.float32, "f8": types.float64, "u1": types.uint8, "i8": types.int64}


def _address(dtype: Any) -> Any:
    @intrinsic
    def as_pointer(typing: Any, place: Any, count: Any) -> Any:
        """The address `count` elements behind the byte number `place`."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kind = context.get_value_type(signature.return_type)
            return builder.gep(builder.inttoptr(args[0], kind), [args[1]])

        return types.CPointer(dtype)(types.int64, types.int64), generate

    return as_pointer


address = {name: _address(dtype) for name, dtype in _TYPES.items()}
"""By code of the dtype."""


@intrinsic  # type: ignore[untyped-decorator]
def larger(typing: Any, a: Any, b: Any) -> Any:
    """The larger one, NaN if there is one: as one instruction, so that maxima come in vectors."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = args[0].type
        shape = ir.FunctionType(kind, [kind, kind])
        function = builder.module.declare_intrinsic("llvm.maximum", [kind], shape)
        return builder.call(function, args)

    return a(a, a), generate
