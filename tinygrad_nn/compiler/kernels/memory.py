"""What compiled kernels need besides `numba.runtime`. Imported by generated modules alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from llvmlite import ir
from numba import njit, types, void
from numba.extending import intrinsic

from tinygrad_nn.compiler.numba.runtime import apart as apart

__all__ = ["address", "apart", "compiled", "entry", "larger"]

_F = TypeVar("_F", bound=Callable[..., Any])
_OPTIONS: Any = {"error_model": "numpy", "boundscheck": False, "nogil": True}
_TYPES = {"f4": types.float32, "f8": types.float64, "u1": types.uint8, "i8": types.int64}


def compiled(function: _F) -> _F:
    """Compile a function that others of its file call."""
    made: _F = njit(**_OPTIONS)(function)
    return made


def entry(whole: int, floats: int = 0) -> Callable[[_F], _F]:
    """Compile, at once, a function of so many integers and, behind them, numbers; keep the code."""

    def decorated(function: _F) -> _F:
        kinds = [types.int64] * whole + [types.float64] * floats
        made: _F = njit(void(*kinds), cache=True, **_OPTIONS)(function)
        return made

    return decorated


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
