"""`fit`: predict, measure the loss, derive, adjust; again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import isfinite
from time import perf_counter
from typing import Any, Protocol

from tinygrad_nn.data.arguments import whole_number
from tinygrad_nn.errors import AnomalyError, DataError
from tinygrad_nn.nn import Module
from tinygrad_nn.optim import Optimizer
from tinygrad_nn.train.history import Epoch, History

__all__ = ["Batches", "fit"]


class Batches(Protocol):
    """What `fit` learns from: a `DataLoader`, or a list of pairs `(inputs, targets)`."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[tuple[Any, Any]]: ...


def fit(
    model: Module,
    loss: Callable[[Any, Any], Any],
    optimizer: Optimizer,
    loader: Batches,
    epochs: int,
    *,
    history: History | None = None,
    before_epoch: Callable[[int], object] | None = None,
    measure: Callable[[], Mapping[str, float]] | None = None,
    on_epoch: Callable[[Epoch], object] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> History:
    """Train `model` until its history has `epochs` epochs.

    For each batch: predict, compute the loss, derive it, adjust the parameters.

    Args:
        model: called with the inputs of a batch.
        loss: called with the outputs and the targets; the mean over a batch.
        optimizer: of the model's parameters.
        loader: gives the batches `(inputs, targets)`, anew for each epoch; a `DataLoader`.
        epochs: in all, those of `history` included.
        history: of an earlier call, to go on with it.
        before_epoch: called with the number of the epoch, from 1, before it or the rest of it.
        measure: called after each epoch; what it returns becomes the epoch's scores.
        on_epoch: called with each finished epoch, for instance to print or save.
        should_stop: asked after each batch; True ends the training there. The history then
            knows the epoch under way, and a later call goes on with it, if the loader does:
            a `DataLoader` after `loader.load_state_dict(loader.state_dict())`.

    Returns:
        The history.

    Raises:
        AnomalyError: the loss became NaN or infinite; the parameters are of no use then.
        DataError: the loader has no batches.

    Example:
        >>> from tinygrad_nn import data, nn, optim
        >>> moons = data.make_moons(200)
        >>> model = nn.Sequential(nn.Linear(2, 8, rng=0), nn.Tanh(), nn.Linear(8, 2, rng=1))
        >>> optimizer = optim.Adam(model.parameters(), lr=0.05)
        >>> history = fit(model, nn.CrossEntropyLoss(), optimizer, data.DataLoader(moons), 20)
        >>> len(history.epochs), history.epochs[-1].loss < 0.1
        (20, True)
    """
    whole_number("epochs", epochs, 1)
    history = History() if history is None else history
    if not len(loader):
        raise DataError("fit: got a loader without batches, expected at least 1; check its data")
    while len(history.epochs) < epochs:
        if before_epoch is not None:
            before_epoch(len(history.epochs) + 1)
        model.train()
        # An epoch may have been stopped, or saved, behind its last batch: it is whole then.
        is_whole = history.batches == len(loader)
        is_stopped = not is_whole and _learn(model, loss, optimizer, loader, history, should_stop)
        if history.batches < len(loader):
            break
        epoch = history.close_epoch({} if measure is None else measure())
        if on_epoch is not None:
            on_epoch(epoch)
        if is_stopped:
            break
    return history


def _learn(
    model: Module,
    loss: Callable[[Any, Any], Any],
    optimizer: Optimizer,
    loader: Batches,
    history: History,
    should_stop: Callable[[], bool] | None,
) -> bool:
    """Learn from the batches of an epoch, or from those that are left; return whether to stop."""
    start = perf_counter()
    for inputs, targets in loader:
        result = loss(model(inputs), targets)
        number = result.item()
        if not isfinite(number):
            raise _diverged(number, history, optimizer)
        optimizer.zero_grad()
        result.backward()
        optimizer.step()
        history.batches += 1
        history.examples += len(targets)
        history.loss_sum += number * len(targets)
        # Now rather than at the end, since `should_stop` may save the history.
        now = perf_counter()
        history.seconds += now - start
        start = now
        if should_stop is not None and should_stop():
            return True
    return False


def _diverged(number: float, history: History, optimizer: Optimizer) -> AnomalyError:
    rate = optimizer.param_groups[0].get("lr")
    step = f"lower the learning rate (now {rate:g})" if rate else "lower the learning rate"
    return AnomalyError(
        f"fit: got a loss of {number} at batch {history.batches + 1} of epoch "
        f"{len(history.epochs) + 1}, expected a finite number; {step}, or check the data for NaN"
    )
