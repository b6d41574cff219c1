"""Whether what was read is a document of this version; files may come from anywhere."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, Final

from tinygrad_nn.errors import DataError
from tinygrad_nn.report.figures import plain
from tinygrad_nn.viz.strict import WORDS
from tinygrad_nn.viz.trace.file import from_json

__all__ = ["FORMAT", "STATUSES", "VERSION", "checked", "checked_record", "empty_record"]

FORMAT: Final = "tinygrad_nn report"
VERSION: Final = 1
STATUSES: Final = ("finished", "stopped", "interrupted", "running", "failed")
_LEVELS: Final = ("good", "info", "warn", "bad")
_LONGEST: Final = 200_000
_MANY: Final = 100_000

Check = Callable[[str, Any], Any]


class _UnfitError(Exception):
    """Where it does not fit, and what was expected there."""


def _refuse(at: str, expected: str, got: Any) -> _UnfitError:
    return _UnfitError(f"{at} is {type(got).__name__} {str(got)[:40]!r}, expected {expected}")


def _text(at: str, x: Any) -> str:
    if not isinstance(x, str) or len(x) > _LONGEST:
        raise _refuse(at, "a text", x)
    return x


def _whole(at: str, x: Any) -> int:
    if isinstance(x, bool) or not isinstance(x, int) or not 0 <= x < 2**53:
        raise _refuse(at, "a whole number from 0 on", x)
    return x


def _real(at: str, x: Any) -> Any:
    if isinstance(x, str) and x in WORDS:
        return x
    is_number = isinstance(x, (int, float)) and not isinstance(x, bool)
    if not is_number or not math.isfinite(x):
        raise _refuse(at, "a number", x)
    return x


def _png(at: str, x: Any) -> str:
    if not isinstance(x, str) or not re.fullmatch(r"iVBORw0KGgo[A-Za-z0-9+/]{0,400000}={0,2}", x):
        raise _refuse(at, "a PNG in base64", x)
    return x


def _maybe(check: Check) -> Check:
    return lambda at, x: None if x is None else check(at, x)


def _among(*words: str) -> Check:
    def check(at: str, x: Any) -> Any:
        if not isinstance(x, str) or x not in words:
            raise _refuse(at, f"one of {', '.join(words)}", x)
        return x

    return check


def _list(check: Check, length: int | None = None, least: int = 0) -> Check:
    def run(at: str, x: Any) -> list[Any]:
        if not isinstance(x, (list, tuple)) or len(x) > _MANY:
            raise _refuse(at, "a list", x)
        if len(x) < least:
            raise _UnfitError(f"{at} has {len(x)} entries, expected {least} or more")
        if length is not None and len(x) != length:
            raise _UnfitError(f"{at} has {len(x)} entries, expected {length}")
        return [check(f"{at}/{i}", entry) for i, entry in enumerate(x)]

    return run


def _table(check: Check) -> Check:
    def run(at: str, x: Any) -> dict[str, Any]:
        if not isinstance(x, Mapping) or len(x) > 1000:
            raise _refuse(at, "an object", x)
        return {_text(at, k): check(f"{at}/{str(k)[:40]}", v) for k, v in x.items()}

    return run


def _object(**checks: Check) -> Check:
    def run(at: str, x: Any) -> dict[str, Any]:
        if not isinstance(x, Mapping):
            raise _refuse(at, "an object", x)
        missing = [name for name in checks if name not in x]
        if missing:
            raise _UnfitError(f"{at or 'it'} has no {missing[0]!r}")
        return {name: check(f"{at}/{name}".lstrip("/"), x[name]) for name, check in checks.items()}

    return run


_place = _object(step=_whole, epoch=_whole, batch=_whole, loss=_real)
_figures = _list(_maybe(_real))
_activation = _object(
    low=_real, high=_real, counts=_list(_whole, least=1), nonfinite=_whole, idle=_maybe(_real)
)
_row = _object(
    epoch=_whole, weight=_figures, gradient=_figures, update=_figures, idle=_figures, looks=_whole
)


def _point(at: str, x: Any) -> list[Any]:
    """An example of a film: x, y, and its class."""
    if not isinstance(x, (list, tuple)) or len(x) != 3:
        raise _refuse(at, "x, y and a class", x)
    checks = (_maybe(_real), _maybe(_real), _maybe(_whole))
    return [
        check(f"{at}/{i}", entry) for i, (check, entry) in enumerate(zip(checks, x, strict=True))
    ]


_film = _object(
    span=_list(_real, 4),
    points=_list(_point),
    classes=_whole,
    frames=_list(_object(epoch=_whole, png=_png)),
)
_record = _object(
    layers=_list(_object(path=_text, kind=_text, parameters=_whole, activation=_text)),
    epochs=_list(_row),
    histograms=_list(_object(epoch=_whole, layers=_list(_maybe(_activation)))),
    film=_maybe(_film),
    losses=_list(_real),
    stride=_whole,
    batches=_whole,
    first_loss=_maybe(_real),
    wild=_maybe(_place),
    nonfinite=_maybe(_place),
    seconds=_real,
)
_epoch = _object(number=_whole, loss=_real, seconds=_real, scores=_table(_real), rates=_list(_real))
_mistake = _object(
    example=_whole, truth=_whole, answer=_whole, confidence=_maybe(_real),
    true_confidence=_maybe(_real), png=_maybe(_png),
)  # fmt: skip
_classes = _object(
    kind=_among("classes"),
    classes=_list(_text),
    confusion=_maybe(_list(_list(_whole))),
    right=_whole,
    total=_whole,
    mistakes=_list(_mistake),
)
_numbers = _object(
    kind=_among("numbers"),
    total=_whole,
    mean_absolute_error=_maybe(_real),
    root_mean_square_error=_maybe(_real),
    r2=_maybe(_real),
    pairs=_list(_list(_maybe(_real), 2)),
    errors=_object(low=_real, high=_real, counts=_list(_whole, least=1)),
)


def _result(at: str, x: Any) -> Any:
    is_numbers = isinstance(x, Mapping) and x.get("kind") == "numbers"
    return (_numbers if is_numbers else _classes)(at, x)


def _trace(at: str, x: Any) -> Any:
    try:
        from_json(x)
    except DataError as error:
        raise _UnfitError(f"{at}: {error}") from error
    return x


_document = _object(
    format=_among(FORMAT),
    v=_whole,
    title=_text,
    status=_among(*STATUSES),
    stopped=_text,
    started=_text,
    planned=_maybe(_whole),
    lr=_maybe(_real),
    config=_list(_list(_text, 2)),
    versions=_table(_text),
    revision=_text,
    data=_table(_text),
    history=_object(epochs=_list(_epoch), steps=_whole, batches=_whole),
    record=_record,
    result=_maybe(_result),
    trace=_maybe(_trace),
    backward=_among("", "backward.html"),
    command=_text,
    script=_text,
    verdict=_list(_object(level=_among(*_LEVELS), text=_text)),
)


def checked(raw: Any, name: str) -> dict[str, Any]:
    """`raw` as a document, with nothing in it that is not known.

    Args:
        raw: What JSON held.
        name: What to call it in messages.

    Raises:
        DataError: It is none, or of a later version.
    """
    if isinstance(raw, Mapping) and raw.get("format") == FORMAT and raw.get("v") != VERSION:
        raise DataError(
            f"{name}: got version {str(raw.get('v'))[:20]!r} of a report, expected {VERSION}; read "
            "it with the tinygrad_nn that wrote it, or train anew"
        )
    try:
        document: dict[str, Any] = _document("", plain(raw))
        _agree(document)
    except (_UnfitError, RecursionError) as error:
        raise DataError(
            f"{name}: got a report that does not fit ({str(error)[:300]}), expected what "
            "tinygrad_nn wrote; restore the file, or train anew"
        ) from error
    return document


def _agree(document: Mapping[str, Any]) -> None:
    """Lists that belong together have one length, numbers of epochs rise."""
    record = document["record"]
    count = len(record["layers"])
    for i, row in enumerate(record["epochs"]):
        for name in ("weight", "gradient", "update", "idle"):
            if len(row[name]) != count:
                raise _UnfitError(
                    f"record/epochs/{i}/{name} has {len(row[name])} layers of {count}"
                )
    for i, row in enumerate(record["histograms"]):
        if len(row["layers"]) != count:
            raise _UnfitError(f"record/histograms/{i} has {len(row['layers'])} layers of {count}")
    for at, rows, key in (
        ("history/epochs", document["history"]["epochs"], "number"),
        ("record/epochs", record["epochs"], "epoch"),
        ("record/histograms", record["histograms"], "epoch"),
    ):
        numbers = [row[key] for row in rows]
        if any(a >= b for a, b in pairwise(numbers)):
            raise _UnfitError(f"{at} are not in order")
    result = document["result"]
    if result and result["kind"] == "classes":
        _agree_classes(result)


def _agree_classes(result: Mapping[str, Any]) -> None:
    count, counts = len(result["classes"]), result["confusion"]
    if counts is not None and [len(row) for row in counts] != [count] * count:
        raise _UnfitError(f"result/confusion is no table of {count} classes")
    if counts is not None and sum(map(sum, counts)) != result["total"]:
        raise _UnfitError("result/total is not the sum of result/confusion")
    if result["right"] > result["total"]:
        raise _UnfitError("result/right is above result/total")
    for mistake in result["mistakes"]:
        if max(mistake["truth"], mistake["answer"]) >= count:
            raise _UnfitError(f"result/mistakes name a class above {count - 1}")


def checked_record(raw: Any) -> dict[str, Any] | None:
    """What a `Recorder` noted, or None if it is no such thing."""
    try:
        record: dict[str, Any] = _record("record", plain(raw))
        _agree({"record": record, "history": {"epochs": []}, "result": None})
    except (_UnfitError, RecursionError):
        return None
    return record


def empty_record() -> dict[str, Any]:
    """The record of a training that nobody recorded."""
    nothing: dict[str, Any] = {"film": None, "first_loss": None, "wild": None, "nonfinite": None}
    lists: dict[str, Any] = {"layers": [], "epochs": [], "histograms": [], "losses": []}
    return {**lists, **nothing, "stride": 1, "batches": 0, "seconds": 0.0}
