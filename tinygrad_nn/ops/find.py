"""What reductions find: whether, how many, where. Locally constant, so without gradients."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.core.op import Kind, op
from tinygrad_nn.core.samples import Domain, Draw, Sample
from tinygrad_nn.ops.axis import Axes, over_axes

__all__ = ["all", "any", "argmax", "argmin", "count_nonzero", "nanargmax", "nanargmin"]

DISTINCT = Domain(distinct=True)


@op(kernel="any", kind=Kind.CONSTANT, samples=over_axes, numpy="any")
def any(x: Any, /, axis: Axes = None, *, keepdims: bool = False) -> Any:
    """Whether an element over `axis` is not zero; bool, no gradient."""


@op(kernel="all", kind=Kind.CONSTANT, samples=over_axes, numpy="all")
def all(x: Any, /, axis: Axes = None, *, keepdims: bool = False) -> Any:
    """Whether all elements over `axis` are not zero; bool, no gradient."""


@op(kernel="count_nonzero", kind=Kind.CONSTANT, samples=over_axes, numpy="count_nonzero")
def count_nonzero(x: Any, /, axis: Axes = None, *, keepdims: bool = False) -> Any:
    """Number of elements over `axis` that are not zero; integer, no gradient."""


def _positions(draw: Draw) -> Sample:
    shape = draw.shape(min_side=1)
    axes: list[int | None] = [None, *range(-len(shape), len(shape))]
    static = {"axis": draw.choice(axes), "keepdims": draw.choice([False, True])}
    return (draw.array(shape, DISTINCT),), static


@op(kernel="argmax", kind=Kind.CONSTANT, samples=_positions, numpy="argmax")
def argmax(x: Any, /, axis: int | None = None, *, keepdims: bool = False) -> Any:
    """Position of the first largest element along `axis` (of all if None); no gradient."""


@op(kernel="argmin", kind=Kind.CONSTANT, samples=_positions, numpy="argmin")
def argmin(x: Any, /, axis: int | None = None, *, keepdims: bool = False) -> Any:
    """Position of the first smallest element along `axis` (of all if None); no gradient."""


@op(kernel="nanargmax", kind=Kind.CONSTANT, samples=_positions, numpy="nanargmax")
def nanargmax(x: Any, /, axis: int | None = None, *, keepdims: bool = False) -> Any:
    """`argmax` of the elements that are not NaN; no gradient.

    Raises:
        ValueError: There are none somewhere.
    """


@op(kernel="nanargmin", kind=Kind.CONSTANT, samples=_positions, numpy="nanargmin")
def nanargmin(x: Any, /, axis: int | None = None, *, keepdims: bool = False) -> Any:
    """`argmin` of the elements that are not NaN; no gradient.

    Raises:
        ValueError: There are none somewhere.
    """
