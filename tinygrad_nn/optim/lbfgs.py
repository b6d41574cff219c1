"""L-BFGS: Newton's method with a curvature learned from the last steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Final

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.capturing import refuse_captured
from tinygrad_nn.core.node import CLOCK, enable_grad
from tinygrad_nn.errors import OperandError, OptionError, StateError
from tinygrad_nn.optim.limits import AT_LEAST_ZERO, COUNT, Limit, one_of, where_true
from tinygrad_nn.optim.line_search import strong_wolfe
from tinygrad_nn.optim.optimizer import Optimizer, as_numbers, write
from tinygrad_nn.optim.rule import given
from tinygrad_nn.optim.state import array, number

__all__ = ["LBFGS"]

_LEAST_CURVATURE: Final = 1e-10
_POSITIVE: Final = Limit(lambda x: COUNT.holds(x) and x > 0, "an integer of at least 1")
_COUNTS: Final = ("func_evals", "n_iter")
_NUMBERS: Final = ("t", "H_diag", "prev_loss")
_ARRAYS: Final = ("d", "prev_flat_grad")
_LISTS: Final = ("old_dirs", "old_stps", "ro")


class LBFGS(Optimizer):
    """Quasi-Newton steps, several a call, for functions that are computed on all the data.

    All parameters are one vector x with gradient g. From the last steps s and changes of gradient
    y a direction d ≈ −H⁻¹ g is computed (two loops, Nocedal and Wright, alg. 7.4); x ← x + t d
    with t = lr (at first min(1, 1/‖g‖₁) lr), or with t from a line search that meets the strong
    Wolfe conditions, alg. 3.5.

    Args:
        params: Parameters, in one group; tensors, not Values.
        lr: Learning rate, at least 0; the first t that the line search tries.
        max_iter: Most iterations a call.
        max_eval: Most evaluations of the closure a call; None for 5/4 of max_iter.
        tolerance_grad: End when no element of the gradient is larger.
        tolerance_change: End when neither parameters nor loss change more.
        history_size: How many steps are remembered.
        line_search_fn: "strong_wolfe" or None.

    Raises:
        OptionError: An option is out of range, or there are several groups.
        OperandError: A parameter is a Value.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn, optim
        >>> x = nn.Parameter([-1.5, 2.0], dtype="float64")
        >>> optimizer = optim.LBFGS([x], line_search_fn="strong_wolfe", max_iter=50)
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
        ...     loss.backward()
        ...     return loss
        >>> loss = optimizer.step(closure)
        >>> [round(number, 4) for number in x.tolist()]
        [1.0, 1.0]

    Source:
        Liu and Nocedal 1989; Nocedal and Wright 2006, chapters 3 and 7.
    """

    elementwise = False
    limits: ClassVar = {
        "max_iter": _POSITIVE,
        "max_eval": _POSITIVE,
        "tolerance_grad": AT_LEAST_ZERO,
        "tolerance_change": where_true(lambda x: x >= 0, "a number of at least 0"),
        "history_size": _POSITIVE,
        "line_search_fn": one_of(None, "strong_wolfe"),
    }

    def __init__(
        self,
        params: Any,
        lr: float = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        options = given(locals())
        if max_eval is None and COUNT.holds(max_iter):
            options["max_eval"] = max(1, max_iter * 5 // 4)
        super().__init__(params, options)

    def add_param_group(self, param_group: Any) -> None:
        """Take the only group; curvature is that of all parameters together."""
        if self.param_groups:
            raise OptionError("LBFGS: got several groups of parameters, expected one")
        super().add_param_group(param_group)

    def _check_parameter(self, place: int, p: Any) -> None:
        super()._check_parameter(place, p)
        if isinstance(p._data, float):
            raise OperandError(
                f"LBFGS: parameter {place} is a Value, expected tensors; make one of all numbers: "
                "Parameter([a, b, ...])"
            )

    # ── A step ──────────────────────────────────────────────────────────────────────────

    def _step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Iterate until a tolerance or a limit is reached; returns the loss at the start."""
        refuse_captured(
            "LBFGS.step, which decides by losses and slopes how often it evaluates",
            "capture the closure and leave the step outside, or take an optimiser such as Adam",
        )
        if closure is None:
            raise OptionError(
                "LBFGS.step: got no closure, expected a function that calls zero_grad, computes "
                "the loss, calls backward and returns the loss: it is evaluated several times"
            )
        group = self.param_groups[0]
        state = self.state[group["params"][0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        start = self._evaluate(closure)
        loss, g = float(start), self._gradient()
        evaluations = 1
        state["func_evals"] += 1
        if _largest(g) <= group["tolerance_grad"]:
            return start
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            self._direct(state, g, group["history_size"])
            state["prev_flat_grad"], before = g, loss
            state["prev_loss"] = loss
            d, lr = state["d"], float(group["lr"])
            first = state["n_iter"] == 1
            state["t"] = min(1.0, 1.0 / float(abs(g).sum())) * lr if first else lr
            if float(g @ d) > -group["tolerance_change"]:
                break
            is_last = iteration == group["max_iter"]
            if group["line_search_fn"] is not None:
                loss, g, state["t"], used = self._search(
                    closure, state, loss, g, group["max_eval"] - evaluations
                )
                self._add(state["t"], d)
            else:
                self._add(state["t"], d)
                used = 0 if is_last else 1
                if used:
                    loss, g = float(self._evaluate(closure)), self._gradient()
            evaluations += used
            state["func_evals"] += used
            if (
                is_last
                or evaluations >= group["max_eval"]
                or _largest(g) <= group["tolerance_grad"]
                or _largest(d * state["t"]) <= group["tolerance_change"]
                or abs(loss - before) < group["tolerance_change"]
            ):
                break
        return start

    def _direct(self, state: dict[str, Any], g: Any, history: int) -> None:
        """Put the next direction into `state`, and the last step into the history."""
        if state["n_iter"] == 1:
            state.update(d=-g, old_dirs=[], old_stps=[], ro=[], H_diag=1.0)
            return
        y, s = g - state["prev_flat_grad"], state["d"] * state["t"]
        ys = float(y @ s)
        kept_of = (state["old_dirs"], state["old_stps"], state["ro"])
        if ys > _LEAST_CURVATURE:
            for kept, new in zip(kept_of, (y, s, 1.0 / ys), strict=True):
                if len(kept) == history:
                    kept.pop(0)
                kept.append(new)
            state["H_diag"] = ys / float(y @ y)
        past = list(zip(*kept_of, strict=True))
        d, shares = -g, []
        for y, s, ro in reversed(past):
            shares.append(float(s @ d) * ro)
            d -= shares[-1] * y
        d *= state["H_diag"]
        for y, s, ro in past:
            d += (shares.pop() - float(y @ d) * ro) * s
        state["d"] = d

    def _search(
        self, closure: Callable[[], Any], state: dict[str, Any], loss: float, g: Any, most: int
    ) -> tuple[float, Any, float, int]:
        """Loss, gradient and t that the line search finds, and its evaluations."""
        params = self.param_groups[0]["params"]
        d, start = state["d"], [p.synced() for p in params]

        def at(t: float) -> tuple[float, Any]:
            self._add(t, d)
            found = float(self._evaluate(closure)), self._gradient()
            moment = CLOCK.tick()
            for p, value in zip(params, start, strict=True):
                write(p, value, value, moment)
            return found

        change = self.param_groups[0]["tolerance_change"]
        return strong_wolfe(at, state["t"], d, loss, g, change, most)

    def _evaluate(self, closure: Callable[[], Any]) -> Any:
        with enable_grad():
            return closure()

    def _gradient(self) -> Any:
        """Gradients of all parameters in one new vector; zeros for those without."""
        params = self.param_groups[0]["params"]
        if all(p._grad is None for p in params):
            raise self.idle()
        flat = []
        for p in params:
            g = p._grad
            if g is None:
                g = namespace(p._data).zeros(p._data.shape, p._data.dtype)
            elif hasattr(g, "synced"):
                g = as_numbers(g, p._data)
            flat.append(g.reshape(-1))
        return namespace(flat[0]).concat(flat)

    def _add(self, t: float, d: Any) -> None:
        """x ← x + t d."""
        place, moment = 0, CLOCK.tick()
        for p in self.param_groups[0]["params"]:
            value = p.synced()
            part = d[place : place + value.size].reshape(value.shape)
            write(p, value, value + t * part, moment)
            place += value.size

    # ── State ───────────────────────────────────────────────────────────────────────────

    def entry(
        self, where: str, entry: dict[str, Any], p: Any, group: dict[str, Any]
    ) -> dict[str, Any]:
        """What is remembered of all parameters, kept with the first as in PyTorch; checked."""
        flat = namespace(p._data).concat([q._data.reshape(-1) for q in group["params"]])

        def kept(key: str, value: Any) -> Any:
            here = f"{where}: {key!r}"
            if key in _COUNTS:
                return number(here, value, whole=True)
            if key in _NUMBERS or key == "ro[]":
                return number(here, value)
            if key in _LISTS:
                items: Iterable[Any] = value if isinstance(value, (list, tuple)) else ()
                return [kept(f"{key}[]", item) for item in items]
            return array(here, value, flat)

        known = (*_COUNTS, *_NUMBERS, *_ARRAYS, *_LISTS)
        missing = [k for k in known if entry.get(k) is None]
        if entry.get("n_iter") and missing:
            raise StateError(f"{where}: got {', '.join(entry)}, expected {missing[0]!r} too")
        return {k: kept(k, v) for k, v in entry.items() if k in known and v is not None}


def _largest(x: Any) -> float:
    """Largest absolute value; 0 of nothing."""
    return float(abs(x).max()) if x.size else 0.0
