"""Compiled functions whose machine code is kept on disk, for later processes.

numba's own cache has an index and files of code, and raises at each run if one of them was cut
off. Here each function has one file: its name says all that the code depends on, and it begins
with a digest of the rest. What is wrong with a file, or keeps it from being written, is never an
error: the function is compiled anew. What files hold is code in any case; so they are read from a
folder only that nobody else may write to (`cache.folder`).

Imported by generated modules alone, since it imports numba.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar

from numba import njit, types
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps, loads

from tinygrad_nn.atomic import write_atomic
from tinygrad_nn.compiler.numba.cache import PREFIX, SUFFIX, folder, versions

__all__ = ["inner", "outer"]

_F = TypeVar("_F", bound=Callable[..., Any])
_OPTIONS: Any = {"nogil": True, "error_model": "numpy", "boundscheck": False}
_DIGEST = 32
_OWN = "tinygrad_nn.compiler.numba."
"""Modules whose text `versions` tells."""


class _Kept(NullCache):  # type: ignore[misc]
    """Machine code of one function, asked and told by numba."""

    def __init__(self, function: Callable[..., Any]) -> None:
        within, name = function.__module__, function.__qualname__.replace("<locals>", "")
        if within.startswith(_OWN):
            within = PREFIX + versions()[:32]
        self.name = f"{within}.{name}" if within.startswith(PREFIX) else ""

    def path(self, signature: Any, context: Any) -> Path | None:
        """Its file, for these types and this processor."""
        within = folder()
        if within is None or not self.name:
            return None
        known = f"{signature}\0{context.codegen().magic_tuple()}"
        return within / f"{self.name}.{blake2b(known.encode(), digest_size=12).hexdigest()}{SUFFIX}"

    def load_overload(self, signature: Any, context: Any) -> Any:
        """What is there, if it is whole."""
        context.refresh()
        path = self.path(signature, context)
        if path is None:
            return None
        try:
            content = path.read_bytes()
            if _digest(content[_DIGEST:]) != content[:_DIGEST]:
                return None
            # Of another numba, in spite of the name, any error may come; what fails is replaced.
            found = CompileResult._rebuild(context, *loads(content[_DIGEST:]))
        except Exception:
            return None
        with suppress(OSError):
            os.utime(path)  # used: `cache.swept` takes away what was not for long
        return found

    def save_overload(self, signature: Any, made: Any) -> None:
        """Write it down where that is possible."""
        if made.library.has_dynamic_globals or made.lifted:
            return
        path = self.path(signature, made.target_context)
        if path is not None:
            body = dumps(made._reduce())
            with suppress(OSError):
                write_atomic(path, [_digest(body), body])


def _digest(body: bytes) -> bytes:
    return blake2b(body, digest_size=_DIGEST).digest()


def inner(function: _F, **options: Any) -> _F:
    """Compile a function for others that are compiled.

    Wrappers for Python would take a third of the time. Numbers in a call are arguments as all
    others: numba would compile the function once for each value of them, which took half of the
    first call of a LeNet.
    """
    made = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **_OPTIONS, **options)(function)
    template = made.get_call_template

    def plain(args: Any, given: Any) -> Any:
        return template(tuple(map(types.unliteral, args)), given)

    made.get_call_template = plain
    made._cache = _Kept(function)
    found: _F = made
    return found


def outer(signature: Any = None, **options: Any) -> Callable[[_F], _F]:
    """Compile a function that Python calls: at once, if there is a signature."""

    def decorated(function: _F) -> _F:
        made = njit(**_OPTIONS, **options)(function)
        made._cache = _Kept(function)
        if signature is not None:
            made.compile(signature)
            made.disable_compile()
        found: _F = made
        return found

    return decorated
