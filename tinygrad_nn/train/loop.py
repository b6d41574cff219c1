"""`fit`: predict, measure the loss, derive, adjust; again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from typing import Any, Final

from tinygrad_nn.data import DataLoader
from tinygrad_nn.data.arguments import flag, whole_number
from tinygrad_nn.data.shuffling import Rng
from tinygrad_nn.errors import OptionError
from tinygrad_nn.nn import Module
from tinygrad_nn.optim import Optimizer
from tinygrad_nn.optim.lr_scheduler import LRScheduler
from tinygrad_nn.serialize import load
from tinygrad_nn.train.batches import as_batches
from tinygrad_nn.train.callbacks.base import Callback, Hooks
from tinygrad_nn.train.callbacks.measuring import Metrics
from tinygrad_nn.train.callbacks.schedule import Schedule
from tinygrad_nn.train.context import Context
from tinygrad_nn.train.history import History
from tinygrad_nn.train.learning import Learning
from tinygrad_nn.train.order import check_loss, check_optimizer
from tinygrad_nn.train.precision import GradScaler
from tinygrad_nn.train.steps import Steps

__all__ = ["fit"]

_ORDER: Final = "fit(model, loss, optimizer, data, epochs)"
_VALIDATION_BATCH = 256


def fit(
    model: Module,
    loss: Callable[[Any, Any], Any],
    optimizer: Optimizer,
    data: Any,
    epochs: int,
    *,
    validation: Any = None,
    metrics: Any = None,
    callbacks: Iterable[Callback] = (),
    scheduler: LRScheduler | Schedule | None = None,
    accumulate: int = 1,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    precision: str = "float32",
    scaler: GradScaler | None = None,
    batch_size: int = 32,
    rng: Rng = 0,
    count: Callable[[Any], Any] | None = None,
    detect_anomaly: bool = False,
    history: History | None = None,
    resume: Mapping[str, Any] | str | PathLike[str] | None = None,
    interrupt: str = "raise",
) -> History:
    """Train `model` until its history has `epochs` epochs.

    For each batch: predict, compute the loss, derive it, adjust the parameters. A model in
    evaluation mode is put into training mode; of one in training mode, parts that were set to
    `eval()` stay so. Afterwards every part has the mode that it had before.

    Ctrl-C lets the step under way finish; a second one stops at once. Model, optimiser and the
    history given by `history=` belong together then, and a further call with them goes on.

    Args:
        model: Called with the inputs of a batch: a tuple as arguments, a dict as named ones.
        loss: Called with the outputs and the targets; a mean over the batch, or a sum if its
            `reduction` says "sum".
        optimizer: Of the model's parameters.
        data: A `DataLoader`, a list of batches (inputs, targets), a data set, or a pair of
            arrays (inputs, targets).
        epochs: In all, those of `history` included.
        validation: Data like `data` that only measure, behind each epoch: "val_loss".
        metrics: What to measure besides, on the batches learned from ("accuracy") and on
            `validation` ("val_accuracy"): a dict, or a list, of `Metric`s or of functions
            (outputs, targets).
        callbacks: See `Callback`.
        scheduler: A schedule of the learning rate, stepped behind each epoch, or behind each step
            if it is a `OneCycleLR` or `CyclicLR`; `Schedule(...)` says otherwise.
        accumulate: Batches whose gradients make one step, so that it is that of one large batch.
            Layers that mix examples, such as batch norm, still see small ones.
        clip_norm: Greatest norm of all gradients together.
        clip_value: Greatest magnitude of each number of a gradient.
        precision: "float32": what the model and the data are in; or "mixed": float16 on the way
            forth and back, see `train.precision`.
        scaler: Of "mixed"; `GradScaler()` by default.
        batch_size: Where `data` is no loader.
        rng: Seed of the order, where `data` is no loader.
        count: How many terms the loss of a batch is a mean of, given its targets; by default
            their number. With an `ignore_index`: `lambda t: (t != -100).sum()`.
        detect_anomaly: Name the operation behind the first NaN or infinite number; slow.
        history: Of an earlier call, to go on with it.
        resume: A state that `Checkpoint` saved or `context.state_dict()` returned, or the file:
            go on exactly there, also within an epoch.
        interrupt: At Ctrl-C "raise" `KeyboardInterrupt`, or "return" the history.

    Returns:
        The history; its `stopped` says why the training ended early, if it did.

    Raises:
        AnomalyError: The loss became NaN or infinite. No step was made with it.
        DataError: There are no batches, or they are no pairs.
        OptionError: An argument is out of range or contradicts another one.
        StateError: What was to be resumed does not fit.

    Example:
        >>> from tinygrad_nn import data, nn, optim
        >>> moons = data.make_moons(200)
        >>> model = nn.Sequential(nn.Linear(2, 8, rng=0), nn.Tanh(), nn.Linear(8, 2, rng=1))
        >>> adam = optim.Adam(model.parameters(), lr=0.05)
        >>> history = fit(model, nn.CrossEntropyLoss(), adam, moons, 20)
        >>> len(history.epochs), history.epochs[-1].loss < 0.1
        (20, True)
    """
    whole_number("epochs", epochs, 1)
    _one_of("interrupt", interrupt, ("raise", "return"))
    check_loss(loss, _ORDER)
    check_optimizer(optimizer, _ORDER)
    history = History() if history is None else history
    loader = as_batches("fit", data, batch_size, rng, shuffle=True)
    if loader is not data and resume is None:
        _place(loader, history)
    context = Context(model, loss, optimizer, loader, epochs, history)
    if validation is not None:
        context.validation = as_batches("fit", validation, _VALIDATION_BATCH, 0, shuffle=False)
    context.scaler = _scaler(precision, scaler)
    measuring = [] if metrics is None else [Metrics(metrics)]
    hooks = Hooks([*_schedules(scheduler), *measuring, *Hooks(callbacks).callbacks])
    context.callbacks = hooks.callbacks
    if resume is not None:
        context.load_state_dict(resume if isinstance(resume, Mapping) else load(resume))
    steps = Steps(
        context,
        hooks,
        accumulate=whole_number("accumulate", accumulate, 1),
        clip_norm=clip_norm,
        clip_value=clip_value,
        count=count,
        detect_anomaly=flag("detect_anomaly", detect_anomaly),
    )
    try:
        Learning(context, hooks, steps).run()
    except KeyboardInterrupt:
        if interrupt == "raise":
            raise
    return history


def _one_of(name: str, value: Any, known: tuple[str, ...]) -> None:
    if value not in known:
        raise OptionError(f"{name}: got {value!r}, expected one of {', '.join(map(repr, known))}")


def _scaler(precision: str, scaler: GradScaler | None) -> GradScaler | None:
    _one_of("precision", precision, ("float32", "mixed"))
    if precision == "mixed":
        return GradScaler() if scaler is None else scaler
    if scaler is not None:
        raise OptionError("scaler: got one for precision='float32'; pass precision='mixed'")
    return None


def _schedules(scheduler: Any) -> list[Schedule]:
    if scheduler is None:
        return []
    return [scheduler if isinstance(scheduler, Schedule) else Schedule(scheduler)]


def _place(loader: Any, history: History) -> None:
    """Let a loader that was made here go on where the history is."""
    if not isinstance(loader, DataLoader) or not (history.epochs or history.batches):
        return
    state = {**loader.state_dict(), "epoch": len(history.epochs), "batch": history.batches}
    if state["batch"] >= len(loader):
        state.update(epoch=state["epoch"] + 1, batch=0)
    loader.load_state_dict(state)
