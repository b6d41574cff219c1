"""Connectionist temporal classification: a loss of sequences whose alignment is unknown."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.capturing import refuse_captured
from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.nn.functional.operands import class_indices, operand
from tinygrad_nn.nn.functional.sizes import is_whole
from tinygrad_nn.nn.functional.targets import reduced
from tinygrad_nn.ops.elementwise import logaddexp
from tinygrad_nn.ops.gather import take_along_axis
from tinygrad_nn.ops.join import concat
from tinygrad_nn.ops.select import where
from tinygrad_nn.ops.shape import broadcast_to, expand_dims

__all__ = ["ctc_loss"]

_NEVER = -1e30
"""Logarithm of a probability of 0: finite, so that differences of two are not NaN."""


def ctc_loss(
    log_probs: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Any:
    """−ln of the probability of a label sequence, summed over all alignments to T frames.

    With blanks between the labels, αₜ(s) = (αₜ₋₁(s) + αₜ₋₁(s−1) + αₜ₋₁(s−2)) yₜ(s), the last
    term only between different labels (Graves and others 2006, equations 6 to 8), in logarithms.

    Args:
        log_probs: `(T, N, C)` or `(T, C)`, from log_softmax.
        targets: Labels `(N, S)`, padded; or all behind one another, `(sum of lengths,)`.
        input_lengths: Frames of each sample, `(N,)` or `()`.
        target_lengths: Labels of each sample, `(N,)` or `()`.
        blank: Class of the blank.
        reduction: "mean" (each loss over its target length, then the mean), "sum", "none".
        zero_infinity: Count samples with too few frames as 0 instead of infinity.

    Raises:
        ShapeError: The shapes do not fit, or a length is larger than its array.
        OptionError: A label is out of range or is the blank.
    """
    refuse_captured(
        "ctc_loss, whose lattice follows the lengths and labels of each batch",
        "compute this loss outside of the captured step",
    )
    x = operand("ctc_loss", log_probs)
    single = x.ndim == 2
    if single:
        x = expand_dims(x, 1)
    if x.ndim != 3:
        raise ShapeError(
            f"ctc_loss: got log_probs {tuple(x.shape)}, expected (T, N, C) or (T, C): frames first"
        )
    frames, labels = _lengths("input", input_lengths, x), _lengths("target", target_lengths, x)
    if frames.size and frames.max() > x.shape[0]:
        raise ShapeError(
            f"ctc_loss: got input_lengths up to {frames.max()} for {x.shape[0]} frames; frames "
            "are the first axis of log_probs"
        )
    rows = _rows(class_indices("ctc_loss", targets), labels, x.shape[1])
    _check_labels(rows, labels, x.shape[2], blank)
    losses = _losses(x, rows, frames, labels, blank)
    # Asked so that the loss of a NaN stays NaN.
    losses = where(losses >= -0.5 * _NEVER, 0.0 if zero_infinity else float("inf"), losses)
    if reduction == "mean":
        losses = losses / namespace(labels).maximum(labels, 1).astype(losses.dtype)
    result = reduced("ctc_loss", losses, reduction)
    return result[0] if single and reduction == "none" else result


def _losses(x: Any, rows: Any, frames: Any, labels: Any, blank: int) -> Any:
    """Loss of each sample: forward recursion over the labels with blanks between them."""
    xp = namespace(rows)
    count, longest = rows.shape
    states = xp.full((count, 2 * longest + 1), blank, dtype=rows.dtype)
    states[:, 1::2] = rows
    # A blank may be left out between two labels that differ.
    skips = xp.zeros(states.shape, dtype=bool)
    skips[:, 2:] = (states[:, 2:] != blank) & (states[:, 2:] != states[:, :-2])
    emitted = take_along_axis(x, broadcast_to(states, (x.shape[0], *states.shape)), axis=2)
    first = xp.arange(states.shape[1]) < 2
    alpha = where(first, emitted[0], _NEVER)
    never = xp.full((count, 2), _NEVER, dtype=alpha.dtype)
    for t in range(1, x.shape[0]):
        padded = concat([never, alpha], axis=1)
        stayed = logaddexp(alpha, padded[:, 1:-1])
        moved = logaddexp(stayed, where(skips, padded[:, :-2], _NEVER)) + emitted[t]
        alpha = where((t < frames)[:, None], moved, alpha)
    every = xp.arange(count)
    last = alpha[every, 2 * labels]
    before = where(labels > 0, alpha[every, xp.maximum(2 * labels - 1, 0)], _NEVER)
    return -logaddexp(last, before)


def _lengths(name: str, lengths: Any, x: Any) -> Any:
    # Wide ones, since they are doubled: of uint8 that would wrap around.
    given = class_indices("ctc_loss", lengths).reshape(-1).astype("int64")
    if len(given) != x.shape[1]:
        raise ShapeError(
            f"ctc_loss: got {len(given)} {name}_lengths for {x.shape[1]} samples; log_probs is "
            f"{tuple(x.shape)}: frames, samples, classes"
        )
    if given.size and given.min() < 0:
        raise OptionError(f"ctc_loss: got {name}_lengths of {given.min()}, expected at least 0")
    return given


def _rows(targets: Any, labels: Any, count: int) -> Any:
    """Targets as padded rows."""
    xp = namespace(targets)
    longest = int(labels.max()) if labels.size else 0
    if targets.ndim == 2:
        if targets.shape[0] != count or targets.shape[1] < longest:
            raise ShapeError(
                f"ctc_loss: got targets {targets.shape}, expected ({count}, at least {longest}): "
                "a row for each sample, as long as the longest target_lengths"
            )
        return targets[:, :longest]
    flat = targets.reshape(-1)
    if len(flat) < labels.sum():
        raise ShapeError(
            f"ctc_loss: got {len(flat)} targets, expected {labels.sum()}: the sum of target_lengths"
        )
    rows = xp.zeros((count, longest), dtype=flat.dtype)
    rows[xp.arange(longest) < labels[:, None]] = flat[: labels.sum()]
    return rows


def _check_labels(rows: Any, labels: Any, classes: int, blank: int) -> None:
    if not is_whole(blank) or not 0 <= blank < classes:
        raise OptionError(
            f"ctc_loss: got blank={blank!r}, expected a class from 0 to {classes - 1}"
        )
    used = rows[namespace(rows).arange(rows.shape[1]) < labels[:, None]]
    if used.size and (used.min() < 0 or used.max() >= classes):
        wrong = used.min() if used.min() < 0 else used.max()
        raise OptionError(f"ctc_loss: got the label {wrong}, expected 0 to {classes - 1}")
    if (used == blank).any():
        raise OptionError(
            f"ctc_loss: got the label {blank}, which is the blank; number the labels from 1, or "
            "set blank= to a class of its own"
        )
