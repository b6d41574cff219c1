"""Running Graphviz's `dot`: for the places of boxes, or for a finished picture."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from numbers import Real
from typing import IO, Any, Final

from graphviz.backend.dot_command import command

from tinygrad_nn.errors import DrawingError, OptionError
from tinygrad_nn.viz.picture.layers import straight
from tinygrad_nn.viz.picture.layout import Placement, Point, Size
from tinygrad_nn.viz.wording import clean

__all__ = ["TIMEOUT", "checked_timeout", "picture", "place"]

TIMEOUT = 5.0
"""Seconds after which `dot` is stopped: on some graphs of 1000 nodes it takes minutes."""

_INCH = 72.0
_MOST: Final = 2**28
"""Bytes of an answer; a program that never stops writing would fill the memory."""
_SAID: Final = 300
_CHUNK: Final = 2**16
# How a whole file begins, and what is near its end.
_WHOLE: Final = {
    "png": (b"\x89PNG\r\n", b"IEND"),
    "pdf": (b"%PDF", b"%%EOF"),
    "svg": (b"<", b"</svg>"),
}
_NEAR_END: Final = 64
_OTHER: Final = "see whether another program of that name comes first in PATH"


def checked_timeout(seconds: Any, asks: str = "draw") -> float:
    """`seconds`, which may be infinite.

    Raises:
        OptionError: It is no number above 0.
    """
    is_number = isinstance(seconds, Real) and not isinstance(seconds, bool)
    if not is_number or not seconds > 0:
        raise OptionError(
            f"{asks}: got timeout={seconds!r:.40}, expected seconds above 0, such as {TIMEOUT:g}"
        )
    # Threads cannot wait for longer than this, which is longer than anyone does.
    return float(min(seconds, threading.TIMEOUT_MAX))


def picture(dot: str, format: str, timeout: float, dpi: int = 144) -> bytes:
    """Finished "png", "pdf" or "svg" of a DOT text whose nodes all have their places.

    Raises:
        DrawingError: `dot` is missing, failed or took longer than `timeout` seconds.
    """
    fine = [f"-Gdpi={dpi}"] if format == "png" else []
    found = _run(dot, format, timeout, "-Kneato", "-n2", *fine)
    begins, ends = _WHOLE[format]
    if not found.startswith(begins) or ends not in found[-_NEAR_END:]:
        raise DrawingError(
            f"draw: Graphviz's program `dot` answered {found[:20]!r}, expected a whole {format}; "
            f"{_OTHER}"
        )
    return found


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
            f"format; {_OTHER}"
        ) from error


def _run(text: str, format: str, timeout: float, *options: str) -> bytes:
    """What `dot` answers to `text`."""
    try:
        code, answer, said = _answer([*command("dot", format), *options], text, timeout)
    except FileNotFoundError as error:
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
    except OSError as error:
        raise DrawingError(
            f"draw: Graphviz's program `dot` could not be started: {error}; see whether "
            "`dot -V` works"
        ) from error
    if len(answer) > _MOST:
        raise DrawingError(
            f"draw: Graphviz's program `dot` answered more than {_MOST:,} bytes and was stopped; "
            f"{_OTHER}, or draw fewer nodes with limit="
        )
    if code:
        words = clean(said.decode("utf-8", "replace").strip())[:_SAID] or "nothing"
        raise DrawingError(
            f"draw: Graphviz's program `dot` failed with exit status {code}, "
            f"saying: {words}; see whether `dot -V` works"
        )
    return answer


def _answer(
    arguments: Sequence[str | os.PathLike[str]], text: str, timeout: float
) -> tuple[int, bytes, bytes]:
    """Exit status, output, and the beginning of the messages.

    Raises:
        TimeoutExpired: It took too long, and was stopped with all that it started.
        OSError: It could not be started.
    """
    end = time.monotonic() + timeout
    with subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True, creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    ) as process:  # fmt: skip
        # From here on nothing, Ctrl-C neither, leaves it running.
        try:
            given, answer, messages = process.stdin, process.stdout, process.stderr
            assert given is not None and answer is not None and messages is not None
            # The threads close them: who waits for a lock of theirs might wait for ever.
            process.stdin = process.stdout = process.stderr = None
            said: list[bytes] = []
            found: list[bytes] = []
            threads = [
                threading.Thread(target=task, args=args, daemon=True)
                for task, args in (
                    (_write, (given, text.encode())),
                    (_read_some, (answer, _MOST + 1, found)),
                    (_read_some, (messages, 4 * _SAID, said, True)),
                )
            ]
            for thread in threads:
                thread.start()
            threads[1].join(timeout)
            if found and len(found[0]) > _MOST:
                _stop(process)
                return 0, found[0], b""
            threads[2].join(max(0.0, end - time.monotonic()))
            if not found or not said:
                raise subprocess.TimeoutExpired("dot", timeout)
            return process.wait(max(0.0, end - time.monotonic())), found[0], said[0]
        except BaseException:
            _stop(process)
            raise


def _write(stream: IO[bytes], content: bytes) -> None:
    # Who does not read to the end will say why.
    with contextlib.suppress(OSError), stream:
        stream.write(content)


def _read_some(stream: IO[bytes], most: int, found: list[bytes], to_end: bool = False) -> None:
    """Put the first `most` bytes into `found`, once they are there."""
    with stream:
        start = stream.read(most)
        while to_end and stream.read(_CHUNK):
            pass
        found.append(start)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End it and what it started, which is more than itself where `dot` is a script."""
    # Once it was waited for, its number may be another's.
    if process.returncode is None:
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)


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
        place = round(float(x) * _INCH, 2), round(bottom - float(y) * _INCH, 2)
        if not all(map(math.isfinite, place)):
            raise ValueError(x, y)
        return place

    centres = {int(row[1]): point(row[2], row[3]) for row in rows if row[0] == "node"}
    curves: dict[tuple[int, int], list[tuple[Point, ...]]] = {}
    for row in rows:
        if row[0] == "edge":
            numbers = row[4 : 4 + 2 * int(row[3])]
            points = tuple(map(point, numbers[::2], numbers[1::2]))
            curves.setdefault((int(row[1]), int(row[2])), []).append(points)
    if not math.isfinite(float(width) * bottom):
        raise ValueError(width, height)
    return Placement(
        tuple(centres[i] for i in range(count)),
        tuple(curves[link].pop(0) for link in links),
        float(width) * _INCH,
        bottom,
    )
