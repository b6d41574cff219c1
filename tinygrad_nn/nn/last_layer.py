"""Losses with a last layer of their own, for many classes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import Any, NamedTuple, Unpack

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.capturing import wrong
from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.nn import functional
from tinygrad_nn.nn.container import ModuleList, Sequential
from tinygrad_nn.nn.factory import Factory, Start
from tinygrad_nn.nn.functional.operands import class_indices, operand
from tinygrad_nn.nn.functional.sizes import whole
from tinygrad_nn.nn.functional.targets import reduced
from tinygrad_nn.nn.linear import Linear
from tinygrad_nn.nn.module import Module
from tinygrad_nn.ops.arithmetic import negative
from tinygrad_nn.ops.find import argmax
from tinygrad_nn.ops.join import concat
from tinygrad_nn.ops.neural import pick
from tinygrad_nn.ops.shape import expand_dims, reshape
from tinygrad_nn.ops.softmax import log_softmax
from tinygrad_nn.tensor import Tensor, tensor

__all__ = ["AdaptiveLogSoftmaxWithLoss", "LinearCrossEntropyLoss"]


class LinearCrossEntropyLoss(Module):
    """A linear layer and `CrossEntropyLoss` in one: `(N, in_features) -> ()`.

    Args:
        in_features: Numbers in a sample.
        num_classes: Classes.
        out_features: More axes of the logits, behind the classes.
        bias: Whether the layer adds one.
        reduction: "mean", "sum" or "none".
        weight: One number for each class.
        ignore_index: Samples of this class index are left out.
        label_smoothing: ε: the target becomes (1 − ε) t + ε / classes.
        options: None; PyTorch's chunks are not here.
        factory: rng, dtype and device; see `nn.factory.Factory`.

    Attributes:
        linear: The layer, with a weight of (num_classes · prod(out_features), in_features).
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        reduction: str = "mean",
        weight: Any = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: None = None,
        **factory: Unpack[Factory],
    ) -> None:
        super().__init__()
        self.num_classes = whole("LinearCrossEntropyLoss", "num_classes", num_classes, 1)
        self.out_features = tuple(out_features)
        self.reduction, self.ignore_index = reduction, ignore_index
        self.label_smoothing, self.options = label_smoothing, options
        kept = weight if weight is None or isinstance(weight, Tensor) else tensor(weight)
        self.register_buffer("weight", kept)
        rows = self.num_classes * prod(self.out_features)
        self.linear = Linear(in_features, rows, bias, **factory)

    def forward(self, input: Any, target: Any) -> Any:
        """Loss of the samples for their classes."""
        shape = (self.num_classes, *self.out_features)
        bias = self.linear.bias
        return functional.linear_cross_entropy(
            input,
            reshape(self.linear.weight, (*shape, self.linear.in_features)),
            target,
            linear_bias=None if bias is None else reshape(bias, shape),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            options=self.options,
        )

    def extra_repr(self) -> str:
        """Sizes and options."""
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, "
            f"out_features={self.out_features}, bias={self.linear.bias is not None}, "
            f"reduction={self.reduction}, ignore_index={self.ignore_index}, "
            f"label_smoothing={self.label_smoothing}, options={self.options}"
        )


class Answer(NamedTuple):
    """What `AdaptiveLogSoftmaxWithLoss` gives: log-probability of each target, and the loss."""

    output: Any
    loss: Any


class AdaptiveLogSoftmaxWithLoss(Module):
    """Softmax over very many classes, in a head of frequent ones and clusters of rare ones.

    From Grave and others, "Efficient softmax approximation for GPUs" (2017). A rare class has
    the probability of its cluster, which the head gives, times that within the cluster.

    Args:
        in_features: Numbers in a sample.
        n_classes: Classes, the most frequent first.
        cutoffs: First class of each cluster, rising.
        div_value: Each cluster works in this many times fewer numbers than the one before it.
        head_bias: Whether the head has a bias.
        factory: rng, dtype and device; see `nn.factory.Factory`.

    Attributes:
        head: Linear layer of the frequent classes and the clusters.
        tail: For each cluster, two linear layers.

    Raises:
        OptionError: The cutoffs do not rise from above 0 to below `n_classes`.
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        **factory: Unpack[Factory],
    ) -> None:
        super().__init__()
        name = "AdaptiveLogSoftmaxWithLoss"
        self.in_features = whole(name, "in_features", in_features, 1)
        self.n_classes = whole(name, "n_classes", n_classes, 2)
        limits = [0, *cutoffs, self.n_classes]
        if not cutoffs or any(b <= a for a, b in pairwise(limits)):
            raise OptionError(
                f"{name}: got cutoffs={list(cutoffs)}, expected rising class numbers from 1 to "
                f"{self.n_classes - 1}"
            )
        self.cutoffs = [whole(name, "cutoffs", cutoff) for cutoff in limits[1:]]
        self.div_value, self.head_bias = div_value, head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        first = Start(name, factory)
        options = Factory(rng=first.rng, dtype=first.dtype)
        self.head = Linear(in_features, self.head_size, head_bias, **options)
        self.tail = ModuleList()
        for i, (low, high) in enumerate(pairwise(self.cutoffs)):
            width = int(in_features // div_value ** (i + 1))
            self.tail.append(
                Sequential(
                    Linear(in_features, width, False, **options),
                    Linear(width, high - low, False, **options),
                )
            )

    def forward(self, input_: Any, target_: Any) -> Answer:
        """Log-probability of each target, and the mean of their negatives: `(N,)` and `()`.

        Raises:
            ShapeError: The input is not (N, in_features) or the target not (N,).
            OptionError: A class is out of range.
        """
        x = operand("AdaptiveLogSoftmaxWithLoss", input_)
        index = class_indices("AdaptiveLogSoftmaxWithLoss", target_)
        if x.ndim not in (1, 2) or tuple(index.shape) != tuple(x.shape[:-1]):
            raise ShapeError(
                f"AdaptiveLogSoftmaxWithLoss: got x {tuple(x.shape)} and a target "
                f"{tuple(index.shape)}, expected (N, {self.in_features}) and (N,)"
            )
        if index.size and wrong((index.min() < 0) | (index.max() >= self.n_classes)):
            raise OptionError(
                f"AdaptiveLogSoftmaxWithLoss: got classes from {index.min()} to {index.max()}, "
                f"expected 0 to {self.n_classes - 1}"
            )
        single = x.ndim == 1
        if single:
            x, index = expand_dims(x, 0), index.reshape(1)
        output = self._chosen(x, index)
        loss = reduced(type(self).__name__, negative(output), "mean")
        return Answer(output[0] if single else output, loss)

    def _chosen(self, x: Any, index: Any) -> Any:
        """Log-probability of each sample's class; each cluster computes for its own samples."""
        xp = namespace(index)
        cluster = xp.searchsorted(xp.asarray(self.cutoffs), index, side="right")
        entry = xp.where(cluster == 0, index, self.shortlist_size + cluster - 1)
        head = pick(log_softmax(self.head(x), -1), entry)
        rows, parts = [], []
        for i in range(self.n_clusters + 1):
            mine = xp.nonzero(cluster == i)[0]
            if not mine.size:
                continue
            part = head[mine]
            if i:
                within = log_softmax(self.tail[i - 1](x[mine]), -1)
                part = part + pick(within, index[mine] - self.cutoffs[i - 1])
            rows.append(mine)
            parts.append(part)
        return concat(parts)[xp.argsort(xp.concatenate(rows))] if parts else head

    def log_prob(self, input: Any) -> Any:
        """Log-probabilities of all classes: `(N, in_features) -> (N, n_classes)`."""
        head = log_softmax(self.head(input), -1)
        parts = [head[..., : self.shortlist_size]]
        for i, layers in enumerate(self.tail):
            place = self.shortlist_size + i
            parts.append(head[..., place : place + 1] + log_softmax(layers(input), -1))
        return concat(parts, axis=-1)

    def predict(self, input: Any) -> Any:
        """Most probable class of each sample: `(N, in_features) -> (N,)`."""
        return argmax(self.log_prob(input), -1)
