"""`Settings`: all that decides how a run comes out, checked, and as plain data."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Final, Self

from tinygrad_nn import nn, optim
from tinygrad_nn.data.arguments import shown, whole_number
from tinygrad_nn.errors import OptionError, StateError

__all__ = ["ACTIVATIONS", "DATA", "LOSSES", "OPTIMIZERS", "SCHEDULES", "Settings"]

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
OPTIMIZERS: Final[Mapping[str, tuple[float, Callable[[Any, float], optim.Optimizer]]]] = (
    MappingProxyType(
        {
            "adam": (0.005, lambda params, lr: optim.Adam(params, lr)),
            "adamw": (0.005, lambda params, lr: optim.AdamW(params, lr)),
            "sgd": (0.2, lambda params, lr: optim.SGD(params, lr)),
            "momentum": (0.05, lambda params, lr: optim.SGD(params, lr, momentum=0.9)),
        }
    )
)
"""Learning rate to begin with, and how to make one."""

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
        lr: learning rate at the start; None chooses one for the optimiser.
        schedule: "linear" lowers the learning rate from epoch to epoch, by lr / epochs each;
            "constant" keeps it.
        batch: examples for each adjustment.
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
    batch: int = 32
    epochs: int | None = None
    seed: int = 0
    data_folder: str | None = None

    def __post_init__(self) -> None:
        _known("data", self.data, DATA)
        _known("activation", self.activation, ACTIVATIONS)
        _known("loss", self.loss, LOSSES)
        _known("optimizer", self.optimizer, OPTIMIZERS)
        _known("schedule", self.schedule, SCHEDULES)
        self._set("lr", OPTIMIZERS[self.optimizer][0] if self.lr is None else self.lr)
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
    def from_state(cls, state: Any) -> Self:
        """Return the settings of a `state_dict`.

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
            return cls(**state)
        except OptionError as error:
            raise StateError(f"settings: {error}") from error


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
        if isinstance(neurons, bool) or not isinstance(neurons, int) or not (
            1 <= neurons <= _MAX_NEURONS
        ):
            raise OptionError(
                f"layers: got {shown(neurons)}, expected 1 to {_MAX_NEURONS:,} neurons in each; "
                "pass for instance 16,16"
            )
    return tuple(layers)


def state_with(state: Any, epochs: int | None, data_folder: str | None) -> Any:
    """Return a `state_dict` of settings with a new end, or with its data elsewhere."""
    if not isinstance(state, Mapping):
        return state
    changes = {"epochs": epochs, "data_folder": data_folder}
    return {**state, **{name: value for name, value in changes.items() if value is not None}}
