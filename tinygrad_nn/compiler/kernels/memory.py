"""What compiled kernels need besides `numba.runtime`. Imported by generated modules alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from llvmlite import ir
from numba import types, void
from numba.extending import intrinsic

from tinygrad_nn.compiler.numba.kept import inner as compiled
from tinygrad_nn.compiler.numba.kept import outer
from tinygrad_nn.compiler.numba.runtime import apart as apart

__all__ = ["address", "apart", "compiled", "entry", "larger"]

_F = TypeVar("_F", bound=Callable[..., Any])
_TYPES = {"f4": types.float32, "f8": types.float64, "u1": types.uint8, "i8": types.int64}


def entry(whole: int, floats: int = 0) -> Callable[[_F], _F]:
    """Compile, at once, a function of so many integers and, behind them, numbers."""
    return outer(void(*[types.int64] * whole, *[types.float64] * floats), no_cfunc_wrapper=True)


def _address(dtype: Any) -> Any:
    def as_pointer(typing: Any, place: Any, count: Any) -> Any:
        """The address `count` elements behind the byte number `place`."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kind = context.get_value_type(signature.return_type)
            return builder.gep(builder.inttoptr(args[0], kind), [args[1]])

        return types.CPointer(dtype)(types.int64, types.int64), generate

    return intrinsic(as_pointer)


address = {name: _address(dtype) for name, dtype in _TYPES.items()}
"""By code of the dtype."""


def _larger(typing: Any, a: Any, b: Any) -> Any:
    """The larger one, NaN if there is one: as one instruction, so that maxima come in vectors."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = args[0].type
        shape = ir.FunctionType(kind, [kind, kind])
        function = builder.module.declare_intrinsic("llvm.maximum", [kind], shape)
        return builder.call(function, args)

    return a(a, a), generate


larger = intrinsic(_larger)
