"""A document as one self-contained page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any, Final

from tinygrad_nn.report.answers import answers_section
from tinygrad_nn.report.charts import Chart, chart_data, chart_figure
from tinygrad_nn.report.curves import charts_of
from tinygrad_nn.report.figures import figure, number_of, percent
from tinygrad_nn.report.graph import graph_section
from tinygrad_nn.report.layer_sections import film_section, layer_charts, layers_section
from tinygrad_nn.report.markup import element, section, told, words
from tinygrad_nn.report.still import colour_rules
from tinygrad_nn.report.verdict import best_epoch, goal_of, kind_of_score, named
from tinygrad_nn.viz.page.assemble import assemble, shared, source

__all__ = ["assembled", "chart_section", "headed", "navigation", "page_of"]

Document = Mapping[str, Any]

_MARKS: Final = {
    "good": ("M3 8.5l3.2 3.2L13 4.8", "good"),
    "info": ("M8 7.2v4.6M8 4.2v.6", "note"),
    "warn": ("M8 4v5M8 11.4v.6", "warning"),
    "bad": ("M4 4l8 8M12 4l-8 8", "problem"),
}
_STATUS: Final = {
    "finished": "finished",
    "stopped": "stopped early",
    "interrupted": "interrupted",
    "running": "running",
    "failed": "failed",
}

_LINKS: Final = (
    ("curves", "Curves"), ("layers", "Layers"), ("film", "Boundary"), ("answers", "Answers"),
    ("graph", "Graph"), ("setup", "Setup"), ("reproduce", "Reproduce"),
)  # fmt: skip


def page_of(document: Document) -> str:
    """The page of one training."""
    charts = charts_of(document)
    layered = layer_charts(document)
    graph, styles = graph_section(document)
    sections = [
        _verdict(document),
        chart_section(document, charts),
        layers_section(document),
        film_section(document),
        answers_section(document),
        graph,
        _setup(document),
        _reproduce(document),
    ]
    body = headed(
        document["title"], _STATUS[document["status"]], sections, navigation(sections, _LINKS)
    )
    return assembled(document["title"], body, document, [*charts, *layered], styles)


def assembled(
    title: str, body: str, document: Document, charts: Sequence[Chart], styles: Sequence[str] = ()
) -> str:
    """The document with its page around it."""
    data = {"report": document, "charts": [chart_data(document, chart) for chart in charts]}
    return assemble(
        title=f"{title} – training report",
        body=body,
        styles=[
            source("theme.css"),
            _file("vendor", "uPlot.min.css"),
            _file("report.css"),
            colour_rules(),
            *styles,
        ],
        scripts=[
            _file("vendor", "uPlot.iife.min.js"),
            *shared("dom.js", "words.js", "theme.js"),
            _file("report.js"),
        ],
        data=data,
    )


def _file(*path: str) -> str:
    return resources.files("tinygrad_nn.report").joinpath(*path).read_text("utf-8")


def headed(title: str, status: str, sections: Sequence[str], nav: str) -> str:
    """Header, main part and footer."""
    theme = element("button", "Theme: auto", type="button", id="theme")
    eyebrow = element("p", f"Training report · {words(status)}", class_="eyebrow")
    top = element("div", [eyebrow, element("h1", words(title))])
    header = element("header", [top, theme], class_="page-head")
    licence = element("pre", words(_file("vendor", "uPlot.LICENSE.txt")).replace("\\n", "\n"))
    held = element("details", [element("summary", "Licence of uPlot"), licence])
    made = element("p", "Made by tinygrad_nn. This file asks no network. Charts by uPlot, MIT.")
    footer = element("footer", [made, held])
    return f"{header}\n{nav}\n{element('main', sections)}\n{footer}"


def navigation(
    sections: Sequence[str], links: Sequence[tuple[str, str]], label: str = "Parts of the report"
) -> str:
    """Links to those of the sections that are there: pairs of an id and its word."""
    text = "".join(sections)
    items = (
        element("li", element("a", word, href=f"#{id}"))
        for id, word in links
        if f'<section id="{id}"' in text
    )
    return element("nav", element("ul", items), aria_label=label)


def chart_section(document: Document, charts: Sequence[Chart]) -> str:
    """The charts, side by side where there is room."""
    if not charts:
        inner = element("p", "No epoch was finished, so there is nothing to draw.", class_="note")
    else:
        inner = element("div", [chart_figure(document, c) for c in charts], class_="charts")
    return section("curves", "Curves", [inner])


# ── Verdict ─────────────────────────────────────────────────────────────────────────────


def _verdict(document: Document) -> str:
    first, *others = document["verdict"] or [{"level": "info", "text": "Nothing to judge"}]
    headline = element("p", [_mark(first["level"]), element("span", words(first["text"]))],
                       class_=f"headline {first['level']}")  # fmt: skip
    notes = element(
        "ul",
        [
            element("li", [_mark(n["level"]), element("span", words(n["text"]))], class_=n["level"])
            for n in others
        ],
        class_="findings",
    )
    left = element("div", [headline, notes])
    heading = element("h2", "Verdict", class_="unseen", id="verdict-title")
    return element(
        "section", [heading, left, _tiles(document)], class_="verdict",
        id="verdict", aria_labelledby="verdict-title",
    )  # fmt: skip


def _mark(level: str) -> str:
    path, word = _MARKS[level]
    icon = f'<svg viewBox="0 0 16 16" aria-hidden="true"><path d="{path}"/></svg>'
    return element("span", [icon, element("span", f"{word}: ", class_="unseen")], class_="mark")


def _tiles(document: Document) -> str:
    epochs = document["history"]["epochs"]
    end = len(epochs) - 1
    tiles = []
    result, goal = document["result"], goal_of(document)
    if result and result["kind"] == "classes" and result["total"]:
        share = percent(result["right"] / result["total"])
        tiles.append(("test accuracy", element("span", share)))
    best = best_epoch(document, goal)
    if best is not None:
        word = f"best {named(goal)}"
        shown = percent(best[1]) if kind_of_score(goal) == "share" else figure(best[1])
        small = element("small", f"in epoch {best[0]}")
        tiles.append((word, f"{shown} {small}"))
    if epochs:
        tiles.append(("final loss", told(epochs[end]["loss"], f"history/epochs/{end}/loss")))
        seconds = sum(number_of(epoch["seconds"]) for epoch in epochs)
        tiles.append(("epochs", f"{len(epochs):,} " + element("small", f"in {_span(seconds)}")))
    layers = document["record"]["layers"]
    if layers:
        tiles.append(("parameters", f"{sum(layer['parameters'] for layer in layers):,}"))
    items = (element("div", [element("dt", words(k)), element("dd", v)]) for k, v in tiles)
    return element("dl", items, class_="tiles")


def _span(seconds: float) -> str:
    if not math.isfinite(seconds):
        return f"{figure(seconds)} s"
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


# ── Setup ───────────────────────────────────────────────────────────────────────────────


def _setup(document: Document) -> str:
    versions = dict(document["versions"])
    if document["revision"]:
        versions["Git commit"] = document["revision"][:12]
    if document["started"]:
        versions["started"] = document["started"]
    cards = (
        ("Configuration", document["config"]),
        ("Data", list(document["data"].items())),
        ("Versions", list(versions.items())),
    )
    held = [_card(title, entries) for title, entries in cards if entries]
    return section("setup", "Setup", [element("div", held, class_="cards")])


def _card(title: str, entries: Sequence[Sequence[str]]) -> str:
    rows = (element("div", [element("dt", words(k)), element("dd", words(v))]) for k, v in entries)
    return element("div", [element("h3", title), element("dl", rows)], class_="card")


def _reproduce(document: Document) -> str:
    command, script = document["command"], document["script"]
    if not command and not script:
        return ""
    parts = []
    for title, text, id in (("Command", command, "command"), ("Python", script, "script")):
        if text:
            copy = element("button", "Copy", type="button", class_="copy", data_of=id)
            code = "\n".join(words(line) for line in text.rstrip("\n").split("\n"))
            head = element("div", [element("h3", title), copy], class_="chart-head")
            held = element("pre", element("code", code, id=id), tabindex="0", class_="code",
                           role="region", aria_label=title)  # fmt: skip
            parts += [head, held]
    said = element("p", "", role="status", class_="unseen", id="said")
    return section("reproduce", "Reproduce", [*parts, said])
