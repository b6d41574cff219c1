"""Pictures of what a classifier learned, each a self-contained SVG text.

`confusion_picture`, `mistakes_picture`, `weights_picture` and `history_picture`. All follow the
reader's light or dark setting, and say in numbers what they show in colours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn.errors import DataError, ShapeError
from tinygrad_nn.train.axes import ticks
from tinygrad_nn.train.history import History
from tinygrad_nn.train.metrics import Mistake
from tinygrad_nn.train.sheet import Sheet, diverging, grey, shade

__all__ = ["confusion_picture", "history_picture", "mistakes_picture", "weights_picture"]

_EDGE: Final = 20
_LEAST_WIDTH: Final = 480
_TILE: Final = 112


def confusion_picture(counts: NDArray[Any], classes: Sequence[str]) -> str:
    """Draw a confusion matrix: right answers on the diagonal in blue, mistakes in orange.

    Args:
        counts: shape (classes, classes); entry [i, j] counts examples of class i read as j.
        classes: names of the classes.
    """
    if counts.shape != (len(classes), len(classes)):
        raise ShapeError(
            f"confusion_picture: got counts {counts.shape} for {len(classes)} classes, expected "
            f"({len(classes)}, {len(classes)}); pass the names of all classes"
        )
    total, right = int(counts.sum()), int(counts.trace())
    cell, left, top = 40, 110, 100
    width = max(left + cell * len(classes) + 90, _LEAST_WIDTH)
    sheet = Sheet(
        width,
        f"{right:,} of {total:,} right ({_percent(right, total)})",
        "a row for each true class, a column for each answer of the network",
    )
    middle = left + cell * len(classes) / 2
    sheet.text(middle, top - 22, "answer", "muted")
    sheet.text(left + cell * len(classes) + 40, top - 6, "found", "muted")
    sheet.text(_EDGE, top + cell / 2 + 4, "truth", "muted", "start")
    for i, name in enumerate(classes):
        sheet.text(left + cell * (i + 0.5), top - 6, name, "name")
        sheet.text(left - 12, top + cell * (i + 0.5) + 4, name, "name", "end")
        row = counts[i]
        for j, count in enumerate(row):
            answer = f"{name} read as {classes[j]}: {count:,} of {row.sum():,}"
            place = (left + cell * j, top + cell * i)
            _cell(sheet, place, cell, int(count), (int(row.sum()), i == j), answer)
        found = _percent(int(row[i]), int(row.sum()))
        sheet.text(left + cell * len(classes) + 40, top + cell * (i + 0.5) + 4, found)
    return sheet.svg()


def _cell(
    sheet: Sheet,
    place: tuple[float, float],
    side: float,
    count: int,
    row: tuple[int, bool],
    about: str,
) -> None:
    x, y = place
    whole, is_right = row
    hue, level = "blue" if is_right else "orange", shade(count, whole, is_right=is_right)
    style = f"{hue}{level}" if level else "cell"
    sheet.box(x + 1, y + 1, side - 2, side - 2, style, about)
    if count:
        sheet.text(x + side / 2, y + side / 2 + 4, str(count), f"on-{style}")


def mistakes_picture(
    mistakes: Sequence[Mistake], images: NDArray[Any], classes: Sequence[str], total: int
) -> str:
    """Draw mistakes: each image with what it is, what the network said, and how surely.

    Args:
        mistakes: what `worst_mistakes` returned; worst first.
        images: shape (n, height, width), 0 paper to 1 ink, of all examples.
        classes: names of the classes.
        total: how many mistakes there are in all.
    """
    columns = min(max(len(mistakes), 4), 6)
    pitch = _TILE + 16
    heading = f"The worst {len(mistakes)} of {total:,} mistakes"
    if len(mistakes) == total:
        heading = "The only mistake" if total == 1 else f"All {total:,} mistakes"
    note = "where the network gave the true class the least; worst first"
    if not mistakes:
        heading, note = "No mistakes", "every example was answered right"
    sheet = Sheet(max(2 * _EDGE + columns * pitch - 16, _LEAST_WIDTH), heading, note)
    for place, mistake in enumerate(mistakes):
        row, column = divmod(place, columns)
        x, y = _EDGE + column * pitch, sheet.top + 8 + row * (_TILE + 52)
        truth, answer = classes[mistake.truth], classes[mistake.answer]
        about = f"example {mistake.example}: {truth} read as {answer}"
        sheet.image(x, y, grey(images[mistake.example]), _TILE, _TILE, about)
        said, sure = f"said {answer}", f"{100 * mistake.confidence:.0f} %"
        sheet.text(x, y + _TILE + 17, said, "name orange", "start")
        sheet.text(x + _TILE, y + _TILE + 17, sure, "muted", "end")
        actual = f"{100 * mistake.true_confidence:.0f} %"
        sheet.text(x, y + _TILE + 33, f"it is {truth}", "name blue", "start")
        sheet.text(x + _TILE, y + _TILE + 33, actual, "muted", "end")
    return sheet.svg()


def weights_picture(weight: NDArray[Any], image_shape: tuple[int, int], limit: int = 64) -> str:
    """Draw what each neuron of the first layer looks for: blue excites it, orange inhibits it.

    Args:
        weight: shape (neurons, pixels), as of `nn.Linear`.
        image_shape: height and width of an image.
        limit: at most so many neurons are drawn.
    """
    if weight.ndim != 2 or weight.shape[1] != math.prod(image_shape):
        raise ShapeError(
            f"weights_picture: got weights {weight.shape} for images {image_shape}, expected one "
            f"column for each of the {math.prod(image_shape)} pixels; pass model[0].weight"
        )
    if not np.isfinite(weight).all():
        raise DataError("weights_picture: got NaN or infinity, expected finite weights; train anew")
    # The few largest weights would make all others pale.
    scale = float(np.quantile(np.abs(weight), 0.995)) or 1.0
    shown = weight[:limit]
    columns = 4 if len(shown) <= 16 else 8
    pitch = _TILE + 16
    left_out = f", the first {limit} of {len(weight)}" if len(weight) > limit else ""
    sheet = Sheet(
        max(2 * _EDGE + columns * pitch - 16, _LEAST_WIDTH),
        f"What the {len(weight)} neurons of the first layer look for",
        f"ink on blue excites the neuron, ink on orange inhibits it{left_out}",
    )
    for place, row in enumerate(shown):
        line, column = divmod(place, columns)
        x, y = _EDGE + column * pitch, sheet.top + 8 + line * (_TILE + 32)
        about = f"neuron {place + 1}: weights {row.min():.3g} to {row.max():.3g}"
        sheet.image(x, y, diverging(row.reshape(image_shape), scale), _TILE, _TILE, about)
        sheet.text(x + _TILE / 2, y + _TILE + 16, f"neuron {place + 1}", "muted")
    _colour_bar(sheet, scale)
    return sheet.svg()


def _colour_bar(sheet: Sheet, scale: float) -> None:
    y, width = sheet.height + 12, 240.0
    x = (sheet.width - width) / 2
    ramp = diverging(np.linspace(-1, 1, 121)[None, :], 1.0)
    sheet.image(x, y, ramp, width, 12, f"colours from -{scale:.2g} to {scale:.2g}")
    for share, words in ((0.0, f"−{scale:.2g}"), (0.5, "0"), (1.0, f"{scale:.2g}")):
        sheet.text(x + share * width, y + 28, words, "muted")


def history_picture(history: History, score: str = "test_accuracy") -> str:
    """Draw the loss and a score against the epochs, side by side.

    Args:
        history: of a training of at least one epoch.
        score: name of a measure between 0 and 1 that every epoch has.
    """
    epochs = history.epochs
    if not epochs:
        raise DataError("history_picture: got no epochs, expected at least 1; train first")
    losses = [epoch.loss for epoch in epochs]
    scores = [epoch.scores[score] for epoch in epochs]
    named = score.replace("_", " ")
    last = f"after epoch {len(epochs)}: loss {losses[-1]:.3f}, {named} {100 * scores[-1]:.1f} %"
    sheet = Sheet(760, "How it learned", last)
    _panel(sheet, 60, losses, (0.0, max(losses)), "orange", "loss")
    _panel(sheet, 440, scores, (min(*scores, 0.9), 1.0), "blue", named)
    return sheet.svg()


def _panel(
    sheet: Sheet, left: float, values: list[float], span: tuple[float, float], hue: str, name: str
) -> None:
    width, height, top = 280.0, 180.0, sheet.top + 28.0
    low, high, marks = ticks(*span, log=False)

    def place(i: int) -> tuple[float, float]:
        share = i / max(len(values) - 1, 1)
        return left + share * width, top + height * (1 - (values[i] - low) / (high - low))

    sheet.text(left, top - 10, name, f"name {hue}", "start")
    for level in marks:
        y = top + height * (1 - (level - low) / (high - low))
        sheet.line([(left, y), (left + width, y)], "rule")
        sheet.text(left - 8, y + 4, f"{level:.3g}", "muted", "end")
    sheet.line([place(i) for i in range(len(values))], f"curve {hue}")
    for i, value in enumerate(values if len(values) <= 60 else []):
        sheet.dot(*place(i), hue, f"epoch {i + 1}: {name} {value:.4g}")
    sheet.text(left, top + height + 18, "epoch 1", "muted", "start")
    if len(values) > 1:
        sheet.text(left + width, top + height + 18, f"epoch {len(values)}", "muted", "end")


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "none"
