"""Our operations beside functions of the same names in other libraries."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from importlib import import_module
from typing import Any

import numpy as np

from tinygrad_nn.core.record import OPS, Kind, Op
from tinygrad_nn.core.tree import flatten
from tinygrad_nn.draws import RandomDraw
from tinygrad_nn.errors import CheckError
from tinygrad_nn.testing.adapters import problem_of
from tinygrad_nn.testing.libraries import LIBRARIES, NUMPY
from tinygrad_nn.testing.oracle.compare import compare_problems, problem_by_engine, told_inputs
from tinygrad_nn.testing.oracle.comparison import Comparison

__all__ = ["operations"]

_JUDGES = {"numpy": NUMPY, **LIBRARIES}


def operations(
    engine: str,
    only: Sequence[str] = (),
    names: Mapping[str, Callable[..., Any] | None] | None = None,
    samples: int = 4,
    order: int = 2,
    seed: int = 0,
) -> Iterator[Comparison]:
    """Every operation that another library has by the same name, at samples of its inputs.

    A name alone may mean something else there: what a function refuses is not compared, and the
    `Comparison` says so in `refused`. Those that mean something else go into `names`.

    Args:
        engine: "numpy" (with SciPy), "torch", "jax" or "autograd".
        only: Keys of operations; all of them by default.
        names: Functions for operations whose name or meaning differs; None to leave one out.
        samples: Inputs drawn for each operation.
        order: As for `compare`.
        seed: For inputs and cotangents.

    Raises:
        CheckError: There is no such library, or it is not installed.

    Example:
        >>> from tinygrad_nn.testing.oracle import operations
        >>> [c.ok for c in operations("numpy", only=["exp"], samples=2)]
        [True, True]
    """
    places, other = _places(engine), _JUDGES[engine].renamed
    table = names or {}
    for record in OPS.values():
        if record.kind is Kind.CONSTANT or (only and record.key not in only):
            continue
        own = record.key in table
        function = table[record.key] if own else _found(places, record)
        if function is None:
            continue
        renamed = {} if own else other
        draw = RandomDraw(seed)
        for _ in range(samples):
            args, params = record.sample(draw)
            theirs = {renamed.get(k, k): v for k, v in params.items()}
            yield _beside(record, args, params, function, theirs, engine, order, seed)


def _beside(
    record: Op,
    args: Any,
    params: dict[str, Any],
    function: Callable[..., Any],
    theirs: dict[str, Any],
    engine: str,
    order: int,
    seed: int,
) -> Comparison:
    """One sampled call of both."""
    leaves, rebuild = flatten(list(args))
    inputs = tuple(np.array(x) if isinstance(x, np.generic) else x for x in leaves)

    def called(which: Callable[..., Any], static: dict[str, Any]) -> Callable[..., Any]:
        return lambda *given: which(*rebuild(list(given)), **deepcopy(static))

    name = getattr(function, "__name__", type(function).__name__)
    label = told_inputs(inputs) + "".join(f", {k}={v!r}" for k, v in params.items())
    empty = Comparison(record.key, f"{engine}'s {name}", label)
    pair = (
        problem_of(called(record.call, params), inputs, None, "tinygrad"),
        problem_by_engine(called(function, theirs), inputs, engine),
    )
    try:
        return compare_problems(pair, empty, order, None, np.random.default_rng(seed))
    except CheckError as error:  # of the same name, but another function
        return Comparison(record.key, empty.other, label, refused=str(error)[:200])


def _places(engine: str) -> list[Any]:
    """The library's modules that can be imported."""
    if engine not in _JUDGES:
        raise CheckError(f"operations: got {engine!r}, expected one of {', '.join(_JUDGES)}")
    found = []
    for name in _JUDGES[engine].places:
        with suppress(ImportError):
            found.append(import_module(name))
    if not found:
        raise CheckError(
            f"operations: {engine} cannot be imported, expected it as the judge; install it: "
            f"pip install {engine}"
        )
    return found


def _found(places: Sequence[Any], record: Op) -> Callable[..., Any] | None:
    """The first function that one of the modules has under one of the operation's names."""
    for name in (*record.numpy, record.name):
        for place in places:
            thing = place
            for part in name.split("."):
                thing = getattr(thing, part, None)
            if callable(thing):
                return thing  # type: ignore[no-any-return]
    return None
