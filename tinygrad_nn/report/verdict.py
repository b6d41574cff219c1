"""What a report says first: how it came out, in words, from the numbers of the document alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tinygrad_nn.report.figures import WHOLE, figure, number_of, percent, times
from tinygrad_nn.train.doctor.thresholds import (
    DEAD_SHARE,
    EXPLODING_RATIO,
    SATURATED_SHARE,
    UPDATE_HIGH,
    UPDATE_LOW,
    VANISHING_RATIO,
)
from tinygrad_nn.viz.wording import counted

__all__ = ["best_epoch", "goal_of", "kind_of_score", "named", "scores_of", "verdict"]

Document = Mapping[str, Any]

_URGENCY: Final = ("bad", "warn", "info", "good")
_LESS: Final = ("loss", "error", "mae", "mse", "perplexity")
_SHARES: Final = ("accuracy", "auc", "f1", "precision", "recall")
_FLOW_WORTH_TELLING: Final = 10.0
_MUCH_THE_SAME: Final = 1.5
_OVERFIT: Final = 1.1
_POOR: Final = 0.8


def verdict(document: Document) -> list[dict[str, str]]:
    """Sentences, each "good", "info", "warn" or "bad"; first the headline, then the worst."""
    headline, *found = [*_outcome(document), *_finite(document), *_flow(document)]
    found += [*_updates(document), *_idle(document), *_overfit(document)]
    found.sort(key=lambda pair: _URGENCY.index(pair[0]))
    return [{"level": level, "text": text} for level, text in (headline, *found)]


def kind_of_score(name: str) -> str:
    """What a score is: "loss", "share" (between 0 and 1, more is better) or "other"."""
    words = name.lower().replace("-", "_").split("_")
    if any(word in words for word in _LESS):
        return "loss"
    return "share" if any(word in words for word in _SHARES) else "other"


def scores_of(document: Document) -> list[str]:
    """Names of all scores, "loss" first."""
    names = (name for epoch in document["history"]["epochs"] for name in epoch["scores"])
    return ["loss", *dict.fromkeys(names)]


def goal_of(document: Document) -> str:
    """The score by which the best epoch is told: the first share on unseen data, else a loss."""
    names = scores_of(document)
    unseen = [name for name in names if name.startswith(("val_", "test_"))]
    for among in (unseen, names):
        shares = [name for name in among if kind_of_score(name) == "share"]
        if shares:
            return shares[0]
        if losses := [name for name in among if kind_of_score(name) == "loss"]:
            return losses[0]
    return "loss"


def best_epoch(document: Document, name: str) -> tuple[int, float] | None:
    """Number of the epoch that is best by a score, and that score; None where it is no number."""
    series = [(x, e["number"]) for e, x in _series(document, name) if math.isfinite(x)]
    if not series:
        return None
    sign = -1 if kind_of_score(name) == "share" else 1
    number, epoch = min(series, key=lambda pair: (sign * pair[0], pair[1]))
    return epoch, number


def _series(document: Document, name: str) -> list[tuple[Mapping[str, Any], float]]:
    epochs = document["history"]["epochs"]
    pairs = [(e, e["loss"] if name == "loss" else e["scores"].get(name)) for e in epochs]
    return [(e, number_of(x)) for e, x in pairs if x is not None]


def named(name: str) -> str:
    """`test_accuracy` as words."""
    words = name.replace("_", " ")
    return f"validation {words[4:]}" if words.startswith("val ") else words


Found = Iterator[tuple[str, str]]


def _outcome(document: Document) -> Found:
    epochs = document["history"]["epochs"]
    after = counted(len(epochs), "epoch")
    trouble = document["record"]["nonfinite"] or _ran_away(document)
    if trouble:
        loss = number_of(trouble["loss"])
        word = "is no number (NaN)" if math.isnan(loss) else f"reached {figure(loss)}"
        where = f"batch {trouble['batch']} of epoch {trouble['epoch']}"
        yield "bad", f"Diverged at step {trouble['step']}: the loss {word} in {where}"
        yield "info", f"Try a learning rate ten times smaller{_rate(document)}"
        return
    reached = _reached(document)
    if document["status"] == "interrupted":
        planned = document["planned"]
        of = f" of {planned}" if planned and planned > len(epochs) else ""
        yield (
            "warn",
            f"Interrupted after {len(epochs)}{of} epochs" + (f"; {reached}" * bool(reached)),
        )
    elif document["status"] == "failed":
        yield "bad", f"Stopped by an error after {after}: {document['stopped']}"
    elif not epochs:
        yield "warn", "No epoch was finished: there is nothing to judge yet"
    elif document["status"] == "running":
        yield "info", f"Still running, {after} done; {reached} so far"
    else:
        level = "good" if _is_fine(document) else "warn"
        yield level, f"{reached[:1].upper()}{reached[1:]} in {after}"
        if document["stopped"]:
            yield "info", f"Stopped early: {document['stopped']}"


def _reached(document: Document) -> str:
    result, goal = document["result"], goal_of(document)
    if result and result["kind"] == "classes" and result["total"]:
        return f"reached {percent(result['right'] / result['total'])} test accuracy"
    series = _series(document, goal)
    if not series:
        return ""
    last = series[-1][1]
    shown = percent(last) if kind_of_score(goal) == "share" else figure(last)
    if kind_of_score(goal) == "share":
        return f"reached {shown} {named(goal)}"
    first = series[0][1]
    fell = f" (from {figure(first)})" if len(series) > 1 else ""
    return f"reached a {named(goal)} of {shown}{fell}"


def _is_fine(document: Document) -> bool:
    result = document["result"]
    if result and result["kind"] == "classes" and result["total"]:
        chance = 1 / max(len(result["classes"]), 1)
        return bool(result["right"] / result["total"] >= max(_POOR, min(2 * chance, 1.0)))
    losses = [x for _, x in _series(document, "loss")]
    return len(losses) < 2 or losses[-1] < losses[0]


def _ran_away(document: Document) -> Mapping[str, Any] | None:
    """Where the loss left that of the fresh network, never to come back."""
    wild: Mapping[str, Any] | None = document["record"]["wild"]
    losses = [x for _, x in _series(document, "loss")]
    first = document["record"]["first_loss"]
    if wild is None or first is None or (losses and losses[-1] <= 3 * number_of(first)):
        return None
    return wild


def _rate(document: Document) -> str:
    rates = [r for e in document["history"]["epochs"] for r in e["rates"][:1]]
    rates = rates or [document["lr"]] * (document["lr"] is not None)
    return f" (it was {figure(number_of(rates[0]))})" if rates else ""


def _finite(document: Document) -> Found:
    record = document["record"]
    if record["nonfinite"] or not document["history"]["epochs"]:
        return
    losses = [number_of(x) for x in record["losses"]] + [x for _, x in _series(document, "loss")]
    if all(map(math.isfinite, losses)):
        yield "good", "No loss was NaN or infinite"
    else:
        yield "bad", "Some losses were NaN or infinite"


def _flow_of(document: Document) -> tuple[int, int, float] | None:
    """Positions of the first and the last layer that have weights, and how their gradients compare.

    The third is the norm of the first layer's gradient over that of the last one's, in the last
    epoch that knows both; None where none does.
    """
    rows, layers = document["record"]["epochs"], document["record"]["layers"]
    for row in reversed(rows):
        known = [
            (place, number_of(x))
            for place, x in enumerate(row["gradient"])
            if x is not None and layers[place]["parameters"] > 0
        ]
        known = [(place, x) for place, x in known if math.isfinite(x)]
        if len(known) >= 2:
            (first, a), (last, b) = known[0], known[-1]
            return first, last, a / b if b else math.inf if a else 1.0
    return None


def _flow(document: Document) -> Found:
    flow = _flow_of(document)
    if flow is None:
        return
    layers = document["record"]["layers"]
    first, last, ratio = layers[flow[0]]["path"], layers[flow[1]]["path"], flow[2]
    if 1 / _MUCH_THE_SAME < ratio < _MUCH_THE_SAME:
        yield "good", f"Gradients reach every layer: much the same in layers {first} and {last}"
    elif ratio == 0:
        yield "bad", f"Vanishing gradients: none reaches layer {first}"
    elif ratio < 1:
        words = f"ayer {first} gradients {times(1 / ratio)} smaller than layer {last}"
        if ratio < VANISHING_RATIO:
            yield "bad", f"Vanishing gradients: l{words}"
        elif ratio < 1 / _FLOW_WORTH_TELLING:
            yield "info", f"L{words}"
        else:
            yield "good", f"Gradients reach every layer: l{words}"
    elif ratio > EXPLODING_RATIO:
        words = f"layer {first}'s are {times(ratio)} larger than layer {last}'s"
        yield "bad", f"Exploding gradients: {words}"
    else:
        words = f"layer {first} gradients {times(ratio)} larger than layer {last}"
        yield "good", f"Gradients reach every layer: {words}"


def _updates(document: Document) -> Found:
    rows, layers = document["record"]["epochs"], document["record"]["layers"]
    if not rows:
        return
    pairs = list(zip(layers, rows[-1]["update"], strict=True))
    known = [(layer["path"], number_of(x)) for layer, x in pairs if x is not None]
    slow = [path for path, x in known if x < UPDATE_LOW]
    wild = [path for path, x in known if x > UPDATE_HIGH]
    if slow:
        yield (
            "warn",
            f"The weights of {_layers(slow)} barely move: below {figure(UPDATE_LOW)} a step",
        )
    if wild:
        high = percent(UPDATE_HIGH, 0)
        yield "warn", f"Every step changes the weights of {_layers(wild)} by more than {high}"


def _idle(document: Document) -> Found:
    rows, layers = document["record"]["epochs"], document["record"]["layers"]
    if not rows:
        return
    for layer, x in zip(layers, rows[-1]["idle"], strict=True):
        share = math.nan if x is None else number_of(x)
        if layer["activation"].startswith("relu") and share >= DEAD_SHARE:
            yield "warn", f"{percent(share, 0)} of the units of {_layers([layer['path']])} are dead"
        elif layer["activation"] in ("tanh", "sigmoid") and share >= SATURATED_SHARE:
            words = f"of the activations of {_layers([layer['path']])} are saturated"
            yield "warn", f"{percent(share, 0)} {words}"


def _overfit(document: Document) -> Found:
    series = [(e["number"], x) for e, x in _series(document, "val_loss") if math.isfinite(x)]
    if len(series) < 3:
        return
    (best, low), last = min(series, key=lambda pair: pair[1]), series[-1][1]
    if best < series[-1][0] and last > _OVERFIT * low:
        yield (
            "warn",
            f"Overfitting: the validation loss was best in epoch {best} ({figure(low)}) and has "
            f"risen to {figure(last)}",
        )


def _layers(paths: Sequence[str]) -> str:
    if list(paths) == [WHOLE]:
        return WHOLE
    shown = ", ".join(paths[:4]) + (" …" if len(paths) > 4 else "")
    return f"layer {shown}" if len(paths) == 1 else f"layers {shown}"
