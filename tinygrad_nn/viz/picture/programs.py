"""Programs of captured steps as scenes, from the plain data that they give of themselves."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from tinygrad_nn.viz.picture.scene import Arrow, Box, Frame, Line, Scene, Text, boxed
from tinygrad_nn.viz.wording import clean, shorten

__all__ = ["HasGraph", "program_scene"]


@runtime_checkable
class HasGraph(Protocol):
    """What `step.program` is: this package is not to know more of it."""

    def graph(self, limit: int = 60) -> dict[str, Any]:
        """Boxes, links, frames and notes: see `tinygrad_nn.compiler`."""

    def text(self) -> str:
        """The program as lines."""


def program_scene(graph: dict[str, Any]) -> Scene:
    """Scene of a program: a frame for each part of the step, a box for each few instructions."""
    boxes = tuple(_box(b) for b in graph["boxes"])
    frames = tuple(
        Frame(f"f{k}", Line(Text(title, "name")), None, title)
        for k, title in enumerate(graph["clusters"])
    )
    homes = {b["key"]: f"f{b['cluster']}" for b in graph["boxes"] if b["cluster"] is not None}
    return Scene(
        title=shorten(clean(graph["title"]), 80),
        about=graph["about"],
        level="program",
        boxes=boxes,
        arrows=tuple(Arrow(a, b, brings=clean(name)) for a, b, name in graph["links"]),
        notes=tuple(graph["notes"]),
        frames=frames,
        homes=homes,
    )


def _box(b: dict[str, Any]) -> Box:
    corner = Text(clean(b["corner"]), "muted") if b["corner"] else None
    head = [Line(Text(clean(b["head"]), "name"), corner)] if b["head"] or corner else []
    lines = [
        Line(Text(clean(left), "muted" if left[:1] in "→…" else "plain"),
             Text(clean(right), "muted") if right else None)
        for left, right in b["lines"]
    ]  # fmt: skip
    kind = "repeat" if b["count"] > 1 else b["kind"]
    apart = 0 if kind == "result" else len(head)
    return boxed(b["key"], kind, [*head, *lines], clean(b["about"]), head=apart)
