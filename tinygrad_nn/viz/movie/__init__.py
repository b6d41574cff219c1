"""A training run as frames: the passes of one model, to be played and scrubbed.

model.py  what a frame holds: the numbers of one pass, not its graph
scene.py  the drawing, laid out once, with places for numbers
page.py   the page that plays it
file.py   the movie as JSON, and back
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from tinygrad_nn.core.node import Node
from tinygrad_nn.errors import FreedGraphError, OperandError, OptionError
from tinygrad_nn.viz.choices import checked_whole
from tinygrad_nn.viz.movie.file import dumps, read
from tinygrad_nn.viz.movie.model import Column, columns_of, frame_of
from tinygrad_nn.viz.movie.model import Frame as Frame
from tinygrad_nn.viz.movie.page import movie_page
from tinygrad_nn.viz.page.assemble import framed
from tinygrad_nn.viz.passes import Pass
from tinygrad_nn.viz.saving import JSON, PAGES, ending, named, saved
from tinygrad_nn.viz.trace.graph import model_names
from tinygrad_nn.viz.trace.model import Trace
from tinygrad_nn.viz.tracing import trace

__all__ = ["Frame", "Movie", "movie"]


class Movie:
    """Frames of a run; made by `movie`.

    The first pass gives the drawing. Of the others only numbers are kept, so that the graphs are
    free to go.

    Attributes:
        frames: What was recorded, in order.
        every: One call of `add` in so many is recorded.
        most: Frames kept at most. When there are more, every second one is dropped, and from
            then on half as many are recorded.
    """

    def __init__(self, model: Any = None, every: int = 1, most: int = 500) -> None:
        model_names(model)
        self.every = checked_whole("movie", "every", every, 1)
        self.most = checked_whole("movie", "most", most, 2)
        self.frames: list[Frame] = []
        self._model = model
        self._calls = 0
        self._trace: Pass | None = None
        self._columns: tuple[Column, ...] = ()

    @property
    def trace(self) -> Pass:
        """The first pass.

        Raises:
            OperandError: Nothing was recorded yet.
        """
        if self._trace is None:
            raise OperandError("movie: it has no frames yet; record one with movie.add(loss)")
        return self._trace

    def add(self, loss: Any, *, step: int | None = None) -> bool:
        """Record the pass of `loss`, if it is its turn: call it before `loss.backward()`.

        A backward pass is run for the recording; no `grad` changes and the graph is kept.

        Args:
            loss: Value or Tensor, or a trace of one.
            step: Number of the frame, instead of how often this was called before.

        Returns:
            Whether it was recorded.

        Raises:
            OperandError: It is neither.
            OptionError: `step` is no whole number.
            FreedGraphError: A backward pass freed the graph before.
        """
        if not isinstance(loss, (Node, Trace)):
            raise OperandError(
                f"movie: got {type(loss).__name__}, expected a Value or Tensor, such as a loss, "
                "or what tinygrad_nn.trace gave"
            )
        if step is not None:
            step = checked_whole("movie", "step", step)
        call, self._calls = self._calls, self._calls + 1
        if call % self.every:
            return False
        found = loss if isinstance(loss, Trace) else self._traced(loss)
        if not found.records:
            raise OperandError("movie: the trace has no nodes; trace a loss again")
        if found.failure is not None and found.failure.phase == "freed":
            raise FreedGraphError(
                f"movie: {found.failure.message}; call movie.add(loss) before loss.backward(), or "
                "use loss.backward(retain_graph=True)"
            )
        if self._trace is None:
            self._trace, self._columns = Pass.of(found), columns_of(found)
        self.frames.append(
            frame_of(self._trace, self._columns, found, call if step is None else step)
        )
        if len(self.frames) > self.most:
            del self.frames[1::2]
            self.every *= 2
        return True

    def _traced(self, loss: Node) -> Trace:
        # An array without a model would be NumPy's sum of the diagonal.
        found: Trace = trace(loss, model=[] if self._model is None else self._model)
        return found

    def numbers(self, name: str, what: str = "gradient", figure: str | None = None) -> list[Any]:
        """One figure of one node over the frames; None where a frame has none.

        Args:
            name: Name of the node, such as "0.weight".
            what: "value" or "gradient".
            figure: "norm", "mean", "low" or "high" of an array; by default its norm, and of a
                single number that number.

        Raises:
            OptionError: There is no such figure.

        Example:
            >>> import tinygrad_nn as tg
            >>> a, run = tg.Value(3.0, name="a"), tg.movie()
            >>> for _ in range(3):
            ...     loss = a * a
            ...     _ = run.add(loss)
            ...     a.data = a.data / 2
            >>> run.numbers("a", "value"), run.numbers("a")
            ([3.0, 1.5, 0.75], [6.0, 3.0, 1.5])
        """
        records = self.trace.records
        for k, c in enumerate(self._columns):
            fits = c.what == what and figure in (None, c.figure)
            if fits and records[c.node].name == name:
                return [frame.numbers[k] for frame in self.frames]
        raise OptionError(
            f"movie: got name={name!r:.60}, what={what!r}, figure={figure!r}, expected the name of "
            "a node of movie.trace, 'value' or 'gradient', and 'norm', 'mean', 'low', 'high' or "
            "nothing"
        )

    def html(self, **options: Any) -> str:
        """The page as text; see `save_html`."""
        return movie_page(self.trace, self._columns, self.frames, **options)

    def save_html(self, path: str | Path, **options: Any) -> Path:
        """Write a page that plays it: one file, for any browser, without network.

        Args:
            path: Name of the file.
            options: As for `tinygrad_nn.viz.movie.page.movie_page`.

        Returns:
            The path.

        Raises:
            OperandError: Nothing was recorded yet.
            OptionError: An option is none of its choices, or the name no page's.
            OSError: The folder does not exist or cannot be written to.
        """
        ending(path, PAGES, "movie")
        return saved(path, self.html(**options), "movie: the page")

    def save(self, path: str | Path) -> Path:
        """Write it as a JSON file, completely or not at all.

        Returns:
            The path.

        Raises:
            OperandError: Nothing was recorded yet.
            OptionError: The name ends in something else than `.json`.
            OSError: The folder does not exist or cannot be written to.
        """
        ending(path, JSON, "movie", "; a page is written by save_html(path)")
        return saved(path, dumps(self.trace, self._columns, self.frames), "movie: it")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a file that `save` wrote.

        The file may come from anyone: it is checked in full, and nothing in it is run.

        Raises:
            DataError: It is no movie, of another version, damaged, or larger than 1 GB.
            OSError: It cannot be read.
        """
        found = cls()
        first, found._columns, found.frames = read(named(path, "movie"))
        found._trace = Pass.of(first)
        found.most = max(found.most, len(found.frames))
        found._calls = len(found.frames)
        return found

    def _repr_html_(self) -> str | None:
        if not self.frames:
            return None
        return framed(self.html(), "The run as a movie", height=760)

    def __len__(self) -> int:
        return len(self.frames)

    def __repr__(self) -> str:
        if not self.frames:
            return "<Movie without frames>"
        first, last = self.frames[0].step, self.frames[-1].step
        return (
            f"<Movie of {self.trace.root.name!r:.40}: {len(self.frames)} frames, "
            f"steps {first} to {last}>"
        )


def movie(
    model: Any = None, traces: Iterable[Trace] = (), *, every: int = 1, most: int = 500
) -> Movie:
    """Record the passes of a training run as frames that can be played and scrubbed.

    Call `add` in the loop before `loss.backward()`, and `save_html` at the end. A frame takes
    as long as `tinygrad_nn.trace`, so choose `every` for long runs.

    Args:
        model: Module, or a list of several, whose paths the parameters bear as names.
        traces: Frames to begin with.
        every: Record one call in so many.
        most: Frames kept at most; when there are more, every second one is dropped and half as
            many are recorded.

    Raises:
        OptionError: A number is too small.
        OperandError: `model` is no module.

    Example:
        >>> import tinygrad_nn as tg
        >>> w, run = tg.Value(2.0, name="w"), tg.movie()
        >>> for _ in range(4):
        ...     loss = (w - 1.0) ** 2
        ...     _ = run.add(loss)
        ...     loss.backward()
        ...     w.data, w.grad = w.data - 0.25 * w.grad, None
        >>> run
        <Movie of 'pow_1': 4 frames, steps 0 to 3>
        >>> run.numbers("w", "value")
        [2.0, 1.5, 1.25, 1.125]
    """
    found = Movie(model, every, most)
    given: Any = traces
    if not isinstance(given, Iterable) or isinstance(given, Node):
        raise OperandError(
            f"movie: got {type(given).__name__} for its traces, expected several in a list"
        )
    for one in traces:
        found.add(one)
    return found
