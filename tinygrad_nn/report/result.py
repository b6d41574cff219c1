"""How a model answers examples that it did not learn from: classes or numbers."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn.data import Dataset
from tinygrad_nn.data.arguments import is_whole
from tinygrad_nn.errors import DataError, ShapeError
from tinygrad_nn.report.figures import rounded
from tinygrad_nn.report.shares import are_shares, sigmoid, softmax
from tinygrad_nn.train import confusion_matrix, predict, worst_mistakes
from tinygrad_nn.train.batches import as_batches, pair
from tinygrad_nn.train.png import png
from tinygrad_nn.train.probing import array_of, kind_of_loss
from tinygrad_nn.train.sheet import grey
from tinygrad_nn.viz.wording import clean, shorten

__all__ = ["judged", "of_classes", "of_numbers"]

Array = NDArray[Any]

_MISTAKES: Final = 24
_PAIRS: Final = 400
_MOST_CLASSES: Final = 200
_LARGEST: Final = 64
"""Side of the largest picture in a page; larger ones are thinned out."""
_COLOURS: Final = 3


def judged(
    model: Any, loss: Any, test: Any, classes: Sequence[str], image_shape: tuple[int, ...] | None
) -> tuple[dict[str, Any], int]:
    """What the report says of the answers to `test`, and how many there are.

    Raises:
        DataError: There are no examples.
        ShapeError: Outputs and targets do not fit.
    """
    inputs, targets = _examples(test)
    outputs = np.asarray(predict(model, inputs), np.float64)
    if not classes and isinstance(test, Dataset):
        classes = test.classes
    kind = None if loss is None else kind_of_loss(loss, outputs[:2], targets[:2])
    given = _given(outputs, targets, kind, len(classes))
    if given is None:
        return of_numbers(outputs, targets), len(targets)
    count = given.shape[1]
    names = [*map(str, classes), *(str(i) for i in range(len(classes), count))][:count]
    labels = targets.reshape(len(targets)).astype(np.int64)
    return of_classes(given, labels, names, _images(inputs, image_shape)), len(targets)


def of_classes(
    given: Array, labels: NDArray[np.int64], classes: Sequence[str], images: Array | None
) -> dict[str, Any]:
    """Confusion and worst mistakes of what was given to each class."""
    # Of a single class there is nothing to confuse, and nothing that tells right from wrong.
    is_single = given.shape[1] == 1
    counts = np.array([[len(labels)]]) if is_single else confusion_matrix(given, labels)
    mistakes = [] if is_single else worst_mistakes(given, labels, _MISTAKES)
    return {
        "kind": "classes",
        "classes": [shorten(clean(str(name)), 60) for name in classes],
        "confusion": counts.tolist() if len(classes) <= _MOST_CLASSES else None,
        "right": int(counts.trace()),
        "total": int(counts.sum()),
        "mistakes": [
            {
                "example": m.example,
                "truth": m.truth,
                "answer": m.answer,
                "confidence": rounded(m.confidence),
                "true_confidence": rounded(m.true_confidence),
                "png": None if images is None else _picture(images[m.example]),
            }
            for m in mistakes
        ],
    }


def of_numbers(outputs: Array, targets: Array) -> dict[str, Any]:
    """Errors of answers that are numbers."""
    y = np.asarray(outputs, np.float64).reshape(len(outputs), -1)
    t = np.asarray(targets, np.float64).reshape(len(targets), -1)
    if y.shape != t.shape:
        raise ShapeError(
            f"report: got outputs {outputs.shape} and targets {targets.shape}, expected one number "
            "for each target; pass the test data that belong to the model"
        )
    with np.errstate(all="ignore"):
        error = y - t
        spread = float(np.square(t - t.mean(axis=0)).sum())
        r2 = 1 - float(np.square(error).sum()) / spread if spread else float("nan")
        mae, rmse = float(np.abs(error).mean()), float(np.sqrt(np.square(error).mean()))
    every = max(1, len(y) // _PAIRS)
    pairs = [
        [rounded(float(a)), rounded(float(b))]
        for a, b in zip(t[::every, 0], y[::every, 0], strict=True)
    ]
    finite = error[np.isfinite(error)]
    counts, edges = _histogram(finite) if finite.size else ([0], [0.0, 1.0])
    return {
        "kind": "numbers",
        "total": len(y),
        "mean_absolute_error": rounded(mae),
        "root_mean_square_error": rounded(rmse),
        "r2": rounded(r2),
        "pairs": pairs,
        "errors": {
            "low": rounded(float(edges[0])),
            "high": rounded(float(edges[-1])),
            "counts": [int(count) for count in counts],
        },
    }


def _histogram(errors: Array) -> tuple[Sequence[int], Sequence[float]]:
    low, high = float(errors.min()), float(errors.max())
    try:
        with np.errstate(all="ignore"):
            counts, edges = np.histogram(errors, 24)
    except ValueError:
        # So large, and so near to each other or so far apart, that there are no numbers between.
        return [errors.size], [low, high]
    return counts.tolist(), edges.tolist()


def _examples(test: Any) -> tuple[Array, Array]:
    """Inputs and targets, whole."""
    if isinstance(test, Dataset):
        return test.inputs, np.asarray(test.targets)
    batches = [pair("report", batch) for batch in as_batches("report", test, 256, 0, False)]
    if not batches:
        raise DataError("report: got test data without examples, expected at least 1")
    if any(isinstance(inputs, (tuple, dict)) for inputs, _ in batches):
        raise DataError(
            "report: got test data of several inputs each, expected one array of them; leave out "
            "test="
        )
    inputs, targets = ([array_of(x) for x in side] for side in zip(*batches, strict=True))
    return np.concatenate(inputs), np.concatenate([np.atleast_1d(t) for t in targets])


def _given(outputs: Array, targets: Array, kind: str | None, classes: int) -> Array | None:
    """What each class is given, (n, classes); None where the model gives numbers."""
    is_label = targets.dtype.kind in "iub" and targets.size == len(targets)
    is_wide = outputs.ndim == 2 and (outputs.shape[1] > 1 or kind == "cross-entropy")
    if is_wide:
        if not is_label or (kind == "mse" and not classes):
            return None
        if kind in ("cross-entropy", None) and not are_shares(outputs):
            return softmax(outputs)
        return np.exp(outputs) if kind == "nll" else outputs
    is_binary = kind in ("bce", "bce-logits") or (is_label and classes == 2)
    if not is_binary or outputs.size != len(outputs) or targets.size != len(targets):
        return None
    y = outputs.reshape(-1)
    share = sigmoid(y) if kind == "bce-logits" else y
    return np.stack([1 - share, share], axis=1)


def _images(inputs: Array, shape: tuple[int, ...] | None) -> Array | None:
    """Inputs as pictures (n, rows, columns) or with colours last; None where they are none."""
    if shape is not None:
        given: Any = shape
        sides = tuple(given) if isinstance(given, (tuple, list)) else ()
        is_image = len(sides) == 2 or (len(sides) == 3 and sides[2] in (1, _COLOURS))
        if not is_image or not all(is_whole(side) and side > 0 for side in sides):
            raise ShapeError(
                f"report: got image_shape={shape!r:.60}, expected (rows, columns), or (rows, "
                f"columns, {_COLOURS}) of colours"
            )
        try:
            return inputs.reshape(len(inputs), *sides)
        except ValueError as error:
            raise ShapeError(
                f"report: got image_shape={sides} for inputs {inputs.shape[1:]}, expected one with "
                "as many numbers"
            ) from error
    if inputs.ndim == 3:
        return inputs
    if inputs.ndim == 4 and inputs.shape[1] in (1, _COLOURS):
        return np.moveaxis(inputs, 1, -1)
    side = round(inputs[0].size ** 0.5)
    # 28 × 28 and 8 × 8 of the digits; a table of 16 columns is no picture.
    if inputs.ndim == 2 and side * side == inputs.shape[1] and side in (8, 28):
        return inputs.reshape(-1, side, side)
    return None


def _picture(image: Array) -> str:
    rows, columns = (max(1, -(-side // _LARGEST)) for side in image.shape[:2])
    x = np.nan_to_num(np.asarray(image[::rows, ::columns], np.float64))
    low, high = float(x.min()), float(x.max())
    if low < 0 or high > 1:
        x = (x - low) / (high - low or 1.0)
    if x.ndim == 3 and x.shape[-1] == _COLOURS:
        pixels = np.rint(255 * x).astype(np.uint8)
    else:
        pixels = grey(x.reshape(x.shape[:2]))
    return base64.b64encode(png(pixels)).decode("ascii")
