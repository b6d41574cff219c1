"""`Settings`: all that decides how a run comes out, checked, and as plain data."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from difflib import get_close_matches
from functools import partial
from types import MappingProxyType
from typing import Any, Final, Self

from tinygrad_nn import nn, optim
from tinygrad_nn.data.arguments import shown, whole_number
from tinygrad_nn.errors import OptionError, StateError

__all__ = ["ACTIVATIONS", "DATA", "LOSSES", "OPTIMIZERS", "RATES", "SCHEDULES", "Settings"]

DATA: Final = ("digits", "mnist")
LOSSES: Final = ("cross-entropy", "mse")
SCHEDULES: Final = ("linear", "constant")
ACTIVATIONS: Final[Mapping[str, Callable[[], nn.Module]]] = MappingProxyType(
    {
        "sigmoid": nn.Sigmoid,
        "tanh": nn.Tanh,
        "relu": nn.ReLU,
        "elu": nn.ELU,
        "swish": nn.SiLU,
        "mish": nn.Mish,
    }
)
OPTIMIZERS: Final[Mapping[str, Callable[[Any, float], optim.Optimizer]]] = MappingProxyType(
    {
        "adam": optim.Adam,
        "adamw": optim.AdamW,
        "sgd": optim.SGD,
        "momentum": partial(optim.SGD, momentum=0.9),
    }
)
# Tried on the digits. The mean square is over ten outputs too, so its gradients are smaller.
RATES: Final[Mapping[str, Mapping[str, float]]] = MappingProxyType(
    {
        "cross-entropy": {"adam": 0.005, "adamw": 0.005, "sgd": 0.2, "momentum": 0.02},
        "mse": {"adam": 0.002, "adamw": 0.002, "sgd": 2.0, "momentum": 0.2},
    }
)
"""Learning rates to begin with."""

_BATCH: Final = MappingProxyType({"digits": 16, "mnist": 32})
_EPOCHS: Final = MappingProxyType({"digits": 30, "mnist": 6})
_MAX_LAYERS: Final = 32
_MAX_NEURONS: Final = 10_000


@dataclass(frozen=True)
class Settings:
    """Settings of a run that classifies images.

    The defaults are measured: with them the network of 784-16-16-10 neurons answers at least
    95 % of the held-out digits and 94 % of the MNIST test images right, whatever the seed.

    Attributes:
        data: "digits" or "mnist".
        layers: neurons of each hidden layer; may be empty.
        activation: of the hidden layers, a name in `ACTIVATIONS`.
        loss: "cross-entropy", with softmax outputs, or "mse", with sigmoid outputs.
        optimizer: a name in `OPTIMIZERS`.
        lr: learning rate at the start; None chooses one for the optimiser and the loss.
        schedule: "linear" lowers the learning rate from epoch to epoch, by lr / epochs each;
            "constant" keeps it.
        batch: examples for each adjustment; None chooses 16 for the digits and 32 for MNIST.
        epochs: passes over the examples; None chooses 30 for the digits and 6 for MNIST.
        seed: of the first weights and of the order of the examples.
        data_folder: where the MNIST files are; None searches the usual places.

    Raises:
        OptionError: an entry is out of range or unknown.
    """

    data: str = "digits"
    layers: tuple[int, ...] = (16, 16)
    activation: str = "tanh"
    loss: str = "cross-entropy"
    optimizer: str = "adam"
    lr: float | None = None
    schedule: str = "linear"
    batch: int | None = None
    epochs: int | None = None
    seed: int = 0
    data_folder: str | None = None

    def __post_init__(self) -> None:
        _known("data", self.data, DATA)
        _known("activation", self.activation, ACTIVATIONS)
        _known("loss", self.loss, LOSSES)
        _known("optimizer", self.optimizer, OPTIMIZERS)
        _known("schedule", self.schedule, SCHEDULES)
        self._set("lr", RATES[self.loss][self.optimizer] if self.lr is None else self.lr)
        self._set("batch", _BATCH[self.data] if self.batch is None else self.batch)
        self._set("epochs", _EPOCHS[self.data] if self.epochs is None else self.epochs)
        _check_rate(self.lr)
        whole_number("batch", self.batch, 1)
        whole_number("epochs", self.epochs, 1)
        whole_number("seed", self.seed, 0)
        self._set("layers", _checked_layers(self.layers))
        if self.data_folder is not None and not isinstance(self.data_folder, str):
            raise OptionError(
                f"data_folder: got {shown(self.data_folder)}, expected a path; pass a text"
            )

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def rate(self, epoch: int) -> float:
        """Return the learning rate of an epoch, counted from 1."""
        assert self.lr is not None and self.epochs is not None
        if self.schedule == "constant":
            return self.lr
        return self.lr * (1 - (epoch - 1) / self.epochs)

    def state_dict(self) -> dict[str, Any]:
        """Return the entries as a dict that JSON can hold."""
        return {**asdict(self), "layers": list(self.layers)}

    @classmethod
    def from_state(
        cls, state: Any, *, epochs: int | None = None, data_folder: str | None = None
    ) -> Self:
        """Return the settings of a `state_dict`.

        Args:
            state: the dict.
            epochs: a new number of them.
            data_folder: where the MNIST files are now.

        Raises:
            StateError: an entry is missing, unexpected or out of range.
        """
        names = {field.name for field in fields(cls)}
        if not isinstance(state, Mapping) or set(state) != names:
            got = sorted(map(str, state)) if isinstance(state, Mapping) else shown(state)
            raise StateError(
                f"settings: got {got}, expected {sorted(names)}; was the file saved by another "
                "version?"
            )
        try:
            settings = cls(**state)
        except OptionError as error:
            raise StateError(f"settings: {error}") from error
        changes: dict[str, Any] = {"epochs": epochs, "data_folder": data_folder}
        return replace(settings, **{k: v for k, v in changes.items() if v is not None})


def _known(name: str, value: object, known: Iterable[str]) -> None:
    names = list(known)
    if isinstance(value, str) and value in names:
        return
    near = get_close_matches(str(value).lower(), names, n=1)
    step = f"did you mean {near[0]}?" if near else f"pass for instance {names[0]}"
    got = repr(value)[:60] if isinstance(value, str) else shown(value)
    raise OptionError(f"{name}: got {got}, expected one of {', '.join(names)}; {step}")


def _check_rate(lr: Any) -> None:
    is_number = isinstance(lr, (int, float)) and not isinstance(lr, bool)
    if not is_number or not math.isfinite(lr) or lr <= 0:
        got = f"{lr:g}" if is_number else shown(lr)
        raise OptionError(
            f"lr: got {got}, expected a finite number above 0; pass for instance 0.005"
        )


def _checked_layers(layers: Any) -> tuple[int, ...]:
    if not isinstance(layers, (list, tuple)) or len(layers) > _MAX_LAYERS:
        got = f"{len(layers)} layers" if isinstance(layers, (list, tuple)) else shown(layers)
        raise OptionError(
            f"layers: got {got}, expected at most {_MAX_LAYERS} numbers of neurons; pass for "
            "instance 16,16"
        )
    for neurons in layers:
        if (
            isinstance(neurons, bool)
            or not isinstance(neurons, int)
            or not (1 <= neurons <= _MAX_NEURONS)
        ):
            raise OptionError(
                f"layers: got {shown(neurons)}, expected 1 to {_MAX_NEURONS:,} neurons in each; "
                "pass for instance 16,16"
            )
    return tuple(layers)
