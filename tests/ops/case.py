"""One call of an operation as the checks see it: float arrays in, float arrays out."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn.core.op import LEAF, Op
from tinygrad_nn.core.samples import Sample

Arrays = list[Any]


class Case:
    """A sampled call, with its differentiable arrays apart from everything else.

    Attributes:
        record: The operation's record.
        params: Its static arguments.
        floats: The float arrays among its data arguments that may carry gradients, read-only.
        slots: Where they are among all that the data arguments hold.
    """

    def __init__(self, record: Op, sample: Sample) -> None:
        self.record = record
        self._args, self.params = sample
        self._flat = [_frozen(x) for x in flatten(self._args)]
        refused = {
            id(x)
            for arg, rule in zip(self._args, record.rules, strict=False)
            if rule is None and not record.variadic
            for x in flatten(arg)
        }
        originals = flatten(self._args)
        self.slots = [
            i
            for i, x in enumerate(self._flat)
            if isinstance(x, np.ndarray) and x.dtype.kind == "f" and id(originals[i]) not in refused
        ]
        self.floats: Arrays = [self._flat[i] for i in self.slots]

    def arguments(self, floats: Sequence[Any]) -> tuple[Any, ...]:
        """All data arguments, with `floats` in the places of the differentiable arrays."""
        flat = list(self._flat)
        for slot, x in zip(self.slots, floats, strict=True):
            flat[slot] = x
        return rebuild(self._args, iter(flat))

    def call(self, floats: Sequence[Any], function: Callable[..., Any] | None = None) -> list[Any]:
        """Outputs of the operation, or of `function` in its place, on `floats`."""
        function = self.record.call if function is None else function
        return flatten(function(*self.arguments(floats), **self.fresh_params()))

    def values(self, floats: Sequence[Any] | None = None) -> Arrays:
        """Float outputs for raw arrays; integers and bools have no derivative."""
        found = self.call(self.floats if floats is None else floats)
        return [x for x in map(np.asarray, found) if x.dtype.kind == "f"]

    def fresh_params(self) -> dict[str, Any]:
        """Static arguments; a random generator starts anew in each call."""
        return {
            k: copy.deepcopy(v) if isinstance(v, np.random.Generator) else v
            for k, v in self.params.items()
        }


def flatten(tree: Any) -> list[Any]:
    """What nested lists and tuples hold, in order."""
    if isinstance(tree, (list, tuple)):
        return [x for branch in tree for x in flatten(branch)]
    return [tree]


def rebuild(tree: Any, leaves: Any) -> Any:
    """The nested lists and tuples of `tree` around `leaves`."""
    if isinstance(tree, (list, tuple)):
        return type(tree)([rebuild(branch, leaves) for branch in tree])
    return next(leaves)


def _frozen(x: Any) -> Any:
    """An array that cannot be written, so that an operation that tries is found out."""
    if isinstance(x, (np.ndarray, np.generic)):
        x = np.array(x)
        x.flags.writeable = False
    return x


def leaf(x: Any) -> tg.Tensor:
    """Leaf around exactly this array, with its strides, and not a copy."""
    return tg.Tensor.wrap(np.asarray(x), LEAF)


def active(floats: Sequence[Any], only: Sequence[int] | None = None) -> list[Any]:
    """Leaves for all `floats`, or for those at the positions `only`; the rest stays raw."""
    return [leaf(x) if only is None or i in only else x for i, x in enumerate(floats)]


def float_outputs(outputs: Sequence[Any]) -> list[Any]:
    """Those that may have a derivative: tensors, or arrays where nothing differentiable went in."""
    return [y for y in outputs if hasattr(y, "dtype") and y.dtype.kind == "f"]


def recorded(y: Any) -> bool:
    """Whether a gradient can be sent back from `y`."""
    return isinstance(y, tg.Tensor) and y.requires_grad


def send(outputs: Sequence[Any], weights: Sequence[Any], **options: bool) -> None:
    """`backward` from each float output with its weight; the gradients add up in the leaves."""
    for y, w in zip(float_outputs(outputs), weights, strict=True):
        if recorded(y):
            y.backward(w, retain_graph=True, **options)


def reverse(
    case: Case,
    weights: Sequence[Any],
    floats: Sequence[Any] | None = None,
    only: Sequence[int] | None = None,
    function: Callable[..., Any] | None = None,
) -> Arrays:
    """Gradients of `sum(output · weight)` by `backward`; zeros where none arrives."""
    inputs = active(case.floats if floats is None else floats, only)
    send(case.call(inputs, function), weights)
    return [gradient(x) for x in inputs if isinstance(x, tg.Tensor)]


def gradient(x: tg.Tensor) -> Any:
    """Gradient of a leaf as an array of its own; zeros where none arrived."""
    return np.zeros(x.shape, x.dtype) if x.grad is None else np.asarray(x.grad)


def normals(like: Sequence[Any], seed: int) -> Arrays:
    """Read-only random arrays with the shapes and dtypes of `like`."""
    rng = np.random.default_rng(seed)
    return [_frozen(rng.standard_normal(np.shape(x)).astype(x.dtype)) for x in like]


def dot(xs: Sequence[Any], ys: Sequence[Any]) -> float:
    """Sum of all products."""
    return float(sum(np.sum(np.asarray(x) * np.asarray(y)) for x, y in zip(xs, ys, strict=True)))


# Truncation (of order step⁶) and rounding both stay below 1e-9 of the function's size. The shorter
# one is asked when the longer disagrees: some kinks, such as equal sums, no domain can exclude.
STEPS = (5e-4, 1e-5)
_STENCIL = ((1, 45.0), (2, -9.0), (3, 1.0))


def slope(function: Callable[[float], Any], step: float) -> Any:
    """Derivative at 0 by central differences at six points within 3 · step."""
    total = sum(c * (function(k * step) - function(-k * step)) for k, c in _STENCIL)
    return total / (60 * step)


def directions(floats: Sequence[Any], seed: int, spots: int = 2) -> list[Arrays]:
    """For each array alone a random direction and single elements; zero for the others."""
    rng = np.random.default_rng(seed)
    found = []
    for i, x in enumerate(floats):
        if not x.size:
            continue
        here = [rng.standard_normal(x.shape)]
        for spot in rng.permutation(x.size)[:spots]:
            one = np.zeros(x.size)
            one[spot] = 1.0
            here.append(one.reshape(x.shape))
        found += [[v if j == i else np.zeros(z.shape) for j, z in enumerate(floats)] for v in here]
    return found


def moved(floats: Sequence[Any], direction: Sequence[Any], t: float) -> Arrays:
    """`floats + t · direction`."""
    return [x + t * v for x, v in zip(floats, direction, strict=True)]
