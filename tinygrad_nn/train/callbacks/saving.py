"""`Checkpoint`: files from which `fit(resume=)` goes on exactly."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from time import monotonic
from typing import Any, ClassVar, Final

from tinygrad_nn.atomic import remove_parts
from tinygrad_nn.data.arguments import real_number, whole_number
from tinygrad_nn.errors import DataError, OptionError
from tinygrad_nn.serialize import save
from tinygrad_nn.train.callbacks.base import Callback
from tinygrad_nn.train.callbacks.functions import told
from tinygrad_nn.train.callbacks.stopping import Best
from tinygrad_nn.train.context import Context

__all__ = ["Checkpoint"]

_END: Final = ".safetensors"


class Checkpoint(Callback):
    """Saves the whole training into a folder, so that `fit(resume=path)` goes on exactly.

    Files are called `step-00000120.safetensors` and hold model, optimiser, schedule, generators,
    place in the data and history; `best.safetensors` besides, if `best` is given. Each is whole or
    not there. A write that fails is told on standard error, and the training goes on.

    Args:
        folder: Where to; made if need be.
        every_epochs: Save behind every n-th epoch; None: not because of epochs.
        every_steps: Save behind every n-th step.
        every_seconds: Save behind the first step after so many seconds.
        best: "val_loss", "loss" or a score: keep the best epoch as `best.safetensors`.
        mode: "min" or "max" for `best`; by default told by the name.
        keep: How many of the numbered files to keep: the last ones.

    Attributes:
        folder: As given.
        last: The file written last, or None.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import data, nn, optim, train
        >>> model = nn.Linear(2, 2, rng=0)
        >>> adam = optim.Adam(model.parameters())
        >>> saving = train.Checkpoint("kept", best="loss", keep=2)
        >>> moons = data.make_moons(64)
        >>> _ = train.fit(model, nn.CrossEntropyLoss(), adam, moons, 3, callbacks=[saving])
        >>> sorted(path.name for path in saving.folder.iterdir())
        ['best.safetensors', 'step-00000004.safetensors', 'step-00000006.safetensors']
        >>> _ = model.load_state_dict(tg.load("kept/best.safetensors")["model"])
    """

    order: ClassVar[int] = 20

    def __init__(
        self,
        folder: str | PathLike[str],
        *,
        every_epochs: int | None = 1,
        every_steps: int | None = None,
        every_seconds: float | None = None,
        best: str | None = None,
        mode: str | None = None,
        keep: int = 1,
    ) -> None:
        self.folder = Path(folder)
        self._epochs = every_epochs and whole_number("every_epochs", every_epochs, 1)
        self._steps = every_steps and whole_number("every_steps", every_steps, 1)
        self._seconds = every_seconds and real_number("every_seconds", every_seconds)
        self._best = None if best is None else Best(best, mode)
        self._keep = whole_number("keep", keep, 1)
        self.last: Path | None = None
        self._saved_at = monotonic()

    @staticmethod
    def latest(folder: str | PathLike[str]) -> Path | None:
        """Return the newest numbered file of a folder, or None: `fit(resume=...)` takes both."""
        return max(Path(folder).glob(f"step-*{_END}"), default=None, key=lambda path: path.name)

    def on_train_begin(self, context: Context) -> None:
        """Make the folder, at once, so that a wrong name is told before hours are spent.

        Raises:
            DataError: That cannot be done.
            OptionError: Another training was saved there.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            remove_parts(self.folder)
        except OSError as error:
            raise DataError(
                f"Checkpoint: got the folder {self.folder} ({error.strerror}), expected one that "
                "can be written to; choose another"
            ) from error
        latest = Checkpoint.latest(self.folder)
        if latest is not None and latest.stem > f"step-{context.step:08d}":
            raise OptionError(
                f"Checkpoint: got the folder {self.folder} with {latest.name} of a training that "
                f"went further than this one ({context.step} steps); go on with resume=, remove "
                "it, or choose another folder"
            )
        self._saved_at = monotonic()

    def on_step_end(self, context: Context) -> None:
        """Save, if it is time within an epoch."""
        is_step = bool(self._steps) and context.step % (self._steps or 1) == 0
        is_late = self._seconds is not None and monotonic() - self._saved_at >= self._seconds
        if is_step or is_late:
            self._save(context)

    def on_epoch_end(self, context: Context) -> None:
        """Save, if it is time behind an epoch."""
        if self._best is not None and self._best.take(context.value(self._best.monitor)):
            path = self.folder / f"best{_END}"
            told(lambda: save(context.state_dict(), path), path)
        if self._epochs and context.epoch % self._epochs == 0:
            self._save(context)

    def _save(self, context: Context) -> None:
        path = self.folder / f"step-{context.step:08d}{_END}"
        self._saved_at = monotonic()
        if not told(lambda: save(context.state_dict(), path), path):
            return
        self.last = path
        for other in sorted(self.folder.glob(f"step-*{_END}"))[: -self._keep]:
            with contextlib.suppress(OSError):
                other.unlink()

    def state_dict(self) -> dict[str, Any]:
        """The best number so far."""
        return {} if self._best is None else {"best": self._best.value}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from the best number so far."""
        if self._best is not None:
            self._best.value = state["best"]
