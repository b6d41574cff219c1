"""What is measured of each layer: norms of weights, gradients and updates, and its activations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn.core.node import WATCH, Node, mode_bit
from tinygrad_nn.core.watch import watching
from tinygrad_nn.nn import Module
from tinygrad_nn.report.figures import WHOLE, rounded
from tinygrad_nn.train.batches import answer
from tinygrad_nn.train.doctor.thresholds import SIGMOID_END, TANH_END
from tinygrad_nn.train.modes import evaluating
from tinygrad_nn.viz.wording import clean, shorten

__all__ = ["Layer", "Layers"]

Array = NDArray[Any]

_MOST: Final = 64
"""Layers that are told apart; of deeper trees whole branches are one layer."""
_BINS: Final = 32
_ENDS: Final = {"sigmoid": (SIGMOID_END, 1 - SIGMOID_END), "tanh": (-TANH_END, TANH_END)}
_OFF_AT_0: Final = ("relu", "relu6")
_ACTIVATIONS: Final = {
    *_OFF_AT_0, *_ENDS, "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "softplus",
    "softsign", "hardtanh", "hardsigmoid", "hardswish", "logsigmoid", "step",
}  # fmt: skip


@dataclass
class Layer:
    """A module that owns parameters.

    Attributes:
        path: Within the model; "the model" for the model itself.
        kind: Name of its class.
        parameters: How many numbers it learns.
        activation: Name of the operation that follows it; empty if none does.
    """

    path: str
    kind: str
    parameters: int
    activation: str = ""

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)


class Layers:
    """The layers of a model, in the order of its parameters.

    Args:
        model: The model.

    Attributes:
        listed: The layers.
    """

    def __init__(self, model: Module) -> None:
        self._model = model
        owners = list(_owners(model))
        depth = _depth(owners)
        self.listed: list[Layer] = []
        self._parameters: list[list[Any]] = []
        self._modules: list[Any] = []
        places: dict[str, int] = {}
        for path, module, parameters in owners:
            name = ".".join(path.split(".")[:depth]) if depth else path
            if name not in places:
                places[name] = len(self.listed)
                kind = type(module).__name__ if name == path else "branch"
                word = shorten(clean(name or WHOLE), 80)
                self.listed.append(Layer(word, clean(kind), 0))
                self._parameters.append([])
                self._modules.append(module)
            place = places[name]
            self._parameters[place] += parameters
            self.listed[place].parameters += sum(int(getattr(p, "size", 1)) for p in parameters)

    # ── Weights ─────────────────────────────────────────────────────────────────────────

    def weights(self) -> list[list[Array]]:
        """Copies of the parameters of each layer."""
        return [[_copied(p) for p in group] for group in self._parameters]

    def weight_norms(self) -> list[float]:
        """Norm of the parameters of each layer together."""
        return [_norm(_numbers(p) for p in group) for group in self._parameters]

    def gradient_norms(self) -> list[float]:
        """Norm of the gradients of each layer; NaN where there is none."""
        groups = ([p.grad for p in group if p.grad is not None] for group in self._parameters)
        return [_norm(map(_numbers, group)) if group else float("nan") for group in groups]

    def update_ratios(self, before: Sequence[Sequence[Array]]) -> list[float]:
        """Norm of what a step changed, over the norm of what was there before."""
        ratios = []
        for group, old in zip(self._parameters, before, strict=True):
            change = _norm(_numbers(p) - x for p, x in zip(group, old, strict=True))
            size = _norm(old)
            ratios.append(change / size if size else float("nan"))
        return ratios

    # ── Activations ─────────────────────────────────────────────────────────────────────

    def activations(self, inputs: Any) -> list[dict[str, Any] | None]:
        """Histogram of what each layer gives for `inputs`, behind its activation.

        The model answers in evaluation mode without a graph, and keeps its modes.
        """
        look = _Look(self._modules)
        with evaluating(self._model), np.errstate(all="ignore"), look.looking():
            answer(self._model, inputs)
        for layer, name in zip(self.listed, look.names, strict=True):
            layer.activation = name
        return [
            None if found is None else _described(found, name, layer.kind)
            for found, name, layer in zip(look.found, look.names, self.listed, strict=True)
        ]


class _Look:
    """Sees what the layers give, and the first activation behind each."""

    def __init__(self, modules: Sequence[Any]) -> None:
        self._modules = modules
        self.found: list[Array | None] = [None] * len(modules)
        self.names = [""] * len(modules)
        self._last: int | None = None

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Hooks on every layer, and every result is seen."""
        with ExitStack() as stack:
            for place, module in enumerate(self._modules):
                stack.callback(module.register_forward_pre_hook(self._enter).remove)
                stack.callback(module.register_forward_hook(self._leaver(place)).remove)
            stack.enter_context(mode_bit(WATCH))
            stack.enter_context(watching(self.result))
            yield

    def _enter(self, *_: Any) -> None:
        self._last = None

    def _leaver(self, place: int) -> Any:
        def leave(_module: Any, _inputs: Any, output: Any) -> None:
            first = output[0] if isinstance(output, (tuple, list)) and output else output
            if isinstance(first, Node) and self.found[place] is None:
                numbers = _numbers(first)
                self.found[place], self._last = numbers, place

        return leave

    def result(self, op: Any, node: Node, *_: Any) -> None:
        """Called with each result."""
        if self._last is not None and op.name in _ACTIVATIONS:
            self.found[self._last] = _numbers(node)
            self.names[self._last] = op.name
            self._last = None


def _described(y: Array, name: str, kind: str) -> dict[str, Any]:
    finite = y[np.isfinite(y)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    counts, edges = np.histogram(finite, _BINS, (low, high) if high > low else None)
    return {
        "low": rounded(float(edges[0])),
        "high": rounded(float(edges[-1])),
        "counts": [int(count) for count in counts],
        "nonfinite": int(y.size - finite.size),
        "idle": rounded(_idle(y, name, kind)),
    }


def _idle(y: Array, name: str, kind: str) -> float:
    """Share of ReLU units that are off for every example, or of saturated activations; or NaN."""
    if not y.size:
        return float("nan")
    if name in _OFF_AT_0 and y.ndim >= 2:
        channel = 1 if "Conv" in kind or y.ndim >= 4 else y.ndim - 1
        others = tuple(axis for axis in range(y.ndim) if axis != channel)
        return float((~(y > 0).any(axis=others)).mean())
    if name in _ENDS:
        low, high = _ENDS[name]
        return float(((y < low) | (y > high)).mean())
    return float("nan")


def _owners(model: Module) -> Iterator[tuple[str, Any, list[Any]]]:
    seen: set[int] = set()
    for path, module in model.named_modules():
        own = [p for p in module.parameters(recurse=False) if id(p) not in seen]
        seen.update(map(id, own))
        if own:
            yield path, module, own


def _depth(owners: Sequence[tuple[str, Any, Any]]) -> int:
    """How many parts of the paths leave few enough layers; 0 for all."""
    if len(owners) <= _MOST:
        return 0
    deepest = max(path.count(".") + 1 for path, *_ in owners)
    for depth in range(deepest, 1, -1):
        if len({tuple(path.split(".")[:depth]) for path, *_ in owners}) <= _MOST:
            return depth
    return 1


def _numbers(x: Any) -> Array:
    payload = x.synced() if isinstance(x, Node) else x
    return np.asarray(payload)


def _copied(x: Any) -> Array:
    return np.array(_numbers(x))


def _norm(arrays: Any) -> float:
    """Norm of several arrays together; squares in float64, so that small ones do not become 0."""
    total = 0.0
    with np.errstate(all="ignore"):
        for x in arrays:
            flat = np.asarray(x, np.float64).reshape(-1)
            total += float(np.dot(flat, flat))
    return float(np.sqrt(total))
