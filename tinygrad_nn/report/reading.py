"""Reading a document from a run folder, a saved page, or a JSON file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Final, NoReturn

from tinygrad_nn.errors import DataError
from tinygrad_nn.report.document import finished
from tinygrad_nn.report.schema import FORMAT, checked, empty_record
from tinygrad_nn.viz.saving import named
from tinygrad_nn.viz.wording import clean, shorten

__all__ = ["REPORT", "of_run", "read"]

REPORT: Final = "report.json"
RUN: Final = "run.json"
_RUN_FORMAT: Final = "tinygrad_nn run"
_LARGEST: Final = 64 * 2**20
_OPENS: Final = '<script type="application/json" id="report">'


def read(path: str | PathLike[str]) -> dict[str, Any]:
    """The document at `path`.

    Raises:
        OperandError: `path` is neither a text nor a path.
        DataError: There is none, or it does not fit.
    """
    place = named(path, "report")
    if os.path.isdir(place):
        return _of_folder(place)
    # Unlike those of a Path these take a name that is too long for one that nothing has.
    if not os.path.isfile(place):
        raise DataError(
            f"{shorten(clean(str(place)), 300)}: got nothing there, expected a run folder, a "
            "report's page or its JSON; check the path"
        )
    text = _text(place)
    if text.lstrip()[:1] == "<":
        text = text.partition(_OPENS)[2].partition("</script>")[0]
        if not text:
            raise DataError(f"{place}: got a page without a report in it, expected one")
    raw = _parsed(text, place)
    return of_run(raw, str(place)) if _is_run(raw) else checked(raw, str(place))


def _of_folder(folder: Path) -> dict[str, Any]:
    """The report, unless the run went on after it was written."""
    run, report = folder / RUN, folder / REPORT
    if not run.is_file() and not report.is_file():
        raise DataError(
            f"{folder}: got a folder without {RUN} and {REPORT}, expected that of a run; check the "
            "path, or make one with tinygrad-nn train"
        )
    found = of_run(_parsed(_text(run), run), str(run)) if run.is_file() else None
    if not report.is_file():
        assert found is not None
        return found
    whole = checked(_parsed(_text(report), report), str(report))
    if found is None or len(found["history"]["epochs"]) <= len(whole["history"]["epochs"]):
        return whole
    return found


def _is_run(raw: Any) -> bool:
    return isinstance(raw, Mapping) and raw.get("format") == _RUN_FORMAT


def of_run(raw: Any, name: str) -> dict[str, Any]:
    """The document of what `tinygrad-nn train` notes while it runs.

    Raises:
        DataError: It is no such thing.
    """
    if not _is_run(raw):
        kind = raw.get("format") if isinstance(raw, Mapping) else type(raw).__name__
        raise DataError(
            f"{name}: got {str(kind)[:60]!r}, expected {_RUN_FORMAT!r} or {FORMAT!r}; check the "
            "path"
        )
    try:
        settings, data = dict(raw["settings"]), dict(raw["data"])
        epochs = list(raw["epochs"])
        entries = {
            "title": f"{data['name']} {'-'.join(map(str, raw['network']['sizes']))}",
            "status": str(raw["status"]),
            "stopped": "",
            "started": str(raw["started"]),
            "planned": settings["epochs"],
            "lr": settings["lr"],
            "config": [[str(k), _shown(v)] for k, v in settings.items() if v is not None],
            "data": {
                "name": str(data["name"]),
                "learned from": f"{int(data['train']):,} examples",
                "tested on": f"{int(data['test']):,} examples",
            },
            "versions": {str(k): str(v) for k, v in raw["versions"].items()},
            "history": {"epochs": epochs, "steps": 0, "batches": 0},
            "record": raw.get("record") or empty_record(),
            "revision": str(raw.get("revision", "")),
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        _refuse(name, error)
    return finished(entries, name)


def _refuse(name: str, error: Exception) -> NoReturn:
    raise DataError(
        f"{name}: got a run that does not fit ({type(error).__name__}: {str(error)[:200]}), "
        "expected what tinygrad-nn train wrote; restore the file, or train anew"
    ) from error


def _shown(x: Any) -> str:
    return ", ".join(map(str, x)) or "none" if isinstance(x, (list, tuple)) else str(x)[:400]


def _text(path: Path) -> str:
    try:
        if (size := path.stat().st_size) > _LARGEST:
            raise DataError(
                f"{path}: got {size:,} bytes, expected at most {_LARGEST:,}; check the path"
            )
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "bytes that are no UTF-8"
        raise DataError(f"{path}: got {why!r}, expected a readable text file; check it") from error


def _parsed(text: str, path: Path) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{path}: got no JSON ({str(error)[:120]}), expected a whole file; it was cut off or "
            "changed: restore it, or train anew"
        ) from error


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")
