"""Module, loss and optimiser of the network estimators, from what their parameters say."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np

from tinygrad_nn import nn, optim
from tinygrad_nn.errors import OperandError, OptionError
from tinygrad_nn.sklearn.losses import activation_of, mean_loss

__all__ = ["Goal", "link_of", "made_loss", "made_module", "made_optimizer", "perceptron"]


def perceptron(
    n_features: int,
    n_outputs: int,
    hidden: Any = (100,),
    activation: Any = "relu",
    dropout: float = 0.0,
    rng: Any = None,
) -> nn.Module:
    """The module of an estimator that was given none: layers of neurons.

    Args:
        n_features: Numbers in a sample.
        n_outputs: Numbers out.
        hidden: Neurons of the hidden layers; one number for one layer.
        activation: Name, as for `MLPClassifier`, or function.
        dropout: Probability of leaving out a hidden neuron.
        rng: Seed or generator.
    """
    rng = np.random.default_rng(rng)
    layers: list[Any] = []
    for width in hidden if isinstance(hidden, Iterable) else (hidden,):
        layers += [nn.Linear(n_features, width, rng=rng), _Activation(activation)]
        layers += [nn.Dropout(dropout, rng=rng)] if dropout else []
        n_features = width
    return nn.Sequential(*layers, nn.Linear(n_features, n_outputs, rng=rng))


class _Activation(nn.Module):
    """An activation by its name."""

    def __init__(self, activation: Any) -> None:
        super().__init__()
        self.activation = activation
        activation_of("module", activation)

    def forward(self, x: Any) -> Any:
        """The activation of x."""
        return activation_of("module", self.activation)(x)

    def extra_repr(self) -> str:
        """Its name."""
        return repr(self.activation)


def _made(name: str, what: str, factory: Any, args: tuple[Any, ...], options: Any) -> Any:
    """`factory(*args, **options)`, with an error that names the estimator's parameter."""
    signature = inspect.signature(factory)
    try:
        signature.bind(*args, **options)
    except TypeError as error:
        known = ", ".join(f"{what}__{p}" for p in list(signature.parameters)[len(args) :])
        raise OptionError(
            f"{name}: {what}={getattr(factory, '__name__', factory)}: {error}; expected of {known}"
        ) from error
    return factory(*args, **options)


def made_module(
    name: str, module: Any, options: Mapping[str, Any], known: Mapping[str, Any]
) -> nn.Module:
    """Module to be trained.

    Args:
        name: Of the estimator, for messages.
        module: A module, which is copied; or a class or function that makes one.
        options: `module__...`.
        known: What the estimator found out; passed on where the signature has such a name.

    Raises:
        OptionError: An option does not fit.
        OperandError: What was made is no module.
    """
    if isinstance(module, nn.Module):
        if options:
            raise OptionError(
                f"{name}: got module__{next(iter(options))} with a module that is made already, "
                f"expected the class: module={type(module).__name__}"
            )
        return deepcopy(module)
    factory = perceptron if module is None else module
    if not callable(factory):
        raise OperandError(
            f"{name}: got module={module!r:.60}, expected a module, its class, or a function that "
            "makes one: f(n_features, n_outputs, ...)"
        )
    names = inspect.signature(factory).parameters
    passed = {k: v for k, v in known.items() if k in names and k not in options}
    made = _made(name, "module", factory, (), {**passed, **options})
    if not isinstance(made, nn.Module):
        raise OperandError(
            f"{name}: got a {type(made).__name__} from module={module!r:.60}, expected a Module; "
            "return it from the function"
        )
    return made


def made_optimizer(
    name: str, optimizer: Any, options: Mapping[str, Any], parameters: Any
) -> optim.Optimizer:
    """Optimiser of the parameters.

    Raises:
        OptionError: It is unknown, or an option does not fit.
    """
    if isinstance(optimizer, str):
        found = {n.lower(): c for n in dir(optim) if inspect.isclass(c := getattr(optim, n))}
        known = {n: c for n, c in found.items() if issubclass(c, optim.Optimizer)}
        if optimizer.lower() not in known:
            names = sorted(c.__name__ for c in known.values() if c is not optim.Optimizer)
            raise OptionError(
                f"{name}: got optimizer={optimizer!r}, expected one of {', '.join(names)}, "
                "or a class"
            )
        optimizer = known[optimizer.lower()]
    if isinstance(optimizer, optim.Optimizer) or not callable(optimizer):
        raise OptionError(
            f"{name}: got optimizer={optimizer!r:.60}, expected a name or a class, with its "
            "options as optimizer__lr=...: its parameters are made by fit"
        )
    return _made(name, "optimizer", optimizer, (list(parameters),), options)  # type: ignore[no-any-return]


def made_loss(name: str, loss: Any, options: Mapping[str, Any]) -> Callable[[Any, Any], Any]:
    """Loss function.

    Raises:
        OptionError: It is unknown, or an option does not fit.
    """
    if isinstance(loss, str):
        found = getattr(nn, loss, None) or getattr(nn.functional, loss, None)
        if not callable(found):
            raise OptionError(
                f"{name}: got loss={loss!r}, expected a name in nn or nn.functional, such as "
                "'CrossEntropyLoss', or a class, module or function"
            )
        loss = found
    if inspect.isclass(loss):
        return _made(name, "loss", loss, (), options)  # type: ignore[no-any-return]
    if not callable(loss):
        raise OptionError(
            f"{name}: got loss={loss!r:.60}, expected a name, class, module or function"
        )
    if options and isinstance(loss, nn.Module):
        raise OptionError(
            f"{name}: got loss__{next(iter(options))} with a loss that is made already, expected "
            f"the class: loss={type(loss).__name__}"
        )
    return partial(loss, **options) if options else loss


def link_of(loss: Any, outputs: int, exclusive: bool) -> str:
    """How a classifier's outputs become probabilities, told by what the loss takes."""
    inner = loss.func if isinstance(loss, partial) else loss
    if isinstance(inner, nn.NLLLoss) or inner is nn.functional.nll_loss:
        return "exp"
    if isinstance(inner, nn.BCELoss) or inner is nn.functional.binary_cross_entropy:
        return "identity"
    return "softmax" if exclusive and outputs > 1 else "logistic"


class Goal:
    """Loss of a batch, with the weights of its samples if there are some.

    Args:
        name: Of the estimator, for messages.
        loss: As `made_loss` returned it.
        weighted: Whether targets come with weights, as a pair.

    Attributes:
        reduction: "sum" if the loss is one.
    """

    def __init__(self, name: str, loss: Any, *, weighted: bool) -> None:
        self.name, self.loss, self.weighted = name, loss, weighted
        self.reduction = "mean" if weighted else getattr(loss, "reduction", "mean")
        if not weighted:
            return
        if isinstance(loss, nn.Module):
            if hasattr(loss, "reduction"):
                self.loss = deepcopy(loss)
                self.loss.reduction = "none"
        elif "reduction" in inspect.signature(loss).parameters:
            self.loss = partial(loss, reduction="none")

    def __call__(self, outputs: Any, targets: Any) -> Any:
        """The loss: a mean over the samples."""
        targets, weight = targets if self.weighted else (targets, None)
        return mean_loss(self.name, self.loss(outputs, targets), weight, len(targets))

    def count(self, targets: Any) -> int:
        """Samples of a batch."""
        return len(targets[0] if self.weighted else targets)
