"""Averages of a model's weights over its training, as in torch.optim.swa_utils.

They stand here and not in `optim`, since they are modules: optimisers know no modules. The
formulas and the schedule are in `optim.swa_utils`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from itertools import chain
from typing import Any

import numpy as np

from tinygrad_nn import nn
from tinygrad_nn.core.capturing import refuse_captured
from tinygrad_nn.core.node import no_grad
from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.optim.swa_utils import get_swa_multi_avg_fn
from tinygrad_nn.tensor import Tensor

__all__ = ["AveragedModel", "update_bn"]


class AveragedModel(nn.Module):
    """A copy of a model whose parameters are means of those that the model went through.

    The first `update_parameters` takes them over, each later one averages them in: the plain mean
    (SWA, Izmailov et al. 2018), or what `avg_fn` or `multi_avg_fn` compute, such as
    `optim.swa_utils.get_ema_multi_avg_fn(0.999)`.

    Args:
        model: The model; it is copied.
        device: None or "cpu".
        avg_fn: `f(mean, new, count)` gives the new mean of one parameter.
        multi_avg_fn: `f(means, news, count)` writes the new means of a list of parameters.
        use_buffers: Average buffers too; otherwise they are copied.

    Attributes:
        module: The copy.
        n_averaged: Buffer: how many times parameters were taken in.

    Raises:
        OptionError: Two functions are given.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn, train
        >>> model = nn.Linear(1, 1, bias=False, rng=0)
        >>> mean = train.AveragedModel(model)
        >>> for weight in (1.0, 2.0, 6.0):
        ...     model.weight.data = [[weight]]
        ...     mean.update_parameters(model)
        >>> mean(tg.tensor([[1.0]])).item()
        3.0
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: nn.Module,
        device: Any = None,
        avg_fn: Callable[..., Any] | None = None,
        multi_avg_fn: Callable[..., None] | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise OptionError("AveragedModel: got avg_fn and multi_avg_fn, expected one of them")
        if device not in (None, "cpu"):
            raise OptionError(f"AveragedModel: got device={device!r}, expected None or 'cpu'")
        self.module = deepcopy(model)
        self.register_buffer("n_averaged", Tensor(np.array(0)))
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Output of the copy."""
        return self.module(*args, **kwargs)

    def _averaged(self, model: nn.Module) -> Iterator[Any]:
        return chain(model.parameters(), model.buffers() if self.use_buffers else ())

    def update_parameters(self, model: nn.Module) -> None:
        """Take the parameters that `model` has now into the mean.

        Raises:
            ShapeError: The model is not the one that was copied, or changed; nothing is written.
        """
        refuse_captured("AveragedModel.update_parameters", "call it after the captured step")
        means, news = list(self._averaged(self.module)), list(self._averaged(model))
        shapes, given = ([getattr(p, "shape", ()) for p in side] for side in (means, news))
        if shapes != given:
            raise ShapeError(
                f"AveragedModel.update_parameters: got parameters of shapes {given}, expected "
                f"{shapes}; pass the model that was copied"
            )
        count = self.n_averaged.item()
        with no_grad():
            if count == 0:
                for mean, new in zip(means, news, strict=True):
                    mean.data = new.detach().data
            elif self.avg_fn is not None:
                for mean, new in zip(means, news, strict=True):
                    mean.data = self.avg_fn(mean.detach(), new.detach(), count).data
            else:
                (self.multi_avg_fn or get_swa_multi_avg_fn())(means, news, count)
            if not self.use_buffers:
                for own, other in zip(self.module.buffers(), model.buffers(), strict=True):
                    own.data = other.detach().data
        self.n_averaged = Tensor(np.array(count + 1))


def update_bn(loader: Iterable[Any], model: nn.Module, device: Any = None) -> None:
    """Compute the running mean and variance of every batch norm anew, over all the data.

    Args:
        loader: Batches of inputs, or tuples that begin with them.
        model: The model, such as an `AveragedModel`, whose weights never saw a batch.
        device: None or "cpu".
    """
    if device not in (None, "cpu"):
        raise OptionError(f"update_bn: got device={device!r}, expected None or 'cpu'")
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    norms = [module for module in model.modules() if isinstance(module, kinds)]
    momenta = [norm.momentum for norm in norms]
    if not norms:
        return
    modes = [(module, module.training) for module in model.modules()]
    try:
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None
        model.train()
        with no_grad():
            for batch in loader:
                model(batch[0] if isinstance(batch, (list, tuple)) else batch)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        for module, mode in modes:
            module.training = mode
