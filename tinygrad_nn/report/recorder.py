"""`Recorder`: notes for the report what happens in each layer while `fit` trains."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Final

import numpy as np

from tinygrad_nn.data.arguments import whole_number
from tinygrad_nn.errors import AnomalyError
from tinygrad_nn.nn import Module
from tinygrad_nn.report.figures import noted, rounded
from tinygrad_nn.report.film import Film, film_of
from tinygrad_nn.report.layers import Layers
from tinygrad_nn.report.schema import checked_record
from tinygrad_nn.train import Callback, Context
from tinygrad_nn.train.batches import pair

__all__ = ["Recorder"]

_LOOKS: Final = 10
"""Steps of an epoch that are looked at, unless told otherwise."""
_EVERY: Final = 25
"""Distance of these steps where nobody knows how many an epoch has."""
_KEPT: Final = 8
"""Epochs whose histograms and boundaries are kept, besides the last."""
_LOSSES: Final = 600
_PROBE: Final = 256
_WILD: Final = 3.0
"""A loss this many times that of the fresh network has left it."""


class Recorder(Callback):
    """Notes for a report, epoch by epoch, what happens in each layer.

    Norms of weights, gradients and updates, histograms of the activations on a fixed batch,
    the share of dead units, the boundary of a model of two inputs. It changes no bit of what
    is learned, and measures what it costs: `seconds`.

    Args:
        every: Look at every n-th step; by default at ten of each epoch.
        probe: Inputs that the activations are measured on, at most 256 of them; by default the
            first of the validation data, or of the batches learned from.

    Attributes:
        seconds: Spent in here so far.
        context: The training, once it has begun.

    Example:
        >>> from tinygrad_nn import data, nn, optim, report, train
        >>> model = nn.Sequential(nn.Linear(2, 8, rng=0), nn.Tanh(), nn.Linear(8, 2, rng=1))
        >>> recorder, moons = report.Recorder(), data.make_moons(200)
        >>> adam = optim.Adam(model.parameters(), lr=0.05)
        >>> _ = train.fit(model, nn.CrossEntropyLoss(), adam, moons, 5, callbacks=[recorder])
        >>> page = report.of(recorder, test=moons)  # page.save("report.html")
        >>> len(page.html) < 400_000
        True
    """

    order: ClassVar[int] = 15

    def __init__(self, every: int | None = None, *, probe: Any = None) -> None:
        self._every = None if every is None else whole_number("every", every, 1)
        self._probe = None if probe is None else _first(probe, _PROBE)
        self._is_given = probe is not None
        self.context: Context | None = None
        self.seconds = 0.0
        self._layers: Layers | None = None
        self._forget()

    def _forget(self) -> None:
        self._rows: list[dict[str, Any]] = []
        self._histograms: list[dict[str, Any]] = []
        self._film: Film | None = None
        self._losses: list[float] = []
        self._stride = 1
        self._batches = 0
        self._first_loss: float | None = None
        self._wild: dict[str, Any] | None = None
        self._trouble: dict[str, Any] | None = None
        self._sums: dict[str, Any] = {}
        self._before: Any = None

    # ── As a callback ───────────────────────────────────────────────────────────────────

    def on_train_begin(self, context: Context) -> None:
        """Find the layers."""
        if not context.history.epochs and not context.history.batches:
            self._forget()
        self.context = context
        with self._timed():
            self._layers = Layers(context.model)
            self._trouble = None
            self._begin_epoch()
            if self._probe is None and context.validation is not None:
                batch = next(iter(context.validation), None)
                self._probe = None if batch is None else _first(pair("report", batch)[0], _PROBE)

    def on_batch_begin(self, context: Context) -> None:
        """Keep the first batch to measure activations on, and look at the fresh network."""
        if self._probe is None:
            self._probe = _first(context.inputs, _PROBE)

    def on_backward_end(self, context: Context) -> None:
        """Note the loss."""
        if context.loss is not None:
            self._take_loss(context.loss, context)

    def on_step_begin(self, context: Context) -> None:
        """Look at the gradients, and keep the weights."""
        every = self._every
        if every is None:
            every = max(1, context.batches // _LOOKS) if context.batches else _EVERY
        if context.step % every or self._layers is None:
            return
        with self._timed():
            self._before = self._layers.weights()
            self._add("gradient", self._layers.gradient_norms())

    def on_step_end(self, context: Context) -> None:
        """Look at what the step changed."""
        if self._before is None or self._layers is None:
            return
        with self._timed():
            self._add("update", self._layers.update_ratios(self._before))
            self._before = None

    def on_nonfinite_loss(self, context: Context) -> None:
        """Note where the loss was no number."""
        self._take_loss(math.nan if context.loss is None else context.loss, context)
        self._note_trouble(context)

    def on_epoch_end(self, context: Context) -> None:
        """Close the row of the epoch."""
        if self._layers is None:
            return
        with self._timed():
            self._close_row(self._layers, context.epoch)
            self._add_frame(context)

    def on_train_end(self, context: Context) -> None:
        """Note how it ended."""
        self._before = None
        if isinstance(context.error, AnomalyError) and self._trouble is None:
            self._note_trouble(context)

    # ── Measuring ───────────────────────────────────────────────────────────────────────

    def _begin_epoch(self) -> None:
        self._sums = {"gradient": None, "update": None}
        self._looks = {"gradient": 0, "update": 0}

    def _add(self, name: str, numbers: list[float]) -> None:
        old = self._sums[name]
        self._sums[name] = np.array(numbers) if old is None else old + numbers
        self._looks[name] += 1

    def _mean(self, name: str, count: int) -> list[Any]:
        total = self._sums[name]
        if total is None:
            return [None] * count
        return [rounded(float(x)) for x in total / self._looks[name]]

    def _close_row(self, layers: Layers, epoch: int) -> None:
        count = len(layers.listed)
        found = [] if self._probe is None else layers.activations(self._probe)
        idle = [x["idle"] if x else None for x in found] or [None] * count
        self._rows.append(
            {
                "epoch": epoch,
                "weight": [rounded(x) for x in layers.weight_norms()],
                "gradient": self._mean("gradient", count),
                "update": self._mean("update", count),
                "idle": idle,
                "looks": self._looks["update"],
            }
        )
        if any(found):
            self._histograms.append({"epoch": epoch, "layers": found})
            self._histograms = thinned(self._histograms)
        self._begin_epoch()

    def _add_frame(self, context: Context) -> None:
        if self._film is None and context.epoch in (1, len(self._rows)):
            self._film = film_of(self._probe, context)
        if self._film is not None:
            self._film.add(context.model, context.epoch)
            self._film.frames = thinned(self._film.frames)

    # ── Losses ──────────────────────────────────────────────────────────────────────────

    def _take_loss(self, loss: float, context: Context) -> None:
        if self._batches % self._stride == 0:
            self._losses.append(loss)
            if len(self._losses) > _LOSSES:
                self._losses, self._stride = self._losses[::2], 2 * self._stride
        self._batches += 1
        if self._first_loss is None:
            self._first_loss = loss
        is_wild = not loss <= _WILD * max(abs(self._first_loss), 1e-12)
        if is_wild and self._wild is None:
            self._wild = self._place(context)
        elif not is_wild:
            self._wild = None

    def _note_trouble(self, context: Context) -> None:
        self._trouble = self._place(context)

    def _place(self, context: Context) -> dict[str, Any]:
        loss = math.nan if context.loss is None else context.loss
        return {
            "step": context.step + 1,
            "epoch": context.epoch,
            "batch": context.batch,
            "loss": noted(loss),
        }

    @contextmanager
    def _timed(self) -> Iterator[None]:
        start = time.perf_counter()
        try:
            # Who diverges overflows here too; the report tells of it, not NumPy's warnings.
            with np.errstate(all="ignore"):
                yield
        finally:
            self.seconds += time.perf_counter() - start

    # ── State ───────────────────────────────────────────────────────────────────────────

    def state_dict(self) -> dict[str, Any]:
        """All that was noted, as JSON holds it."""
        layers = [] if self._layers is None else [x.plain() for x in self._layers.listed]
        return {
            "layers": layers,
            "epochs": self._rows,
            "histograms": self._histograms,
            "film": None if self._film is None else self._film.plain(),
            "losses": [noted(x) for x in self._losses],
            "stride": self._stride,
            "batches": self._batches,
            "first_loss": None if self._first_loss is None else rounded(self._first_loss),
            "wild": self._wild,
            "nonfinite": self._trouble,
            "seconds": round(self.seconds, 3),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with what was noted."""
        self._forget()
        self._rows, self._histograms = list(state["epochs"]), list(state["histograms"])
        self._film = None if state["film"] is None else Film.of(state["film"])
        self._losses = [float(str(x)) for x in state["losses"]]
        self._stride, self._batches = state["stride"], state["batches"]
        first = state["first_loss"]
        self._first_loss = None if first is None else float(str(first))
        self._wild, self._trouble = state["wild"], state["nonfinite"]
        self.seconds = float(state["seconds"])

    def resume(self, noted: Any, model: Module, epochs: int) -> None:
        """Go on with what an earlier run noted, if it fits; begin anew if it does not.

        Args:
            noted: What `state_dict` gave, from a file that may be damaged.
            model: What learns.
            epochs: How many are done; what was noted of later ones is dropped.
        """
        record = checked_record(noted)
        if record is None or len(record["layers"]) not in (0, len(Layers(model).listed)):
            return
        self.load_state_dict(record)
        self._rows = [row for row in self._rows if row["epoch"] <= epochs]
        self._histograms = [row for row in self._histograms if row["epoch"] <= epochs]
        if self._film is not None:
            frames = self._film.frames
            self._film.frames = [frame for frame in frames if frame["epoch"] <= epochs]


def thinned(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first, the last, and between them few enough, ever further apart."""
    if len(rows) <= _KEPT + 1:
        return rows
    last = rows[-1]["epoch"]
    stride = 1
    while (last - 1) // stride + 1 > _KEPT:
        stride *= 2
    return [row for row in rows[:-1] if (row["epoch"] - 1) % stride == 0] + rows[-1:]


def _first(inputs: Any, count: int) -> Any:
    if isinstance(inputs, tuple):
        return tuple(_first(x, count) for x in inputs)
    if isinstance(inputs, Mapping):
        return {name: _first(x, count) for name, x in inputs.items()}
    try:
        return inputs[:count]
    except (TypeError, IndexError, KeyError):
        return inputs
