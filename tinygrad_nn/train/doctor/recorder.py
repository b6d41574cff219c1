"""`Recorder`: looks at one forward and backward pass, through hooks that are there meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn import nn
from tinygrad_nn.core.node import WATCH, Node, mode_bit
from tinygrad_nn.core.observe import Observer, observe
from tinygrad_nn.core.watch import watching
from tinygrad_nn.tensor import Tensor
from tinygrad_nn.train.doctor.evidence import Evidence, Pass, Site
from tinygrad_nn.train.doctor.thresholds import SIGMOID_END, TANH_END

__all__ = ["Recorder", "rms"]

_ENDS = {"sigmoid": (SIGMOID_END, 1 - SIGMOID_END), "tanh": (-TANH_END, TANH_END)}
_UNIT_OPS = {"relu", "relu6", *_ENDS}
# What leaves the numbers as they are, between an activation and the output of the model.
_VIEWS = {"reshape", "squeeze", "expand_dims", "getitem", "permute_dims", "astype", "moveaxis"}
_CHANNELS_FIRST = 4


class Recorder(Observer):
    """Writes into the evidence what happens between `begin` and `end`.

    Args:
        evidence: To be filled.

    Attributes:
        now: The pass that is looked at.
        is_open: Whether one is.
        scale: Factor by which gradients are to be multiplied, where the loss was scaled.
    """

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._forward = ExitStack()
        self._layers: dict[Node, str] = {}
        self._sites: dict[Node, Site] = {}
        self._names: dict[Node, str] = {}
        self.now = Pass()
        self.is_open = False
        self.scale = 1.0

    # ── Around a pass ───────────────────────────────────────────────────────────────────

    def begin(self, roots: Sequence[Node] = ()) -> None:
        """Nothing: `Observer`'s name for the begin of a backward pass."""

    def end(self) -> None:
        """Nothing: the same for its end."""

    @contextmanager
    def looking(self) -> Iterator[Pass]:
        """Look at what the body does, and at the gradients."""
        self.open()
        try:
            with observe(self):
                yield self.now
        finally:
            self.close()

    def open(self, *, within_model: bool = False) -> None:
        """Look at the next call of the model, or at the one under way.

        Gradients are seen by whom `observe` is told of; the look ends with the call.
        """
        self.close()
        self.now = Pass()
        self._calls: dict[tuple[str, str], int] = {}
        self._above = [""] if within_model else []
        self._is_conv = False
        self._names = {p: name for name, p in self._evidence.parameters.items()}
        self.is_open = True
        with ExitStack() as opened:
            for path, module in self._evidence.model.named_modules():
                self._hook(path, module, opened)
            opened.enter_context(mode_bit(WATCH))
            opened.enter_context(watching(self._result))
            self._forward = opened.pop_all()

    def close(self) -> None:
        """Look no more; what was seen so far stays in the evidence."""
        self._forward.close()
        # Graphs must not live on because someone looked.
        self._layers, self._sites = {}, {}
        self.is_open = False

    def _hook(self, path: str, module: Any, opened: ExitStack) -> None:
        own = any(p.ndim >= 2 for p in _own(module))

        def enter(*_: Any) -> None:
            self._above.append(path)

        def leave(_module: Any, _inputs: Any, output: Any) -> None:
            self._above.pop()
            if isinstance(output, Tensor) and output.op is not None and own:
                self._layers[output] = path
                self.now.flow.setdefault(path, 0.0)
            if not path:
                if isinstance(output, Node):
                    self._mark_output(output)
                # The caller may leave contexts of his own now: modes must be put back first.
                self._forward.close()

        opened.callback(module.register_forward_pre_hook(enter, prepend=True).remove)
        opened.callback(module.register_forward_hook(leave, always_call=True).remove)

    def _mark_output(self, output: Node) -> None:
        while output.op is not None and output.op.name in _VIEWS:
            output = output.inputs[0]
        if (site := self._sites.get(output)) is not None:
            site.is_output = True

    # ── Each result ─────────────────────────────────────────────────────────────────────

    def _result(self, op: Any, node: Node, *_: Any) -> None:
        if not self._above:
            return  # the loss
        if "conv" in op.name or op.name == "linear":
            self._is_conv = op.name != "linear"
        if op.name in _UNIT_OPS and isinstance(node, Tensor) and node.ndim >= 2 and node.size:
            path = self._above[-1]
            number = self._calls.get((path, op.name), 0)
            self._calls[path, op.name] = number + 1
            site = self._evidence.sites.setdefault((path, op.name, number), Site(path, op.name))
            self._sites[node] = site
            _note(site, node._data, self._is_conv)

    # ── Each gradient ───────────────────────────────────────────────────────────────────

    def gradient(self, node: Node, gradient: Any) -> None:
        """Note the size of a gradient of a parameter or of a layer's output."""
        if not self.is_open:
            return
        if (path := self._layers.get(node)) is not None:
            self.now.flow[path] += float(np.linalg.norm(_payload(gradient).astype(float).ravel()))
        name = self._names.get(node)
        if name is not None:
            payload = _payload(gradient) * self.scale
            self.now.gradients[name] = max(self.now.gradients.get(name, 0.0), rms(payload))
            self.now.gradient_norm = float(
                np.hypot(self.now.gradient_norm, rms(payload) * np.sqrt(payload.size))
            )
            if node._data.ndim >= 2:
                self.now.twins[name] = _twins(node._data, payload)

    def weigh(self) -> None:
        """Note the norm of the parameters."""
        squares = (float(np.sum(_square(p._data))) for p in self._names)
        self.now.weight_norm = float(np.sqrt(sum(squares)))


def rms(x: NDArray[Any]) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(_square(x)))) if x.size else 0.0


def _square(x: NDArray[Any]) -> NDArray[Any]:
    with np.errstate(over="ignore", invalid="ignore"):
        squares: NDArray[Any] = np.square(x, dtype=np.float64)
    return squares


def _payload(gradient: Any) -> NDArray[Any]:
    return np.asarray(gradient._data if isinstance(gradient, Node) else gradient)


def _own(module: Any) -> Iterator[Any]:
    if isinstance(module, nn.Embedding):
        return iter(())  # a gradient for few of its rows
    return (p for p in module.parameters(recurse=False) if isinstance(p, Tensor))


def _note(site: Site, y: NDArray[Any], is_conv: bool) -> None:
    channel = 1 if y.ndim >= _CHANNELS_FIRST or (y.ndim == 3 and is_conv) else y.ndim - 1
    others = tuple(axis for axis in range(y.ndim) if axis != channel)
    site.samples += len(y)
    site.is_output = False
    alive = np.asarray((y > 0).any(axis=others))
    if site.alive is None or site.alive.shape != alive.shape:
        site.alive = alive
    else:
        site.alive = site.alive | alive
    if (ends := _ENDS.get(site.op)) is not None:
        site.near += int(((y < ends[0]) | (y > ends[1])).sum())
        site.count += y.size


def _twins(weight: NDArray[Any], gradient: NDArray[Any]) -> float:
    """Share of the rows that have an equal one, in weights and gradients."""
    count = len(weight)
    if count < 2:
        return 0.0
    rows = np.concatenate([weight.reshape(count, -1), gradient.reshape(count, -1)], axis=1)
    if not rows.shape[1]:
        return 0.0
    _, counts = np.unique(np.ascontiguousarray(rows), axis=0, return_counts=True)
    return float(counts[counts > 1].sum()) / count
