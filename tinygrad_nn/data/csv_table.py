"""`read_csv`: a table of numbers and a target, read from a text file."""

from __future__ import annotations

import codecs
import csv
import io
import math
from array import array
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from os import PathLike
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinygrad_nn.data.arguments import flag, float_dtype, shown
from tinygrad_nn.data.arrays import owned
from tinygrad_nn.data.dataset import Dataset
from tinygrad_nn.data.unpacking import DAMAGE, open_unpacked
from tinygrad_nn.errors import DataError, OptionError

__all__ = ["read_csv"]

_DELIMITERS: Final = (",", ";", "\t", "|")
_MISSING: Final = frozenset({"", "?", "na", "n/a", "nan", "null", "none"})
_LOOKED_AT: Final = 20
_MAX_LISTED: Final = 20


class _Line(NamedTuple):
    number: int
    fields: list[str]


def read_csv(
    path: str | PathLike[str],
    *,
    target: str | int | None = None,
    classes: bool | Sequence[str] | None = None,
    columns: Sequence[str | int] | None = None,
    header: bool | None = None,
    delimiter: str | None = None,
    decimal: str = ".",
    encoding: str = "utf-8-sig",
    dtype: DTypeLike = np.float32,
) -> Dataset:
    r"""Return the rows of a CSV file as examples: numbers as inputs, one column as target.

    The file is read line by line, plain or gzip-compressed, and takes about 8 bytes a number
    while it is read. Empty fields, `?`, `NA`, `N/A`, `NaN`, `null` and `None` become NaN among
    the inputs. Empty lines are skipped.

    Args:
        path: the file.
        target: name or place (from 0; -1 is the last) of the column to predict.
        classes: whether the target is a class. None takes words for classes and numbers for
            measured values; True takes numbers for classes too; a list of names gives the
            classes and their order, else they are sorted.
        columns: names or places of the inputs; all but the target by default.
        header: whether the first line has the names. None: if none of its fields is a number.
        delimiter: None finds out among comma, semicolon, tab and bar.
        decimal: the decimal mark.
        encoding: of the text; UTF-8, with or without a mark at its start, by default.
        dtype: floating dtype of the inputs and of a measured target.

    Returns:
        Inputs of shape (n, columns); int64 labels of shape (n,) with the names in `classes`, or
        a measured target of shape (n,). The name is that of the file.

    Raises:
        DataError: no rows, a row of another length, a field that is no number, a target that is
            missing, or text in another encoding; the message has the number of the line.
        OptionError: `target` or `columns` names no column.
        OSError: the file does not exist or cannot be read.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "flowers.csv"
        ...     _ = path.write_text("length,width,kind\n5.1,3.5,lily\n4.9,,rose\n")
        ...     flowers = read_csv(path, target="kind")
        >>> flowers
        Dataset('flowers', inputs=float32 (2, 2), targets=int64 (2,), classes=2)
        >>> flowers.inputs[1].tolist(), flowers.classes
        ([4.900000095367432, nan], ('lily', 'rose'))
    """
    kind = float_dtype(dtype)
    _check_marks(delimiter, decimal)
    _check_encoding(encoding)
    with open_unpacked(path) as stream:
        text = io.TextIOWrapper(stream, encoding=encoding, newline="")  # type: ignore[type-var]
        try:
            return _read(
                text, Path(path), target, classes, columns, header, delimiter, decimal, kind
            )
        except UnicodeError as error:
            raise DataError(
                f"{path}: got bytes that are not {encoding} ({error}), expected text; pass "
                f"encoding='latin-1' or 'utf-16', whichever the file was saved in"
            ) from error
        except DAMAGE as error:
            raise DataError(f"{path}: got damaged compressed data ({error})") from error
        finally:
            text.detach()


def _read(
    text: Iterator[str],
    path: Path,
    target: str | int | None,
    classes: bool | Sequence[str] | None,
    columns: Sequence[str | int] | None,
    header: bool | None,
    delimiter: str | None,
    decimal: str,
    dtype: np.dtype[Any],
) -> Dataset:
    # The first lines are read twice: once to find out how the file is written.
    start = list(islice(text, _LOOKED_AT))
    mark = delimiter or _sniffed(start)
    lines = _lines(chain(start, text), mark, path)
    first = next(lines, None)
    if first is None:
        raise DataError(f"{path}: got no lines, expected a table; check that it is the right file")
    has_names = _is_header(first.fields, decimal) if header is None else flag("header", header)
    names = [field.strip() for field in first.fields] if has_names else []
    width = len(first.fields)
    shown_names = names or [str(place) for place in range(width)]
    if target is None:
        raise OptionError(
            f"read_csv: got no target=, expected the column to predict: one of "
            f"{_listed(shown_names)}; pass for instance target={shown_names[-1]!r}"
        )
    goal = _place("target", target, names, width)
    chosen = [place for place in range(width) if place != goal]
    if columns is not None:
        chosen = [_place("columns", column, names, width) for column in columns]
    if not chosen or goal in chosen:
        raise OptionError(
            f"columns: got {shown(columns)}, expected at least one column besides the target; "
            f"there are {_listed(shown_names)}"
        )
    body = lines if has_names else chain([first], lines)
    values, goals = array("d"), []
    known: dict[str, str] = {}
    for line in body:
        _check_width(line, width, path)
        for place in chosen:
            values.append(_number(line, place, shown_names[place], decimal, path))
        word = line.fields[goal].strip()
        if _is_missing(word):
            raise DataError(
                f"{path}, line {line.number}: got no target in column {shown_names[goal]!r}, "
                f"expected one in every row; remove the row"
            )
        # One object for each different word: a class has few of them.
        goals.append(known.setdefault(word, word))
    if not goals:
        raise DataError(f"{path}: got a line of names and no rows, expected at least one")
    inputs = np.frombuffer(values, np.float64).reshape(-1, len(chosen)).astype(dtype)
    targets, labels = _targets(
        goals, classes, decimal, dtype, f"{path}: column {shown_names[goal]!r}"
    )
    return Dataset(owned(inputs), owned(targets), path.name.split(".")[0], labels)


def _lines(text: Iterator[str], delimiter: str, path: Path) -> Iterator[_Line]:
    reader = csv.reader(text, delimiter=delimiter, strict=True, skipinitialspace=True)
    try:
        for fields in reader:
            if any(field.strip() for field in fields):
                yield _Line(reader.line_num, fields)
    except csv.Error as error:
        raise DataError(
            f"{path}, line {reader.line_num}: got {error}, expected fields separated by "
            f"{delimiter!r}, with quotes that are closed"
        ) from error


def _sniffed(start: list[str]) -> str:
    """Return the mark that cuts the first lines into the most fields, as many in each."""
    best, most = ",", 1
    for mark in _DELIMITERS:
        try:
            rows = [row for row in csv.reader(start, delimiter=mark, skipinitialspace=True) if row]
        except csv.Error:
            rows = []
        # A quoted field may go on behind the lines that were read.
        counts = {len(row) for row in rows[:-1] or rows}
        if len(counts) == 1 and max(counts) > most:
            best, most = mark, max(counts)
    return best


def _is_header(fields: list[str], decimal: str) -> bool:
    words = [field.strip() for field in fields]
    return not any(_is_missing(word) or _parsed(word, decimal) is not None for word in words)


def _is_missing(word: str) -> bool:
    return word.lower() in _MISSING


def _parsed(word: str, decimal: str) -> float | None:
    # Python would take 1_000 for a number, and with a decimal comma 1.000 is a thousand.
    if "_" in word or (decimal != "." and "." in word):
        return None
    try:
        return float(word.replace(decimal, "."))
    except ValueError:
        return None


def _number(line: _Line, place: int, name: str, decimal: str, path: Path) -> float:
    word = line.fields[place].strip()
    if _is_missing(word):
        return math.nan
    value = _parsed(word, decimal)
    if value is None:
        hint = (
            "pass decimal=',' for decimal commas"
            if "," in word
            else "leave the column out with columns="
        )
        raise DataError(
            f"{path}, line {line.number}: got {shown(word)} in column {name!r}, expected a "
            f"number; {hint}"
        )
    return value


def _check_width(line: _Line, width: int, path: Path) -> None:
    if len(line.fields) != width:
        raise DataError(
            f"{path}, line {line.number}: got {len(line.fields)} fields, expected {width} as in "
            f"the first line; quote fields that hold the delimiter, or pass delimiter="
        )


def _place(option: str, column: str | int, names: list[str], width: int) -> int:
    if isinstance(column, str) and names.count(column) == 1:
        return names.index(column)
    if isinstance(column, int) and not isinstance(column, bool) and -width <= column < width:
        return column % width
    known = f"one of {_listed(names)}" if names else "the file has no names: a place"
    twice = " exactly once" if isinstance(column, str) and column in names else ""
    raise OptionError(
        f"{option}: got {shown(column)}, expected {known}{twice}, or a place from 0 to {width - 1}"
    )


def _targets(
    words: list[str],
    classes: bool | Sequence[str] | None,
    decimal: str,
    dtype: np.dtype[Any],
    where: str,
) -> tuple[NDArray[Any], tuple[str, ...]]:
    numbers = {word: _parsed(word, decimal) for word in set(words)}
    is_measured = all(number is not None for number in numbers.values())
    if classes is False or (classes is None and is_measured):
        bad = sorted(word for word, number in numbers.items() if number is None)
        if bad:
            raise DataError(
                f"{where}: got {shown(bad[0])}, expected numbers because classes=False; "
                f"leave classes= out"
            )
        return np.array([numbers[word] for word in words], dtype), ()
    if classes is None or classes is True:
        # Numbers in their order: 2 before 10.
        order = sorted(numbers, key=lambda word: (numbers[word] if is_measured else 0.0, word))
    else:
        order = list(classes) if not isinstance(classes, str) else []
        unknown = sorted(set(words) - set(order))
        if unknown or len(set(order)) != len(order):
            raise DataError(
                f"{where}: got {_listed(unknown)}, expected one of classes={shown(classes)}, "
                f"each named once; add the missing names"
            )
    index = {word: label for label, word in enumerate(order)}
    return np.array([index[word] for word in words], np.int64), tuple(order)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
    return ", ".join(repr(name) for name in names[:_MAX_LISTED]) + more


def _check_encoding(encoding: str) -> None:
    try:
        codecs.lookup(encoding)
    except (LookupError, TypeError) as error:
        raise OptionError(
            f"encoding: got {shown(encoding)}, expected the name of one; pass encoding='utf-8'"
        ) from error


def _check_marks(delimiter: object, decimal: object) -> None:
    if delimiter is not None and (not isinstance(delimiter, str) or len(delimiter) != 1):
        raise OptionError(f"delimiter: got {shown(delimiter)}, expected one character; pass ';'")
    if decimal not in (".", ",") or decimal == delimiter:
        raise OptionError(
            f"decimal: got {shown(decimal)} with delimiter {shown(delimiter)}, expected '.' or "
            f"',' and not the delimiter"
        )
