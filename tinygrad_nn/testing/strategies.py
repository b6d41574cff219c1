"""Hypothesis strategies for gradient checks: arrays with domains, samples, modules, expressions.

    from tinygrad_nn.testing import strategies as st_

    @settings(deadline=None)
    @given(st_.tensors(domain=st_.POSITIVE))
    def test_log(x):
        gradcheck(tg.log, x).assert_ok()

Values come from a short grid of readable numbers, so that a failing example shrinks quickly, to
one that can be read: `[0.5, -2.0]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, TypeVar

import numpy as np
from hypothesis import strategies as st

from tinygrad_nn.core.op import OPS, Op
from tinygrad_nn.core.samples import REAL as EVERYWHERE
from tinygrad_nn.core.samples import Domain as Interval
from tinygrad_nn.core.samples import Sample
from tinygrad_nn.errors import OptionError
from tinygrad_nn.tensor import Tensor
from tinygrad_nn.testing.inputs.domains import DISTINCT as DISTINCT
from tinygrad_nn.testing.inputs.domains import KINKY as KINKY
from tinygrad_nn.testing.inputs.domains import NONNEGATIVE as NONNEGATIVE
from tinygrad_nn.testing.inputs.domains import NONZERO as NONZERO
from tinygrad_nn.testing.inputs.domains import ONE_HOT as ONE_HOT
from tinygrad_nn.testing.inputs.domains import ORTHOGONAL as ORTHOGONAL
from tinygrad_nn.testing.inputs.domains import PERMUTATION as PERMUTATION
from tinygrad_nn.testing.inputs.domains import POSITIVE as POSITIVE
from tinygrad_nn.testing.inputs.domains import POSITIVE_DEFINITE as POSITIVE_DEFINITE
from tinygrad_nn.testing.inputs.domains import PROBABILITY as PROBABILITY
from tinygrad_nn.testing.inputs.domains import REAL as REAL
from tinygrad_nn.testing.inputs.domains import SIMPLEX as SIMPLEX
from tinygrad_nn.testing.inputs.domains import SORTED as SORTED
from tinygrad_nn.testing.inputs.domains import SYMMETRIC as SYMMETRIC
from tinygrad_nn.testing.inputs.domains import TRIANGULAR as TRIANGULAR
from tinygrad_nn.testing.inputs.domains import Domain as Domain
from tinygrad_nn.testing.inputs.domains import distinct as distinct
from tinygrad_nn.testing.inputs.domains import finite as finite
from tinygrad_nn.testing.inputs.domains import integers as integers
from tinygrad_nn.testing.inputs.domains import interval as interval
from tinygrad_nn.testing.inputs.domains import kinky as kinky
from tinygrad_nn.testing.inputs.domains import of_samples
from tinygrad_nn.testing.inputs.domains import triangular as triangular
from tinygrad_nn.testing.inputs.drawn import Drawn
from tinygrad_nn.testing.inputs.graphs import (
    Expression,
    Move,
    expression,
    numeric_operations,
    operations,
)
from tinygrad_nn.testing.inputs.networks import FAMILIES, Network
from tinygrad_nn.testing.inputs.shapes import Shape
from tinygrad_nn.testing.inputs.shapes import broadcastable as broadcastable
from tinygrad_nn.testing.inputs.shapes import shapes as shapes

_T = TypeVar("_T")

# ── Values ─────────────────────────────────────────────────────────────────────────────────────


@st.composite
def _shapes_of(draw: Any, domain: Domain, empty: bool) -> Shape:
    """Shapes that an array of a domain may have."""
    shape: Shape = draw(
        shapes(min_dims=domain.axes, max_dims=max(3, domain.axes), empty=empty and not domain.full)
    )
    return (*shape[:-1], shape[-2]) if domain.square else shape


def arrays(
    shape: Any = None,
    dtype: Any = np.float64,
    domain: Domain = REAL,
    extremes: bool = False,
    empty: bool = False,
) -> st.SearchStrategy[Any]:
    """NumPy arrays with values of a domain.

    Args:
        shape: A shape, or a strategy of shapes; by default all that fit the domain, up to 3 axes.
        dtype: Of the array. That of domains of integers is int64 if this is of floats.
        domain: Of the values: one of this module's (`POSITIVE`, `interval(0, 1)`, ...).
        extremes: Now and then with values at the ends of the domain, such as 1e150.
        empty: Whether a drawn shape may have sides of 0.

    Raises:
        OptionError: `domain` is no domain.
        ShapeError: No array of this shape lies in the domain.

    Example:
        >>> from hypothesis import find
        >>> from tinygrad_nn.testing import strategies as st_
        >>> find(st_.arrays((2,), domain=st_.POSITIVE), lambda x: x.sum() > 1.5)
        array([1., 1.])
    """
    if not isinstance(domain, Domain):
        raise OptionError(
            f"arrays: got domain={domain!r:.60}, expected a domain of this module, such as "
            "POSITIVE or interval(0, 1)"
        )
    if shape is None:
        shape = _shapes_of(domain, empty)
    elif isinstance(shape, int):
        shape = (shape,)
    fixed = shape if isinstance(shape, st.SearchStrategy) else st.just(tuple(shape))
    return _arrays(fixed, np.dtype(dtype), domain, extremes)


@st.composite
def _arrays(draw: Any, known: Any, dtype: Any, domain: Domain, extremes: bool) -> Any:
    found = domain.draw(Drawn(draw), draw(known), extremes)
    if dtype.kind != "f":
        return found.astype(dtype)
    if domain.whole:
        return found
    # What overflows in a short dtype is replaced by its largest number.
    limit = np.finfo(dtype)
    with np.errstate(under="ignore"):
        return np.clip(found, float(limit.min), float(limit.max)).astype(dtype)


def tensors(
    shape: Any = None,
    dtype: Any = np.float64,
    domain: Domain = REAL,
    requires_grad: bool = True,
    extremes: bool = False,
    empty: bool = False,
) -> st.SearchStrategy[Tensor]:
    """Tensors with values of a domain; the arguments are those of `arrays`.

    Example:
        >>> from hypothesis import given, settings
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn.testing import gradcheck
        >>> from tinygrad_nn.testing import strategies as st_
        >>> @settings(deadline=None, max_examples=10)
        ... @given(st_.tensors(domain=st_.POSITIVE))
        ... def test_log(x):
        ...     gradcheck(tg.log, x).assert_ok()
        >>> test_log()
    """

    def tensor(x: Any) -> Tensor:
        return Tensor(x, requires_grad=requires_grad and x.dtype.kind == "f")

    return arrays(shape, dtype, domain, extremes, empty).map(tensor)


def arguments(
    *domains: Domain,
    dtype: Any = np.float64,
    max_dims: int = 3,
    extremes: bool = False,
    empty: bool = False,
) -> st.SearchStrategy[tuple[Any, ...]]:
    """Arrays that broadcast with one another, one of each domain.

    Example:
        >>> from hypothesis import given, settings
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn.testing import gradcheck
        >>> from tinygrad_nn.testing import strategies as st_
        >>> @settings(deadline=None, max_examples=10)
        ... @given(st_.arguments(st_.POSITIVE, st_.REAL))
        ... def test_pow(pair):
        ...     gradcheck(tg.pow, *pair).assert_ok()
        >>> test_pow()
    """
    known = broadcastable(len(domains), max_dims=max_dims, empty=empty)
    return known.flatmap(
        lambda sides: st.tuples(
            *(arrays(s, dtype, d, extremes) for s, d in zip(sides, domains, strict=True))
        )
    )


# ── Samples of operations ──────────────────────────────────────────────────────────────────


class _SampleDraw:
    """The `Draw` that operations describe their samples by, on Hypothesis."""

    def __init__(self, draw: Any) -> None:
        self._draw, self._source = draw, Drawn(draw)

    def integer(self, low: int, high: int) -> int:
        return int(self._draw(st.integers(low, high)))

    def choice(self, options: Sequence[_T]) -> _T:
        return list(options)[self.integer(0, len(options) - 1)]

    def shape(self, min_dims: int = 0, max_dims: int = 3, min_side: int = 0) -> Shape:
        full: Shape = self._draw(shapes(min_dims, max_dims, empty=not min_side))
        return tuple(max(side, min_side) for side in full)

    def shapes(self, count: int) -> list[Shape]:
        return list(self._draw(broadcastable(count, empty=True)))

    def array(self, shape: Shape, domain: Interval = EVERYWHERE) -> Any:
        return of_samples(domain).draw(self._source, shape)

    def mask(self, shape: Shape) -> Any:
        return self.integers(shape, 0, 1).astype(bool)

    def integers(self, shape: Shape, low: int, high: int) -> Any:
        drawn = self._source.integers(low, high, prod(shape))
        return np.array(drawn, np.int64).reshape(shape)


def samples(operation: Op | str) -> st.SearchStrategy[Sample]:
    """Arguments of one call of an operation: arrays in its domain, and static arguments.

    Args:
        operation: Record of an operation, or its name.

    Raises:
        OptionError: No operation has this name.
    """
    if isinstance(operation, str):
        if operation not in OPS:
            raise OptionError(f"samples: got {operation!r}, expected the name of an operation")
        operation = OPS[operation]
    return _samples(operation)


@st.composite
def _samples(draw: Any, record: Op) -> Sample:
    return record.sample(_SampleDraw(draw))


# ── Modules ────────────────────────────────────────────────────────────────────────────────


def modules(*families: str) -> st.SearchStrategy[Network]:
    """Small networks, each with inputs that fit, in float64 and without randomness.

    Args:
        *families: Which kinds: "mlp", "conv", "recurrent", "attention", "norm"; all by default.

    Raises:
        OptionError: There is no such family.

    Example:
        >>> from hypothesis import given, settings
        >>> from tinygrad_nn.testing import gradcheck
        >>> from tinygrad_nn.testing import strategies as st_
        >>> @settings(deadline=None, max_examples=10)
        ... @given(st_.modules("mlp"))
        ... def test(network):
        ...     gradcheck(network.module, *network.inputs).assert_ok()
        >>> test()
    """
    unknown = set(families) - set(FAMILIES)
    if unknown:
        raise OptionError(
            f"modules: got {', '.join(map(repr, sorted(unknown)))}, expected some of "
            f"{', '.join(map(repr, FAMILIES))}"
        )
    return st.sampled_from(families or tuple(FAMILIES)).flatmap(_modules)


@st.composite
def _modules(draw: Any, family: str) -> Network:

    def pick(options: Sequence[_T]) -> _T:
        return draw(st.sampled_from(list(options)))  # type: ignore[no-any-return]

    module, shape = FAMILIES[family](pick)
    return Network(family, module.double(), (draw(arrays(shape)),))


# ── Expressions ────────────────────────────────────────────────────────────────────────────

# Mostly the newest value, so that little of what was drawn is left out of the result.
_NEW = st.sampled_from((0, 0, 0, 0, 0, 1, 2, 3))
_ANY = st.integers(0, 7)


def expressions(
    max_inputs: int = 3,
    max_steps: int = 8,
    among: Sequence[Op] | None = None,
    values: bool = False,
) -> st.SearchStrategy[Expression]:
    """Random expressions of operations, with inputs at which they have derivatives.

    Values are used several times, shapes broadcast, and what would leave the domain of an
    operation is brought into it by operations that are part of the expression. One prints as a
    function that can be pasted; a failing one shrinks to few operations and simple inputs.

    Args:
        max_inputs: Most inputs.
        max_steps: Most operations, without those that bring values into a domain.
        among: Operations to choose from; by default all of the registry that can be composed.
        values: Expressions of numbers, whose inputs are to be `Value`s.

    Example:
        >>> from hypothesis import given, settings
        >>> from tinygrad_nn.testing import gradcheck
        >>> from tinygrad_nn.testing import strategies as st_
        >>> @settings(deadline=None, max_examples=10)
        ... @given(st_.expressions(max_steps=3))
        ... def test(e):
        ...     gradcheck(e, *e.inputs).assert_ok()
        >>> test()
    """
    usual = numeric_operations if values else operations
    known = tuple(usual() if among is None else among)
    if not known or max_inputs < 1 or max_steps < 1:
        raise OptionError(
            f"expressions: got {len(known)} operations, {max_inputs} inputs and {max_steps} steps "
            "at most, expected at least one of each"
        )
    return _expressions(known, max_inputs, max_steps, values)


@st.composite
def _expressions(
    draw: Any, known: tuple[Op, ...], max_inputs: int, max_steps: int, values: bool
) -> Expression:
    # Four draws for each: with that which says whether there is one more, these are five, the most
    # that Hypothesis leaves out at once.
    move = st.tuples(st.sampled_from(known), _NEW, _ANY, _ANY)
    moves = draw(st.lists(move, min_size=1, max_size=max_steps))
    # As many as may be: those that are not used are no inputs of the expression.
    sides = ((),) * max_inputs if values else draw(broadcastable(max_inputs))
    # The simplest number is 1, which most domains hold; now and then there are zeros.
    inputs = [draw(arrays(shape, domain=NONZERO) | arrays(shape)) for shape in sides]
    return expression(inputs, [Move(record, choices) for record, *choices in moves])
