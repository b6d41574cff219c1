"""Running Graphviz's `dot`: for the places of boxes, or for a finished picture."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from graphviz import CalledProcessError, ExecutableNotFound
from graphviz.backend.dot_command import command
from graphviz.backend.execute import run_check

from tinygrad_nn.errors import DrawingError
from tinygrad_nn.viz.picture.layers import straight
from tinygrad_nn.viz.picture.layout import Placement, Point, Size

__all__ = ["TIMEOUT", "picture", "place"]

TIMEOUT = 5.0
"""Seconds after which `dot` is stopped: on some graphs of 1000 nodes it takes minutes."""

_INCH = 72.0


def picture(dot: str, format: str, timeout: float) -> bytes:
    """Finished "png", "pdf" or "svg" of a DOT text.

    Raises:
        DrawingError: `dot` is missing, failed or took longer than `timeout` seconds.
    """
    return _run(dot, format, timeout, *(["-Gdpi=144"] if format == "png" else []))


def place(
    sizes: Sequence[Size],
    links: Sequence[tuple[int, int]],
    direction: str,
    timeout: float,
    spine: Sequence[int] = (),
) -> Placement:
    """The same as `layout.place`, by `dot`, which sees sizes and links but no texts.

    Raises:
        DrawingError: `dot` is missing, failed or took longer than `timeout` seconds.
    """
    skeleton = _skeleton(sizes, links, direction, spine)
    answer = _run(skeleton, "plain", timeout).decode("utf-8", "replace")
    try:
        return _read(answer, len(sizes), links)
    except (KeyError, IndexError, ValueError) as error:
        raise DrawingError(
            f"draw: Graphviz's program `dot` answered {answer[:60]!r}, expected its plain "
            "format; see whether another program of that name comes first in PATH"
        ) from error


def _run(text: str, format: str, timeout: float, *options: str) -> bytes:
    try:
        done = run_check([*command("dot", format), *options], input=text.encode(),
                         capture_output=True, quiet=True, timeout=timeout)  # fmt: skip
    except ExecutableNotFound as error:
        raise DrawingError(
            "draw: Graphviz's program `dot` was not found; install it (`apt install graphviz`, "
            "`brew install graphviz`, `conda install graphviz` or graphviz.org/download) and see "
            "that it is in PATH"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise DrawingError(
            f"draw: Graphviz's program `dot` took longer than {timeout:g} s and was stopped; "
            "give it more with timeout=, or draw fewer nodes with limit="
        ) from error
    except CalledProcessError as error:
        said = (error.stderr or b"").decode("utf-8", "replace").strip() or "nothing"
        raise DrawingError(
            f"draw: Graphviz's program `dot` failed with exit status {error.returncode}, "
            f"saying: {said[:300]}; see whether `dot -V` works"
        ) from error
    except OSError as error:
        raise DrawingError(
            f"draw: Graphviz's program `dot` could not be started: {error}; see whether "
            "`dot -V` works"
        ) from error
    return bytes(done.stdout)


def _skeleton(
    sizes: Sequence[Size],
    links: Sequence[tuple[int, int]],
    direction: str,
    spine: Sequence[int],
) -> str:
    on_spine = set(spine)
    lines = [
        f"digraph {{ graph [rankdir={direction} nodesep=0.3 ranksep=0.25 ordering=in]",
        'node [shape=box fixedsize=true label=""] edge [arrowhead=none]',
    ]
    for i, s in enumerate(sizes):
        shape = " shape=circle" if s.is_round else ""
        group = " group=spine" if i in on_spine else ""
        size = f"width={s.width / _INCH:.5f} height={s.height / _INCH:.5f}"
        lines.append(f"{i} [{size}{shape}{group}]")
    lines += [
        f"{a} -> {b} [weight={30 if is_straight else 1}]"
        for (a, b), is_straight in zip(links, straight(len(sizes), links, spine), strict=True)
    ]
    return "\n".join([*lines, "}", ""])


def _read(answer: str, count: int, links: Sequence[tuple[int, int]]) -> Placement:
    """Placement from the plain format: inches, measured upward from the lower left corner."""
    rows = [line.split() for line in answer.splitlines()]
    _, _, width, height = rows[0][:4]
    bottom = float(height) * _INCH

    def point(x: str, y: str) -> Point:
        return round(float(x) * _INCH, 2), round(bottom - float(y) * _INCH, 2)

    centres = {int(row[1]): point(row[2], row[3]) for row in rows if row[0] == "node"}
    curves: dict[tuple[int, int], list[tuple[Point, ...]]] = {}
    for row in rows:
        if row[0] == "edge":
            numbers = row[4 : 4 + 2 * int(row[3])]
            points = tuple(map(point, numbers[::2], numbers[1::2]))
            curves.setdefault((int(row[1]), int(row[2])), []).append(points)
    return Placement(
        tuple(centres[i] for i in range(count)),
        tuple(curves[link].pop(0) for link in links),
        float(width) * _INCH,
        bottom,
    )
