"""`Callback`: what is called while `fit` trains."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final

from tinygrad_nn.errors import OperandError
from tinygrad_nn.train.context import Context

__all__ = ["HOOKS", "Callback", "Hooks"]

HOOKS: Final = (
    "on_train_begin",
    "on_epoch_begin",
    "on_batch_begin",
    "on_backward_end",
    "on_step_begin",
    "on_step_end",
    "on_batch_end",
    "on_validation_begin",
    "on_validation_end",
    "on_measure",
    "on_epoch_end",
    "on_nonfinite_loss",
    "on_train_end",
)
"""Names of all hooks."""


class Callback:
    """Base class of callbacks: define the hooks that are needed, each takes the `Context`.

    In the order of their calls: `on_train_begin`; for each epoch `on_epoch_begin`; for each batch
    `on_batch_begin`, `on_backward_end`, and, with the last batch of a group of `accumulate`,
    `on_step_begin` and `on_step_end`; then `on_batch_end`. After the batches come
    `on_validation_begin` and `on_validation_end` (with validation data only), `on_measure`,
    `on_epoch_end`; and at last `on_train_end`.

    A callback that only reads changes no bit of what is learned. Errors of a callback end the
    training and pass through.

    Attributes:
        order: Callbacks of a smaller one are called first, equal ones as they were given. A
            `Schedule` has -20, those that measure -10, others 0, those that report 10 and a
            `Checkpoint` 20, so that it saves what all others made of the step.

    Example:
        >>> from tinygrad_nn import data, nn, optim, train
        >>> class Wide(train.Callback):
        ...     def on_epoch_end(self, context):
        ...         print(context.epoch, context.batch, context.step, context.result.loss < 1)
        >>> model = nn.Linear(2, 2, rng=0)
        >>> sgd = optim.SGD(model.parameters(), lr=0.1)
        >>> moons = data.make_moons(64)
        >>> _ = train.fit(model, nn.CrossEntropyLoss(), sgd, moons, 2, callbacks=[Wide()])
        1 2 2 True
        2 2 4 True
    """

    order: ClassVar[int] = 0

    def on_train_begin(self, context: Context) -> None:
        """Before the first epoch; states are loaded."""

    def on_epoch_begin(self, context: Context) -> None:
        """Before an epoch, or before the rest of one that was interrupted."""

    def on_batch_begin(self, context: Context) -> None:
        """Before the model sees `context.inputs`."""

    def on_backward_end(self, context: Context) -> None:
        """Behind each backward pass; gradients are those of the group so far, scaled, unclipped."""

    def on_step_begin(self, context: Context) -> None:
        """Right before the optimiser's step: gradients are those that it will see."""

    def on_step_end(self, context: Context) -> None:
        """Behind each step that the optimiser made; not where mixed precision left it out."""

    def on_batch_end(self, context: Context) -> None:
        """Behind each batch."""

    def on_validation_begin(self, context: Context) -> None:
        """Before the validation data are measured."""

    def on_validation_end(self, context: Context) -> None:
        """Behind that: `context.scores` has "val_loss" and the like."""

    def on_measure(self, context: Context) -> None:
        """The time to write own numbers into `context.scores`, before the epoch is closed."""

    def on_epoch_end(self, context: Context) -> None:
        """Behind an epoch, now in the history: `context.result`."""

    def on_nonfinite_loss(self, context: Context) -> None:
        """The loss is NaN or infinite; no step is made. Unless one calls `stop`, `fit` raises."""

    def on_train_end(self, context: Context) -> None:
        """Last of all, also where an error ended the training: `context.error`."""

    def state_dict(self) -> dict[str, Any]:
        """What a resumed training needs of this callback, for `save`; nothing by default."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned."""


class Hooks:
    """The hooks of several callbacks, in order; what no callback defines costs nothing.

    Args:
        callbacks: The callbacks.

    Raises:
        OperandError: One of them is none.
    """

    def __init__(self, callbacks: Iterable[Any]) -> None:
        given: Any = callbacks
        listed = list(given) if isinstance(given, Iterable) else [given]
        for callback in listed:
            if not isinstance(callback, Callback):
                word = callback.__name__ if isinstance(callback, type) else type(callback).__name__
                step = f"write {word}()" if isinstance(callback, type) else "derive from Callback"
                raise OperandError(f"callbacks: got {word}, expected callbacks; {step}")
        self.callbacks: Sequence[Callback] = sorted(listed, key=lambda c: c.order)
        self._calls: dict[str, list[Callable[[Context], object]]] = {
            name: [
                getattr(c, name)
                for c in self.callbacks
                if getattr(getattr(c, name), "__func__", None) is not getattr(Callback, name)
            ]
            for name in HOOKS
        }

    def __call__(self, name: str, context: Context) -> None:
        """Call one hook of all callbacks."""
        for call in self._calls[name]:
            call(context)
