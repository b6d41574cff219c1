"""Several trainings on one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tinygrad_nn.report.charts import swatch
from tinygrad_nn.report.curves import compared_charts
from tinygrad_nn.report.figures import figure, number_of, percent
from tinygrad_nn.report.layer_sections import heat_table, scale
from tinygrad_nn.report.markup import data_table, element, scrolled, section, told, words
from tinygrad_nn.report.page import assembled, chart_section, headed, navigation
from tinygrad_nn.report.verdict import best_epoch, goal_of, kind_of_score, named
from tinygrad_nn.viz.wording import clean, shorten

__all__ = ["compared_page"]

Documents = Sequence[Mapping[str, Any]]

_LINKS: Final = (
    ("overview", "Runs"), ("curves", "Curves"), ("settings", "Settings"), ("flows", "Gradients"),
)  # fmt: skip


def compared_page(documents: Documents, names: Sequence[str]) -> str:
    """The page of `documents`, called `names`."""
    unique = _unique([shorten(clean(str(name)), 40) for name in names])
    held = {"runs": list(documents), "names": unique}
    charts = compared_charts(documents, unique)
    sections = [
        _overview(documents, unique),
        chart_section(held, charts),
        _settings(documents, unique),
        _flows(documents, unique),
    ]
    nav = navigation(sections, _LINKS, "Parts of the page")
    title = " and ".join(unique) if len(unique) == 2 else f"{len(unique)} runs"
    body = headed(title, f"{len(unique)} runs compared", sections, nav)
    return assembled(title, body, held, charts)


def _unique(names: Sequence[str]) -> list[str]:
    return [f"{name} ({i + 1})" if names.count(name) > 1 else name for i, name in enumerate(names)]


def _swatched(i: int, name: str) -> str:
    return swatch(i) + element("b", words(name))


def _table(caption: str, head: Sequence[str], rows: Sequence[str], style: str) -> str:
    cells = element("tr", [element("th", name, scope="col") for name in head])
    return scrolled(data_table(caption, cells, rows, class_=style), caption)


def _overview(documents: Documents, names: Sequence[str]) -> str:
    rows = []
    for i, (d, name) in enumerate(zip(documents, names, strict=True)):
        epochs, goal = d["history"]["epochs"], goal_of(d)
        end = len(epochs) - 1
        best = best_epoch(d, goal)
        shown = "–"
        if best is not None:
            number = percent(best[1]) if kind_of_score(goal) == "share" else figure(best[1])
            shown = f"{number}<small> {words(named(goal))}, epoch {best[0]}</small>"
        loss = told(epochs[end]["loss"], f"runs/{i}/history/epochs/{end}/loss") if epochs else "–"
        seconds = sum(number_of(epoch["seconds"]) for epoch in epochs)
        parameters = sum(layer["parameters"] for layer in d["record"]["layers"])
        first = d["verdict"][0]["text"] if d["verdict"] else ""
        cells = [
            element("th", _swatched(i, name), scope="row"),
            element("td", shown),
            element("td", loss),
            element("td", f"{len(epochs):,}"),
            element("td", f"{figure(seconds, 3)} s"),
            element("td", f"{parameters:,}" if parameters else "–"),
            element("td", words(first), class_="words"),
        ]
        rows.append(element("tr", cells))
    head = ("run", "best", "final loss", "epochs", "learning", "parameters", "verdict")
    return section("overview", "Runs", [_table("The runs in numbers", head, rows, "runs")])


def _settings(documents: Documents, names: Sequence[str]) -> str:
    tables = [
        dict(d["config"]) | {f"data: {k}": v for k, v in d["data"].items()} | dict(d["versions"])
        for d in documents
    ]
    keys = list(dict.fromkeys(key for table in tables for key in table))
    differing = [key for key in keys if len({table.get(key) for table in tables}) > 1]
    if not differing:
        inner = element("p", "All settings, data and versions are the same.", class_="note")
    else:
        rows = [
            element(
                "tr",
                [element("th", words(key), scope="row")]
                + [element("td", words(table.get(key, "–"))) for table in tables],
            )
            for key in differing
        ]
        inner = _table("Settings that differ", ("setting", *map(words, names)), rows, "settings")
    return section("settings", "What differs", [inner])


def _flows(documents: Documents, names: Sequence[str]) -> str:
    figures = []
    for i, (d, name) in enumerate(zip(documents, names, strict=True)):
        record = d["record"]
        if record["epochs"]:
            heading = element("h3", _swatched(i, name))
            table = heat_table(d, f"runs/{i}/")
            figures.append(element("figure", [heading, table], class_="flow"))
    if not figures:
        return ""
    note = element("p", "The same shades in each: strong purple is large.", class_="note")
    return section("flows", "Gradient flow", [note, *figures, scale()])
