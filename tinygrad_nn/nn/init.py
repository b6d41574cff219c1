"""First numbers of parameters, written in place; every function returns its tensor.

Why not zeros? If the weights of a hidden layer are all equal, its neurons compute the same,
receive the same gradient and stay equal for ever: a layer of 16 learns no more than one
neuron. Random numbers break this symmetry. Their size matters too: the variance of a
layer's output is fan_in · var(weight) times that of its input, so that through many layers
signals die out or explode unless var(weight) is near 1 / fan_in (Xavier), or 2 / fan_in
for ReLU, which drops half of it (Kaiming). Biases may start at zero.

A parameter's array, `layer.weight.data`, is written as the parameter itself is.

`generator` stands where PyTorch has it, and `rng=`, the word of this library, is another name
for it: a seed or a `numpy.random.Generator`. Without one the numbers differ on each run.
"""

from __future__ import annotations

from math import ceil, prod, sqrt
from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.bind import describe
from tinygrad_nn.errors import OperandError, OptionError, ShapeError
from tinygrad_nn.generator import generator as generator_of
from tinygrad_nn.ops.decomposition import qr
from tinygrad_nn.ops.diagonal import diagonal
from tinygrad_nn.ops.elementwise import sign
from tinygrad_nn.ops.special import ndtr, ndtri
from tinygrad_nn.tensor import Tensor

__all__ = [
    "calculate_gain",
    "constant_",
    "dirac_",
    "eye_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "sparse_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]

_GAINS = {
    "linear": 1.0,
    "identity": 1.0,
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "relu": sqrt(2.0),
    "selu": 0.75,
    **{f"conv{n}d": 1.0 for n in (1, 2, 3)},
    **{f"conv_transpose{n}d": 1.0 for n in (1, 2, 3)},
}


def calculate_gain(nonlinearity: str, param: Any = None) -> float:
    """Factor for the standard deviation that makes up for what an activation takes away.

    Args:
        nonlinearity: "linear", "conv2d" and its kin, "sigmoid", "tanh", "relu", "leaky_relu"
            or "selu".
        param: Negative slope of "leaky_relu", 0.01 if left away.

    Raises:
        OptionError: The activation is unknown, or the slope no number.
    """
    if nonlinearity == "leaky_relu":
        if isinstance(param, bool) or not isinstance(param, int | float | None):
            raise OptionError(f"calculate_gain: got the slope {param!r}, expected a number")
        slope = 0.01 if param is None else param
        return sqrt(2.0 / (1 + slope * slope))
    if nonlinearity not in _GAINS:
        raise OptionError(
            f"calculate_gain: got {nonlinearity!r}, expected one of leaky_relu, {', '.join(_GAINS)}"
        )
    return _GAINS[nonlinearity]


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with 0: right for biases. Weights that start so never differ; see above."""
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with 1."""
    return constant_(tensor, 1.0)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with `val`."""
    payload = _payload("constant_", tensor)
    return _filled(tensor, namespace(payload).full(tensor.shape, val, payload.dtype))


def uniform_(
    tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Any = None, *, rng: Any = None
) -> Tensor:
    """Draw uniformly from [a, b)."""
    _payload("uniform_", tensor)
    if not b >= a:
        raise OptionError(f"uniform_: got a={a!r} and b={b!r}, expected a <= b")
    return _filled(tensor, _draws("uniform_", generator, rng).uniform(a, b, tensor.shape))


def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Any = None, *, rng: Any = None
) -> Tensor:
    """Draw from the normal distribution."""
    _payload("normal_", tensor)
    if not std >= 0:
        raise OptionError(f"normal_: got std={std!r}, expected at least 0")
    return _filled(tensor, _draws("normal_", generator, rng).normal(mean, std, tensor.shape))


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Any = None,
    *,
    rng: Any = None,
) -> Tensor:
    """Draw from the normal distribution, restricted to [a, b].

    A uniform number between the distribution function at `a` and at `b` is sent through its
    inverse, so that no draw is rejected.

    Args:
        tensor: Parameter to fill.
        mean: Of the whole distribution.
        std: Of the whole distribution.
        a: Least number, not measured in `std`.
        b: Greatest number.
        generator: Seed or generator.
        rng: Another name of `generator`.
    """
    payload = _payload("trunc_normal_", tensor)
    if not (std >= 0 and b >= a):
        raise OptionError(
            f"trunc_normal_: got std={std!r}, a={a!r} and b={b!r}, expected std >= 0 and a <= b"
        )
    draws = _draws("trunc_normal_", generator, rng)
    if not std:
        return constant_(tensor, min(max(mean, a), b))
    # In the lower tail, where the distribution function keeps its digits.
    side = -1.0 if a > mean else 1.0
    low, high = sorted((side * (a - mean) / std, side * (b - mean) / std))
    between = draws.uniform(ndtr(low), ndtr(high), tensor.shape)
    numbers = namespace(payload).asarray(mean + side * std * ndtri(between))
    return _filled(tensor, numbers.clip(a, b))


def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix: as many inputs as possible come out unchanged."""
    payload = _payload("eye_", tensor)
    if tensor.ndim != 2:
        raise ShapeError(f"eye_: got shape {tensor.shape}, expected a matrix")
    return _filled(tensor, namespace(payload).eye(*tensor.shape))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Kernels of a convolution that passes on as many channels as possible.

    Args:
        tensor: Weight `(out, in / groups, ...)` of one to three axes of space.
        groups: Number of groups of the convolution.

    Raises:
        ShapeError: The weight has another number of axes.
        OptionError: `groups` does not divide its first side.
    """
    payload = _payload("dirac_", tensor)
    if tensor.ndim not in (3, 4, 5):
        raise ShapeError(
            f"dirac_: got shape {tensor.shape}, expected (out, in, ...) with one to three axes of "
            "space"
        )
    if groups < 1 or tensor.shape[0] % groups:
        raise OptionError(
            f"dirac_: got groups={groups!r}, expected a divisor of {tensor.shape[0]}, the number "
            "of output channels"
        )
    numbers = namespace(payload).zeros_like(payload)
    each = tensor.shape[0] // groups
    middle = [side // 2 for side in tensor.shape[2:]]
    for group in range(groups):
        for channel in range(min(each, tensor.shape[1])):
            numbers[(group * each + channel, channel, *middle)] = 1
    return _filled(tensor, numbers)


def sparse_(
    tensor: Tensor, sparsity: float, std: float = 0.01, generator: Any = None, *, rng: Any = None
) -> Tensor:
    """Normal numbers, a share of which is 0 in each column (Martens 2010).

    Args:
        tensor: Matrix to fill.
        sparsity: Share of zeros in a column, rounded up.
        std: Standard deviation of the other numbers.
        generator: Seed or generator.
        rng: Another name of `generator`.

    Raises:
        ShapeError: It is no matrix.
        OptionError: `sparsity` is outside [0, 1].
    """
    payload = _payload("sparse_", tensor)
    if tensor.ndim != 2:
        raise ShapeError(f"sparse_: got shape {tensor.shape}, expected a matrix")
    if not 0 <= sparsity <= 1:
        raise OptionError(f"sparse_: got sparsity={sparsity!r}, expected 0 to 1")
    draws = _draws("sparse_", generator, rng)
    rows, columns = tensor.shape
    numbers = draws.normal(0.0, std, (rows, columns))
    order = draws.random((rows, columns)).argsort(axis=0)
    numbers[order[: ceil(sparsity * rows)], namespace(payload).arange(columns)] = 0
    return _filled(tensor, numbers)


def xavier_uniform_(
    tensor: Tensor, gain: float = 1.0, generator: Any = None, *, rng: Any = None
) -> Tensor:
    """Uniform in ±gain · √(6 / (fan_in + fan_out)) (Glorot and Bengio 2010, eq. 16)."""
    bound = gain * sqrt(6.0 / _total_fan("xavier_uniform_", tensor))
    return uniform_(tensor, -bound, bound, generator, rng=rng)


def xavier_normal_(
    tensor: Tensor, gain: float = 1.0, generator: Any = None, *, rng: Any = None
) -> Tensor:
    """Normal with standard deviation gain · √(2 / (fan_in + fan_out)) (Glorot and Bengio 2010)."""
    return normal_(
        tensor, 0.0, gain * sqrt(2.0 / _total_fan("xavier_normal_", tensor)), generator, rng=rng
    )


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
    *,
    rng: Any = None,
) -> Tensor:
    """Uniform with standard deviation gain / √fan (He, Zhang, Ren and Sun 2015).

    Args:
        tensor: Weight to fill.
        a: Negative slope, for "leaky_relu".
        mode: "fan_in" keeps the size of signals, "fan_out" that of gradients.
        nonlinearity: Activation that follows; see `calculate_gain`.
        generator: Seed or generator.
        rng: Another name of `generator`.
    """
    bound = sqrt(3.0) * _kaiming("kaiming_uniform_", tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator, rng=rng)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
    *,
    rng: Any = None,
) -> Tensor:
    """Normal with standard deviation gain / √fan (He, Zhang, Ren and Sun 2015, eq. 10).

    Args:
        tensor: Weight to fill.
        a: Negative slope, for "leaky_relu".
        mode: "fan_in" keeps the size of signals, "fan_out" that of gradients.
        nonlinearity: Activation that follows; see `calculate_gain`.
        generator: Seed or generator.
        rng: Another name of `generator`.
    """
    return normal_(
        tensor, 0.0, _kaiming("kaiming_normal_", tensor, a, mode, nonlinearity), generator, rng=rng
    )


def orthogonal_(
    tensor: Tensor, gain: float = 1.0, generator: Any = None, *, rng: Any = None
) -> Tensor:
    """A random matrix of orthonormal rows or columns, whichever are fewer, times gain.

    The orthogonal factor of a normal matrix, with signs that make it uniformly distributed
    (Saxe, McClelland and Ganguli 2014). Axes after the first are taken as one.
    """
    payload = _payload("orthogonal_", tensor)
    _fans("orthogonal_", tensor)
    if not payload.size:
        return tensor
    rows, columns = tensor.shape[0], prod(tensor.shape[1:])
    normal = _draws("orthogonal_", generator, rng).standard_normal(
        (max(rows, columns), min(rows, columns))
    )
    q, r = qr(normal)
    q = q * sign(diagonal(r))
    return _filled(tensor, gain * (q if rows >= columns else q.mT).reshape(tensor.shape))


def _draws(name: str, generator: Any, rng: Any) -> Any:
    if generator is not None and rng is not None:
        raise OptionError(f"{name}: got both generator= and rng=, expected one of them")
    return generator_of(rng if generator is None else generator)


def _payload(name: str, tensor: Any) -> Any:
    """The numbers of a leaf, or the array that its `data` is, as scripts for PyTorch pass it."""
    of_floats = getattr(getattr(tensor, "dtype", None), "kind", None) == "f"
    if isinstance(tensor, Tensor) and tensor.is_leaf and of_floats:
        return tensor._data
    if not isinstance(tensor, Tensor) and of_floats and hasattr(tensor, "flags"):
        if tensor.flags.writeable:
            return tensor
        raise OperandError(
            f"{name}: got an array {tensor.shape} that cannot be written, expected a parameter; "
            "pass the parameter itself: layer.weight"
        )
    got = f"{describe(tensor)}" if hasattr(tensor, "shape") else f"{tensor!r:.60}"
    raise OperandError(
        f"{name}: got {got}, expected a parameter or a leaf tensor of floats; pass the parameter "
        "itself: layer.weight"
    )


def _filled(tensor: Tensor, numbers: Any) -> Tensor:
    given: Any = tensor
    if isinstance(given, Tensor):
        given.data = numbers.astype(tensor.dtype)
    else:
        given[...] = numbers  # layer.weight.data: the parameter takes it over at its next use
    return tensor


def _fans(name: str, tensor: Tensor) -> tuple[int, int]:
    """Numbers that one output sees, and outputs that one input reaches."""
    _payload(name, tensor)
    if tensor.ndim < 2:
        raise ShapeError(
            f"{name}: got shape {tensor.shape}, expected a weight of at least two axes"
        )
    field = prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def _total_fan(name: str, tensor: Tensor) -> int:
    return max(sum(_fans(name, tensor)), 1)


def _kaiming(name: str, tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    fan_in, fan_out = _fans(name, tensor)
    if mode not in ("fan_in", "fan_out"):
        raise OptionError(f"{name}: got mode={mode!r}, expected 'fan_in' or 'fan_out'")
    return calculate_gain(nonlinearity, a) / sqrt(max(fan_in if mode == "fan_in" else fan_out, 1))
