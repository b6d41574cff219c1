"""`History`: what happened in a training, epoch by epoch, in numbers that JSON can hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from tinygrad_nn.errors import StateError

__all__ = ["Epoch", "History"]


@dataclass(frozen=True)
class Epoch:
    """One pass over all examples.

    Attributes:
        number: from 1.
        loss: mean over the examples, each at the moment it was learned from.
        seconds: spent learning, without the measuring after it.
        scores: what was measured at the end of it.
    """

    number: int
    loss: float
    seconds: float
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass
class History:
    """The epochs so far, and the sums of the one under way.

    Attributes:
        epochs: finished ones, in order.
        batches: learned from in the epoch under way.
        examples: in them.
        loss_sum: over these examples.
        seconds: spent on them.
    """

    epochs: list[Epoch] = field(default_factory=list)
    batches: int = 0
    examples: int = 0
    loss_sum: float = 0.0
    seconds: float = 0.0

    def close_epoch(self, scores: Mapping[str, float]) -> Epoch:
        """Turn the sums into an epoch, and start the next."""
        loss = self.loss_sum / self.examples
        epoch = Epoch(len(self.epochs) + 1, loss, self.seconds, dict(scores))
        self.epochs.append(epoch)
        self.batches, self.examples, self.loss_sum, self.seconds = 0, 0, 0.0, 0.0
        return epoch

    def state_dict(self) -> dict[str, Any]:
        """Return everything as a dict that JSON can hold."""
        return asdict(self)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned.

        Raises:
            StateError: an entry is missing, unexpected or of another kind; nothing is loaded.
        """
        try:
            entries = dict(state)
            epochs = [Epoch(**dict(epoch)) for epoch in entries.pop("epochs")]
            loaded = History(epochs, **entries)
            is_sound = [e.number for e in epochs] == [*range(1, len(epochs) + 1)]
            is_sound = is_sound and loaded.batches >= 0 and loaded.examples >= loaded.batches
            is_sound = is_sound and isinstance(loaded.loss_sum + loaded.seconds, float)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise StateError(
                f"History: got a state that does not fit ({error}), expected what state_dict() "
                "returned; load an intact one"
            ) from error
        if not is_sound:
            raise StateError(
                "History: got epochs out of order or negative counts, expected what state_dict() "
                "returned; load an intact one"
            )
        vars(self).update(vars(loaded))
