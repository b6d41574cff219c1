"""Checks of the loss: does it fit the outputs, is it finite, does it fall, and at which rate."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinygrad_nn.train.doctor.evidence import Evidence
from tinygrad_nn.train.doctor.registry import Found, check
from tinygrad_nn.train.doctor.thresholds import RISE_MAX, UPDATE_HIGH, UPDATE_LOW, UPDATE_WILD

__all__: list[str] = []

_ROUNDING = 1e-4
"""Rows of probabilities sum to 1 up to this, in float32 and in float16 within 1e-3."""


@check(
    "softmax-before-cross-entropy",
    "error",
    rule="the outputs are probabilities that sum to 1, or log-probabilities, and the loss is "
    "cross-entropy, which takes the softmax itself",
    advice="take the softmax out of the model, and apply it to predictions only",
)
def softmax_first(e: Evidence) -> Iterator[Found]:
    """Twice softmax: gradients of a tenth, and a loss that never comes near 0."""
    y = e.outputs
    if e.kind != "cross-entropy" or y is None or y.ndim < 2 or not np.isfinite(y).all():
        return
    if y.shape[1] > 1 and (y >= 0).all():
        away = float(np.abs(y.sum(axis=1, dtype=float) - 1).max())
        if away < _ROUNDING * max(1.0, np.finfo(y.dtype).eps / 1e-7):
            yield Found("", away, _ROUNDING, "the outputs are probabilities that sum to 1")


@check(
    "missing-sigmoid",
    "error",
    rule="nn.BCELoss gets outputs outside of 0 to 1",
    advice="use nn.BCEWithLogitsLoss, which takes the sigmoid itself",
)
def missing_sigmoid(e: Evidence) -> Iterator[Found]:
    """It takes the logarithm of probabilities."""
    y = e.outputs
    if e.kind == "bce" and y is not None and y.size and (y.min() < 0 or y.max() > 1):
        far = float(max(y.max(), 1 - y.min()))
        yield Found("", far, 1.0, f"the outputs reach from {y.min():.3g} to {y.max():.3g}")


@check(
    "sigmoid-before-logits-loss",
    "error",
    rule="the model ends in a sigmoid, and the loss is nn.BCEWithLogitsLoss, which takes it itself",
    advice="take the last sigmoid out of the model, and apply it to predictions only",
)
def sigmoid_first(e: Evidence) -> Iterator[Found]:
    """Twice sigmoid: no probability is below one half."""
    for site in e.sites.values():
        if e.kind == "bce-logits" and site.is_output and site.op == "sigmoid":
            yield Found(site.path, 2.0, 1.0, "the sigmoid is taken twice")


@check(
    "logits-into-nll",
    "error",
    rule="nn.NLLLoss gets outputs that are no log-probabilities: their exponentials do not "
    "sum to 1",
    advice="use nn.CrossEntropyLoss, or end the model with nn.LogSoftmax(dim=1)",
)
def logits_into_nll(e: Evidence) -> Iterator[Found]:
    """It can then be made as small as one likes, without learning anything."""
    y = e.outputs
    if e.kind != "nll" or y is None or y.ndim < 2 or not np.isfinite(y).all():
        return
    total = np.logaddexp.reduce(y.astype(float), axis=1)
    away = float(np.abs(total).max())
    if away > 0.01:  # noqa: PLR2004  (float16 sums to 1 within 0.005)
        yield Found("", away, 0.01, f"ln Σ exp of a row is {away:.3g} instead of 0")


@check(
    "loss-not-finite",
    "error",
    rule="the loss, or a number of the data, is NaN or infinite; the first operation "
    "that gave such a number is named",
    advice="mend what is named; train under tg.detect_anomaly() to see it happen",
)
def not_finite(e: Evidence) -> Iterator[Found]:
    """Nothing can be learned from it."""
    if e.guilty:
        number = next((p.loss for p in e.passes if not np.isfinite(p.loss)), np.nan)
        yield Found("", number, np.inf, e.guilty)
        return
    for what, x in (("inputs", e.inputs), ("targets", e.targets)):
        if x is not None and x.dtype.kind == "f" and (bad := int((~np.isfinite(x)).sum())):
            yield Found("", bad, 0, f"{bad} of the {x.size} {what} are not finite")


@check(
    "learning-rate-too-high",
    "error",
    rule="steps make the loss rise by half or more, or not finite, on the batches they learn from",
    advice="divide the learning rate by 10, or ask train.find_learning_rate",
)
def too_high(e: Evidence) -> Iterator[Found]:
    """The steps jump over the valley."""
    if e.guilty or not e.trial:
        return
    if not np.isfinite(e.trial[-1]):
        yield Found("", np.inf, RISE_MAX, f"the loss is not finite after {len(e.trial)} steps")
    elif e.rises:
        times = e.last() / e.first()
        yield Found("", times, RISE_MAX, f"the loss is {times:.3g} times that at the start")
    elif e.is_stuck and (e.update or 0) > UPDATE_HIGH:
        yield Found(
            "", e.update or 0, UPDATE_HIGH,
            f"the loss does not fall, and a step changes {e.update:.2g} of the weights",
        )  # fmt: skip
    elif e.is_stuck and e.replaced > UPDATE_WILD:
        yield Found(
            "", e.replaced, UPDATE_WILD,
            f"the loss does not fall, and one step changed {e.replaced:.2g} times the weights",
        )  # fmt: skip


@check(
    "learning-rate-too-low",
    "warning",
    rule="the loss hardly moves, and a step changes less than 1e-4 of the weights",
    advice="multiply the learning rate by 10, or ask train.find_learning_rate",
)
def too_low(e: Evidence) -> Iterator[Found]:
    """It would arrive, in the end."""
    if e.is_stuck and e.update is not None and 0 < e.update < 10 * UPDATE_LOW:
        yield Found(
            "", e.update, 10 * UPDATE_LOW,
            f"the loss fell by {e.fall():.2%}, and a step changes {e.update:.1e} of the weights",
        )  # fmt: skip


@check(
    "loss-not-falling",
    "warning",
    rule="the loss does not fall on the batches it learns from, and is not learned",
    advice="see whether it can learn one batch: train.overfit_one_batch(model, loss, data)",
)
def not_falling(e: Evidence) -> Iterator[Found]:
    """Whatever the reason is; the other findings may name it."""
    if e.is_stuck:
        yield Found(
            "", e.fall(), e.fall_min(),
            f"from {e.first():.4g} to {e.last():.4g} in {len(e.trial)} steps",
        )  # fmt: skip
