"""Several trainings on one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tinygrad_nn.report.curves import compared_charts
from tinygrad_nn.report.figures import figure, number_of, percent
from tinygrad_nn.report.layer_sections import heat_table, scale
from tinygrad_nn.report.markup import element, told, words
from tinygrad_nn.report.page import assembled, chart_section, headed
from tinygrad_nn.report.verdict import best_epoch, goal_of, kind_of_score, named
from tinygrad_nn.viz.wording import clean, shorten

__all__ = ["compared_page"]

Documents = Sequence[Mapping[str, Any]]


def compared_page(documents: Documents, names: Sequence[str]) -> str:
    """The page of `documents`, called `names`."""
    unique = _unique([shorten(clean(name), 40) for name in names])
    held = {"runs": list(documents), "names": unique}
    charts = compared_charts(documents, unique)
    sections = [
        _overview(documents, unique),
        chart_section(held, charts, "Curves"),
        _settings(documents, unique),
        _flows(documents, unique),
    ]
    links = [
        ("overview", "Runs"),
        ("curves", "Curves"),
        ("settings", "Settings"),
        ("flows", "Gradients"),
    ]
    text = "".join(sections)
    items = (
        element("li", element("a", word, href=f"#{id}"))
        for id, word in links
        if f'id="{id}"' in text
    )
    nav = element("nav", element("ul", items), aria_label="Parts of the page")
    title = " and ".join(unique) if len(unique) == 2 else f"{len(unique)} runs"
    body = headed(title, f"{len(unique)} runs compared", sections, nav)
    return assembled(title, body, held, charts)


def _unique(names: Sequence[str]) -> list[str]:
    return [f"{name} ({i + 1})" if names.count(name) > 1 else name for i, name in enumerate(names)]


def _swatched(i: int, name: str) -> str:
    line = f'<line x1="1" y1="6" x2="27" y2="6" class="line s{i % 6}"/>'
    swatch = f'<svg class="swatch" viewBox="0 0 28 12" aria-hidden="true">{line}</svg>'
    return swatch + element("b", words(name))


def _table(caption: str, head: Sequence[str], rows: Sequence[str], style: str = "") -> str:
    cells = "".join(element("th", name, scope="col") for name in head)
    table = element(
        "table",
        [
            element("caption", caption, class_="unseen"),
            element("thead", element("tr", cells)),
            element("tbody", rows),
        ],
        class_=style or None,
    )
    return element(
        "div", table, class_="scroll wide", tabindex="0", role="region", aria_label=caption
    )


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
    title = element("h2", "Runs", id="overview-title")
    table = _table("The runs in numbers", head, rows, "runs")
    return element("section", [title, table], id="overview", aria_labelledby="overview-title")


def _settings(documents: Documents, names: Sequence[str]) -> str:
    tables = [
        dict(d["config"]) | {f"data: {k}": v for k, v in d["data"].items()} | dict(d["versions"])
        for d in documents
    ]
    keys = list(dict.fromkeys(key for table in tables for key in table))
    differing = [key for key in keys if len({table.get(key) for table in tables}) > 1]
    title = element("h2", "What differs", id="settings-title")
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
    return element("section", [title, inner], id="settings", aria_labelledby="settings-title")


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
    title = element("h2", "Gradient flow", id="flows-title")
    note = element("p", "The same shades in each: strong purple is large.", class_="note")
    return element(
        "section", [title, note, *figures, scale()], id="flows", aria_labelledby="flows-title"
    )
