"""Mixed precision: float16 on the way forth and back, float32 weights, a scaled loss.

Micikevicius et al. 2018, "Mixed Precision Training". float16 ends at 65504 and rounds what is
below 6e-8 to 0. Weights stay in float32, since an update that is small beside its weight would be
lost in float16; the loss is multiplied before the backward pass, since small gradients would be.

On a CPU this saves nothing: NumPy computes float16 by way of float32, number by number. A network
of 784-256-10 neurons, 64 examples a batch, takes 34 times as long as in float32 (measured on
one core). It is here to learn how it works, and to see on a small machine whether a network would
survive it on a large one.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Final, Self

import numpy as np

from tinygrad_nn import nn
from tinygrad_nn.core.capturing import refuse_captured
from tinygrad_nn.errors import OperandError, OptionError, StateError
from tinygrad_nn.ops import astype
from tinygrad_nn.tensor import Parameter, Tensor

__all__ = ["GradScaler", "float16"]

_WIDE: Final = (
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "GroupNorm",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LayerNorm",
    "LocalResponseNorm",
    "LogSoftmax",
    "RMSNorm",
    "Softmax",
    "Softmin",
)
"""Layers that sum many numbers, which float16 cannot: they compute in float32."""


class float16:  # noqa: N801
    """Let a model compute in float16 while its parameters stay what they are.

    Within the block the model's weights and inputs are rounded to float16, normalising layers and
    softmax layers compute in float32, and the model's output is given as float32, for the loss.
    Gradients arrive at the parameters in the parameters' dtype. Functions that a model calls itself
    compute in the dtype of what they are given.

    Args:
        model: The model; its parameters are tensors.
        wide: Further classes of modules that are to compute in float32.

    Raises:
        OperandError: A parameter is no tensor.

    Example:
        >>> import numpy as np
        >>> from tinygrad_nn import nn, train
        >>> model = nn.Linear(2, 1, bias=False, rng=0)
        >>> x = np.array([[1.0, 1e-9]], np.float32)
        >>> with train.float16(model):
        ...     y = model(x)
        >>> y.sum().backward()
        >>> model.weight.dtype, model.weight.grad.dtype, model.weight.grad.tolist()
        (dtype('float32'), dtype('float32'), [[1.0, 0.0]])
    """

    def __init__(self, model: nn.Module, wide: tuple[type[nn.Module], ...] = ()) -> None:
        self.model = model
        self._wide = (*(getattr(nn, name) for name in _WIDE), *wide)
        for name, p in model.named_parameters():
            if not isinstance(p, Tensor):
                raise OperandError(
                    f"float16: parameter {name} is a {type(p).__name__}, expected a tensor: scalar "
                    "values have one precision; use precision='float32'"
                )
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(np.errstate(over="ignore", under="ignore", invalid="ignore"))
            rounded: dict[int, Any] = {}
            for module in list(self.model.modules()):
                if isinstance(module, self._wide):
                    stack.enter_context(module.register_forward_pre_hook(_widen, with_kwargs=True))
                    if module is not self.model:
                        stack.enter_context(module.register_forward_hook(_narrow_output))
                    continue
                attributes = vars(module)
                for name, value in list(attributes.items()):
                    if (low := _rounded(value, rounded)) is not value:
                        stack.callback(attributes.__setitem__, name, value)
                        attributes[name] = low
            if not isinstance(self.model, self._wide):
                stack.enter_context(
                    self.model.register_forward_pre_hook(_narrow, with_kwargs=True, prepend=True)
                )
                stack.enter_context(self.model.register_forward_hook(_widen_output))
            self._undo = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._undo.close()


def _rounded(value: Any, seen: dict[int, Any]) -> Any:
    """A parameter as a float16 result of it, also inside lists and dicts; others as they are."""
    if isinstance(value, Parameter):
        if value.dtype.kind != "f":
            return value
        if id(value) not in seen:
            seen[id(value)] = astype(value, "float16")
        return seen[id(value)]
    if isinstance(value, (list, tuple)) and any(isinstance(v, Parameter) for v in value):
        parts = [_rounded(v, seen) for v in value]
        return parts if isinstance(value, list) else tuple(parts)
    if isinstance(value, dict) and any(isinstance(v, Parameter) for v in value.values()):
        return {k: _rounded(v, seen) for k, v in value.items()}
    return value


def _as(x: Any, dtype: str) -> Any:
    if isinstance(x, (list, tuple)) and not hasattr(x, "_fields"):
        return type(x)(_as(part, dtype) for part in x)
    if isinstance(x, dict):
        return {k: _as(part, dtype) for k, part in x.items()}
    if isinstance(x, (Tensor, np.ndarray)) and x.dtype.kind == "f" and x.dtype.name != dtype:
        return astype(x, dtype)
    return x


def _widen(module: Any, inputs: Any, options: Any) -> Any:
    return _as(inputs, "float32"), _as(options, "float32")


def _narrow(module: Any, inputs: Any, options: Any) -> Any:
    return _as(inputs, "float16"), _as(options, "float16")


def _widen_output(module: Any, inputs: Any, output: Any) -> Any:
    return _as(output, "float32")


def _narrow_output(module: Any, inputs: Any, output: Any) -> Any:
    return _as(output, "float16")


class GradScaler:
    """Scales the loss so that small gradients survive float16; finds the scale by itself.

    The arguments, methods and state are those of `torch.cuda.amp.GradScaler`.

    Args:
        init_scale: First factor of the loss.
        growth_factor: Factor of the scale after `growth_interval` steps without overflow.
        backoff_factor: Factor of the scale after an overflow.
        growth_interval: That many steps.
        enabled: False makes all methods do what they would without scaling.

    Raises:
        OptionError: A factor is on the wrong side of 1, or a number is not positive.

    Example:
        >>> from tinygrad_nn import nn, optim, train
        >>> model, x = nn.Linear(1, 1, bias=False, rng=0), [[1e-6]]
        >>> optimizer, scaler = optim.SGD(model.parameters(), lr=0.1), train.GradScaler()
        >>> with train.float16(model):  # in here overflow gives no warning
        ...     loss = model(nn.Parameter(x)).sum()
        ...     scaler.scale(loss).backward()
        >>> scaler.step(optimizer)  # 65536 · 1 is more than float16 holds: left out
        >>> scaler.update()
        >>> scaler.get_scale()
        32768.0
    """

    def __init__(
        self,
        init_scale: float = 65536.0,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        for name, number, is_right, expected in (
            ("init_scale", init_scale, 0 < init_scale < float("inf"), "a number above 0"),
            ("growth_factor", growth_factor, growth_factor > 1, "a number above 1"),
            ("backoff_factor", backoff_factor, 0 < backoff_factor < 1, "one between 0 and 1"),
            ("growth_interval", growth_interval, growth_interval >= 1, "an integer from 1 on"),
        ):
            if not is_right:
                raise OptionError(f"GradScaler: got {name}={number!r}, expected {expected}")
        self._scale = float(init_scale)
        self._growth_factor, self._backoff_factor = growth_factor, backoff_factor
        self._growth_interval, self._enabled = growth_interval, enabled
        self._growth_tracker = 0
        # Of each optimiser unscaled since the last update, whether its gradients overflowed.
        self._overflowed: dict[int, bool] = {}
        self._stepped: set[int] = set()

    def scale(self, loss: Any) -> Any:
        """Return the loss times the scale."""
        if self._enabled:
            self._refuse_captured("scale")
        return loss * self._scale if self._enabled else loss

    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients of `optimizer` by the scale, for instance before they are clipped.

        Raises:
            OptionError: That was done before, since the last `update`.
        """
        if not self._enabled:
            return
        self._refuse_captured("unscale_")
        if id(optimizer) in self._overflowed:
            raise OptionError(
                "GradScaler.unscale_: got an optimiser whose gradients are unscaled already, "
                "expected one call for each step; call update() behind the step"
            )
        factor, is_finite = 1.0 / self._scale, True
        for group in optimizer.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                g = p.grad.detach().numpy()
                is_finite = is_finite and bool(np.isfinite(g).all())
                with np.errstate(all="ignore"):
                    p.grad = g * g.dtype.type(factor)
        self._overflowed[id(optimizer)] = not is_finite

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """Make the optimiser's step, unless a gradient is infinite or NaN; unscale before.

        Returns:
            What the step returned; None where it was left out, see `overflowed`.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if args or kwargs:
            raise OptionError(
                "GradScaler.step: got a closure, which cannot be scaled; leave it out"
            )
        if id(optimizer) in self._stepped:
            raise OptionError(
                "GradScaler.step: called twice for one optimiser, expected update() in between"
            )
        if id(optimizer) not in self._overflowed:
            self.unscale_(optimizer)
        self._stepped.add(id(optimizer))
        return None if self.overflowed(optimizer) else optimizer.step()

    def _refuse_captured(self, method: str) -> None:
        refuse_captured(
            f"GradScaler.{method}, whose scale and choice to step follow the gradients' numbers",
            "leave mixed precision outside of captured steps",
        )

    def overflowed(self, optimizer: Any) -> bool:
        """Whether the gradients unscaled last had an infinite number or NaN."""
        return self._overflowed.get(id(optimizer), False)

    def update(self, new_scale: float | None = None) -> None:
        """Set the scale for the next step: smaller after an overflow, now and then greater."""
        if not self._enabled:
            return
        if not self._overflowed and new_scale is None:
            raise OptionError(
                "GradScaler.update: no gradients were unscaled since the last one; call "
                "step(optimizer) before"
            )
        if new_scale is not None:
            self._scale = float(new_scale)
        elif any(self._overflowed.values()):
            self._scale *= self._backoff_factor
            self._growth_tracker = 0
        else:
            self._growth_tracker += 1
            if self._growth_tracker >= self._growth_interval:
                # A scale that became infinite would never come back.
                grown = self._scale * self._growth_factor
                self._scale = grown if grown <= np.finfo(np.float32).max else self._scale
                self._growth_tracker = 0
        self._overflowed.clear()
        self._stepped.clear()

    def get_scale(self) -> float:
        """The scale now."""
        return self._scale if self._enabled else 1.0

    def is_enabled(self) -> bool:
        """Whether anything is scaled."""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """All that later scales depend on; PyTorch's names."""
        if not self._enabled:
            return {}
        return {
            "scale": self._scale,
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._growth_tracker,
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a state, PyTorch's too.

        Raises:
            StateError: Names differ; nothing is loaded then.
        """
        if not self._enabled:
            return
        if set(state_dict) != set(self.state_dict()):
            raise StateError(
                f"GradScaler.load_state_dict: got {state_dict!r:.100}, expected "
                f"{', '.join(self.state_dict())}; was the scaler that gave it enabled?"
            )
        for name, value in state_dict.items():
            setattr(self, name if name.startswith("_") else f"_{name}", value)
