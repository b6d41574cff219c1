"""Weight and spectral normalisation by a hook before `forward`, as older PyTorch models have them.

The weight is an ordinary attribute, made anew before each call; what is learnt is `weight_g`
and `weight_v`, or `weight_orig`. New models use `nn.utils.parametrizations`.
"""

from __future__ import annotations

from typing import Any, TypeVar

from tinygrad_nn.core.node import no_grad
from tinygrad_nn.errors import OptionError
from tinygrad_nn.nn.module import Module
from tinygrad_nn.nn.utils.reparametrization import (
    as_matrix,
    axis_of_outputs,
    norm_except,
    power_method,
    singular_value,
    start,
    steps_of,
    weighted,
)
from tinygrad_nn.tensor import Parameter

__all__ = ["remove_spectral_norm", "remove_weight_norm", "spectral_norm", "weight_norm"]

M = TypeVar("M", bound=Module)


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Learn the length and the direction of a weight apart: w = g · v / |v|.

    Args:
        module: The layer.
        name: Of its weight; `name_g` and `name_v` are learnt.
        dim: Axis along which there is a length for each index; None for one length.

    Returns:
        `module`.

    Raises:
        OptionError: It has no such parameter, or is normalised already.

    Example:
        >>> from tinygrad_nn import nn
        >>> layer = nn.utils.weight_norm(nn.Linear(20, 40))
        >>> [(name, p.shape) for name, p in layer.named_parameters()]
        [('bias', (40,)), ('weight_g', (40, 1)), ('weight_v', (40, 20))]
    """
    weight = _weight("weight_norm", module, name, _WeightNorm)
    hook = _WeightNorm(name, -1 if dim is None else dim)
    with no_grad():
        length = norm_except(weight, hook.dim)
    delattr(module, name)
    module.register_parameter(f"{name}_g", Parameter(length, weight.requires_grad))
    module.register_parameter(f"{name}_v", weight)
    hook(module)
    module.register_forward_pre_hook(hook)
    return module


def remove_weight_norm(module: M, name: str = "weight") -> M:
    """Undo `weight_norm`: the weight that it computed becomes a parameter.

    Raises:
        OptionError: The weight is not normalised.
    """
    return _removed("remove_weight_norm", module, name, _WeightNorm)


def spectral_norm(
    module: M,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
    *,
    rng: Any = None,
) -> M:
    """Divide a weight by its greatest singular value (Miyato et al. 2018).

    The value is estimated by power iteration, one step before each call in training.

    Args:
        module: The layer.
        name: Of its weight; `name_orig` is learnt.
        n_power_iterations: Steps before each call.
        eps: Least length to divide by.
        dim: Axis of the outputs; 0, and 1 for transposed convolutions, if None.
        rng: Seed or generator of the first singular vectors.

    Returns:
        `module`.

    Raises:
        OptionError: It has no such parameter, or is normalised already.
    """
    weight = _weight("spectral_norm", module, name, _SpectralNorm)
    steps = steps_of("spectral_norm", n_power_iterations)
    hook = _SpectralNorm(name, axis_of_outputs(module, dim), steps, eps)
    u, v = start(rng, as_matrix(weight.detach(), hook.dim), eps)
    delattr(module, name)
    module.register_parameter(f"{name}_orig", weight)
    setattr(module, name, weight.detach())
    module.register_buffer(f"{name}_u", u)
    module.register_buffer(f"{name}_v", v)
    module.register_forward_pre_hook(hook)
    return module


def remove_spectral_norm(module: M, name: str = "weight") -> M:
    """Undo `spectral_norm`: the weight that it computed becomes a parameter.

    Raises:
        OptionError: The weight is not normalised.
    """
    return _removed("remove_spectral_norm", module, name, _SpectralNorm)


class _WeightNorm:
    """Hook that computes the weight of its length and direction."""

    parts: tuple[str, ...] = ("g", "v")

    def __init__(self, name: str, dim: int) -> None:
        self.name, self.dim = name, dim

    def weight(self, module: Any, training: bool) -> Any:
        g, v = (getattr(module, f"{self.name}_{part}") for part in self.parts)
        return weighted(v, g, self.dim)

    def __call__(self, module: Any, inputs: Any = ()) -> None:
        setattr(module, self.name, self.weight(module, module.training))


class _SpectralNorm(_WeightNorm):
    """Hook that divides the weight by its greatest singular value."""

    parts = ("orig", "u", "v")

    def __init__(self, name: str, dim: int, steps: int, eps: float) -> None:
        super().__init__(name, dim)
        self.steps, self.eps = steps, eps

    def weight(self, module: Any, training: bool) -> Any:
        weight, u, v = (getattr(module, f"{self.name}_{part}") for part in self.parts)
        matrix = as_matrix(weight, self.dim)
        if training:
            u, v = power_method(matrix, u, v, self.steps, self.eps, u_first=False)
            setattr(module, f"{self.name}_u", u)
            setattr(module, f"{self.name}_v", v)
        return weight / singular_value(matrix, u, v)


def _weight(caller: str, module: Any, name: str, kind: type) -> Any:
    if _hooked(module, name, kind) is not None:
        raise OptionError(f"{caller}: {name!r} of {type(module).__name__} has it already")
    weight = module.__dict__.get(name)
    if not isinstance(weight, Parameter):
        own = [n for n, _ in module.named_parameters(recurse=False)]
        raise OptionError(
            f"{caller}: {type(module).__name__} has no parameter {name!r}; it has "
            f"{', '.join(own) or 'none'}"
        )
    return weight


def _hooked(module: Any, name: str, kind: Any) -> int | None:
    """Number of the hook that computes this weight."""
    held = {} if module._hooks is None else module._hooks.before
    for number, hook in held.items():
        if type(hook.function) is kind and hook.function.name == name:
            return int(number)
    return None


def _removed(caller: str, module: M, name: str, kind: type) -> M:
    number = _hooked(module, name, kind)
    if number is None:
        raise OptionError(f"{caller}: {name!r} of {type(module).__name__} does not have it")
    held: Any = module._hooks
    hook = held.before.pop(number).function
    with no_grad():
        weight = hook.weight(module, False)
    trained = any(getattr(module, f"{name}_{part}").requires_grad for part in hook.parts)
    for part in ("", *(f"_{part}" for part in hook.parts)):
        delattr(module, name + part)
    module.register_parameter(name, Parameter(weight, trained))
    return module
