"""`History`: what happened in a training, epoch by epoch, in numbers that JSON can hold."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from tinygrad_nn.atomic import write_atomic
from tinygrad_nn.errors import StateError

__all__ = ["Epoch", "History"]


@dataclass(frozen=True)
class Epoch:
    """One pass over all examples.

    Attributes:
        number: from 1.
        loss: mean over the examples, each at the moment it was learned from.
        seconds: spent learning, without the measuring after it.
        scores: what was measured at the end of it.
        rates: learning rate of each group of parameters, at the end of it.
    """

    number: int
    loss: float
    seconds: float
    scores: Mapping[str, float] = field(default_factory=dict)
    rates: tuple[float, ...] = ()


@dataclass(repr=False)
class History:
    """The epochs so far, and the sums of the one under way.

    Attributes:
        epochs: finished ones, in order.
        batches: learned from in the epoch under way.
        examples: in them.
        loss_sum: over these examples.
        seconds: spent on them.
        steps: of the optimiser, over all epochs.
        stopped: why the last training ended before its time; empty if it did not.

    Example:
        >>> history = History([Epoch(1, 0.5, 0.1, {"val_loss": 0.6}), Epoch(2, 0.25, 0.1)])
        >>> history["loss"], history["val_loss"][0], history.best("val_loss").number
        ([0.5, 0.25], 0.6, 1)
    """

    epochs: list[Epoch] = field(default_factory=list)
    batches: int = 0
    examples: int = 0
    loss_sum: float = 0.0
    seconds: float = 0.0
    steps: int = 0
    stopped: str = ""

    def close_epoch(self, scores: Mapping[str, float], rates: tuple[float, ...] = ()) -> Epoch:
        """Turn the sums into an epoch, and start the next."""
        loss = self.loss_sum / self.examples
        epoch = Epoch(len(self.epochs) + 1, loss, self.seconds, dict(scores), rates)
        self.epochs.append(epoch)
        self.batches, self.examples, self.loss_sum, self.seconds = 0, 0, 0.0, 0.0
        return epoch

    def __repr__(self) -> str:
        """Number of epochs, and what the last one measured."""
        if not self.epochs:
            return f"History(no epoch, {self.batches} batches)"
        last = self.epochs[-1]
        scores: dict[str, Any] = {"loss": last.loss, **last.scores}
        shown = [f"{name} {x:.4g}" if isinstance(x, float) else name for name, x in scores.items()]
        return f"History({len(self.epochs)} epochs; the last: {', '.join(shown)})"

    # ── Reading ─────────────────────────────────────────────────────────────────────────

    def columns(self) -> dict[str, list[Any]]:
        """Return lists of one length by name, as `pandas.DataFrame(history.columns())` takes them.

        "epoch", "loss", "seconds", "lr" (of the first group), then every score; None where an
        epoch has no such number.
        """
        names = list(dict.fromkeys(name for epoch in self.epochs for name in epoch.scores))
        return {
            "epoch": [e.number for e in self.epochs],
            "loss": [e.loss for e in self.epochs],
            "seconds": [e.seconds for e in self.epochs],
            "lr": [e.rates[0] if e.rates else None for e in self.epochs],
            **{name: [e.scores.get(name) for e in self.epochs] for name in names},
        }

    def __getitem__(self, name: str) -> list[Any]:
        """One number of every epoch: `history["val_loss"]`."""
        columns = self.columns()
        if name not in columns:
            raise StateError(f"history: got {name!r}, expected one of {', '.join(columns)}")
        return columns[name]

    def best(self, name: str = "loss", mode: str = "min") -> Epoch:
        """Return the epoch with the smallest ("min") or greatest ("max") number, the first of them.

        Raises:
            StateError: No epoch has it as a number.
        """
        found = [
            (number, epoch)
            for number, epoch in zip(self[name], self.epochs, strict=True)
            if number is not None and not math.isnan(number)
        ]
        if not found:
            raise StateError(f"history: no epoch has a number {name!r}, expected at least one")
        choose = min if mode == "min" else max
        return choose(found, key=lambda pair: pair[0])[1]

    def to_json(self, path: str | PathLike[str] | None = None) -> str:
        """Return `columns()` as JSON, NaN as null; write it to `path`, if given."""
        plain = {
            name: [None if isinstance(x, float) and not math.isfinite(x) else x for x in column]
            for name, column in self.columns().items()
        }
        return _written(path, json.dumps(plain, indent=1, allow_nan=False) + "\n")

    def to_csv(self, path: str | PathLike[str] | None = None) -> str:
        """Return `columns()` as CSV, a line for each epoch; write it to `path`, if given."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        columns = self.columns()
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
        return _written(path, stream.getvalue())

    # ── State ───────────────────────────────────────────────────────────────────────────

    def state_dict(self) -> dict[str, Any]:
        """Return everything as a dict that JSON can hold."""
        return asdict(self)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned.

        Raises:
            StateError: an entry is missing, unexpected or of another kind; nothing is loaded.
        """
        try:
            entries = dict(state)
            epochs = [_epoch(dict(epoch)) for epoch in entries.pop("epochs")]
            loaded = History(epochs, **entries)
            is_sound = [e.number for e in epochs] == [*range(1, len(epochs) + 1)]
            is_sound = is_sound and loaded.batches >= 0 and loaded.examples >= loaded.batches
            is_sound = is_sound and isinstance(loaded.loss_sum + loaded.seconds, float)
            is_sound = is_sound and loaded.steps >= 0 and isinstance(loaded.stopped, str)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise StateError(
                f"History: got a state that does not fit ({error}), expected what state_dict() "
                "returned; load an intact one"
            ) from error
        if not is_sound:
            raise StateError(
                "History: got epochs out of order or negative counts, expected what state_dict() "
                "returned; load an intact one"
            )
        vars(self).update(vars(loaded))


def _epoch(entries: dict[str, Any]) -> Epoch:
    return Epoch(**{**entries, "rates": tuple(entries.get("rates", ()))})


def _written(path: str | PathLike[str] | None, text: str) -> str:
    if path is not None:
        write_atomic(Path(path), text.encode())
    return text
