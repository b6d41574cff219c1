"""State dicts: names to numbers, taken out of a model and put back."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NamedTuple

from tinygrad_nn.errors import DTypeError, OperandError, StateError, TinygradError
from tinygrad_nn.nn.tree import dotted, own_parameters, walk
from tinygrad_nn.ported import from_torch
from tinygrad_nn.tensor import Tensor, tensor
from tinygrad_nn.value import Value

if TYPE_CHECKING:
    from tinygrad_nn.nn.hooks import Hooks
    from tinygrad_nn.nn.module import Module

__all__ = ["Mismatch", "Stateful"]

_SHOWN = 10
_EXTRA = "_extra_state"
_COUNTER = "num_batches_tracked"
_LARGEST = 2.0**63


class Mismatch(NamedTuple):
    """Names in which a state dict differed from the model.

    Attributes:
        missing_keys: In the model, not in the state dict.
        unexpected_keys: In the state dict, not in the model.
    """

    missing_keys: list[str]
    unexpected_keys: list[str]


class Stateful:
    """What a `Module` knows of its state."""

    _hooks: Hooks | None

    def state_dict(
        self,
        *,
        destination: dict[str, Any] | None = None,
        prefix: str = "",
        keep_vars: bool = False,
    ) -> dict[str, Any]:
        """Copies of all parameters and persistent buffers by dotted name.

        The copies are arrays (floats for a `Value`): they stay what they are when training
        goes on. What is shared comes under each of its names.

        Args:
            destination: Dict to fill and return; a new one if None.
            prefix: Put before every name, with its dot: "encoder.".
            keep_vars: Give the parameters and buffers themselves in place of copies.

        Raises:
            OperandError: A module contains itself.
        """
        destination = {} if destination is None else destination
        for path, part in walk(self, prefix.removesuffix(".")):
            inner = dotted(path, "") if path else ""
            for hook in _hooks(part, "state_before"):
                hook.function(part, inner, keep_vars)
            for name, entry in _entries(path, part).items():
                destination[name] = entry if keep_vars else _snapshot(entry)
        # After everything is there: a hook of a module may look at what is below it.
        for path, part in walk(self, prefix.removesuffix(".")):
            for hook in _hooks(part, "state_after"):
                hook.function(part, destination, dotted(path, "") if path else "", {})
        return destination

    def load_state_dict(
        self, state_dict: Any, strict: bool = True, assign: bool = False, *, prefix: str = ""
    ) -> Mismatch:
        """Take over the numbers of a state dict; all of them, or on an error none.

        One of PyTorch loads as it is.

        Args:
            state_dict: Dotted name to array, tensor (PyTorch's too) or nested list.
            strict: Refuse names that are missing or unexpected; otherwise report them.
            assign: Take over the dtypes too. The parameters stay the same objects, so that
                an optimiser goes on with them.
            prefix: What the names in the state dict begin with besides: "module.", "model.".

        What is shared is needed under one of its names only: files that keep each tensor once
        load. So do those without `num_batches_tracked`, which old ones have not.

        Returns:
            The names that were missing and unexpected.

        Raises:
            StateError: A name is missing or unexpected, or a shape differs; all are named.
        """
        if not isinstance(state_dict, Mapping):
            raise OperandError(
                f"load_state_dict: got {type(state_dict).__name__}, expected a dict of names and "
                "arrays, as state_dict() returns it"
            )
        state = {_without(name, prefix): numbers for name, numbers in state_dict.items()}
        missing: list[Any] = []
        unexpected: list[Any] = []
        faults: list[str] = []
        places = list(walk(self))
        for path, part in places:
            for hook in _hooks(part, "load_before"):
                prefix = dotted(path, "") if path else ""
                hook.function(part, state, prefix, {}, strict, missing, unexpected, faults)
        entries: dict[str, Any] = {}
        for path, part in places:
            entries.update(_entries(path, part))
        given = {id(entries[name]) for name in entries.keys() & state.keys()}
        missing += [
            name
            for name, entry in entries.items()
            if name not in state and id(entry) not in given and not name.endswith(_COUNTER)
        ]
        unexpected += [name for name in state if name not in entries]
        if strict:
            faults += _prefixed(entries, unexpected)
            faults += [f"missing: {name!r}{_near(name, unexpected)}" for name in missing]
            faults += [f"unexpected: {name!r}{_near(name, missing)}" for name in unexpected]
        fitting: dict[str, Any] = {}
        for name in entries.keys() & state.keys():
            try:
                fitting[name] = _fitting(entries[name], state[name], assign)
            except (TinygradError, ValueError, TypeError, RuntimeError) as error:
                faults.append(f"{name!r}: {error}")
        _refuse(type(self).__name__, faults)
        for name, entry in entries.items():
            if name in fitting:
                _put(entry, fitting[name])
        found = Mismatch(missing, unexpected)
        for _, part in places:
            for hook in _hooks(part, "load_after"):
                hook.function(part, found)
        return found

    def get_extra_state(self) -> Any:
        """What belongs to the state besides parameters and buffers.

        A subclass that defines this and `set_extra_state` has an entry `_extra_state` in the
        state dict.
        """
        raise NotImplementedError(f"{type(self).__name__} has no extra state")

    def set_extra_state(self, state: Any) -> None:
        """Take back what `get_extra_state` gave."""
        raise NotImplementedError(
            f"{type(self).__name__} has no set_extra_state: define it beside get_extra_state"
        )


class _Extra(NamedTuple):
    """Entry of a module that has state of its own kind."""

    module: Module


def _entries(path: str, module: Module) -> dict[str, Any]:
    """Dotted name to parameter, persistent buffer or extra state, of the module itself."""
    found: dict[str, Any] = {dotted(path, name): p for name, p in own_parameters(module)}
    for name, persistent in module._buffers.items():
        if persistent and getattr(module, name) is not None:
            found[dotted(path, name)] = getattr(module, name)
    if type(module).get_extra_state is not Stateful.get_extra_state:
        found[dotted(path, _EXTRA)] = _Extra(module)
    return found


def _hooks(module: Module, kind: str) -> Any:
    return () if module._hooks is None else module._hooks.of(kind)


def _snapshot(entry: Any) -> Any:
    """Copy of the numbers: array of a tensor, float of a Value."""
    if isinstance(entry, _Extra):
        return entry.module.get_extra_state()
    return entry.data if isinstance(entry, Value) else entry.synced().copy()


def _put(entry: Any, numbers: Any) -> None:
    if isinstance(entry, _Extra):
        entry.module.set_extra_state(numbers)
    else:
        entry.data = numbers


def _refuse(owner: str, faults: list[str]) -> None:
    if faults:
        more = [f"and {len(faults) - _SHOWN} more"] if len(faults) > _SHOWN else []
        raise StateError(
            f"load_state_dict of {owner}: nothing was loaded, the state dict does not match:\n  "
            + "\n  ".join([*faults[:_SHOWN], *more])
        )


def _fitting(entry: Any, numbers: Any, assign: bool) -> Any:
    """`numbers` as payload for `entry`."""
    if isinstance(entry, _Extra):
        return numbers
    numbers = from_torch(numbers)
    weak = isinstance(entry, Tensor) and not hasattr(numbers, "dtype")
    given = tensor(
        numbers.data if isinstance(numbers, Value) else numbers,
        dtype="float64" if weak else None,
    )
    shape = entry.shape if isinstance(entry, Tensor) else ()
    if given.shape != shape:
        raise StateError(f"got shape {given.shape}, expected {shape}")
    if isinstance(entry, Value):
        return numbers.data if isinstance(numbers, Value) else float(numbers)
    if assign and not weak and given.dtype.kind == entry.dtype.kind:
        return given.data
    whole = entry.dtype.kind != "f"
    # By size first: to convert a NaN to an integer warns.
    held = not whole or bool((abs(given.data) < _LARGEST).all())
    taken = given.data.astype(entry.dtype) if held else given.data
    if whole and not (held and (taken == given.data).all()):
        raise DTypeError(
            f"got {given.dtype} with numbers that {entry.dtype} cannot hold, expected {entry.dtype}"
        )
    return taken


def _without(name: Any, prefix: str) -> Any:
    return name.removeprefix(prefix) if isinstance(name, str) else name


def _prefixed(entries: dict[str, Any], unexpected: list[Any]) -> list[str]:
    """What to do if the names fit but for what they all begin with."""
    for name in unexpected:
        end = next((n for n in entries if str(name).endswith(f".{n}")), None)
        if end is None:
            continue
        prefix = str(name)[: -len(end)]
        fitting = [n for n in unexpected if str(n).removeprefix(prefix) in entries]
        if 2 * len(fitting) > len(unexpected):
            return [
                f"{len(fitting)} of its names are the model's but for {prefix!r} in front: "
                f"load_state_dict(state, prefix={prefix!r}) takes it off"
            ]
    return []


def _near(name: Any, others: list[Any]) -> str:
    near = get_close_matches(str(name), map(str, others), n=1, cutoff=0.7)
    return f" (is it {near[0]!r}?)" if near else ""
