"""`untouched`: what the body does to a model, an optimiser or a loader is undone, bit by bit."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from typing import Any

import numpy as np

from tinygrad_nn.core.node import Node
from tinygrad_nn.nn import Module
from tinygrad_nn.optim import Optimizer

__all__ = ["untouched"]

_PARTS = ("dataset", "sampler", "batch_sampler", "transform")


@contextmanager
def untouched(*things: Any) -> Iterator[None]:
    """Undo at the end of the body all that it changes in `things`.

    Of modules: parameters, buffers, gradients, random generators, modes, hooks and other
    attributes. Of optimisers: states, groups and counters. Of loaders: the place in the order.
    A graph that was recorded before goes on to be valid, since the numbers are the same again.

    Args:
        things: Modules, optimisers, loaders, data sets; anything else is left alone.

    Example:
        >>> from tinygrad_nn import nn, optim
        >>> model = nn.Linear(2, 1, rng=0)
        >>> sgd = optim.SGD(model.parameters(), lr=0.1)
        >>> before = model.weight.tolist()
        >>> with untouched(model, sgd):
        ...     model([[1.0, 2.0]]).sum().backward()
        ...     sgd.step()
        >>> model.weight.tolist() == before, model.weight.grad
        (True, None)
    """
    with ExitStack() as undo:
        undo.callback(random.setstate, random.getstate())
        undo.callback(np.random.set_state, np.random.get_state())
        for thing in things:
            if isinstance(thing, Module):
                _keep_module(thing, undo.callback)
            elif isinstance(thing, Optimizer):
                _keep_optimizer(thing, undo.callback)
            else:
                _keep_object(thing, undo.callback, set())
        yield


Undo = Callable[..., Any]


def _keep_module(model: Module, undo: Undo) -> None:
    for _, rng in model.generators():
        _keep_generator(rng, undo)
    nodes: dict[int, Node] = {}
    for module in model.modules():
        attributes = vars(module)
        _keep_containers(attributes, undo)
        undo(_refill, attributes, dict(attributes))
        for value in attributes.values():
            if isinstance(value, Node) and value.is_leaf:
                nodes[id(value)] = value
    for node in (*model.parameters(), *model.buffers(), *nodes.values()):
        nodes[id(node)] = node
    for node in nodes.values():
        _keep_node(node, undo)


def _keep_node(node: Node, undo: Undo) -> None:
    numbers = node.synced()
    gradient = node._grad
    inner = gradient._data if isinstance(gradient, Node) else gradient
    undo(
        _restore_node,
        node,
        (node.op, numbers, node.epoch, gradient),
        [(x, x.copy()) for x in (numbers, inner) if isinstance(x, np.ndarray)],
    )


def _restore_node(node: Node, slots: tuple[Any, ...], arrays: list[tuple[Any, Any]]) -> None:
    for array, copy in arrays:
        if array.tobytes() != copy.tobytes():
            array[...] = copy  # someone wrote in place
    node.op, node._data, node.epoch, node._grad = slots
    if node.extra is not None:
        node.show_shared()


def _keep_optimizer(optimizer: Optimizer, undo: Undo) -> None:
    attributes = vars(optimizer)
    undo(_refill, attributes, dict(attributes))
    undo(_refill, optimizer.state, {p: deepcopy(entry) for p, entry in optimizer.state.items()})
    _keep_containers(attributes, undo)
    for group in optimizer.param_groups:
        # Not the parameters: a copy of them would be others.
        options = {k: v if k == "params" else deepcopy(v) for k, v in group.items()}
        undo(_refill, group, options)
        if isinstance(group["params"], list):
            undo(_rewrite, group["params"], list(group["params"]))


def _keep_object(thing: Any, undo: Undo, seen: set[int]) -> None:
    """Attributes of a loader, and of what decides its order."""
    attributes = getattr(thing, "__dict__", None)
    if not isinstance(attributes, dict) or isinstance(thing, type) or id(thing) in seen:
        return
    seen.add(id(thing))
    undo(_refill, attributes, dict(attributes))
    _keep_containers(attributes, undo)
    for name, value in attributes.items():
        if isinstance(value, np.random.Generator):
            _keep_generator(value, undo)
        elif name in _PARTS:
            _keep_object(value, undo, seen)


def _keep_containers(attributes: dict[str, Any], undo: Undo) -> None:
    for name, value in attributes.items():
        if type(value) is list:
            undo(_rewrite, value, list(value))
        elif type(value) is dict and name != "state":
            undo(_refill, value, dict(value))


def _keep_generator(rng: Any, undo: Undo) -> None:
    undo(setattr, rng.bit_generator, "state", rng.bit_generator.state)


def _refill(target: dict[Any, Any], content: dict[Any, Any]) -> None:
    target.clear()
    target.update(content)


def _rewrite(target: list[Any], content: list[Any]) -> None:
    target[:] = content
