"""Inputs to check a function at: drawn for shapes that were typed, or read from a file."""

from __future__ import annotations

import argparse
import inspect
import zipfile
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import numpy as np

from tinygrad_nn.errors import DataError, OptionError
from tinygrad_nn.testing.inputs import domains
from tinygrad_nn.testing.inputs.domains import Domain, RandomSource, interval

__all__ = ["DOMAINS", "inputs_for", "shape_of"]

_PLAIN: Final = "real"
DOMAINS: Final = {
    name.lower().replace("_", "-"): found
    for name, found in vars(domains).items()
    if isinstance(found, Domain) and not found.whole
}
"""Domains by the names that are typed."""
_LARGEST = 10**7


def shape_of(text: str) -> tuple[int, ...]:
    """`3,4` as a shape; `()` of a number."""
    inner = text.strip("()[] ").rstrip(",")
    parts = [part.strip() for part in inner.split(",")] if inner else []
    if not all(p.isascii() and p.isdigit() and len(p) < 10 for p in parts):
        raise argparse.ArgumentTypeError(
            f"got {text[:60]!r}, expected lengths with commas between; pass for instance --shape "
            "3,4, or --shape '()' for a number"
        )
    return tuple(map(int, parts))


def inputs_for(f: Any, found: argparse.Namespace) -> list[Any]:
    """The inputs that were asked for.

    Raises:
        OptionError: It is not said what they are, or what is said does not fit the function.
        DataError: The file cannot be read.
    """
    if found.inputs is not None:
        if found.shape or found.domain:
            raise OptionError(
                "--inputs: got it with --shape or --domain, expected one or the other; leave out "
                "what is not meant"
            )
        return _read(f, found.inputs)
    names = _names(f)
    shapes = found.shape
    if not shapes:
        many = len(names) if names else 1
        of = f" for each of its inputs ({', '.join(names)})" if names else ""
        raise OptionError(
            f"--shape: got none, expected one{of}; pass for instance"
            f"{' --shape 3,4' * max(many, 1)}, or --inputs FILE.npz"
        )
    if names and len(shapes) == 1:
        shapes = shapes * len(names)
    if names and len(shapes) != len(names):
        raise OptionError(
            f"--shape: got {len(shapes)}, expected {len(names)}, one for each input "
            f"({', '.join(names)}), or one for all of them"
        )
    return _drawn(shapes, found.domain or [_PLAIN], found.dtype, found.seed or 0)


def _drawn(shapes: list[tuple[int, ...]], asked: list[str], dtype: str, seed: int) -> list[Any]:
    if len(asked) == 1:
        asked = asked * len(shapes)
    if len(asked) != len(shapes):
        raise OptionError(
            f"--domain: got {len(asked)}, expected one for each of {len(shapes)} inputs, or one "
            "for all of them"
        )
    if sum(int(np.prod(s, dtype=float)) for s in shapes) > _LARGEST:
        raise OptionError(f"--shape: got more than {_LARGEST:,} elements; check at smaller inputs")
    rng = np.random.default_rng(seed)
    # A normal distribution has no ties and no zeros, where many functions have kinks.
    return [
        np.asarray(
            rng.normal(size=shape) if name == _PLAIN else _domain(name).draw(
                RandomSource(rng), shape
            ),
            dtype,
        )
        for name, shape in zip(asked, shapes, strict=True)
    ]  # fmt: skip


def _domain(name: str) -> Domain:
    if name in DOMAINS:
        return DOMAINS[name]
    low, colon, high = name.partition(":")
    try:
        return interval(float(low), float(high))
    except ValueError as error:
        if colon:
            raise OptionError(
                f"--domain: got {name[:60]!r}, expected an interval such as 0.5:2"
            ) from error
        near = get_close_matches(name, DOMAINS, 1)
        hint = f"; did you mean {near[0]}?" if near else ", or an interval such as 0.5:2"
        raise OptionError(
            f"--domain: got {name[:60]!r}, expected one of {', '.join(DOMAINS)}{hint}"
        ) from error


def _names(f: Any) -> list[str]:
    """Names of the arguments that a function needs; none where that is not known."""
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return []
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return []
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in parameters if p.kind in kinds and p.default is p.empty]


def _read(f: Any, name: str) -> list[Any]:
    """The arrays of a file: by the names of the arguments if it has them, else in its order."""
    path = Path(name)
    if not path.is_file():
        raise DataError(f"--inputs: there is no file {name[:100]!r}; save one with numpy.savez")
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return [loaded]
        with loaded:
            names = _names(f)
            chosen = names if names and set(names) <= set(loaded.files) else loaded.files
            return [loaded[key] for key in chosen]
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(
            f"--inputs: {name[:100]!r} cannot be read ({error}), expected arrays of numbers as "
            "numpy.savez writes them"
        ) from error
