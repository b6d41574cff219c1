"""What people call the inputs of a program: arguments, parameters, numbers worked out in Python."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import chain
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from tinygrad_nn.compiler.places import Argument, Entry, Gradient, Leaf, Payload, Returned, Worked
from tinygrad_nn.compiler.program import Program
from tinygrad_nn.core.node import Node
from tinygrad_nn.nn import Module

if TYPE_CHECKING:
    from tinygrad_nn.compiler.capture.capture import Capture

__all__ = ["argument_names", "is_argument", "labelled", "result_name", "words_of"]


def labelled(
    capture: Capture, function: Callable[..., Any], args: tuple[Any, ...], given: dict[str, Any]
) -> dict[Any, str]:
    """Names by place, or by the leaf; a leaf is called what the user would write.

    Args:
        capture: It is over.
        function: The step.
        args: Its arguments.
        given: Those by keyword.
    """
    names: dict[Any, str] = {}
    for i, name in enumerate(argument_names(function, args, given)):
        names[Argument(i)] = name
    known = [*zip(_heads(function, args), args, strict=False), *given.items(), *_seen(function)]
    for name, thing in known:
        for path, leaf in _leaves(thing):
            names.setdefault(leaf, f"{name}{path}")
    for module in capture.scope.entered_modules():
        # From the outermost to the innermost: a name from further out is the longer one.
        for path, leaf in _leaves(module):
            names.setdefault(leaf, path.removeprefix("."))
    places = [*capture.inputs.values(), *[o.place for o in capture.outputs]]
    others = 0
    for leaf in map(_leaf, places):
        if leaf is not None and leaf not in names:
            others += not leaf.name
            names[leaf] = leaf.name or f"leaf_{others}"
    for index, about in capture.numbers.about.items():
        names[Worked(index)] = _number(about, names)
    return names


def argument_names(
    function: Callable[..., Any], args: tuple[Any, ...], given: dict[str, Any]
) -> list[str]:
    """Names of the leaves of the arguments, in the order of `flatten((args, given))`.

    Example:
        >>> argument_names(lambda x, *pairs: 0, (1, (2, 3)), {"k": {"a": 4}})
        ['x', 'pairs[0][0]', 'pairs[0][1]', "k['a']"]
    """
    heads = _heads(function, args)
    return [
        *chain.from_iterable(_paths(name, x) for name, x in zip(heads, args, strict=True)),
        *chain.from_iterable(_paths(name, x) for name, x in given.items()),
    ]


def words_of(place: Any, names: Any) -> str:
    """What is at a place, in words."""
    if isinstance(place, (Payload, Gradient)):
        holder = place.holder
        own = names.get(getattr(holder, "leaf", holder), "a leaf")
        return own if isinstance(place, Payload) else f"gradient of {own}"
    if isinstance(place, Entry):
        return f"{place.key} of {names.get(place.parameter, 'a parameter')}"
    return str(names.get(place, "a number worked out in Python"))


def is_argument(place: Any, program: Program) -> bool:
    """Whether an input is an argument of the step: an array, what a leaf holds, or a number."""
    if isinstance(place, (Payload, Gradient)):
        return not isinstance(place.holder, Leaf)
    if isinstance(place, Worked):
        given = {name for at, name in program.names.items() if isinstance(at, Argument)}
        return program.names.get(place) in given
    return isinstance(place, Argument)


def result_name(place: Returned) -> str:
    """The first of several results is `result`, the next `result 1`."""
    return f"result {place.index}" if place.index else "result"


def _heads(function: Callable[..., Any], args: tuple[Any, ...]) -> list[str]:
    """Name of each positional argument."""
    found: list[str] = []
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    for i in range(len(args)):
        last = parameters[min(i, len(parameters) - 1)] if parameters else None
        if last is None:
            found.append(f"argument_{i}")
        elif last.kind is last.VAR_POSITIONAL or i >= len(parameters):
            found.append(f"{last.name}[{i - len(parameters) + 1}]")
        else:
            found.append(last.name)
    return found


def _paths(name: str, tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        for key, x in tree.items():
            yield from _paths(f"{name}[{key!r}]", x)
    elif isinstance(tree, (list, tuple)):
        fields = getattr(tree, "_fields", None)
        for i, x in enumerate(tree):
            yield from _paths(f"{name}.{fields[i]}" if fields else f"{name}[{i}]", x)
    elif tree is not None:
        yield name


def _seen(function: Any) -> Iterator[tuple[str, Any]]:
    """What the code of a step names: global variables, those of functions around, attributes."""
    while isinstance(function, partial):
        function = function.func
    if isinstance(function, MethodType):
        yield from ((f"self.{k}", x) for k, x in getattr(function.__self__, "__dict__", {}).items())
        function = function.__func__
    if not isinstance(function, FunctionType):
        return
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with suppress(ValueError):  # not yet assigned
            yield name, cell.cell_contents
    for name in function.__code__.co_names:
        if name in function.__globals__:
            yield name, function.__globals__[name]


def _leaves(thing: Any, depth: int = 0) -> Iterator[tuple[str, Node]]:
    """Leaves in a module, in a list of them, or a leaf itself, each with the path to it."""
    if isinstance(thing, Module):
        found: Iterable[Any] = chain(thing.named_parameters(), thing.named_buffers())
        yield from ((f".{path}", leaf) for path, leaf in found)
    elif isinstance(thing, Node):
        yield "", thing
    elif type(thing) in (list, tuple, dict) and depth < 2:
        pairs = thing.items() if isinstance(thing, dict) else enumerate(thing)
        for key, x in pairs:
            yield from ((f"[{key!r}]{path}", leaf) for path, leaf in _leaves(x, depth + 1))


def _leaf(place: Any) -> Any:
    inner = getattr(place, "holder", None)
    if isinstance(inner, Leaf):
        return inner.leaf
    return getattr(place, "parameter", None)


def _number(about: tuple[Any, ...], names: dict[Any, str]) -> str:
    kind, *more = about
    if kind == "argument":
        return names.get(Argument(more[0]), "an argument")
    if kind == "option":
        key, group = more
        word = f"{key[0]}[{key[1]}]" if isinstance(key, tuple) else str(key)
        return f"{word} of group {group}" if group else word
    optimizer, parameter = more
    return f"number of {optimizer} for {names.get(parameter, 'a parameter')}"
