"""How operations that are not applied element by element join random expressions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tinygrad_nn.core.samples import NONZERO, POSITIVE, Domain

__all__ = ["RECIPES", "Recipe"]

Shape = tuple[int, ...]
Static = Callable[[Sequence[Shape], int], dict[str, Any] | None]

_ANY = Domain(low=-1e4, high=1e4)
_FEW = Domain(low=-8.0, high=8.0)


class Recipe(NamedTuple):
    """How an operation is called.

    Attributes:
        static: Its static arguments, from the shapes of its arguments and a small number; None if
            it cannot be applied to them.
        arity: Number of arguments.
        domain: Of each argument.
        listed: Whether the arguments are given as one list.
        broadcast: Whether they are combined element by element.
    """

    static: Static
    arity: int = 1
    domain: Domain = _ANY
    listed: bool = False
    broadcast: bool = False


def _nothing(shapes: Sequence[Shape], choice: int) -> dict[str, Any] | None:
    return {}


def _axis(shapes: Sequence[Shape], choice: int) -> dict[str, Any] | None:
    """One of the axes."""
    return {"axis": choice % len(shapes[0])} if shapes[0] else None


def _some_axes(shapes: Sequence[Shape], choice: int) -> dict[str, Any] | None:
    """No axis at all, for the sum of everything; or one, that stays or goes."""
    count = len(shapes[0])
    axis = choice % (count + 1)
    if axis == count:
        return {}
    return {"axis": axis, "keepdims": True} if choice > count else {"axis": axis}


def _several(shapes: Sequence[Shape], choice: int) -> dict[str, Any] | None:
    """An axis of at least two elements: else the spread is 0, and its root has no derivative."""
    found = _axis(shapes, choice)
    return found if found and shapes[0][found["axis"]] > 1 else None


def _new_axis(shapes: Sequence[Shape], choice: int) -> dict[str, Any] | None:
    return {"axis": choice % (len(shapes[0]) + 1)} if len(shapes[0]) < 4 else None


def _flat(shapes: Sequence[Shape], choice: int) -> dict[str, Any] | None:
    return {"shape": (-1,)}


def _matrix(shapes: Sequence[Shape], choice: int) -> dict[str, Any] | None:
    return {} if len(shapes[0]) > 1 else None


def _shifted(shapes: Sequence[Shape], choice: int) -> dict[str, Any] | None:
    found = _axis(shapes, choice)
    return None if found is None else {"shift": 1, **found}


def _equal_shapes(shapes: Sequence[Shape], choice: int) -> dict[str, Any] | None:
    return {} if len(set(shapes)) == 1 else None


def _joined(shapes: Sequence[Shape], choice: int) -> dict[str, Any] | None:
    return _axis(shapes, choice) if len(set(shapes)) == 1 else None


def _repeated(shapes: Sequence[Shape], choice: int) -> dict[str, Any] | None:
    found = _axis(shapes, choice)
    return None if found is None else {"repeats": 2, **found}


RECIPES: dict[str, Recipe] = {
    **{name: Recipe(_some_axes) for name in ("sum", "mean", "max", "min", "logsumexp")},
    "prod": Recipe(_some_axes, domain=_FEW),
    **{name: Recipe(_axis) for name in ("cumsum", "flip", "sort", "cummax", "cummin")},
    **{name: Recipe(_axis, domain=_FEW) for name in ("softmax", "log_softmax", "logcumsumexp")},
    "cumprod": Recipe(_axis, domain=_FEW),
    "var": Recipe(_several),
    "diff": Recipe(_several),
    "expand_dims": Recipe(_new_axis),
    "reshape": Recipe(_flat),
    "permute_dims": Recipe(_nothing),
    "matrix_transpose": Recipe(_matrix),
    "tril": Recipe(_matrix),
    "triu": Recipe(_matrix),
    "diagonal": Recipe(_matrix),
    "trace": Recipe(_matrix),
    "roll": Recipe(_shifted),
    "repeat": Recipe(_repeated),
    "matmul": Recipe(_nothing, 2),
    "inner": Recipe(_nothing, 2),
    "outer": Recipe(_nothing, 2),
    "kron": Recipe(_nothing, 2),
    "stack": Recipe(_equal_shapes, 2, listed=True),
    "concat": Recipe(_joined, 2, listed=True),
    **{
        name: Recipe(_nothing, 2, broadcast=True)
        for name in ("add", "subtract", "multiply", "maximum", "minimum", "fmax", "fmin")
    },
    "hypot": Recipe(_nothing, 2, POSITIVE, broadcast=True),
    "arctan2": Recipe(_nothing, 2, NONZERO, broadcast=True),
    **{name: Recipe(_nothing, 1, NONZERO) for name in ("leaky_relu", "elu", "celu")},
    **{name: Recipe(_nothing, 1, _FEW) for name in ("softplus", "gelu")},
    **{name: Recipe(_nothing) for name in ("negative", "positive")},
}
"""By key of the operation. Sums and products take part on a wider range than the registry's."""
