"""The tree of a model: attributes of a module, parts of parts, and their dotted names."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, cast

from tinygrad_nn.errors import OperandError, OptionError
from tinygrad_nn.nn.changes import CHANGES
from tinygrad_nn.tensor import Parameter, Tensor
from tinygrad_nn.value import Value

if TYPE_CHECKING:
    from tinygrad_nn.nn.module import Module

__all__ = ["Tree", "dotted", "named_parts", "nearest", "own_parameters", "walk"]

_OWN = frozenset({"training", "_buffers", "_hooks"})
_ELSEWHERE = {
    "evaluate": "train.evaluate(model, data, loss)",
    "fit": "train.fit(model, loss, optimizer, data, epochs)",
    "predict": "train.predict(model, inputs)",
}


class Tree:
    """What a `Module` knows of its parts."""

    # Parameters, buffers and submodules live in the ordinary `__dict__`: there is no second
    # register that could disagree with it, and reading one costs what any attribute does.
    _buffers: dict[str, bool]

    # ── Attributes ──────────────────────────────────────────────────────────────────────

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, (Parameter, Tree)) and "_buffers" not in self.__dict__:
            raise OperandError(
                f"{type(self).__name__}.{name} was set before super().__init__() was called; "
                "make that the first line of __init__"
            )
        old = self.__dict__.get(name)
        for kind, word in ((Parameter, "Parameter"), (Tree, "Module")):
            if isinstance(old, kind) and value is not None and not isinstance(value, kind):
                raise OperandError(
                    f"{type(self).__name__}.{name} is a {word}: got a {type(value).__name__}, "
                    f"which would drop it; assign a {word} or None"
                    + (f"; or write {name}.data = ..." if kind is Parameter else "")
                )
        if name in self.__dict__.get("_buffers", ()) and not isinstance(value, Tensor | None):
            raise OperandError(
                f"{type(self).__name__}.{name} is a buffer: got {type(value).__name__}, expected a "
                "Tensor or None; convert it with tinygrad_nn.tensor"
            )
        object.__setattr__(self, name, value)
        CHANGES.count += 1

    def __getattr__(self, name: str) -> Any:
        # Python asks here only for what it did not find.
        if name.startswith("__"):
            raise AttributeError(name)
        text = f"{type(self).__name__} has no attribute {name!r}"
        if "_buffers" not in self.__dict__ and name in _OWN:
            text += "; call super().__init__() first in its __init__"
        elif name in _ELSEWHERE:
            text += f"; write {_ELSEWHERE[name]}"
        elif near := nearest(name, dir(self)):
            text += f"; did you mean {near!r}?"
        else:
            own = [n for n, _ in named_parts(self, (Parameter, Tree))]
            text += f"; it has {', '.join(own) or 'no parameters or submodules'}"
        raise AttributeError(text, name=name, obj=self)

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        CHANGES.count += 1
        self.__dict__.get("_buffers", {}).pop(name, None)

    def __dir__(self) -> list[str]:
        return sorted(name for name in object.__dir__(self) if not name[:1].isdigit())

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Make `tensor` an attribute that is state but not trained, such as a running mean.

        Args:
            name: Name of the attribute.
            tensor: The buffer, or None.
            persistent: Whether it belongs to the state dict.

        Raises:
            OperandError: `tensor` is no tensor.
            OptionError: The name has a dot, is empty, or is that of another attribute.
        """
        if tensor is not None and not isinstance(tensor, Tensor):
            raise OperandError(
                f"register_buffer: got {type(tensor).__name__} for {name!r}, expected a Tensor; "
                "convert it with tinygrad_nn.tensor"
            )
        if name not in self._buffers:
            self._free("register_buffer", name, Tensor)
        self._buffers[name] = bool(persistent)
        setattr(self, name, tensor)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Make `param` an attribute; None stands for one that is left away.

        Raises:
            OperandError: `param` is no parameter.
            OptionError: The name has a dot, is empty, or is that of another attribute.
        """
        if param is not None and not isinstance(param, Parameter):
            raise OperandError(
                f"register_parameter: got {type(param).__name__} for {name!r}, expected a "
                "Parameter: Parameter(tensor)"
            )
        self._free("register_parameter", name, Parameter)
        setattr(self, name, param)

    def add_module(self, name: str, module: Any) -> None:
        """Make `module` an attribute: for names that are computed.

        Raises:
            OperandError: `module` is no module.
            OptionError: The name has a dot, is empty, or is that of another attribute.
        """
        if module is not None and not isinstance(module, Tree):
            hint = f"; make one: {module.__name__}()" if isinstance(module, type) else ""
            raise OperandError(
                f"{type(self).__name__}: got {_called(module)} for {name!r}, expected a Module"
                + hint
            )
        self._free("add_module", name, Tree)
        setattr(self, name, module)

    register_module = add_module

    def _free(self, caller: str, name: Any, kind: type) -> None:
        """Refuse a name that is no name, or belongs to something else."""
        if not isinstance(name, str) or not name or "." in name:
            raise OptionError(
                f"{caller}: got the name {name!r}, expected a text without dots, since dots join "
                "the names of modules"
            )
        own = self.__dict__
        if (
            name in _OWN
            or not isinstance(own.get(name), kind | None)
            or (name not in own and hasattr(type(self), name))
        ):
            raise OptionError(
                f"{caller}: {type(self).__name__} already has an attribute {name!r}; choose "
                "another name"
            )

    # ── Parts ───────────────────────────────────────────────────────────────────────────

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Name and module for each direct submodule, each once."""
        seen: set[int] = set()
        for name, module in named_parts(self, Tree):
            if id(module) not in seen:
                seen.add(id(module))
                yield name, module

    def children(self) -> Iterator[Module]:
        """Direct submodules."""
        return (module for _, module in self.named_children())

    def named_modules(
        self, memo: set[int] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Dotted name and module for this module and all below it.

        Args:
            memo: `id` of each module to leave out; those that were found are added.
            prefix: Put before every name.
            remove_duplicate: Name each module once, also if it is at several places.
        """
        if not remove_duplicate:
            yield from walk(self, prefix)
            return
        memo = set() if memo is None else memo
        # A stack of our own: modules may be nested deeper than Python's calls.
        stack: list[tuple[str, Any]] = [(prefix, self)]
        while stack:
            path, module = stack.pop()
            if id(module) not in memo:
                memo.add(id(module))
                yield path, module
                parts = list(named_parts(module, Tree))
                stack += [(dotted(path, name), part) for name, part in reversed(parts)]

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """This module and all below it, each once."""
        found = self.named_modules(remove_duplicate=remove_duplicate)
        return (module for _, module in found)

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Any]]:
        """Dotted name and parameter.

        Args:
            prefix: Put before every name.
            recurse: Also those of the modules below.
            remove_duplicate: Name a parameter that is shared once.
        """
        seen: set[int] = set()
        for path, module in self._below(prefix, recurse, remove_duplicate):
            for name, parameter in own_parameters(module):
                if id(parameter) not in seen:
                    if remove_duplicate:
                        seen.add(id(parameter))
                    yield dotted(path, name), parameter

    def parameters(self, recurse: bool = True) -> Iterator[Any]:
        """Parameters in order of assignment, each once."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Dotted name and tensor for each buffer; arguments as for `named_parameters`."""
        seen: set[int] = set()
        for path, module in self._below(prefix, recurse, remove_duplicate):
            for name in module._buffers:
                buffer = getattr(module, name)
                if buffer is not None and id(buffer) not in seen:
                    if remove_duplicate:
                        seen.add(id(buffer))
                    yield dotted(path, name), buffer

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Buffers of this module and of those below it."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def generators(self) -> Iterator[tuple[str, Any]]:
        """Dotted name and random generator (`rng` of dropout, for example), each once.

        A checkpoint that saves their `bit_generator.state` continues with the same draws.

        Example:
            >>> from tinygrad_nn import nn
            >>> model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5, rng=0))
            >>> [name for name, _ in model.generators()]
            ['1.rng']
        """
        seen: set[int] = set()
        for path, module in self.named_modules():
            for name, found in _leaves(module):
                if hasattr(type(found), "bit_generator") and id(found) not in seen:
                    seen.add(id(found))
                    yield dotted(path, name), found

    def _below(self, prefix: str, recurse: bool, once: bool) -> Iterator[tuple[str, Module]]:
        if recurse:
            return self.named_modules(prefix=prefix, remove_duplicate=once)
        return iter([(prefix, cast("Module", self))])

    # ── One part by its dotted name ─────────────────────────────────────────────────────

    def get_submodule(self, target: str) -> Module:
        """The module of a dotted name such as "encoder.0"; "" is this one.

        Raises:
            AttributeError: There is none of this name.
        """
        return cast("Module", self._named(target, Tree, "submodule", self.named_modules()))

    def get_parameter(self, target: str) -> Any:
        """The parameter of a dotted name such as "encoder.0.weight".

        Raises:
            AttributeError: There is none of this name.
        """
        return self._named(target, (Parameter, Value), "parameter", self.named_parameters())

    def get_buffer(self, target: str) -> Tensor:
        """The buffer of a dotted name such as "norm.running_mean".

        Raises:
            AttributeError: There is none of this name.
        """
        path, _, name = target.rpartition(".")
        if name in self.get_submodule(path)._buffers:
            return cast("Tensor", self._named(target, Tensor, "buffer", self.named_buffers()))
        raise self._unknown(target, "buffer", self.named_buffers())

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put `module` at a dotted name.

        Args:
            target: Name; all but its last part exist.
            module: The module.
            strict: Refuse a name that no module has yet.

        Raises:
            AttributeError: The path to the name, or with `strict` the name, does not exist.
            OperandError: `module` is no module.
        """
        path, _, name = target.rpartition(".")
        if not name:
            raise OptionError("set_submodule: got an empty name, expected one such as 'head'")
        if not isinstance(module, Tree):
            raise OperandError(f"set_submodule: got {_called(module)}, expected a Module")
        if strict:
            self.get_submodule(target)
        owner = self._named(path, (Tree, list, dict), "submodule", self.named_modules())
        if isinstance(owner, list):
            owner[int(name)] = module
        elif isinstance(owner, dict):
            owner[name] = module
        else:
            owner.add_module(name, module)

    def _named(self, target: str, kinds: Any, word: str, all_: Iterator[tuple[str, Any]]) -> Any:
        found: Any = self
        for name in target.split(".") if target else ():
            if isinstance(found, (list, tuple)):
                inside = name.isdigit() and int(name) < len(found)
                found = found[int(name)] if inside else None
            elif isinstance(found, dict):
                found = next((value for key, value in found.items() if str(key) == name), None)
            else:
                found = getattr(found, name, None)
        if not isinstance(found, kinds):
            raise self._unknown(target, word, all_)
        return found

    def _unknown(self, target: str, word: str, all_: Iterator[tuple[str, Any]]) -> AttributeError:
        names = [name for name, _ in all_ if name]
        near = nearest(target, names)
        shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
        hint = f"did you mean {near!r}?" if near else f"there are: {shown or 'none'}"
        return AttributeError(f"{type(self).__name__} has no {word} {target!r}; {hint}")


def named_parts(module: Any, kinds: Any) -> Iterator[tuple[str, Any]]:
    """Attributes of the given kinds, also those inside lists, tuples and dicts."""
    for name, value in list(vars(module).items()):
        if isinstance(value, kinds):
            yield name, value
        elif isinstance(value, (list, tuple, dict)) and name[0] != "_":
            yield from _inside(name, value, kinds)


def _inside(name: str, parts: Any, kinds: Any) -> Iterator[tuple[str, Any]]:
    for key, value in parts.items() if isinstance(parts, dict) else enumerate(parts):
        if isinstance(value, kinds):
            yield f"{name}.{key}", value
        elif isinstance(value, (list, tuple, dict)):
            yield from _inside(f"{name}.{key}", value, kinds)


def _leaves(module: Any) -> Iterator[tuple[str, Any]]:
    """Every attribute, those inside lists, tuples and dicts one by one."""
    for name, value in list(vars(module).items()):
        if isinstance(value, (list, tuple, dict)) and name[0] != "_":
            yield from _inside(name, value, object)
        else:
            yield name, value


def own_parameters(module: Any) -> Iterator[tuple[str, Any]]:
    """Name and parameter for those of the module itself; leaf Values count as parameters."""
    for name, value in named_parts(module, (Parameter, Value)):
        if isinstance(value, Parameter) or (value.is_leaf and value.requires_grad):
            yield name, value


def walk(module: Any, prefix: str = "", above: tuple[Any, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Dotted name and module, a module at several places under each of its names.

    Raises:
        OperandError: A module contains itself, so that the names would have no end.
    """
    if any(module is one for one in above):
        raise OperandError(
            f"{type(above[0]).__name__}: the module at {prefix!r} contains itself, so that its "
            "parameters would have names without end; keep a reference to a parent out of the "
            "tree: self.parent = weakref.ref(parent)"
        )
    yield prefix, module
    for name, child in named_parts(module, Tree):
        yield from walk(child, dotted(prefix, name), (*above, module))


def nearest(name: str, others: Any) -> str | None:
    """That of `others` which is written most like `name`, if one is."""
    return next(iter(get_close_matches(name, others, n=1)), None)


def dotted(prefix: str, name: str) -> str:
    """`prefix.name`, or `name` where there is no prefix."""
    return f"{prefix}.{name}" if prefix else name


def _called(module: Any) -> str:
    return module.__name__ if isinstance(module, type) else type(module).__name__
