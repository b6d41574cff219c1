"""What programs of a step are kept by, how many are kept, and what is said when there are more."""

from __future__ import annotations

from typing import Any, NamedTuple
from warnings import warn

import numpy as np

from tinygrad_nn.compiler.guards.structure import form_of
from tinygrad_nn.core.caller import stacklevel
from tinygrad_nn.core.node import MODE, Node
from tinygrad_nn.core.record import SEVERED
from tinygrad_nn.payload import _DEFAULT

__all__ = ["LIMIT", "Signature", "drop_oldest", "signature_of"]

LIMIT = 16
"""Programs of one step: each holds its buffers."""
_FEW = 3


class Signature(NamedTuple):
    """What programs are told apart by before their guards are asked.

    Attributes:
        args: Forms of the positional arguments, behind the class of their tuple.
        given: Those by keyword, each with its name.
        mode: What operations do besides computing.
        dtype: The default one.
    """

    args: tuple[Any, ...]
    given: tuple[Any, ...]
    mode: int
    dtype: Any


class _Laid(NamedTuple):
    """Form of an array, or of a node; a `Value` has neither shape nor dtype."""

    kind: type
    shape: tuple[int, ...] | None
    dtype: Any
    recorded: bool = False


def signature_of(args: tuple[Any, ...], given: dict[str, Any]) -> Signature:
    """That of a call."""
    return Signature(_form(args), _form(given), MODE.get(), _DEFAULT.get())


def _form(x: Any) -> Any:  # noqa: PLR0911  (one line for each kind)
    if isinstance(x, dict):
        return ("dict", *((form_of(k), _form(v)) for k, v in x.items()))
    if isinstance(x, (list, tuple)):
        return (type(x), *map(_form, x))
    if isinstance(x, Node):
        payload = x._data
        shape, dtype = getattr(payload, "shape", None), getattr(payload, "dtype", None)
        return _Laid(type(x), shape, dtype, x.op is not None and x.op is not SEVERED)
    if isinstance(x, (np.ndarray, np.generic)):
        return _Laid(type(x), x.shape, x.dtype)
    if isinstance(x, float):
        return float
    if isinstance(x, (int, str, bytes, bool, type(None))):
        return type(x), x
    return id(x)


def drop_oldest(name: str, captured: dict[Signature, list[Any]]) -> None:
    """Forget the program that was made first if there are too many, and say what changes.

    Args:
        name: Of the step.
        captured: Programs by what they were made for, in the order of their making.
    """
    if sum(map(len, captured.values())) <= LIMIT:
        return
    keys = list(captured)
    oldest = keys[0]
    captured[oldest].pop()
    if not captured[oldest]:
        del captured[oldest]
    warn(
        f"jit: {name} was captured for more than {LIMIT} kinds of calls, and the oldest program "
        f"is dropped; {_changing(keys)}; pad to a few sizes, or call the function itself",
        RuntimeWarning,
        stacklevel=stacklevel(),
    )


def _changing(keys: list[Signature]) -> str:
    """What differs between the calls that programs were made for."""
    if len(keys) == 1:
        return "what it branches on outside of its arguments changes from call to call"
    calls = [{**dict(enumerate(key.args[1:])), **dict(key.given[1:])} for key in keys]
    for name in calls[0]:
        forms = list(dict.fromkeys([call[name] for call in calls if name in call]))
        if len(forms) > 1:
            some = ", ".join(map(_words, forms[:3]))
            return f"argument {name} changes from call to call: {some}, ..."
    return "its arguments or modes change from call to call"


def _words(form: Any) -> str:
    """The form of an argument in short."""
    if isinstance(form, _Laid):
        return form.kind.__name__ if form.shape is None else f"{list(form.shape)} {form.dtype}"
    if not isinstance(form, tuple):
        return "a float" if form is float else "another object"
    kind, *inner = form
    if kind == "dict":
        parts = [f"{name!r}: {_words(x)}" for name, x in inner[:_FEW]]
    elif issubclass(kind, (list, tuple)):
        parts = list(map(_words, inner[:_FEW]))
    else:
        return f"{inner[0]!r:.40}"
    parts += [f"... {len(inner)} in all"] * (len(inner) > _FEW)
    left, right = "{}" if kind == "dict" else "[]"
    return f"{left}{', '.join(parts)}{right}"
