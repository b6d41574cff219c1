"""Where data files are looked for, and where downloads go."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tinygrad_nn.errors import DataError

DATA_VARIABLE: Final = "TINYGRAD_NN_DATA"
_MNIST: Final = "mnist"


def mnist_folders() -> tuple[Path, ...]:
    """Return the folders to search for MNIST, first choice first.

    Raises:
        DataError: the variable is not set and there is no home folder to fall back on.
    """
    root = _chosen_root()
    cache = _cache() / _MNIST
    return (cache,) if root is None else (root, root / _MNIST, cache)


def mnist_download_folder() -> Path:
    """Return where MNIST is saved when the caller names no folder."""
    return (_chosen_root() or _cache()) / _MNIST


def user_cache(platform: str, environ: Mapping[str, str], home: Path) -> Path:
    """Return this package's folder for files that can be fetched again.

    Args:
        platform: as `sys.platform`.
        environ: as `os.environ`.
        home: the home folder.
    """
    if platform == "win32":
        local = environ.get("LOCALAPPDATA")
        base = Path(local) if local else home / "AppData" / "Local"
    elif platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        chosen = Path(environ.get("XDG_CACHE_HOME", ""))
        # The XDG specification says to ignore a relative path.
        base = chosen if chosen.is_absolute() else home / ".cache"
    return base / "tinygrad_nn"


def _chosen_root() -> Path | None:
    chosen = os.environ.get(DATA_VARIABLE)
    return Path(chosen).expanduser() if chosen else None


def _cache() -> Path:
    try:
        home = Path.home()
    except RuntimeError as error:
        raise DataError(
            f"got no home folder ({error}), expected one to keep downloads in; "
            f"pass folder= or set {DATA_VARIABLE}"
        ) from error
    return user_cache(sys.platform, os.environ, home)
