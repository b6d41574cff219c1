"""A scene to its SVG: who places the boxes, and where the frames are."""

from __future__ import annotations

from dataclasses import replace

from tinygrad_nn.viz.picture import program
from tinygrad_nn.viz.picture.layout import Placement, Size
from tinygrad_nn.viz.picture.nested import Border, Frames, place_nested
from tinygrad_nn.viz.picture.scene import Scene
from tinygrad_nn.viz.picture.svg import to_svg

__all__ = ["placed", "placed_by_dot", "svg_by_dot", "svg_of"]

_NO_FRAMES = 'Placed by Graphviz, without the frames of modules: engine="own" draws them.'


def placed(scene: Scene, direction: str = "TB") -> tuple[Placement, Frames]:
    """Places of all boxes, links and frames by the built-in layout."""
    sizes, links, spine = _numbered(scene)
    frames = {frame.key: k for k, frame in enumerate(scene.frames)}
    borders = [Border(f.title.width, frames[f.parent] if f.parent else None) for f in scene.frames]
    homes = [frames[scene.homes[box.key]] if box.key in scene.homes else None
             for box in scene.all_boxes]  # fmt: skip
    return place_nested(sizes, links, direction, spine, homes, borders)


def placed_by_dot(scene: Scene, direction: str, timeout: float) -> Placement:
    """Places of all boxes and links by Graphviz, which is told of no frames.

    Raises:
        DrawingError: `dot` is missing, failed or took longer than `timeout` seconds.
    """
    sizes, links, spine = _numbered(scene)
    return program.place(sizes, links, direction, timeout, spine)


def svg_of(scene: Scene, direction: str = "TB", theme: str = "auto") -> str:
    """SVG text in the built-in layout."""
    placement, frames = placed(scene, direction)
    return to_svg(scene, placement, theme, frames)


def svg_by_dot(scene: Scene, direction: str, theme: str, timeout: float) -> str:
    """The same, placed by Graphviz.

    Raises:
        DrawingError: As for `placed_by_dot`.
    """
    placement = placed_by_dot(scene, direction, timeout)
    if scene.frames:
        scene = replace(scene, frames=(), notes=(*scene.notes, _NO_FRAMES))
    return to_svg(scene, placement, theme)


def _numbered(scene: Scene) -> tuple[list[Size], list[tuple[int, int]], list[int]]:
    """Sizes of the boxes, and links and spine as their positions."""
    boxes = scene.all_boxes
    at = {box.key: k for k, box in enumerate(boxes)}
    sizes = [Size(box.width, box.height, box.is_round) for box in boxes]
    return sizes, [(at[a], at[b]) for a, b in scene.links()], [at[key] for key in scene.spine]
