"""State dicts: names to numbers, taken out of a model and put back."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

from tinygrad_nn.errors import OperandError, StateError, TinygradError
from tinygrad_nn.tensor import Tensor, tensor
from tinygrad_nn.value import Value

__all__ = ["Mismatch", "load", "snapshot"]

_SHOWN = 10


class Mismatch(NamedTuple):
    """Names in which a state dict differed from the model.

    Attributes:
        missing_keys: In the model, not in the state dict.
        unexpected_keys: In the state dict, not in the model.
    """

    missing_keys: list[str]
    unexpected_keys: list[str]


def snapshot(entries: Mapping[str, Any]) -> dict[str, Any]:
    """Copies of the numbers: arrays of tensors, floats of Values."""
    return {
        name: entry.data if isinstance(entry, Value) else entry.synced().copy()
        for name, entry in entries.items()
    }


def load(owner: str, entries: Mapping[str, Any], state: Any, strict: bool) -> Mismatch:
    """Write the numbers of `state` into `entries`, after all of them were found to fit."""
    if not isinstance(state, Mapping):
        raise OperandError(
            f"load_state_dict: got {type(state).__name__}, expected a dict of names and arrays, "
            "as state_dict() returns it"
        )
    missing = [name for name in entries if name not in state]
    unexpected = [name for name in state if name not in entries]
    faults = []
    if strict:
        faults += [f"missing: {name!r}{_near(name, unexpected)}" for name in missing]
        faults += [f"unexpected: {name!r}{_near(name, missing)}" for name in unexpected]
    fitting = {}
    for name, entry in entries.items():
        if name in state:
            try:
                fitting[name] = _fitting(entry, state[name])
            except (TinygradError, ValueError, TypeError) as error:
                faults.append(f"{name!r}: {error}")
    if faults:
        more = [f"and {len(faults) - _SHOWN} more"] if len(faults) > _SHOWN else []
        raise StateError(
            f"load_state_dict of {owner}: nothing was loaded, the state dict does not match:\n  "
            + "\n  ".join([*faults[:_SHOWN], *more])
        )
    for name, numbers in fitting.items():
        entries[name].data = numbers
    return Mismatch(missing, unexpected)


def _fitting(entry: Any, numbers: Any) -> Any:
    """`numbers` as payload for `entry`."""
    if hasattr(numbers, "numpy") and not isinstance(numbers, Tensor):
        numbers = numbers.numpy()  # PyTorch's tensors
    given = tensor(numbers.data if isinstance(numbers, Value) else numbers)
    shape = entry.shape if isinstance(entry, Tensor) else ()
    if given.shape != shape:
        raise StateError(f"got shape {given.shape}, expected {shape}")
    if isinstance(entry, Value):
        return numbers.data if isinstance(numbers, Value) else float(numbers)
    return given.data.astype(entry.dtype)


def _near(name: str, others: list[str]) -> str:
    near = get_close_matches(str(name), map(str, others), n=1, cutoff=0.7)
    return f" (is it {near[0]!r}?)" if near else ""
