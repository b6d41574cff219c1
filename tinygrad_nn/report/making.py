"""`of`, `load` and `compare`: what users call."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

from tinygrad_nn.errors import OperandError
from tinygrad_nn.report.comparing import compared_page
from tinygrad_nn.report.document import document_of
from tinygrad_nn.report.graph import pass_of
from tinygrad_nn.report.page import page_of
from tinygrad_nn.report.reading import read
from tinygrad_nn.viz.passes import Pass
from tinygrad_nn.viz.saving import saved

__all__ = ["Page", "Report", "compare", "load", "of"]


class Page:
    """A page; `save` writes it.

    Attributes:
        html: Its text. It holds all that it shows and asks no network.
    """

    def __init__(self, html: str) -> None:
        self.html = html

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the page, wholly or not at all; return the path.

        Raises:
            OSError: The folder does not exist or cannot be written to.
        """
        return saved(path, self.html, "report: the page")

    def __repr__(self) -> str:
        return f"<Page, {len(self.html):,} characters>"


class Report(Page):
    """How a training went; made by `of` and `load`.

    Attributes:
        document: All that is known, as JSON can hold it.
        html: The page.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document

    @cached_property
    def html(self) -> str:  # type: ignore[override]
        """The page."""
        return page_of(self.document)

    @property
    def verdict(self) -> list[str]:
        """What the report says first, one sentence each."""
        return [note["text"] for note in self.document["verdict"]]

    @property
    def trace(self) -> Pass | None:
        """The backward pass of one example: `report.trace.save_html("backward.html")`; or None."""
        return pass_of(self.document)

    def to_json(self, path: str | PathLike[str] | None = None) -> str:
        """The document as JSON, which `load` reads; also written to `path`, if given.

        Raises:
            OSError: The folder does not exist or cannot be written to.
        """
        text = json.dumps(self.document, allow_nan=False, separators=(",", ":")) + "\n"
        if path is not None:
            saved(path, text, "report: it")
        return text

    def __repr__(self) -> str:
        return f"<Report: {'; '.join(self.verdict[:2])}>"


def of(
    source: Any,
    *,
    test: Any = None,
    title: str = "",
    config: Mapping[str, Any] | None = None,
    classes: Sequence[str] = (),
    image_shape: tuple[int, ...] | None = None,
    command: str = "",
    script: str = "",
) -> Report:
    """Report a training, also one that was interrupted or diverged.

    Args:
        source: A `Recorder` that was passed to `fit`, or a `History` alone, which knows nothing
            of layers and answers.
        test: Examples that the model did not learn from, as `fit` takes them: for the confusion
            matrix and the worst mistakes, or the errors of a regression.
        title: Of the page; by default of the model and the data.
        config: What else decided how it came out, such as {"seed": 0}.
        classes: Names of the classes, where the data do not know them.
        image_shape: (rows, columns), or with 3 colours last, of inputs that are images.
        command: What to type to get the same.
        script: The same as Python.

    Raises:
        OperandError: `source` is neither.
        StateError: The recorder saw no training.
        ShapeError: The outputs do not fit the targets of `test`.
        DataError: `test` has no examples.

    Example:
        >>> from tinygrad_nn import data, nn, optim, report, train
        >>> model, recorder = nn.Linear(2, 3, rng=0), report.Recorder()
        >>> sgd, blobs = optim.SGD(model.parameters(), lr=0.1), data.make_blobs(60)
        >>> _ = train.fit(model, nn.CrossEntropyLoss(), sgd, blobs, 2, callbacks=[recorder])
        >>> report.of(recorder, config={"seed": 0}).verdict[-1]
        'No loss was NaN or infinite'
    """
    return Report(
        document_of(
            source, test=test, title=title, config=config, classes=classes,
            image_shape=image_shape, command=command, script=script,
        )
    )  # fmt: skip


def load(path: str | PathLike[str]) -> Report:
    """Read a report back: from the folder of a run, a saved page, or what `to_json` wrote.

    Everything in the file is checked before it is used, and nothing in it is run.

    Raises:
        DataError: There is no report, or it is damaged or of a later version.
    """
    return Report(read(path))


def compare(runs: Iterable[Any], names: Iterable[str] = ()) -> Page:
    """One page of two or more runs: curves over the same axes, settings that differ, layers.

    Args:
        runs: Reports, or paths as for `load`.
        names: What to call them; by default their titles or folders.

    Raises:
        OperandError: There are fewer than two, or more than six.
        DataError: A path holds no report.

    Example:
        >>> from tinygrad_nn import report, train
        >>> slow = report.of(train.History([train.Epoch(1, 0.5, 0.1)]), title="slow")
        >>> fast = report.of(train.History([train.Epoch(1, 0.2, 0.1)]), title="fast")
        >>> "fast" in report.compare([slow, fast]).html
        True
    """
    given, called = _listed(runs), _listed(names)
    if not 2 <= len(given) <= 6:
        raise OperandError(
            f"compare: got {len(given)} runs, expected two to six; pass a list of reports or paths"
        )
    if called and len(called) != len(given):
        raise OperandError(
            f"compare: got {len(called)} names for {len(given)} runs, expected equal"
        )
    documents = [run.document if isinstance(run, Report) else read(run) for run in given]
    default = [d["title"] if isinstance(r, Report) else Path(r).name or str(r)
               for r, d in zip(given, documents, strict=True)]  # fmt: skip
    return Page(compared_page(documents, called or default))


def _listed(x: Any) -> list[Any]:
    """What was given as several; a text is one."""
    is_several = isinstance(x, Iterable) and not isinstance(x, (str, bytes))
    return list(x) if is_several else [x]
