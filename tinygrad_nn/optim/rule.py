"""What an optimiser is asked for: its options' ranges and its formula, and how that is run."""

from __future__ import annotations

from collections.abc import Mapping
from sys import getrefcount
from typing import Any, ClassVar

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.capturing import Traced
from tinygrad_nn.core.node import Node
from tinygrad_nn.optim.limits import LIMITS, Limit, check_execution, check_limits

__all__ = ["Rule", "filled", "given", "is_shared", "rate", "remember"]

_BLOCK = 262144
"""Bytes of an array worked on at a time: the five arrays of Adam stay in a cache of 1 to 2 MB."""


class Rule:
    """The part of an optimiser that differs from the others: its formula.

    Attributes:
        limits: Ranges of the options that `optim.limits.LIMITS` does not name or names otherwise.
        decoupled: How weight decay λ acts, unless the option decoupled_weight_decay says:
            True shrinks the parameter, p ← (1 − lr λ) p; False adds λ p to the gradient.
        factors: Whether the numbers that `begin` returns are only computed with, and only with
            arrays; then `update` is given them as arrays too, which NumPy takes in at 0.3 µs less.
        elementwise: Whether `update` may be given any part of a parameter; a step then runs over
            blocks that fit the cache.
    """

    limits: ClassVar[Mapping[str, Limit | tuple[Limit, ...]]] = {}
    decoupled: ClassVar[bool] = False
    factors: ClassVar[bool] = False
    elementwise: ClassVar[bool] = True

    _operands: tuple[Any, Any, Any] = (None, None, None)

    @property
    def name(self) -> str:
        """Name of the optimiser, for messages."""
        return type(self).__name__

    def check(self, options: dict[str, Any]) -> None:
        """Refuse options out of range with an `OptionError`."""
        check_limits(self.name, options, {**LIMITS, **self.limits})
        check_execution(self.name, options)

    def begin(self, state: dict[str, Any], value: Any, group: dict[str, Any]) -> Any:
        """Once for a parameter and step: count, and make what `state` lacks (see `remember`).

        Of `value` only its shape and dtype may be used. All that depends on the count or takes
        more than arithmetic is computed here: a captured step calls this anew each time, while
        it keeps the computation that `update` made once.

        Returns:
            The numbers of this step that are the same for all elements, as `update` wants them:
            a number, None, a dtype, or a tuple of such.
        """
        return None

    def shared(self, group: dict[str, Any]) -> bool:
        """Whether `begin` looks at nothing but `group`, and leaves `state` as it is.

        A captured step then calls it once for all parameters of a group. It counts only where the
        class that has `begin` says so, and not for another `begin` of a class derived from it.
        """
        return False

    def update(
        self, value: Any, g: Any, state: dict[str, Any], group: dict[str, Any], c: Any
    ) -> Any:
        """Change of a parameter, to be added to its numbers; writes neither `value` nor `g`.

        The lines serve floats and arrays if what is remembered is taken from `state`, changed
        with `+=` and the like, and put back: that rebinds a float and writes an array in place.
        They serve a captured step too if they write nothing with `out=`, and look at no number:
        neither of an array (`maximum` instead of `max`) nor with `float` at an option.

        Args:
            value: Its numbers: array (or a flat part of it), or float of a Value.
            g: Its gradient, alike; `maximize` and weight decay are in it already.
            state: What is remembered of it; of its arrays the same part.
            group: Options of its group.
            c: What `begin` returned.
        """
        raise NotImplementedError

    def moved(self, p: Any, g: Any, state: dict[str, Any], group: dict[str, Any]) -> Any:
        """New numbers of a parameter `p` with the gradient `g`, block by block if it is large.

        A large array that nothing else holds is written in place.
        """
        value = p._data
        c = self.begin(state, value, group)
        if type(value) is float:
            value, change = self._change(value, g, state, group, c)
            return value + change
        if self.factors:
            c = self._as_operands(c, value)
        if value.nbytes <= _BLOCK or not self.elementwise:
            value, change = self._change(value, g, state, group, c)
            return value + change
        math = namespace(value)
        del value  # it would count as a holder
        # In place 10 % less for Adam on a megabyte: one array less goes through the caches.
        is_free = held_once(p)
        value = p._data
        new = value if is_free else math.empty(value.shape, value.dtype)
        flat_new, flat_value, flat_g = new.reshape(-1), value.reshape(-1), g.reshape(-1)
        flat = {
            key: kept.reshape(-1)
            for key, kept in state.items()
            if getattr(kept, "shape", None) == value.shape
        }
        step = _BLOCK // value.itemsize
        for start in range(0, value.size, step):
            part = slice(start, start + step)
            views = {key: kept[part] for key, kept in flat.items()}
            block = {**state, **views}
            old, change = self._change(flat_value[part], flat_g[part], block, group, c)
            math.add(old, change, flat_new[part])
            for key, view in views.items():
                if block[key] is not view:
                    view[...] = block[key]
        return new

    def _as_operands(self, c: Any, value: Any) -> Any:
        """The numbers `c` as arrays of the dtype of `value`; kept, since most parameters share."""
        dtype, (known, kind, operands) = value.dtype, self._operands
        if kind is dtype and known == c:
            return operands
        math = namespace(value)
        operands = tuple([math.asarray(x, dtype) if type(x) is float else x for x in c])
        self._operands = c, dtype, operands
        return operands

    def _change(
        self, value: Any, g: Any, state: dict[str, Any], group: dict[str, Any], c: Any
    ) -> tuple[Any, Any]:
        """Numbers and their change, after what options of all do to gradient and parameter."""
        if group.get("maximize"):
            g = -g
        decay = group.get("weight_decay")
        if decay:
            if group.get("decoupled_weight_decay", self.decoupled):
                value = value * (1 - rate(group) * decay)
            else:
                g = g + decay * value
        return value, self.update(value, g, state, group, c)


def is_shared(rule: Rule, group: dict[str, Any]) -> bool:
    """Whether all parameters of a group begin a step with the same numbers, see `Rule.shared`."""
    own = {"begin", "shared"}
    for cls in type(rule).__mro__:
        found = own.intersection(vars(cls))
        if found:
            return found == own and "begin" not in vars(rule) and rule.shared(group)
    return False


def held_once(p: Any) -> bool:
    """Whether nothing but the leaf `p` holds its array, so that it may be written in place.

    Views of an array, graphs, buffers over it and threads that read it all hold it. A caller
    must not; so this asks for the array anew.
    """
    if getrefcount(p._data) != _ONCE:
        return False
    flags = p._data.flags
    return bool(flags.owndata and flags.c_contiguous and flags.writeable)


def _count_once() -> int:
    """What `getrefcount` says there of an object that one leaf holds, in this Python."""
    p = Node.__new__(Node)
    p._data = object()
    return getrefcount(p._data)


_ONCE = _count_once()


def rate(group: dict[str, Any]) -> Any:
    """Learning rate of a group as a number, whatever holds it (an array or tensor may).

    For `update`: a captured step has something in its place there, which follows the rate when
    it changes, and which `float` would make a constant.
    """
    lr = group["lr"]
    return lr if isinstance(lr, Traced) else float(lr)


def remember(state: dict[str, Any], value: Any, *keys: str) -> None:
    """Put zeros like `value` under those `keys` that `state` lacks; arrays follow its dtype."""
    for key in keys:
        kept = state.get(key)
        if kept is None:
            state[key] = filled(value, 0.0)
        elif type(value) is not float and kept.dtype is not value.dtype:
            state[key] = kept.astype(value.dtype)


def filled(value: Any, number: float) -> Any:
    """`number` in the form of `value`."""
    if type(value) is float:
        return float(number)
    return namespace(value).full(value.shape, number, value.dtype)


def given(scope: dict[str, Any]) -> dict[str, Any]:
    """Options among the `locals()` of an optimiser's `__init__`."""
    return {k: v for k, v in scope.items() if k not in ("self", "params", "__class__")}
