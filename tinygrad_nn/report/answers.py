"""The part of a report on the test examples: confusion, worst mistakes, errors of numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tinygrad_nn.report.figures import figure, number_of, percent
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
from tinygrad_nn.train.sheet import shade
from tinygrad_nn.viz.wording import counted

__all__ = ["answers_section"]

_TWO_LINES: Final = 14
"""Classes up to which a cell has room for the count and the percentage."""


def answers_section(document: Mapping[str, Any]) -> str:
    """HTML, or the empty text."""
    result = document["result"]
    if result is None:
        return ""
    parts = _of_numbers(result) if result["kind"] == "numbers" else _of_classes(result)
    return section("answers", "Answers to the test examples", parts)


def _of_classes(result: Mapping[str, Any]) -> list[str]:
    right, total = result["right"], result["total"]
    share = percent(right / total) if total else "none"
    line = (
        f"{told_count(right, 'result/right')} of {told_count(total, 'result/total')} right "
        f"({share}). A row for each true class, a column for each answer."
    )
    parts = [element("p", line, class_="lead")]
    if result["confusion"] is None:
        count = counted(len(result["classes"]), "class")
        parts.append(element("p", f"Too many classes for a table: {count}.", class_="note"))
    else:
        parts.append(_confusion(result))
    parts.append(_mistakes(result))
    return parts


def _confusion(result: Mapping[str, Any]) -> str:
    classes, counts = result["classes"], result["confusion"]
    is_roomy = len(classes) <= _TWO_LINES
    head = element(
        "tr",
        [
            element("th", "truth", scope="col", class_="corner"),
            *(element("th", words(name), scope="col") for name in classes),
            element("th", "found", scope="col", class_="found"),
        ],
    )
    body = []
    for i, (name, row) in enumerate(zip(classes, counts, strict=True)):
        whole = sum(row)
        cells = [_cell(result, i, j, whole, is_roomy) for j in range(len(row))]
        found = percent(row[i] / whole) if whole else "–"
        cells.append(element("td", found, class_="found"))
        body.append(element("tr", [element("th", words(name), scope="row"), *cells]))
    kind = "confusion" if is_roomy else "confusion dense"
    caption = "How often each true class (row) was answered as each class (column)"
    return scrolled(data_table(caption, head, body, class_=kind), "Confusion matrix")


def _cell(result: Mapping[str, Any], i: int, j: int, whole: int, is_roomy: bool) -> str:
    count = result["confusion"][i][j]
    if not count:
        return element("td", '<span aria-hidden="true">·</span><span class="unseen">0</span>')
    is_right = i == j
    level = shade(count, whole, is_right=is_right)
    text = told_count(count, f"result/confusion/{i}/{j}")
    if is_roomy:
        text += element("small", percent(count / whole))
    return element("td", text, class_=f"{'b' if is_right else 'o'}{level}")


def _mistakes(result: Mapping[str, Any]) -> str:
    mistakes, classes = result["mistakes"], result["classes"]
    wrong = result["total"] - result["right"]
    if not mistakes:
        return element("p", "No mistakes: every example was answered right.", class_="note")
    title = f"The worst {len(mistakes)} of {counted(wrong, 'mistake')}"
    if len(mistakes) == wrong:
        title = "The only mistake" if wrong == 1 else f"All {wrong} mistakes"
    heading = element("h3", title)
    note = element("p", "Where the true class was given the least; worst first.", class_="note")
    if all(m["png"] is None for m in mistakes):
        return heading + note + _listed(mistakes, classes)
    tiles = (_tile(m, i, classes) for i, m in enumerate(mistakes))
    return heading + note + element("ul", tiles, class_="mistakes")


def _tile(m: Mapping[str, Any], i: int, classes: Sequence[str]) -> str:
    truth, answer = words(classes[m["truth"]]), words(classes[m["answer"]])
    at = f"result/mistakes/{i}"
    about = f"example {m['example']}: {classes[m['truth']]}, answered {classes[m['answer']]}"
    image = f'<img src="data:image/png;base64,{m["png"]}" alt="{words(about)}">' if m["png"] else ""
    said = element("span", f"said <b>{answer}</b>", class_="minus")
    true = element("span", f"is <b>{truth}</b>", class_="plus")
    sure = told_share(m["confidence"], f"{at}/confidence", 0)
    given = told_share(m["true_confidence"], f"{at}/true_confidence", 0)
    lines = element("span", [said, " ", sure], class_="pair")
    lines += element("span", [true, " ", given], class_="pair")
    return element("li", image + lines)


def _listed(mistakes: Sequence[Mapping[str, Any]], classes: Sequence[str]) -> str:
    names = ("example", "is", "given", "said", "given")
    head = element("tr", [element("th", name, scope="col") for name in names])
    rows = []
    for i, m in enumerate(mistakes):
        at = f"result/mistakes/{i}"
        cells = [
            element("td", told_count(m["example"], f"{at}/example")),
            element("td", words(classes[m["truth"]])),
            element("td", told_share(m["true_confidence"], f"{at}/true_confidence")),
            element("td", words(classes[m["answer"]])),
            element("td", told_share(m["confidence"], f"{at}/confidence")),
        ]
        rows.append(element("tr", cells))
    return scrolled(data_table("Worst mistakes", head, rows), "Worst mistakes", kind="scroll")


# ── Numbers ─────────────────────────────────────────────────────────────────────────────


def _of_numbers(result: Mapping[str, Any]) -> list[str]:
    facts = (
        ("mean absolute error", "mean_absolute_error"),
        ("root of the mean square error", "root_mean_square_error"),
        ("R² (1 is perfect, 0 the mean)", "r2"),
    )
    items = [
        element("div", [element("dt", name), element("dd", told(result[at], f"result/{at}"))])
        for name, at in facts
    ]
    count = told_count(result["total"], "result/total")
    lead = element("p", f"{count} answers that are numbers.", class_="lead")
    pictures = element("div", [_scatter(result), _errors(result)], class_="two")
    return [lead, element("dl", items, class_="facts"), pictures]


def _scatter(result: Mapping[str, Any]) -> str:
    pairs = [
        (number_of(t), number_of(y)) for t, y in result["pairs"] if t is not None and y is not None
    ]
    pairs = [pair for pair in pairs if all(map(math.isfinite, pair))]
    heading = element("h3", "Truth and answer")
    if not pairs:
        return element("figure", heading + element("p", "No finite answers.", class_="empty"))
    low = min(x for pair in pairs for x in pair)
    high = max(x for pair in pairs for x in pair)
    span, left, side = (high - low) or 1.0, 48, 240

    def at(t: float, y: float) -> tuple[float, float]:
        return left + side * (t - low) / span, 8 + side * (1 - (y - low) / span)

    (x0, y0), (x1, y1) = at(low, low), at(high, high)
    parts = [f'<line x1="{x0}" y1="{y0}" x2="{x1}" y2="{y1}" class="grid"/>']
    for t, y in pairs:
        a, b = at(t, y)
        parts.append(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.4" class="speck"/>')
    for x, share, side_word in ((low, 0, "start"), (high, 1, "end")):
        text, place = figure(x, 3), f'x="{left + share * side}" y="{side + 26}"'
        parts.append(f'<text {place} class="tick {side_word}">{text}</text>')
        parts.append(
            f'<text x="{left - 6}" y="{8 + side * (1 - share) + 4}" class="tick end">{text}</text>'
        )
    parts.append(f'<text x="{left + side / 2}" y="{side + 26}" class="tick middle">truth</text>')
    about = f"{len(pairs)} answers against the truth, both from {figure(low)} to {figure(high)}"
    svg = f'<svg viewBox="0 0 320 276" role="img" aria-label="{about}">{"".join(parts)}</svg>'
    note = element("p", "The line is where every answer would be right.", class_="note")
    return element("figure", heading + svg + note)


def _errors(result: Mapping[str, Any]) -> str:
    errors = result["errors"]
    counts = errors["counts"]
    low, high, top = number_of(errors["low"]), number_of(errors["high"]), max(counts) or 1
    wide = 280 / len(counts)
    parts = [
        f'<rect x="{20 + i * wide:.1f}" y="{248 - 236 * c / top:.1f}" '
        f'width="{max(wide - 1, 0.5):.1f}" height="{236 * c / top:.1f}" class="bar"/>'
        for i, c in enumerate(counts)
    ]
    parts.append('<line x1="20" x2="300" y1="248" y2="248" class="axis"/>')
    for x, value, side in ((20, low, "start"), (300, high, "end")):
        parts.append(f'<text x="{x}" y="266" class="tick {side}">{figure(value, 3)}</text>')
    about = f"histogram of the errors, from {figure(low)} to {figure(high)}"
    svg = f'<svg viewBox="0 0 320 276" role="img" aria-label="{about}">{"".join(parts)}</svg>'
    note = element("p", "Answer minus truth; how many examples have it.", class_="note")
    return element("figure", element("h3", "Errors") + svg + note)
