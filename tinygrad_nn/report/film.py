"""The boundary of a model of two inputs, frame by frame while it learns."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn.data import Dataset
from tinygrad_nn.report.figures import rounded
from tinygrad_nn.report.shares import are_shares, softmax
from tinygrad_nn.tensor import Tensor
from tinygrad_nn.train import Context, predict
from tinygrad_nn.train.png import png
from tinygrad_nn.train.probing import array_of

__all__ = ["HUES", "Film", "film_of"]

Array = NDArray[Any]

_SIDE: Final = 64
_POINTS: Final = 200
_MARGIN: Final = 0.15
# Told apart by all kinds of colour-blind eyes, in this order (after Okabe and Ito); all of
# them dark enough to be seen on white. Points also bear a shape.
HUES: Final = (
    (0, 114, 178), (217, 95, 2), (0, 140, 105), (150, 80, 160), (160, 130, 0), (90, 90, 90),
    (200, 60, 90), (60, 60, 160), (110, 140, 40), (130, 80, 40),
)  # fmt: skip
_PALE: Final = np.array([247.0, 247.0, 247.0])


@dataclass
class Film:
    """Frames of a boundary.

    Attributes:
        span: Lowest and highest number of both inputs: x, then y.
        points: Some examples, as [x, y, class or None].
        classes: How many classes there are; 0 if the model gives a number.
        frames: Pairs of an epoch and a PNG in base64.
    """

    span: list[float]
    points: list[list[Any]]
    classes: int
    frames: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> Film:
        """What `plain` returned."""
        return cls(**{name: state[name] for name in ("span", "points", "classes", "frames")})

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {**vars(self)}

    def add(self, model: Any, epoch: int) -> None:
        """Take a frame."""
        left, right, low, high = self.span
        x, y = np.meshgrid(np.linspace(left, right, _SIDE), np.linspace(high, low, _SIDE))
        grid = np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32)
        colours = _colours(predict(model, grid)).reshape(_SIDE, _SIDE, 3)
        content = base64.b64encode(png(colours)).decode("ascii")
        self.frames.append({"epoch": epoch, "png": content})


def film_of(inputs: Any, context: Context) -> Film | None:
    """A film without frames, if the model has two inputs; None otherwise."""
    if isinstance(inputs, (tuple, dict)):
        return None
    x = array_of(inputs)
    if x.ndim != 2 or x.shape[1] != 2 or x.dtype.kind not in "fiu":
        return None
    x = np.asarray(x, np.float64)
    x = x[np.isfinite(x).all(axis=1)]
    outputs = context.outputs
    if not len(x) or not isinstance(outputs, Tensor) or outputs.ndim not in (1, 2):
        return None
    low, high = x.min(axis=0), x.max(axis=0)
    margin = _MARGIN * np.where(high > low, high - low, 1.0)
    span = [low[0] - margin[0], high[0] + margin[0], low[1] - margin[1], high[1] + margin[1]]
    classes = outputs.shape[1] if outputs.ndim == 2 and outputs.shape[1] > 1 else 0
    points = _points(context, classes)
    return Film([rounded(float(edge)) for edge in span], points, classes)


def _points(context: Context, classes: int) -> list[list[Any]]:
    """Examples with their classes: the first of the data set, or else the batch at hand."""
    dataset = getattr(context.loader, "dataset", None)
    if isinstance(dataset, Dataset) and len(dataset):
        x, t = dataset.inputs[:_POINTS], np.asarray(dataset.targets[:_POINTS])
    else:
        x, t = array_of(context.inputs), array_of(context.targets)
    if x.ndim != 2 or t.shape[:1] != x.shape[:1]:
        return []
    t = t.reshape(len(t), -1)
    is_class = t.shape[1] == 1 and t.dtype.kind in "iub" and bool((t >= 0).all())
    return [
        [rounded(float(a)), rounded(float(b)), int(c[0]) if is_class else None]
        for (a, b), c in zip(x[:_POINTS], t[:_POINTS], strict=True)
    ]


def _colours(outputs: Array) -> NDArray[np.uint8]:
    y = np.asarray(outputs, np.float64).reshape(len(outputs), -1)
    y = np.nan_to_num(y, nan=0.0, posinf=1e30, neginf=-1e30)
    if y.shape[1] == 1:
        limit = float(np.abs(y).max()) or 1.0
        is_share = y.min() >= 0 and y.max() <= 1
        signed = 2 * y[:, 0] - 1 if is_share else y[:, 0] / limit
        classes, sure = (signed < 0).astype(int), np.abs(signed)
    else:
        p = y if are_shares(y) else softmax(y)
        classes, best = p.argmax(axis=1), p.max(axis=1)
        chance = 1 / y.shape[1]
        sure = (best - chance) / (1 - chance)
    hues = np.array(HUES, np.float64)[classes % len(HUES)]
    # Even the surest place stays pale enough for the points on it to be seen.
    mixed: NDArray[np.uint8] = np.rint(_PALE + 0.62 * sure[:, None] * (hues - _PALE)).astype(
        np.uint8
    )
    return mixed
