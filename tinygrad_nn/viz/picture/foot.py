"""What stands below a picture: the legend of what occurs in it, and the notes."""

from __future__ import annotations

from dataclasses import dataclass

from tinygrad_nn.viz.picture.measure import text_width, wrapped
from tinygrad_nn.viz.picture.scene import LINE_HEIGHT, SMALL_SIZE, Scene
from tinygrad_nn.viz.picture.style import HEAT_STEPS

__all__ = ["MARGIN", "Foot", "Swatch", "foot"]

MARGIN = 16
_NOTE_HEIGHT = 16
_KINDS = {
    "input": "input", "parameter": "parameter", "constant": "constant",
    "value": "intermediate value", "operation": "operation", "module": "module",
    "repeat": "equal steps or modules in a row", "chain": "operations in a row",
    "rest": "other operations", "result": "result",
    "reference": "name of what comes from farther away",
}  # fmt: skip


@dataclass(frozen=True)
class Swatch:
    """One entry of the legend.

    Attributes:
        kind: Kind of a box, "heat" or "back".
        room: Width of the picture before the words.
        heats: Steps of the scale, for "heat".
    """

    kind: str
    words: str
    x: float
    y: float
    room: float
    heats: tuple[int, ...] = ()


@dataclass(frozen=True)
class Foot:
    """Everything below the graph.

    Attributes:
        lines: Style, baseline and words of each line of the notes.
    """

    swatches: tuple[Swatch, ...]
    lines: tuple[tuple[str, float, str], ...]
    height: float

    @property
    def heats(self) -> frozenset[int]:
        """Steps of the scale of gradients that the legend shows."""
        return frozenset(heat for swatch in self.swatches for heat in swatch.heats)


def foot(scene: Scene, width: float, top: float) -> Foot:
    """Lay the foot out below `top`, at most `width` wide."""
    x, row = 0.0, 0
    swatches = []
    for kind, words, room, heats in _entries(scene):
        needed = room + text_width(words, SMALL_SIZE) + 14
        if x and x + needed > width:
            x, row = 0.0, row + 1
        swatches.append(Swatch(kind, words, MARGIN + x, top + LINE_HEIGHT * row, room, heats))
        x += needed
    height = LINE_HEIGHT * (row + 1) + 2 if swatches else 0
    lines = []
    for style, notes in (("warn", scene.alarms), ("muted", scene.notes)):
        for note in notes:
            for line in wrapped(note, SMALL_SIZE, width, bold=style == "warn"):
                lines.append((style, top + height + 12, line))
                height += _NOTE_HEIGHT
    return Foot(tuple(swatches), tuple(lines), height)


def _entries(scene: Scene) -> list[tuple[str, str, float, tuple[int, ...]]]:
    kinds = {box.kind for box in (*scene.boxes, *scene.references)}
    found: list[tuple[str, str, float, tuple[int, ...]]] = [
        (kind, words, 26, ()) for kind, words in _KINDS.items() if kind in kinds
    ]
    if any(arrow.back for arrow in scene.arrows):
        found.append(("back", "backward pass", 34, ()))
    if scene.heats() - {-1}:
        heats = tuple(range(0, HEAT_STEPS + 1, 2))
        found.append(("heat", "gradient norm 1e−8 to 1e2", 10 * len(heats) + 6, heats))
    return found
