"""Which charts a document has: losses, shares, other scores, learning rate, losses of batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tinygrad_nn.report.charts import Chart, Series, key
from tinygrad_nn.report.figures import figure, percent
from tinygrad_nn.report.verdict import best_epoch, goal_of, kind_of_score, named, scores_of

__all__ = ["charts_of", "compared_charts"]

_OTHERS: Final = 6
_X: Final = "history/epochs/*/number"


def charts_of(document: Mapping[str, Any]) -> list[Chart]:
    """The charts of one training."""
    charts = []
    if document["history"]["epochs"]:
        names = scores_of(document)
        losses = [name for name in names if kind_of_score(name) == "loss" and "loss" in name]
        shares = [name for name in names if kind_of_score(name) == "share"]
        charts.append(_scores(document, "loss-chart", "Loss", losses))
        if shares:
            title = "Accuracy" if all("accuracy" in x for x in shares) else "Scores"
            charts.append(_scores(document, "score-chart", title, shares, share=True))
        others = [name for name in names if name not in {*losses, *shares}]
        for i, name in enumerate(others[:_OTHERS]):
            title = named(name)
            charts.append(_scores(document, f"other-chart-{i}", title.capitalize(), [name]))
    if any(epoch["rates"] for epoch in document["history"]["epochs"]):
        groups = max(len(epoch["rates"]) for epoch in document["history"]["epochs"])
        charts.append(_rates(groups))
    record = document["record"]
    if len(record["losses"]) > 1:
        line = Series("loss of one batch", "", "record/losses/*", record["stride"])
        note = "" if record["stride"] == 1 else f"One of {record['stride']} batches is shown."
        charts.append(Chart("batch-chart", "Loss of the batches", "batch", (line,), note=note))
    return charts


def _scores(
    document: Mapping[str, Any], id: str, title: str, names: Sequence[str], share: bool = False
) -> Chart:
    lines = tuple(Series(_label(name, names), _X, _column(name)) for name in names)
    goal = goal_of(document)
    marked = goal if goal in names else next((n for n in names if n.startswith("val")), names[0])
    best = best_epoch(document, marked)
    mark = None
    if best is not None:
        shown = percent(best[1]) if share else figure(best[1])
        mark = (list(names).index(marked), float(best[0]), f"best: {shown} in epoch {best[0]}")
    return Chart(id, title, "epoch", lines, share=share, mark=mark)


def _label(name: str, names: Sequence[str]) -> str:
    if name == "loss" and any(other.startswith("val_") for other in names):
        return "training loss"
    if name == "loss":
        return "loss while learning"
    is_bare = not name.startswith(("val_", "test_", "train_"))
    return f"training {named(name)}" if is_bare and f"val_{name}" in names else named(name)


def _column(name: str, before: str = "") -> str:
    if name == "loss":
        return f"{before}history/epochs/*/loss"
    return f"{before}history/epochs/*/scores/{key(name)}"


def _rates(groups: int) -> Chart:
    count = min(groups, 6)
    lines = tuple(
        Series(
            "learning rate" if count == 1 else f"group {i + 1}", _X, f"history/epochs/*/rates/{i}"
        )
        for i in range(count)
    )
    return Chart("rate-chart", "Learning rate", "epoch", lines)


def compared_charts(documents: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[Chart]:
    """One chart for each score that a run has, all runs over the same axes."""
    found = list(dict.fromkeys(name for document in documents for name in scores_of(document)))
    charts = []
    for i, score in enumerate(sorted(found, key=_importance)[: 2 + _OTHERS]):
        lines = []
        for place, (document, run) in enumerate(zip(documents, names, strict=True)):
            if score in scores_of(document) and document["history"]["epochs"]:
                before = f"runs/{place}/"
                lines.append(Series(run, f"{before}{_X}", _column(score, before), hue=place))
        if lines:
            share = kind_of_score(score) == "share"
            title = named(score).capitalize()
            charts.append(Chart(f"compared-{i}", title, "epoch", tuple(lines), share=share))
    return charts


def _importance(name: str) -> tuple[int, str]:
    return (0 if name == "loss" else 1 if kind_of_score(name) == "share" else 2, name)
