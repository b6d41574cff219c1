"""What is shown while `fit` trains: `ProgressBar` and `ProgressTable`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from time import monotonic
from typing import Any, ClassVar, Final, TextIO

from tinygrad_nn.train.callbacks.base import Callback
from tinygrad_nn.train.context import Context

__all__ = ["ProgressBar", "ProgressTable"]

_WIDTH: Final = 11


class ProgressBar(Callback):
    """A line for every epoch; on a terminal a moving bar below, if `rich` is installed.

    Args:
        stream: Where to; standard error by default, so that results can be piped.
        every_seconds: Where there is no bar: write a line within an epoch every so many seconds.
    """

    order: ClassVar[int] = 10

    def __init__(self, stream: TextIO | None = None, every_seconds: float | None = None) -> None:
        self._stream = stream
        self._every = every_seconds
        self._told_at = monotonic()
        self._bar: Any = None
        self._task: Any = None

    def on_train_begin(self, context: Context) -> None:
        """Begin the bar."""
        self._told_at = monotonic()
        stream = self._stream or sys.stderr
        if stream.isatty() and find_spec("rich") is not None:
            rich, console = import_module("rich.progress"), import_module("rich.console")
            self._bar = rich.Progress(
                rich.TextColumn("{task.description}"),
                rich.BarColumn(),
                rich.MofNCompleteColumn(),
                rich.TimeRemainingColumn(),
                rich.TextColumn("{task.fields[loss]}"),
                console=console.Console(file=stream),
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task("", total=context.batches, loss="")

    def on_epoch_begin(self, context: Context) -> None:
        """Move the bar back."""
        if self._bar is not None:
            text = f"epoch {context.epoch}/{context.epochs}"
            done = context.history.batches
            self._bar.reset(self._task, description=text, completed=done, total=context.batches)

    def on_batch_end(self, context: Context) -> None:
        """Move the bar on."""
        if context.loss is None:
            return
        if self._bar is not None:
            text = f"loss {context.loss:.4f}"
            self._bar.update(self._task, completed=context.batch, loss=text)
        elif self._every is not None and monotonic() - self._told_at >= self._every:
            self._told_at = monotonic()
            whole = f"/{context.batches}" if context.batches else ""
            self._say(
                f"  batch {context.batch}{whole} of epoch {context.epoch}: {context.loss:.4f}"
            )

    def on_epoch_end(self, context: Context) -> None:
        """Write the line of the epoch."""
        e, width = context.result, len(str(context.epochs))
        scores = "".join(f"  {name} {number:.4f}" for name, number in e.scores.items())
        head = f"epoch {e.number:{width}}/{context.epochs}  loss {e.loss:.4f}"
        self._say(f"{head}{scores}  {e.seconds:.2f} s")

    def on_train_end(self, context: Context) -> None:
        """Take the bar away, and say why the training ended early."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        if context.history.stopped and context.error is None:
            self._say(f"stopped: {context.history.stopped}")

    def _say(self, text: str) -> None:
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False)
        else:
            print(text, file=self._stream or sys.stderr, flush=True)


class ProgressTable(Callback):
    """A table with a row for every epoch; the best loss so far is bold on a terminal with `rich`.

    Args:
        stream: Where to; standard error by default.

    Example:
        >>> import sys
        >>> from tinygrad_nn import data, nn, optim, train
        >>> model = nn.Linear(2, 2, rng=0)
        >>> still = optim.SGD(model.parameters(), lr=0.0)
        >>> x = [[0.0, 0.0]]
        >>> table = train.ProgressTable(sys.stdout)
        >>> _ = train.fit(
        ...     model, lambda y, t: (y * 0 + 1).mean(), still, (x, [0]), 1, callbacks=[table]
        ... )
        epoch       loss          lr     seconds
            1     1.0000           0        0.00
    """

    order: ClassVar[int] = 10

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._names: list[str] = []
        self._console: Any = None

    def on_train_begin(self, context: Context) -> None:
        """Begin the table."""
        self._names, self._console = [], None
        stream = self._stream or sys.stderr
        if stream.isatty() and find_spec("rich") is not None:
            self._console = import_module("rich.console").Console(file=stream)

    def on_epoch_end(self, context: Context) -> None:
        """Write the row, and the heading before the first."""
        e = context.result
        shown: Mapping[str, float | None] = {"loss": e.loss, **e.scores, "lr": context.lr}
        if list(shown) != self._names:
            self._names = list(shown)
            heads = (name.rjust(max(_WIDTH, len(name))) for name in (*self._names, "seconds"))
            self._say("epoch" + " ".join(heads), "bold")
        cells = (_cell(name, number) for name, number in shown.items())
        row = f"{e.number:5d}" + " ".join((*cells, f"{e.seconds:{_WIDTH}.2f}"))
        is_best = e.number == context.history.best("loss").number
        self._say(row, "bold" if is_best else "")

    def on_train_end(self, context: Context) -> None:
        """Say why the training ended early."""
        if context.history.stopped and context.error is None:
            self._say(f"stopped: {context.history.stopped}", "")

    def _say(self, text: str, style: str) -> None:
        if self._console is not None:
            self._console.print(text, style=style, markup=False, highlight=False)
        else:
            print(text, file=self._stream or sys.stderr, flush=True)


def _cell(name: str, number: float | None) -> str:
    width = max(_WIDTH, len(name))
    if number is None:
        return "-".rjust(width)
    return f"{number:{width}.3g}" if name == "lr" else f"{number:{width}.4f}"
