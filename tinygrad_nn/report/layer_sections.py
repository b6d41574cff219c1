"""The parts of a report on layers: table, gradient flow, activations, boundary, graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tinygrad_nn.report.charts import Chart, Series, chart_figure
from tinygrad_nn.report.figures import figure, number_of
from tinygrad_nn.report.markup import (
    data_table,
    element,
    scrolled,
    section,
    told,
    told_count,
    told_share,
    words,
)
from tinygrad_nn.report.still import band, frame, heat_strip, histogram, sparkline
from tinygrad_nn.viz.picture.style import HEAT_STEPS

__all__ = ["film_section", "heat_table", "layer_charts", "layers_section", "scale"]

Document = Mapping[str, Any]

_SHADE: Final = 24
_HATCH: Final = (
    '<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><rect width="6" height="6" class="hatch-ground"/>'
    '<line x1="0" y1="0" x2="0" y2="6" class="hatch"/></pattern></defs>'
)
_HEADS: Final = (
    ("layer", "Path of the module within the model"),
    ("parameters", "How many numbers the layer learns"),
    ("‖w‖", "Norm of its parameters after the last epoch"),
    ("‖∇‖ first", "Norm of its gradient: mean over the steps looked at in the first epoch"),
    ("‖∇‖ last", "The same in the last epoch"),
    ("update ÷ weight", "Norm of a step over the norm of the weights, mean of the last epoch"),
    ("idle", "Dead units of a ReLU, or saturated activations of tanh and sigmoid"),
    ("‖∇‖ by epoch", "Logarithmic"),
)


def layers_section(document: Document) -> str:
    """HTML of all that is known of the layers."""
    record = document["record"]
    if not record["epochs"]:
        note = (
            "Nothing was recorded of the layers. Pass callbacks=[report.Recorder()] to fit to see "
            "gradients, updates and activations here."
        )
        if record["layers"]:
            note = "No epoch was finished, so nothing is known of the layers yet."
        parts = [element("p", note, class_="note")]
    else:
        charts = [chart_figure(document, chart) for chart in layer_charts(document)]
        parts = [_table(document), _flow(document), *charts, _activations(document)]
    return section("layers", "Layers", parts)


def _table(document: Document) -> str:
    record = document["record"]
    rows, layers = record["epochs"], record["layers"]
    head = element("tr", [element("th", name, scope="col", title=about) for name, about in _HEADS])
    body = [_row(document, j) for j in range(len(layers))]
    table = data_table("Each layer in numbers", head, body, class_="layers")
    held = scrolled(table, "Table of layers")
    looks = sum(row["looks"] for row in rows)
    cost = _cost(document)
    note = (
        "Update ÷ weight is healthy between 1e−4 and 1e−2, the shaded band. Idle: units of a ReLU "
        "that are off for every example, or activations of tanh and sigmoid near their ends. "
        f"Measured at {looks:,} steps{cost}."
    )
    return held + element("p", note, class_="note")


def _cost(document: Document) -> str:
    record = document["record"]
    learning = sum(number_of(epoch["seconds"]) for epoch in document["history"]["epochs"])
    if not record["seconds"]:
        return ""
    seconds = told(record["seconds"], "record/seconds", 3)
    if not learning:
        return f", which took {seconds} s"
    return f", which took {seconds} s beside {figure(learning, 3)} s of learning"


def _row(document: Document, j: int) -> str:
    record = document["record"]
    layer, rows = record["layers"][j], record["epochs"]
    end = len(rows) - 1
    first, last = rows[0], rows[end]
    at = f"record/epochs/{end}"
    name = element("b", words(layer["path"])) + " " + element("span", words(layer["kind"]))
    if layer["activation"]:
        name += element("span", f" → {words(layer['activation'])}", class_="muted")
    ratio = last["update"][j]
    shown = "unknown" if ratio is None else figure(number_of(ratio))
    picture = band(ratio, f"update over weight {shown}; healthy is 1e-4 to 1e-2")
    about = f"gradient norm of layer {layer['path']} by epoch"
    trend = sparkline([row["gradient"][j] for row in rows], about)
    cells = [
        element("th", name, scope="row"),
        element("td", told_count(layer["parameters"], f"record/layers/{j}/parameters")),
        element("td", told(last["weight"][j], f"{at}/weight/{j}", 3)),
        element("td", told(first["gradient"][j], f"record/epochs/0/gradient/{j}", 3)),
        element("td", told(last["gradient"][j], f"{at}/gradient/{j}", 3)),
        element("td", told(ratio, f"{at}/update/{j}", 3) + picture, class_="banded"),
        element("td", _idle(last["idle"][j], f"{at}/idle/{j}", layer["activation"])),
        element("td", trend),
    ]
    return element("tr", cells)


def _idle(share: Any, at: str, activation: str) -> str:
    if share is None:
        return told(None, at)
    word = "dead" if activation.startswith("relu") else "saturated"
    return told_share(share, at) + element("small", f" {word}")


# ── Gradient flow ───────────────────────────────────────────────────────────────────────


def _flow(document: Document) -> str:
    note = (
        "Norm of each layer's gradient, a column for each epoch: strong purple is large. A row "
        "much fainter than the others learns little."
    )
    heading = element("h3", "Gradient flow", id="flow-title")
    held = [heading, element("p", note, class_="note"), heat_table(document, "")]
    return element("figure", [*held, scale(), _flow_data(document)], class_="flow", id="flow")


def heat_table(document: Document, before: str) -> str:
    """The heat map: a row for each layer, with the last number beside it.

    Args:
        document: The training.
        before: What the places of its numbers begin with, such as `runs/0/`.
    """
    record = document["record"]
    rows, end = record["epochs"], len(record["epochs"]) - 1
    body = []
    for j, layer in enumerate(record["layers"]):
        last = told(rows[end]["gradient"][j], f"{before}record/epochs/{end}/gradient/{j}", 2)
        about = f"gradient norms of layer {layer['path']} by epoch"
        cells = [
            element("th", words(layer["path"]), scope="row"),
            element("td", heat_strip(rows, j, about), class_="cells"),
            element("td", last),
        ]
        body.append(element("tr", cells))
    first, last_epoch = rows[0]["epoch"], rows[end]["epoch"]
    ends = f"<span>epoch {first}</span>" + f"<span>epoch {last_epoch}</span>" * (end > 0)
    foot = element("tr", ["<td></td>", element("td", ends, class_="ends"), "<td></td>"])
    head = "".join(
        element("th", word, scope="col", class_=style)
        for word, style in (("layer", None), ("by epoch", "cells"), ("last ‖∇‖", None))
    )
    parts = [
        element("caption", "Gradient norms by layer and epoch", class_="unseen"),
        element("thead", element("tr", head)),
        element("tbody", body),
        element("tfoot", foot),
    ]
    return element("table", parts, class_="heat")


def scale() -> str:
    """What the shades of the heat map stand for."""
    steps = [_HATCH]
    for k, step in enumerate(range(0, HEAT_STEPS + 1, 2)):
        box = f'<rect x="{k * _SHADE}" width="{_SHADE}" height="12" class="h{step}"/>'
        text = figure(10.0 ** (k - 8), 1) if k % 2 == 0 else ""
        steps.append(f'{box}<text x="{k * _SHADE}" y="27" class="tick">{text}</text>')
    x = (HEAT_STEPS // 2 + 2) * _SHADE
    box = f'<rect x="{x}" width="{_SHADE}" height="12" class="missing"/>'
    steps.append(f'{box}<text x="{x}" y="27" class="tick">no number</text>')
    about = "from faint, 1e-8 and below, to strong, 100 and above; hatched where there is no number"
    return (
        f'<svg viewBox="0 0 360 30" role="img" aria-label="{about}" class="scale">'
        f"{''.join(steps)}</svg>"
    )


def _flow_data(document: Document) -> str:
    record = document["record"]
    rows, layers = record["epochs"], record["layers"]
    every = max(1, -(-len(rows) // 100))
    chosen = [i for i in range(len(rows)) if i % every == 0 or i == len(rows) - 1]
    head = element("th", "epoch", scope="col")
    head += "".join(element("th", words(layer["path"]), scope="col") for layer in layers)
    body = []
    for i in chosen:
        cells = [element("th", str(rows[i]["epoch"]), scope="row")]
        for j, x in enumerate(rows[i]["gradient"]):
            cells.append(element("td", told(x, f"record/epochs/{i}/gradient/{j}", 3)))
        body.append(element("tr", cells))
    left_out = f", every {every}th epoch" if every > 1 else ""
    title = f"Gradient norms{left_out}"
    table = data_table(title, element("tr", head), body)
    held = scrolled(table, title, kind="scroll")
    return element("details", [element("summary", "Data"), held], class_="data")


# ── Activations ─────────────────────────────────────────────────────────────────────────


def _activations(document: Document) -> str:
    record = document["record"]
    if not record["histograms"]:
        return ""
    first, last = record["histograms"][0], record["histograms"][-1]
    cards = []
    for j, layer in enumerate(record["layers"]):
        if (end := last["layers"][j]) is None:
            continue
        start = first["layers"][j] if first is not last else None
        low, high = figure(number_of(end["low"]), 3), figure(number_of(end["high"]), 3)
        about = f"layer {layer['path']}, epoch {last['epoch']}: from {low} to {high}"
        at = f"record/histograms/{len(record['histograms']) - 1}/layers/{j}"
        name = element("b", words(layer["path"]))
        name += element("span", f" {words(layer['activation'] or layer['kind'])}", class_="muted")
        odd = end["nonfinite"]
        alarm = ""
        if odd:
            alarm = element(
                "p", f"{told_count(odd, f'{at}/nonfinite')} are NaN or infinite", class_="alarm"
            )
        picture = histogram(start, end, (first["epoch"], last["epoch"]), about)
        cards.append(element("li", [element("p", name), picture, alarm]))
    heading = element("h3", "Activations", id="activations-title")
    ends = f"Filled: epoch {last['epoch']}."
    if first is not last:
        ends += f" Line: epoch {first['epoch']}."
    note = (
        f"What each layer gives for a fixed batch, behind its activation. {ends} Heights are roots."
    )
    return element(
        "figure",
        [heading, element("p", note, class_="note"), element("ul", cards, class_="histograms")],
        id="activations",
    )


# ── Boundary ────────────────────────────────────────────────────────────────────────────


def film_section(document: Document) -> str:
    """The film strip of a model of two inputs, or the empty text."""
    film = document["record"]["film"]
    if film is None or not film["frames"]:
        return ""
    frames = []
    for one in film["frames"]:
        caption = element("figcaption", f"epoch {one['epoch']}")
        picture = frame(film, one, f"answers to all inputs after epoch {one['epoch']}")
        frames.append(element("li", element("figure", picture + caption)))
    about = "a class for each colour, paler where it is less sure"
    if not film["classes"]:
        about = "blue above 0 or one half, orange below, paler near the border"
    points = "; the points are examples that it learned from" if film["points"] else ""
    note = element("p", f"What it answers to every pair of inputs: {about}{points}.", class_="note")
    strip = scrolled(element("ol", frames, class_="film"), "Boundary by epoch")
    return section("film", "How the boundary grew", [note, strip])


def layer_charts(document: Document) -> list[Chart]:
    """Update ratios as lines; of many layers the first and the last three."""
    layers = document["record"]["layers"]
    places = list(range(len(layers)))
    places = places if len(places) <= 6 else places[:3] + places[-3:]
    lines = tuple(
        Series(layers[j]["path"], "record/epochs/*/epoch", f"record/epochs/*/update/{j}")
        for j in places
    )
    if not document["record"]["epochs"]:
        return []
    return [Chart("update-chart", "Update ÷ weight", "epoch", lines, log=True)] if lines else []
