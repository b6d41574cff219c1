"""What networks are made of, each as a single node: neuron, affine layer, cross-entropy.

Made of other operations each would be several nodes; as one it is several times quicker,
and the drawing of a network shows a neuron where the reader expects one.
"""

from __future__ import annotations

from functools import reduce
from math import prod
from operator import add
from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.forms import handed_through, weighted
from tinygrad_nn.core.op import Kind, composed, op
from tinygrad_nn.core.samples import Draw, Sample
from tinygrad_nn.errors import DTypeError, OperandError, OptionError, ShapeError
from tinygrad_nn.ops.elementwise import relu, sigmoid, tanh
from tinygrad_nn.ops.shape import broadcast_to, reshape
from tinygrad_nn.ops.softmax import log_softmax

__all__ = [
    "linear",
    "neuron",
    "nll",
    "one_hot",
    "softmax_cross_entropy",
]


# ── One neuron ──────────────────────────────────────────────────────────────────────────


LINEAR = "linear"
ACTIVATIONS: dict[str, Any] = {LINEAR: None, "relu": relu, "sigmoid": sigmoid, "tanh": tanh}
"""What a neuron may have within it: the rule of each asks for the result alone.

That of `relu` asks whether its input is positive, which is where its result is."""


def _neuron_inputs(draw: Draw) -> Sample:
    count = draw.integer(0, 3)
    inputs = tuple(draw.array(shape) for shape in draw.shapes(2 * count + 1))
    return inputs, {"activation": draw.choice(list(ACTIVATIONS))}


def _neuron_push(tangents: Any, y: Any, *wxb: Any, activation: str) -> Any:
    n = len(wxb) // 2
    factors = (*wxb[n:-1], *wxb[:n], 1.0)
    parts = [t * f for t, f in zip(tangents, factors, strict=True) if t is not None]
    # As with every elementwise function the tangent goes by the rule of the gradient.
    function = ACTIVATIONS[activation]
    return handed_through(function and function.op, reduce(add, parts), y)


@op(pullback=weighted(ACTIVATIONS), jvp=_neuron_push, samples=_neuron_inputs)
def neuron(*wxb: Any, activation: str = LINEAR) -> Any:
    """f(b + w₁x₁ + … + wₙxₙ) of `neuron(w₁, …, wₙ, x₁, …, xₙ, b)`, as one node.

    Added from left to right, so that the bits are those of the sum written out. d/dwᵢ = f′ xᵢ,
    d/dxᵢ = f′ wᵢ, d/db = f′. For numbers, and elementwise with broadcasting for arrays. f is the
    `activation`: "linear" (none), "relu", "sigmoid" or "tanh".

    Raises:
        OperandError: The number of arguments is even.
        OptionError: The activation is another.

    Example:
        >>> import tinygrad_nn as tg
        >>> w, x, b = tg.Value(2.0), tg.Value(3.0), tg.Value(1.0)
        >>> y = tg.neuron(w, x, b)
        >>> y.backward()
        >>> y.data, w.grad, x.grad, b.grad
        (7.0, 3.0, 2.0, 1.0)
    """
    n = len(wxb) // 2
    if len(wxb) == 2 * n:
        raise OperandError(
            f"neuron: got {len(wxb)} arguments, expected as many weights as inputs, and a bias: "
            "neuron(*weights, *inputs, bias)"
        )
    if activation not in ACTIVATIONS:
        raise OptionError(
            f"neuron: got activation={activation!r}, expected one of {', '.join(ACTIVATIONS)}; "
            "apply any other to the result: tg.elu(tg.neuron(...))"
        )
    # Not `sum`: since Python 3.12 it compensates rounding, and the bits would depend on it.
    y = wxb[-1]
    for w, x in zip(wxb, wxb[n:-1], strict=False):
        y = y + w * x
    function = ACTIVATIONS[activation]
    return y if function is None else function(y)


# ── A layer of neurons ──────────────────────────────────────────────────────────────────


_MANY_ROWS = 16


def _table(draw: Draw) -> Sample:
    return (draw.array(draw.shape(min_dims=2)),), {}


@op(vjp=lambda g, y, x: broadcast_to(g, x.shape), kind=Kind.LINEAR, samples=_table)
def sum_rows(x: Any, /) -> Any:
    """Sum over all axes but the last: the gradient of what was added to every row.

    Many rows are summed as a product with a row of ones, which is twice as quick as a sum over
    the first axis. float16 is summed in float32.
    """
    functions = namespace(x)
    rows = x if x.ndim == 2 else x.reshape(prod(x.shape[:-1]), x.shape[-1])
    if len(rows) < _MANY_ROWS or x.dtype.itemsize == 2:
        return functions.sum(rows, axis=0)
    return functions.dot(functions.ones(len(rows), x.dtype), rows)


def _linear_inputs(draw: Draw) -> Sample:
    batch = draw.shape(max_dims=2)
    inputs, outputs = draw.integer(0, 4), draw.integer(0, 4)
    x, weight = draw.array((*batch, inputs)), draw.array((outputs, inputs))
    return (x, weight, draw.array((outputs,))) if draw.choice([False, True]) else (x, weight), {}


def _linear_pull(g: Any, y: Any, x: Any, weight: Any, *bias: Any, needs: Any) -> tuple[Any, ...]:
    if g.ndim == 2:
        rows, columns = g, x
        to_x = g @ weight if needs[0] else None
    else:
        # One product over all rows, and not one for each matrix of the stack.
        count = prod(g.shape[:-1])
        rows, columns = reshape(g, (count, g.shape[-1])), reshape(x, (count, x.shape[-1]))
        to_x = reshape(rows @ weight, x.shape) if needs[0] else None
    to_weight = rows.mT @ columns if needs[1] else None
    if not bias:
        return to_x, to_weight
    return to_x, to_weight, sum_rows(rows) if needs[2] else None


def _linear_push(tangents: Any, y: Any, x: Any, weight: Any, *bias: Any) -> Any:
    dx, dweight, *dbias = tangents
    parts = [] if dx is None else [dx @ weight.mT]
    if dweight is not None:
        parts.append(x @ dweight.mT)
    if dbias and dbias[0] is not None:
        parts.append(broadcast_to(dbias[0], y.shape))
    return reduce(add, parts)


@op(pullback=_linear_pull, jvp=_linear_push, quick="linear_slope", samples=_linear_inputs)
def linear(*inputs: Any) -> Any:
    """Affine map x Wᵀ + b of `linear(x, weight, bias)` or `linear(x, weight)`, as one node.

    `(..., in), (out, in), (out,) -> (..., out)`. With the gradient g: g W for x, gᵀ x for
    the weight and the sum of the rows of g for the bias.

    Raises:
        ShapeError: The shapes do not fit.
    """
    if len(inputs) not in (2, 3):
        raise OperandError(
            f"linear: got {len(inputs)} arguments, expected linear(x, weight) or "
            "linear(x, weight, bias)"
        )
    x, weight = inputs[0], inputs[1]
    if weight.ndim != 2 or not getattr(x, "ndim", 0) or x.shape[-1] != weight.shape[1]:
        raise _misfit(x, weight)
    rows = x.reshape(prod(x.shape[:-1]), x.shape[-1]) if x.ndim > 2 else x
    y = rows.dot(weight.T)  # 0.8 µs for small ones, where `@` takes 1.8
    if x.ndim > 2:
        y = y.reshape(*x.shape[:-1], weight.shape[0])
    if len(inputs) == 3:
        bias = inputs[2]
        if bias.shape != weight.shape[:1]:
            raise ShapeError(
                f"linear: got a bias of shape {bias.shape}, expected {weight.shape[:1]}: one "
                f"number for each output of the weight {weight.shape}"
            )
        # The product is this kernel's own; writing into it saves an array.
        if y.ndim and y.dtype == bias.dtype:
            y += bias
        else:
            y = y + bias
    return y


def _misfit(x: Any, weight: Any) -> ShapeError:
    expected = f"(..., {weight.shape[1]})" if weight.ndim == 2 else "a weight (out, in)"
    got = getattr(x, "shape", repr(x))
    text = f"linear: got x {got} and a weight {weight.shape}, expected x {expected}"
    if not getattr(x, "ndim", 0):
        return ShapeError(text)
    if weight.ndim == 2 and x.ndim > 2 and prod(x.shape[1:]) == weight.shape[1]:
        text += "; flatten the images first: nn.Flatten(), or x.reshape(len(x), -1)"
    elif weight.ndim == 2 and x.ndim == 2 and x.shape == weight.shape[::-1]:
        text += "; rows are samples: is x transposed?"
    return ShapeError(text)


# ── Cross-entropy ───────────────────────────────────────────────────────────────────────


def _index(draw: Draw) -> Sample:
    return (draw.integers(draw.shape(), 0, 2),), {"classes": 3}


@op(kind=Kind.CONSTANT, samples=_index)
def one_hot(index: Any, /, classes: int) -> Any:
    """Table (..., classes) of bools, True where the class is the one in `index`; no gradient.

    Raises:
        DTypeError: `index` is not integer.
        OptionError: An index is outside [0, classes).
    """
    _check_classes("one_hot", index, classes)
    return index[..., None] == namespace(index).arange(classes)


_UNSIGNED = {1: "u1", 2: "u2", 4: "u4", 8: "u8"}


def _check_classes(name: str, index: Any, classes: int) -> None:
    if index.dtype.kind not in "iu":
        raise DTypeError(
            f"{name}: got class indices of {index.dtype}, expected integers; convert them with "
            ".astype('int64'), or write tg.tensor([...], dtype='int64'); or pass one probability "
            "for each class"
        )
    # As unsigned numbers the negative ones are the largest: one reduction in place of two.
    if index.size and namespace(index).max(index.view(_UNSIGNED[index.itemsize])) >= classes:
        wrong = index.min() if index.min() < 0 else index.max()
        raise OptionError(
            f"{name}: got the class index {wrong}, expected 0 to {classes - 1} for "
            f"{classes} classes"
        )


def _labelled(draw: Draw) -> Sample:
    batch, classes = draw.shape(max_dims=2), draw.integer(1, 4)
    labels = draw.integers(batch, 0, classes - 1)
    reduction = draw.choice(["mean", "sum", "none"] if labels.size else ["sum", "none"])
    return (draw.array((*batch, classes)), labels), {"reduction": reduction}


def _rows(x: Any, index: Any) -> Any:
    """`x` as a table (samples, classes); the usual case is one already."""
    return x if x.ndim == 2 else x.reshape(index.size, x.shape[-1])


def _picked(draw: Draw) -> Sample:
    return _labelled(draw)[0], {}


def _pick_slope(g: Any, y: Any, x: Any, index: Any) -> Any:
    return place(g, index, classes=x.shape[-1])


def _pick_push(tangents: Any, y: Any, x: Any, index: Any) -> Any:
    return pick(tangents[0], index)


@op(vjp=(_pick_slope, None), jvp=_pick_push, samples=_picked)
def pick(x: Any, index: Any, /) -> Any:
    """Of each row of `x` the element of its class: `(..., classes), (...) -> (...)`."""
    _check_classes("pick", index, x.shape[-1])
    every = namespace(x).arange(index.size)
    return _rows(x, index)[every, index.reshape(-1)].reshape(index.shape)


def _placed(draw: Draw) -> Sample:
    labels = draw.integers(draw.shape(max_dims=2), 0, 2)
    return (draw.array(draw.choice([labels.shape, ()])), labels), {"classes": 3}


def _place_push(tangents: Any, y: Any, values: Any, index: Any, classes: int) -> Any:
    return place(tangents[0], index, classes=classes)


@op(
    vjp=(lambda g, y, values, index, classes: pick(g, index), None),
    jvp=_place_push,
    samples=_placed,
)
def place(values: Any, index: Any, /, classes: int) -> Any:
    """Zeros but for `values` at each row's class: the transpose of `pick`."""
    functions = namespace(values)
    table = functions.zeros((index.size, classes), values.dtype)
    table[functions.arange(index.size), index.reshape(-1)] = values.reshape(-1)
    return table.reshape(*index.shape, classes)


def _nll_slope(g: Any, y: Any, logp: Any, index: Any, reduction: str) -> Any:
    share = g / -index.size if reduction == "mean" else -g
    return place(share, index, classes=logp.shape[-1])


@op(vjp=(_nll_slope, None), quick="nll_slope", samples=_labelled)
def nll(logp: Any, index: Any, /, reduction: str = "mean") -> Any:
    """Negative log-likelihood −logp[index], summed up as `reduction` says.

    `(..., classes), (...) -> ()`, or `(...)` with the reduction "none".

    Raises:
        ShapeError: The indices are not one for each row.
        DTypeError: The indices are not integers.
        OptionError: An index is outside [0, classes), or the reduction is unknown.
    """
    if not logp.ndim or index.shape != logp.shape[:-1]:
        raise ShapeError(
            f"nll: got log-probabilities {logp.shape} and class indices {index.shape}, "
            f"expected indices {logp.shape[:-1]}: one for each row"
        )
    _check_classes("nll", index, logp.shape[-1])
    functions = namespace(logp)
    picked = _rows(logp, index)[functions.arange(index.size), index.reshape(-1)]
    if reduction == "mean":
        return functions.sum(picked) / -index.size
    if reduction == "sum":
        return -functions.sum(picked)
    if reduction == "none":
        return -picked.reshape(index.shape)
    raise OptionError(f"nll: got the reduction {reduction!r}, expected 'mean', 'sum' or 'none'")


@composed(samples=_labelled)
def softmax_cross_entropy(x: Any, index: Any, /, reduction: str = "mean") -> Any:
    """Cross-entropy −ln softmax(x)[index] of logits and class indices: `nll` of `log_softmax`.

    `(..., classes), (...) -> ()`, or `(...)` with the reduction "none". No exponential overflows,
    and no probability is rounded to 0 before its logarithm is taken. The gradient is
    softmax(x) − onehot(index), over the number of samples for "mean".

    Raises:
        ShapeError: The indices are not one for each row of logits.
        DTypeError: The indices are not integers.
        OptionError: An index is outside [0, classes), or the reduction is unknown.
    """
    return nll(log_softmax(x), index, reduction)
