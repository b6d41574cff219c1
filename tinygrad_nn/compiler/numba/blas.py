"""Products of matrices in compiled code, by the library that NumPy itself multiplies with.

So that there is one pool of threads, and the bits are NumPy's. The address is bound to a name in
LLVM: code from the cache finds it in a later process.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np

__all__ = ["width"]

_NAMES = (("scipy_cblas_{}gemm64_", 64), ("cblas_{}gemm64_", 64), ("cblas_{}gemm", 32))
"""What NumPy's wheels call it, and distributions; with the bits of a size."""


@cache
def width() -> int:
    """Bits of a size in the library's functions; 0 if it is not found, and NumPy is called."""
    # A handle of an extension finds what that is linked with too, but for Windows.
    path = getattr(getattr(np, "_core", None), "_multiarray_umath", None)
    try:
        library = ctypes.CDLL(path.__file__)  # type: ignore[union-attr]
    except (AttributeError, OSError, TypeError):
        return 0
    for name, bits in _NAMES:
        found = {letter: _address(library, name.format(letter)) for letter in "sd"}
        if all(found.values()):
            _bind(found, bits)
            return bits
    return 0


def _address(library: Any, name: str) -> int:
    function = getattr(library, name, None)
    return ctypes.cast(function, ctypes.c_void_p).value or 0 if function is not None else 0


def _bind(found: dict[str, int], bits: int) -> None:
    from llvmlite import binding

    for letter, address in found.items():
        binding.add_symbol(f"tinygrad_nn_{letter}gemm{bits}", address)
