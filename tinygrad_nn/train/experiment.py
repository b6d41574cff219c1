"""`Experiment`: data, network, loss and optimiser as the settings say, and their whole state."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from math import prod
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn import nn
from tinygrad_nn.data import DataLoader, Dataset, load_digits, load_mnist
from tinygrad_nn.errors import StateError
from tinygrad_nn.ops import softmax
from tinygrad_nn.serialize import generator_state, set_generator_state
from tinygrad_nn.train.callbacks.base import Callback
from tinygrad_nn.train.context import Context
from tinygrad_nn.train.history import Epoch, History
from tinygrad_nn.train.loop import fit
from tinygrad_nn.train.metrics import accuracy, predict
from tinygrad_nn.train.settings import ACTIVATIONS, OPTIMIZERS, Settings

__all__ = ["IMAGE", "Experiment", "load_images"]

IMAGE: Final = (28, 28)
"""Height and width of the images."""

_PARTS: Final = ("data", "generators", "history", "loader", "model", "optimizer", "settings")


def load_images(settings: Settings, *, download: bool = False) -> tuple[Dataset, Dataset]:
    """Return the examples to learn from and those to test on, 784 numbers each.

    Of the digits, a quarter is held out, the same whatever the seed; MNIST has its own test set.

    Raises:
        DataError: the MNIST files are nowhere, or damaged.
    """
    if settings.data == "digits":
        return load_digits(size=IMAGE[0]).flatten().split(test=0.25, rng=0)
    folder = settings.data_folder
    train = load_mnist(folder, split="train", download=download)
    return train.flatten(), load_mnist(folder, split="test", download=download).flatten()


class Experiment:
    """A classifier of images in training.

    Args:
        settings: what to build.
        train: examples to learn from, inputs (n, pixels).
        test: examples that only measure.

    Attributes:
        model: the network; its first `nn.Linear` reads the pixels.
        loss: called with outputs and labels.
        optimizer: of the model's parameters.
        loader: of the examples.
        history: of the training so far.
    """

    def __init__(self, settings: Settings, train: Dataset, test: Dataset) -> None:
        self.settings, self.train, self.test = settings, train, test
        self.model = _network(settings, train)
        self.loss = _loss(settings, len(train.classes))
        self.optimizer = OPTIMIZERS[settings.optimizer](self.model.parameters(), settings.rate(1))
        assert settings.batch is not None
        self.loader = DataLoader(train, settings.batch, rng=settings.seed)
        self.history = History()

    def fit(
        self,
        on_epoch: Callable[[Epoch], object] | None = None,
        should_stop: Callable[[], bool] | None = None,
        callbacks: Iterable[Callback] = (),
    ) -> bool:
        """Train on; return whether all epochs are done."""
        assert self.settings.epochs is not None
        fit(
            self.model,
            self.loss,
            self.optimizer,
            self.loader,
            self.settings.epochs,
            history=self.history,
            callbacks=[_Conduct(self, on_epoch, should_stop), *callbacks],
        )
        return len(self.history.epochs) >= self.settings.epochs

    def probabilities(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return what the network gives each class, shape (n, classes)."""
        outputs = predict(self.model, inputs)
        given: NDArray[Any] = softmax(outputs) if self.settings.loss == "cross-entropy" else outputs
        return given

    @property
    def sizes(self) -> tuple[int, ...]:
        """Neurons of each layer, inputs and outputs included."""
        return (prod(IMAGE), *self.settings.layers, len(self.train.classes))

    def state_dict(self) -> dict[str, Any]:
        """Return all that the rest of the training depends on, for `tinygrad_nn.save`."""
        return {
            "settings": self.settings.state_dict(),
            "data": _fingerprint(self.train),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generators": {name: generator_state(rng) for name, rng in self._generators().items()},
            "loader": self.loader.state_dict(),
            "history": self.history.state_dict(),
        }

    def _generators(self) -> dict[str, np.random.Generator]:
        """What the layers draw from, such as those of dropout, by name."""
        return dict(self.model.generators())

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state_dict`, to the last bit as if the training had never stopped.

        Raises:
            StateError: the state does not fit, or was learned from other data. The experiment
                is of no use then.
        """
        if set(state) != {*_PARTS}:
            got = ", ".join(sorted(map(str, state)))
            raise StateError(f"state: got {got}, expected {', '.join(_PARTS)}; load an intact one")
        if state["data"] != _fingerprint(self.train):
            raise StateError(
                f"data: got {state['data']}, expected {_fingerprint(self.train)}, the data that "
                "the training began with; give the same files"
            )
        try:
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self._load_generators(state["generators"])
            self.loader.load_state_dict(state["loader"])
            self.history.load_state_dict(state["history"])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise StateError(
                f"state: got parts that do not fit together ({error}), expected those of one run "
                "of this version; load an intact one"
            ) from error

    def _load_generators(self, states: Mapping[str, Any]) -> None:
        generators = self._generators()
        if set(states) != set(generators):
            raise StateError(
                f"generators: got {', '.join(sorted(map(str, states))) or 'none'}, expected "
                f"{', '.join(generators) or 'none'}; load the state of a network of this form"
            )
        for name, rng in generators.items():
            set_generator_state(rng, states[name])


class _Conduct(Callback):
    """What an experiment does while it trains: rates, the test, and the caller's functions."""

    # The caller saves what all other callbacks made of the epoch.
    order: ClassVar[int] = 20

    def __init__(
        self,
        experiment: Experiment,
        on_epoch: Callable[[Epoch], object] | None,
        should_stop: Callable[[], bool] | None,
    ) -> None:
        self._experiment, self._on_epoch, self._should_stop = experiment, on_epoch, should_stop

    def on_epoch_begin(self, context: Context) -> None:
        rate = self._experiment.settings.rate(context.epoch)
        context.optimizer.param_groups[0]["lr"] = rate

    def on_batch_end(self, context: Context) -> None:
        if self._should_stop is not None and self._should_stop():
            context.stop("interrupted")

    def on_measure(self, context: Context) -> None:
        test = self._experiment.test
        outputs = predict(context.model, test.inputs)
        context.scores["test_accuracy"] = accuracy(outputs, test.targets)

    def on_epoch_end(self, context: Context) -> None:
        if self._on_epoch is not None:
            self._on_epoch(context.result)


def _network(settings: Settings, train: Dataset) -> nn.Sequential:
    rng = np.random.default_rng(settings.seed)
    sizes = (prod(train.inputs.shape[1:]), *settings.layers, len(train.classes))
    modules: list[nn.Module] = []
    for wide, narrow in pairwise(sizes):
        modules += [nn.Linear(wide, narrow, rng=rng), ACTIVATIONS[settings.activation]()]
    modules.pop()
    if settings.loss == "mse":
        modules.append(nn.Sigmoid())
    return nn.Sequential(*modules)


def _loss(settings: Settings, classes: int) -> Callable[[Any, Any], Any]:
    if settings.loss == "cross-entropy":
        return nn.CrossEntropyLoss()
    mean_square = nn.MSELoss()
    goals = np.eye(classes, dtype=np.float32)
    return lambda outputs, labels: mean_square(outputs, goals[labels])


def _fingerprint(dataset: Dataset) -> dict[str, Any]:
    # The labels in their order tell two data sets apart as well as all the pixels would.
    return {"examples": len(dataset), "labels": zlib.crc32(dataset.targets.tobytes())}
