"""Callbacks made of plain functions, and one that writes a table."""

from __future__ import annotations

import sys
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import ClassVar

from tinygrad_nn.errors import OptionError
from tinygrad_nn.train.callbacks.base import HOOKS, Callback
from tinygrad_nn.train.context import Context

__all__ = ["CSVLogger", "LambdaCallback", "told"]


class LambdaCallback(Callback):
    """A callback of functions: `LambdaCallback(on_epoch_end=lambda context: ...)`.

    Args:
        hooks: Functions of the context by the name of the hook.

    Raises:
        OptionError: There is no such hook.
    """

    def __init__(self, **hooks: Callable[[Context], object]) -> None:
        for name, function in hooks.items():
            if name not in HOOKS:
                raise OptionError(f"LambdaCallback: got {name!r}, expected of {', '.join(HOOKS)}")
            setattr(self, name, function)


class CSVLogger(Callback):
    """Writes `history.to_csv()` to a file behind every epoch; the file is always a whole table.

    A write that fails is told on standard error, and the training goes on.

    Args:
        path: The file.
    """

    order: ClassVar[int] = 10

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = Path(path)

    def on_epoch_end(self, context: Context) -> None:
        """Write the table."""
        told(lambda: context.history.to_csv(self.path), self.path)


def told(write: Callable[[], object], path: Path) -> bool:
    """Write; tell on standard error if that fails, and return whether it worked."""
    try:
        write()
    except OSError as error:
        print(
            f"tinygrad_nn: warning: {path} was not written ({error.strerror or error}); training "
            "goes on, and writing is tried again next time",
            file=sys.stderr,
        )
        return False
    return True
