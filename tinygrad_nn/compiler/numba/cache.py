"""Generated modules: written below the user's cache directory, imported, compiled by numba.

A file's name is made of its text and of the versions that its meaning depends on. It is used only
if what is in it is what was generated; numba keeps machine code next to it, for later processes.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import tempfile
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from tinygrad_nn.errors import OptionError

__all__ = ["installed", "module", "require"]

_PREFIX = "tinygrad_nn_compiled_"
_SOURCES = ("mathematics.py", "routines.py", "runtime.py")
"""What generated modules import: machine code holds what these said."""


@cache
def installed() -> bool:
    """Whether numba can be imported; it is not imported for the answer."""
    from importlib.util import find_spec

    return find_spec("numba") is not None


def require() -> None:
    """Refuse without numba.

    Raises:
        OptionError: It is not installed.
    """
    if not installed():
        raise OptionError(
            "jit: got engine='numba', but numba is not installed, expected the extra 'fast': "
            "pip install 'tinygrad_nn[fast]'; or use engine='numpy'"
        )


@cache
def _versions() -> str:
    own = Path(__file__).parent
    parts = [version("numba"), version("llvmlite"), version("numpy"), platform.machine()]
    parts += [sys.implementation.cache_tag or sys.version]
    digest = hashlib.sha256("\0".join(parts).encode())
    for name in _SOURCES:
        digest.update((own / name).read_bytes())
    return digest.hexdigest()


@cache
def folder() -> Path:
    """Where generated modules lie: the user's alone, and nobody else may write there."""
    given = os.environ.get("NUMBA_CACHE_DIR")
    if given:
        base = Path(given)
    elif os.environ.get("XDG_CACHE_HOME"):
        base = Path(os.environ["XDG_CACHE_HOME"])
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or tempfile.gettempdir())
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path.home() / ".cache"
    path = base / "tinygrad_nn" / "numba"
    with suppress(OSError):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _private(path) and os.access(path, os.W_OK):
            return path
    # Nothing may be written there: machine code is kept for this process alone.
    return Path(tempfile.mkdtemp(prefix="tinygrad_nn_numba_"))


def _private(path: Path) -> bool:
    """Machine code is loaded from here: another user's must not be."""
    if not hasattr(os, "getuid"):
        return True
    found = path.stat()
    return found.st_uid == os.getuid() and not found.st_mode & 0o022


def module(text: str) -> Any:
    """The module of this text; the same one for the same text."""
    name = _PREFIX + hashlib.sha256((_versions() + text).encode()).hexdigest()[:32]
    found = sys.modules.get(name)
    if found is not None:
        return found
    path = folder() / f"{name}.py"
    _written(path, text)
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    found = module_from_spec(spec)
    # numba looks functions up by the name of their module.
    sys.modules[name] = found
    try:
        spec.loader.exec_module(found)
    except BaseException:
        del sys.modules[name]
        raise
    return found


def _written(path: Path, text: str) -> None:
    """Have exactly this text in the file; two processes may write it at once."""
    with suppress(OSError, UnicodeDecodeError):
        if path.read_text(encoding="utf-8") == text:
            return
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    Path(temporary).replace(path)
