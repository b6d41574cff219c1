"""Generated modules, and the folder where the machine code of their functions is kept.

A module is made of its text, in memory. Its name is made of that text and of the versions that its
meaning depends on, so that files of machine code are found by name: see `kept`.
"""

from __future__ import annotations

import hashlib
import os
import platform
import stat
import sys
import tempfile
import time
from contextlib import suppress
from functools import cache
from importlib.abc import InspectLoader
from importlib.metadata import version
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import CodeType
from typing import Any

from tinygrad_nn.atomic import PART
from tinygrad_nn.errors import OptionError

__all__ = ["PREFIX", "SUFFIX", "folder", "installed", "module", "require", "versions"]

PREFIX = "tinygrad_nn_compiled_"
SUFFIX = ".code"
_SOURCES = ("arguments.py", "kept.py", "mathematics.py", "routines.py", "runtime.py")
"""What generated modules import: machine code holds what these said."""
_UNUSED = 60 * 24 * 3600.0
"""Seconds after which a file is taken away that no process has read."""
_UNFINISHED = 3600.0
"""The same for one that was left half written."""


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
def versions() -> str:
    """Digest of all that machine code depends on, but for the text of a module."""
    own = Path(__file__).parent
    parts = [version("numba"), version("llvmlite"), version("numpy"), platform.machine()]
    parts += [sys.implementation.cache_tag or sys.version]
    digest = hashlib.sha256("\0".join(parts).encode())
    for name in _SOURCES:
        digest.update((own / name).read_bytes())
    return digest.hexdigest()


@cache
def folder() -> Path | None:
    """Where machine code is kept: the user's alone. None if there is no such place.

    A home that is missing, full of other rights, or read-only is common in containers: the folder
    for temporary files stands in for it, and where that fails too, each process compiles anew.
    """
    for path in _places():
        with suppress(OSError):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if _private(path) and os.access(path, os.W_OK | os.X_OK):
                _swept(path)
                return path
    return None


def _places() -> list[Path]:
    """Folders to try, in order."""
    bases = []
    for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
        if os.environ.get(name):
            bases.append(Path(os.environ[name]).absolute())
    if sys.platform == "win32":
        bases += [Path(x) for x in (os.environ.get("LOCALAPPDATA"),) if x]
    else:
        with suppress(RuntimeError):  # no home
            bases.append(Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache"))
    places = [base / "tinygrad_nn" / "numba" for base in bases[:1]]
    with suppress(OSError):  # no folder for temporary files
        user = os.getuid() if hasattr(os, "getuid") else "user"
        places.append(Path(tempfile.gettempdir()) / f"tinygrad_nn-{user}")
    return places


def _private(path: Path) -> bool:
    """Machine code is loaded from here: another user's must not be."""
    if not hasattr(os, "getuid"):
        return True
    # Not a link: others may put one among temporary files.
    found = path.lstat()
    own = found.st_uid == os.getuid() and not found.st_mode & 0o022
    return own and stat.S_ISDIR(found.st_mode)


def _swept(path: Path) -> None:
    """Take away what was not read for long, and what killed processes left half written."""
    now = time.time()
    for file in path.iterdir():
        if file.name.lstrip(".").startswith(PREFIX):
            with suppress(OSError):
                age = now - file.stat().st_mtime
                if age > (_UNFINISHED if file.suffix == PART else _UNUSED):
                    file.unlink()


class _Text(InspectLoader):
    """Makes a module of its text, without any file."""

    def __init__(self, text: str) -> None:
        self.text = text

    def get_source(self, fullname: str) -> str:
        return self.text

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.text, f"<{fullname}>")


def module(text: str) -> Any:
    """The module of this text; the same one for the same text."""
    name = PREFIX + hashlib.sha256((versions() + text).encode()).hexdigest()[:32]
    found = sys.modules.get(name)
    if found is not None:
        return found
    loader = _Text(text)
    spec = spec_from_loader(name, loader)
    assert spec is not None
    found = module_from_spec(spec)
    # Generated modules import one another, and numba looks functions up by their module.
    sys.modules[name] = found
    try:
        loader.exec_module(found)
    except BaseException:
        del sys.modules[name]
        raise
    return found
