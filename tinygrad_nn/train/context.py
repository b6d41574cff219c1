"""`Context`: the training under way, as every callback sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tinygrad_nn.errors import OptionError, StateError
from tinygrad_nn.nn import Module
from tinygrad_nn.optim import Optimizer
from tinygrad_nn.serialize import generator_state, set_generator_state
from tinygrad_nn.train.history import Epoch, History

__all__ = ["Context"]


class Context:
    """The training under way. `fit` makes one and hands it to every hook of every callback.

    Callbacks may read all of it, write into `scores`, and call `stop`.

    Attributes:
        model: What learns.
        loss_function: Called with outputs and targets.
        optimizer: Of the model's parameters.
        loader: The batches that are learned from.
        validation: The batches that only measure, or None.
        callbacks: All of them, in the order in which they are called.
        history: The finished epochs, and the sums of the one under way.
        epochs: How many epochs there are to be in the end.
        epoch: Number of the one under way, from 1; in `on_epoch_end` of the one just finished.
        batches: Batches in an epoch, or None where the loader has no length.
        batch: Number of the one under way in its epoch, from 1.
        inputs, targets: That batch.
        outputs: What the model gave for it; None before.
        loss: Its loss, as a float: the mean over the batch, never scaled; None before.
        gradient_norm: Norm of the gradient before it was clipped; None without `clip_norm`.
        scores: Numbers measured in the epoch under way; `on_measure` is the time to add some.
        scaler: The `GradScaler` of mixed precision, or None.
        is_stopping: Whether `stop` was called.
        error: What ended the training early, in `on_train_end`; None if nothing did.
    """

    def __init__(
        self,
        model: Module,
        loss_function: Callable[[Any, Any], Any],
        optimizer: Optimizer,
        loader: Any,
        epochs: int,
        history: History,
    ) -> None:
        self.model, self.loss_function, self.optimizer = model, loss_function, optimizer
        self.loader, self.epochs, self.history = loader, epochs, history
        self.validation: Any = None
        self.callbacks: Sequence[Any] = ()
        self.batches: int | None = None
        self.epoch = len(history.epochs) + 1
        self.batch = history.batches
        self.inputs: Any = None
        self.targets: Any = None
        self.outputs: Any = None
        self.loss: float | None = None
        self.gradient_norm: float | None = None
        self.scores: dict[str, float] = {}
        self.scaler: Any = None
        self.is_stopping = False
        self.error: BaseException | None = None

    @property
    def step(self) -> int:
        """How many times the optimiser has adjusted the parameters, over all epochs."""
        return self.history.steps

    @property
    def lr(self) -> float | None:
        """Learning rate of the first group of parameters."""
        rate: float | None = self.optimizer.param_groups[0].get("lr")
        return rate

    @property
    def result(self) -> Epoch:
        """The epoch that was finished last."""
        return self.history.epochs[-1]

    def stop(self, reason: str = "a callback asked for it") -> None:
        """End the training at the next moment at which it can be gone on with.

        That is after the hooks of this step, or of this epoch. `history.stopped` keeps the reason.
        """
        self.is_stopping = True
        self.history.stopped = reason

    def value(self, name: str) -> float:
        """Return a number of the epoch that was finished last: "loss", "lr" or a score.

        Raises:
            OptionError: There is no such number; the message lists those there are.
        """
        found = {"loss": self.result.loss, "lr": self.lr, **self.result.scores}
        number = found.get(name)
        if number is None:
            step = "pass validation= to fit" if name.startswith("val_") else "pass one of those"
            raise OptionError(
                f"monitor: got {name!r}, but the epoch has {', '.join(found)}; {step}"
            )
        return number

    # ── State ───────────────────────────────────────────────────────────────────────────

    def state_dict(self) -> dict[str, Any]:
        """Return all that the rest of the training depends on, for `save` and `fit(resume=)`.

        Exact where it is taken in `on_step_end`, `on_batch_end`, `on_epoch_end` or later.
        """
        places = hasattr(self.loader, "state_dict")
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generators": {n: generator_state(rng) for n, rng in self.model.generators()},
            "loader": self.loader.state_dict() if places else None,
            "history": self.history.state_dict(),
            "scaler": None if self.scaler is None else self.scaler.state_dict(),
            "callbacks": {n: s for n, c in self._named() if (s := c.state_dict())},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was taken; `fit(resume=)` calls it.

        Raises:
            StateError: The state does not fit these objects.
        """
        callbacks = dict(self._named())
        rngs = dict(self.model.generators())
        try:
            parts, states = dict(state), dict(state["callbacks"])
            if unknown := [
                *(set(states) - set(callbacks)),
                *(set(state["generators"]) ^ set(rngs)),
            ]:
                raise StateError(
                    f"resume: the state and this training differ in {', '.join(sorted(unknown))}; "
                    "pass the callbacks and the model that it was saved with"
                )
            if (parts["scaler"] is None) != (self.scaler is None):
                raise StateError(
                    "resume: the state is of another precision; pass the precision= that it was "
                    "saved with"
                )
            self.model.load_state_dict(parts["model"])
            self.optimizer.load_state_dict(parts["optimizer"])
            for name, rng in rngs.items():
                set_generator_state(rng, parts["generators"][name])
            if parts["loader"] is not None and hasattr(self.loader, "load_state_dict"):
                self.loader.load_state_dict(parts["loader"])
            self.history.load_state_dict(parts["history"])
            if self.scaler is not None:
                self.scaler.load_state_dict(parts["scaler"])
            for name, own in states.items():
                callbacks[name].load_state_dict(own)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, StateError):
                raise
            raise StateError(
                f"resume: got a state that does not fit ({error}), expected what "
                "context.state_dict() returned or Checkpoint saved; load an intact one"
            ) from error

    def _named(self) -> list[tuple[str, Any]]:
        """Callbacks by the name of their class, numbered where there are several of one."""
        seen: dict[str, int] = {}
        named = []
        for callback in self.callbacks:
            name = type(callback).__name__
            seen[name] = seen.get(name, 0) + 1
            named.append((name if seen[name] == 1 else f"{name}{seen[name]}", callback))
        return named
