"""A trace as JSON, version 1, and back: the one form for files and for pages.

Strict JSON: NaN and the infinities are the strings "NaN", "Infinity" and "-Infinity". The same
trace gives the same text, without dates. Entries that are absent are null, "", 0, false or [].

    {"format": "tinygrad_nn trace", "v": 1, "root": key, "total": n, "observed": true,
     "failure": {"phase", "message", "op", "line", "at"} or null,
     "lines": [text], "rules": [text], "ops": [{"name", "arguments", "doc"}],
     "scopes": [{"path", "kind", "about", "parent", "call", "parameters"}],
     "nodes": [{"name", "named", "role", "op", "params", "inputs": [[key, slot]], "scope", "line",
                "value", "gradient", "missing", "left_out", "changed"}],
     "steps": [{"from", "to", "slot", "local", "adds", "sum", "rule"}],
     "uses": as "steps", of uses that no backward pass came to and of which more is known,
     "jacobians": [{"from", "slot", "entries": [[row, column, derivative]]}],
     "unused": [name of a parameter that the root was not computed from]}

`op`, `line`, `rule` and `scope` are places in the lists of these. A figure is a bare number (a
Python float), or {"shape", "dtype", "mean", "deviation", "low", "high", "norm", "nans", "infs",
"zeros", "elements", "picture": {"rows", "columns", "limit", "cells": base64}}.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NoReturn

from tinygrad_nn.errors import DataError
from tinygrad_nn.viz.trace.model import Trace
from tinygrad_nn.viz.trace.reading import from_json
from tinygrad_nn.viz.trace.writing import FORMAT, VERSION, to_json

__all__ = ["FORMAT", "LARGEST", "VERSION", "dumps", "from_json", "load", "loads", "to_json"]

LARGEST = 2**30
"""Bytes of the largest file that is read."""

# Told from other JSON by its beginning, so that a large file of another kind is refused at once.
_BEGINS = re.compile(r'\s*\{\s*"format"\s*:\s*"tinygrad_nn trace"')


def dumps(trace: Trace) -> str:
    """The trace as JSON text without needless spaces."""
    return json.dumps(to_json(trace), allow_nan=False, separators=(",", ":"))


def loads(text: str) -> Trace:
    """Trace from the text that `dumps` gave.

    Raises:
        DataError: It is no trace, of another version, or damaged.
    """
    if not _BEGINS.match(text):
        raise DataError(
            f"trace file: it begins with {text[:40]!r}, expected "
            f'{{"format": "{FORMAT}", ...}}; a trace is written by trace.save(path)'
        )
    try:
        found = json.loads(text, parse_constant=_refuse)
    except RecursionError as error:
        raise DataError("trace file: it is nested deeper than any trace") from error
    except ValueError as error:
        raise DataError(
            f"trace file: it is damaged or cut off: {str(error)[:200]}; write it again with "
            "trace.save(path)"
        ) from error
    return from_json(found)


def load(path: Path) -> Trace:
    """Trace from a file.

    Raises:
        DataError: It is no trace, of another version, damaged, or too large.
        OSError: It cannot be read.
    """
    size = path.stat().st_size
    if size > LARGEST:
        raise DataError(
            f"trace file {str(path)!r}: it has {size} bytes, expected at most {LARGEST}"
        )
    content = path.read_bytes()
    try:
        return loads(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise DataError(
            f"trace file {str(path)!r}: it is no text, expected a file written by trace.save(path)"
        ) from error


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"got the bare word {word}, expected the string {word!r}")
