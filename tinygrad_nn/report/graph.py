"""The part of a report with the network as a drawing: one example's pass, gradients as heat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from tinygrad_nn.errors import TinygradError
from tinygrad_nn.report.markup import element, scrolled, section
from tinygrad_nn.train import Context
from tinygrad_nn.train.modes import modes_kept
from tinygrad_nn.train.probing import array_of
from tinygrad_nn.viz.drawing import draw
from tinygrad_nn.viz.page.assemble import json_text
from tinygrad_nn.viz.page.inline import inline
from tinygrad_nn.viz.passes import Pass
from tinygrad_nn.viz.trace.file import from_json, to_json
from tinygrad_nn.viz.tracing import trace

__all__ = ["graph_section", "pass_of", "plain_pass", "traced"]

_LARGEST: Final = 400_000
"""Characters of a trace in a page."""


def traced(context: Context) -> dict[str, Any] | None:
    """The pass of one example of the last batch, as JSON holds it; None where there can be none."""
    inputs, targets = context.inputs, context.targets
    if inputs is None or isinstance(inputs, (tuple, dict)):
        return None
    try:
        x, t = array_of(inputs)[:1], array_of(targets)[:1]
        with modes_kept(context.model), np.errstate(all="ignore"):
            context.model.eval()
            found = trace(lambda: context.loss_function(context.model(x), t), model=context.model)
    except (TinygradError, ArithmeticError, LookupError, TypeError, ValueError):
        # A model or a loss may need more than one example: then there is no drawing.
        return None
    return plain_pass(found)


def plain_pass(found: Pass) -> dict[str, Any] | None:
    """A trace as JSON holds it; None where it is too large for a page."""
    raw = to_json(found)
    return raw if len(json_text(raw)) <= _LARGEST else None


def pass_of(document: Mapping[str, Any]) -> Pass | None:
    """The trace that a document holds.

    Raises:
        DataError: It is damaged.
    """
    raw = document["trace"]
    return None if raw is None else Pass.of(from_json(raw))


def graph_section(document: Mapping[str, Any]) -> tuple[str, list[str]]:
    """HTML and style sheets; empty where nothing was traced."""
    found = pass_of(document)
    if found is None:
        return "", []
    svg = draw(found, "svg", level="module", engine="own").svg
    picture, style = inline(svg)
    words = "The backward pass of one example after the training: gradients are shaded by size."
    parts = [element("p", words, class_="note")]
    if document["backward"]:
        link = element("a", "Step through it, one use at a time", href=document["backward"])
        parts.append(element("p", link, class_="lead"))
    parts.append(scrolled(picture, "Drawing of the network", kind="drawing"))
    return section("graph", "Graph", parts), [style]
