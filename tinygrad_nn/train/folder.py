"""`RunFolder`: where a run keeps its state, its history and its pictures."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Final, Self

from tinygrad_nn.atomic import PART, remove_parts, sync_folder, write_atomic
from tinygrad_nn.errors import DataError, OptionError
from tinygrad_nn.serialize import load, save

__all__ = ["CHECKPOINT", "HISTORY", "WEIGHTS", "RunFolder"]

CHECKPOINT: Final = "checkpoint.safetensors"
"""All that `--resume` needs."""
WEIGHTS: Final = "model.safetensors"
HISTORY: Final = "run.json"


class RunFolder:
    """The folder of one run. Each file in it is whole or not there.

    Made by `RunFolder.create` or `RunFolder.open`.

    Attributes:
        path: the folder.
    """

    def __init__(self, path: Path, made: list[Path]) -> None:
        self.path = path
        self._made = made

    @classmethod
    def create(cls, path: str | PathLike[str]) -> Self:
        """Make a folder for a new run; one that is there will do if nothing was finished in it.

        Raises:
            OptionError: the folder has files in it, or the name belongs to a file.
            DataError: the folder cannot be made.
        """
        target = Path(path)
        try:
            if target.exists() and not _is_empty(target):
                raise OptionError(_taken(target))
            made = [p for p in (target, *target.parents) if not p.exists()]
            folder = cls(target, made)
            try:
                target.mkdir(parents=True, exist_ok=True)
                remove_parts(target)
                for parent in made:
                    sync_folder(parent.parent)
            except BaseException:
                folder.discard()
                raise
        except OSError as error:
            raise DataError(
                f"{target}: got {_reason(error)}, expected a folder that can be made and written "
                "to; choose another with --out"
            ) from error
        return folder

    @classmethod
    def open(cls, path: str | PathLike[str]) -> Self:
        """Return the folder of an earlier run, without what was left unfinished in it.

        Raises:
            DataError: it is not there, or holds no run.
        """
        target = Path(path)
        if not (target / CHECKPOINT).is_file():
            kind = "a folder without" if target.is_dir() else "no folder and so no"
            step = "check the path, or start a new run without --resume"
            if _is_empty(target):
                step = f"the run had saved nothing yet, start it anew with --out {target}"
            raise DataError(
                f"{target}: got {kind} {CHECKPOINT}, expected the folder of a run; {step}"
            )
        with contextlib.suppress(OSError):
            remove_parts(target)
        return cls(target, [])

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def save_state(self, state: Mapping[str, Any]) -> None:
        """Write what `load_state` needs; the old state stays if that fails.

        Raises:
            DataError: the file cannot be written.
        """
        self._write(CHECKPOINT, lambda path: save(state, path))

    def load_state(self) -> dict[Any, Any]:
        """Return the saved state.

        Raises:
            DataError: the file is damaged.
        """
        try:
            return load(self / CHECKPOINT)
        except DataError as error:
            raise DataError(f"{error} or start a new run without --resume") from error

    def save_history(self, history: Mapping[str, Any]) -> None:
        """Write the history for people and other programs: `run.json`.

        Raises:
            DataError: the file cannot be written.
        """
        self.write(HISTORY, json.dumps(history, indent=1, allow_nan=False) + "\n")

    def load_record(self) -> Any:
        """What the history says of the layers; None where it says nothing, or is damaged."""
        try:
            return json.loads((self / HISTORY).read_text("utf-8"))["record"]
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            return None

    def save_arrays(self, name: str, arrays: Mapping[str, Any]) -> None:
        """Write arrays by `tinygrad_nn.save`.

        Raises:
            DataError: the file cannot be written.
        """
        self._write(name, lambda path: save(arrays, path))

    def write(self, name: str, text: str) -> None:
        """Write a text file.

        Raises:
            DataError: the file cannot be written.
        """
        self._write(name, lambda path: write_atomic(path, text.encode()))

    def discard(self) -> None:
        """Remove the folders that `create` made, if nothing has been written into them."""
        for folder in self._made:
            with contextlib.suppress(OSError):
                folder.rmdir()

    def _write(self, name: str, write: Any) -> None:
        path = self / name
        try:
            write(path)
        except OSError as error:
            expected = (
                "a folder with free space that can be written to; make room or choose another"
            )
            step = "with --out. What was saved before is whole"
            if not self.path.is_dir():
                expected = "the folder of the run, which is no longer there; put it back"
                step = "or choose another with --out"
            raise DataError(f"{path}: got {_reason(error)}, expected {expected} {step}") from error


def _is_empty(folder: Path) -> bool:
    """Whether it is a folder that holds at most files which a killed process left unfinished."""
    return folder.is_dir() and all(
        path.name.startswith(".") and path.name.endswith(PART) for path in folder.iterdir()
    )


def _taken(target: Path) -> str:
    if (target / CHECKPOINT).is_file():
        return (
            f"--out: got {target}, which holds a run, expected a new or empty folder; go on with "
            f"--resume {target}, or choose another"
        )
    kind = "a folder with files in it" if target.is_dir() else "a file"
    return f"--out: got {target}, {kind}, expected a new or empty folder; choose another"


def _reason(error: OSError) -> str:
    return f"“{error.strerror or error}”"
