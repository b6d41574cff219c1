"""Adafactor and Muon: steps that look at a parameter as a matrix."""

from __future__ import annotations

from math import sqrt
from sys import float_info
from typing import Any, ClassVar, Final

from tinygrad_nn.backends import namespace
from tinygrad_nn.errors import OptionError
from tinygrad_nn.optim.limits import AT_LEAST_ZERO, FINITE, Limit, one_of, where_true
from tinygrad_nn.optim.optimizer import Optimizer
from tinygrad_nn.optim.rule import given, remember

__all__ = ["Adafactor", "Muon"]

_MOST_ROUNDS: Final = 99


class Adafactor(Optimizer):
    """Adam's division with two vectors in the place of v, for large matrices.

    Of g², only the recent means R of its rows and C of its columns are kept, with shares
    t^β of the newest: v = R C / mean(R) (of a vector, v itself). u = g / √max(v, ε₁²),
    p ← (1 − lr λ) p − α u / max(1, rms(u) / d) with α = max(ε₂, rms(p)) · min(lr, 1 / √t).

    Args:
        params: Parameters, or groups of them.
        lr: Largest share of rms(p) in a step, at least 0.
        beta2_decay: β, at most 0.
        eps: ε₁ (None: the dtype's own) and ε₂, each at least 0.
        d: Largest rms of u, at least 1.
        weight_decay: λ, at least 0.
        foreach: None or False: how PyTorch runs it.
        maximize: Climb instead.

    Raises:
        OptionError: An option is out of range.

    Source:
        Shazeer and Stern 2018.
    """

    decoupled = True
    elementwise = False
    limits: ClassVar = {
        "beta2_decay": where_true(lambda x: x <= 0, "a number of at most 0"),
        "eps": (
            Limit(lambda x: x is None or AT_LEAST_ZERO.holds(x), "None or a number of at least 0"),
            AT_LEAST_ZERO,
        ),
        "d": where_true(lambda x: x >= 1, "a number of at least 1"),
    }

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, given(locals()))

    def begin(self, state: dict[str, Any], value: Any, group: dict[str, Any]) -> Any:
        """Share of the newest squares, min(lr, 1 / √t), and ε₁."""
        if getattr(value, "ndim", 0) > 1:
            remember(state, value[..., :1], "row_var")
            remember(state, value[..., :1, :], "col_var")
        else:
            remember(state, value, "variance")
        t = state["step"] = state.get("step", 0) + 1
        eps = group["eps"][0]
        if eps is None:
            is_float = isinstance(value, float)
            eps = float_info.epsilon if is_float else float(namespace(value).finfo(value.dtype).eps)
        return t ** group["beta2_decay"], min(float(group["lr"]), 1 / sqrt(t)), eps

    def _change(
        self, value: Any, g: Any, state: dict[str, Any], group: dict[str, Any], c: Any
    ) -> tuple[Any, Any]:
        """With α, which is of the parameter before its decay."""
        share, most, eps = c
        alpha = _at_least(_rms(value), group["eps"][1]) * most
        return super()._change(value, g, state, group, (share, alpha, eps))

    def update(
        self, value: Any, g: Any, state: dict[str, Any], group: dict[str, Any], c: Any
    ) -> Any:
        """−α u / max(1, rms(u) / d)."""
        share, alpha, eps = c
        math, square = namespace(g), g * g
        if getattr(g, "ndim", 0) > 1:
            for key, axis in (("row_var", -1), ("col_var", -2)):
                state[key] += (math.mean(square, axis, keepdims=True) - state[key]) * share
            rows = state["row_var"]
            v = rows / math.maximum(math.mean(rows, -2, keepdims=True), eps) * state["col_var"]
        else:
            state["variance"] += (square - state["variance"]) * share
            v = state["variance"]
        step = math.divide(g, math.sqrt(math.maximum(v, eps * eps)))
        factor = -alpha / _at_least(_rms(step) / group["d"], 1.0)
        return step * (factor.astype(step.dtype) if hasattr(factor, "dtype") else factor)


def _rms(x: Any) -> Any:
    """Root of the mean square, in float64; 0 of nothing."""
    size = getattr(x, "size", None)
    if size is None:
        return abs(x)
    return namespace(x).vector_norm(x).astype("float64") / sqrt(max(1, size))


def _at_least(x: Any, least: Any) -> Any:
    """The larger number; `least` for NaN."""
    return namespace(x).where(x > least, x, least)


class Muon(Optimizer):
    """Momentum whose matrix is made orthogonal: a step of like size in all directions.

    b ← μ b + (1 − μ) g; with Nesterov's form u = (1 − μ) g + μ b, otherwise u = b. Rounds of
    X ← a X + (b XXᵀ + c (XXᵀ)²) X, begun with X = u / ‖u‖, bring the singular values of u near 1.
    p ← (1 − lr λ) p − lr · f · X. For the weights of hidden layers; train biases, embeddings and
    the last layer with `AdamW`. The rounds run in the parameter's dtype (in float32 for
    float16), where PyTorch rounds them to bfloat16.

    Args:
        params: Parameters with two axes, or groups of them.
        lr: Learning rate, at least 0.
        weight_decay: λ, at least 0.
        momentum: μ, at least 0.
        nesterov: Look ahead along the buffer.
        ns_coefficients: a, b and c.
        eps: Smallest ‖u‖ to divide by.
        ns_steps: Rounds, below 100.
        adjust_lr_fn: f: "original" (also None), √max(1, rows / columns); or "match_rms_adamw",
            0.2 √max(rows, columns), for learning rates chosen for AdamW.

    Raises:
        OptionError: An option is out of range, or a parameter is no matrix.

    Source:
        Jordan et al. 2024; Liu et al. 2025 for the second f.
    """

    decoupled = True
    elementwise = False
    limits: ClassVar = {
        "ns_coefficients": (FINITE, FINITE, FINITE),
        "ns_steps": Limit(
            lambda x: isinstance(x, int) and not isinstance(x, bool) and 0 <= x <= _MOST_ROUNDS,
            f"an integer from 0 to {_MOST_ROUNDS}",
        ),
        "adjust_lr_fn": one_of(None, "original", "match_rms_adamw"),
    }

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        super().__init__(params, given(locals()))

    def _check_parameter(self, place: int, p: Any) -> None:
        super()._check_parameter(place, p)
        shape = getattr(p, "shape", ())
        if len(shape) != 2:
            raise OptionError(
                f"Muon: parameter {place} has shape {shape}, expected two axes; train vectors, "
                "kernels and Values with another optimiser, such as AdamW"
            )

    def begin(self, state: dict[str, Any], value: Any, group: dict[str, Any]) -> Any:
        """−lr · f, and the dtype of the rounds where it is not the parameter's."""
        remember(state, value, "momentum_buffer")
        rows, columns = value.shape
        if group["adjust_lr_fn"] == "match_rms_adamw":
            factor = 0.2 * sqrt(max(rows, columns))
        else:
            factor = sqrt(max(1.0, rows / columns)) if columns else 1.0
        wide = namespace(value).promote_types(value.dtype, "float32")
        return -float(group["lr"]) * factor, None if wide == value.dtype else wide

    def update(
        self, value: Any, g: Any, state: dict[str, Any], group: dict[str, Any], c: Any
    ) -> Any:
        """−lr · f · X."""
        momentum, buffer = group["momentum"], state["momentum_buffer"]
        buffer += (g - buffer) * (1 - momentum)
        state["momentum_buffer"] = buffer
        step = g + (buffer - g) * momentum if group["nesterov"] else buffer
        size, dtype = c
        step = step if dtype is None else namespace(step).astype(step, dtype)
        return _orthogonal(step, group) * size


def _orthogonal(matrix: Any, group: dict[str, Any]) -> Any:
    """`matrix` with singular values near 1, by Newton and Schulz's iteration of degree five."""
    a, b, c = group["ns_coefficients"]
    math = namespace(matrix)
    wide = matrix.shape[0] <= matrix.shape[1]
    # In one order of memory: where two meet, NumPy's choice depends on what it may reuse.
    x = math.ascontiguousarray(matrix if wide else matrix.mT)
    x = x / math.maximum(math.vector_norm(x), group["eps"])
    for _ in range(group["ns_steps"]):
        gram = x @ x.mT
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x if wide else x.mT
