"""Checks of the data: scales, classes, leaks, batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn import nn
from tinygrad_nn.train.doctor.evidence import Evidence
from tinygrad_nn.train.doctor.registry import Found, check
from tinygrad_nn.train.doctor.thresholds import (
    CLASSES_FEW,
    DUPLICATE_SHARE,
    INPUT_COLUMN,
    INPUT_RMS_MAX,
    LABELS_MIN,
    LEAK_CORRELATION,
    LEAK_REPEATS,
    MAJORITY,
    RARE,
)

__all__: list[str] = []

Array = NDArray[Any]
_NORMS = (
    nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.LayerNorm, nn.GroupNorm,
    nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d,
)  # fmt: skip


def labels_of(e: Evidence) -> Array | None:
    """Class indices of the samples, from indices or from one-hot rows; None if they are none."""
    t = e.targets
    if t is None or not len(t):
        return None
    if t.dtype.kind in "iub" and t.ndim == 1:
        return t.astype(int)
    if t.ndim == 2 and t.shape[1] > 1 and np.isin(t, (0, 1)).all() and (t.sum(axis=1) == 1).all():
        return np.asarray(t.argmax(axis=1))
    if e.kind in ("bce", "bce-logits") and t.size == len(t) and np.isin(t, (0, 1)).all():
        return t.reshape(-1).astype(int)
    return None


@check(
    "unscaled-inputs",
    "warning",
    rule="the inputs have a root mean square above 6 (0 to 255, say), or one column's spread is "
    "over 100 times the median one's",
    advice="scale them: data.transforms.Standardize.fit(train.inputs), on the training half",
)
def unscaled(e: Evidence) -> Iterator[Found]:
    """Weights start for inputs of mean 0 and spread 1."""
    x = e.inputs
    if x is None or x.dtype.kind != "f" or not x.size or not np.isfinite(x).all():
        return
    first = next((m for m in e.model.modules() if list(m.parameters(recurse=False))), None)
    if isinstance(first, _NORMS):
        return  # it scales them itself
    size = float(np.sqrt(np.mean(np.square(x, dtype=float))))
    if size > INPUT_RMS_MAX:
        yield Found(
            "", size, INPUT_RMS_MAX,
            f"they reach from {x.min():.4g} to {x.max():.4g}, root mean square {size:.3g}",
        )  # fmt: skip
        return
    spread = x.reshape(len(x), -1).std(axis=0, dtype=float)
    spread = spread[spread > 0]
    if spread.size > 1 and (ratio := float(spread.max() / np.median(spread))) > INPUT_COLUMN:
        yield Found("", ratio, INPUT_COLUMN, f"one column is {ratio:.3g} times as wide as others")


@check(
    "class-imbalance",
    "note",
    rule="one class has 90 % of the samples, or, of at most ten, the smallest has a 20th of the "
    "largest",
    advice="judge by recall for each class, and pass weight= to the loss or sample with "
    "data.BalancedSampler",
)
def imbalance(e: Evidence) -> Iterator[Found]:
    """Accuracy then tells little."""
    labels = labels_of(e)
    if labels is None or len(labels) < LABELS_MIN:
        return
    names, counts = np.unique(labels, return_counts=True)
    if len(names) < 2:
        yield Found("", 1.0, MAJORITY, f"all {len(labels)} samples are of class {names[0]}")
        return
    largest, rarest = int(counts.argmax()), int(counts.argmin())
    share = float(counts[largest] / len(labels))
    least = float(counts[rarest] / counts[largest])
    if share > MAJORITY:
        yield Found("", share, MAJORITY, f"class {names[largest]} has {share:.0%} of the samples")
    elif len(names) <= CLASSES_FEW and least < RARE:
        yield Found(
            "", least, RARE,
            f"class {names[rarest]} has {counts[rarest]} samples, class {names[largest]} "
            f"{counts[largest]}",
        )  # fmt: skip


@check(
    "label-leak",
    "error",
    rule="an input column equals the target up to scale, or is a renumbering of the classes",
    advice="take the column out: it will not be known when predictions are to be made",
)
def label_leak(e: Evidence) -> Iterator[Found]:
    """The model learns to copy, and nothing else."""
    x, t = e.inputs, e.targets
    if x is None or t is None or x.ndim != 2 or x.dtype.kind not in "fiu" or len(x) < LABELS_MIN:
        return
    labels = labels_of(e)
    if labels is not None:
        for j in range(x.shape[1]):
            if _renumbers(x[:, j], labels):
                yield Found(f"input column {j}", 1.0, 1.0, "its values are the classes renumbered")
        return
    if t.size != len(t) or not t.std():
        return
    y = t.reshape(-1).astype(float)
    for j in range(x.shape[1]):
        column = x[:, j].astype(float)
        if column.std() and (r := abs(float(np.corrcoef(column, y)[0, 1]))) > LEAK_CORRELATION:
            yield Found(
                f"input column {j}",
                r,
                LEAK_CORRELATION,
                f"its correlation with the target is {r:.6f}",
            )


def _renumbers(column: Array, labels: Array) -> bool:
    """Whether each value of the column means one class, and each class has one value."""
    classes = np.unique(labels)
    values, codes = np.unique(column, return_inverse=True)
    if len(values) != len(classes) or len(values) < 2 or len(column) < LEAK_REPEATS * len(values):
        return False
    return len(set(zip(codes.tolist(), labels.tolist(), strict=True))) == len(values)


@check(
    "duplicates-in-validation",
    "error",
    rule="more than 1 % of the validation inputs are in the training data too",
    advice="take them out of one of the two before measuring: split by origin, not by row",
)
def duplicates(e: Evidence) -> Iterator[Found]:
    """What was learned by heart then counts as understood."""
    if e.duplicates is not None and e.duplicates > DUPLICATE_SHARE:
        yield Found(
            "", e.duplicates, DUPLICATE_SHARE,
            f"{e.duplicates:.1%} of the validation inputs are training inputs",
        )  # fmt: skip


@check(
    "single-sample-batch",
    "warning",
    rule="a batch has one sample, and the model normalises by the batch",
    advice="pass drop_last=True to the DataLoader, or choose another batch_size",
)
def single_sample(e: Evidence) -> Iterator[Found]:
    """The mean of one sample is the sample; its variance is 0."""
    for path, module in e.model.named_modules():
        if isinstance(module, _NORMS[:3]) and module.training and 1 in e.batch_sizes:
            yield Found(path, 1, 2, "a batch of one sample comes in each epoch")
            return
