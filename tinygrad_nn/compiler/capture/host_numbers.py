"""What is worked out in Python before a program runs, and what must hold for it to be right.

Rates of a schedule, corrections that depend on the number of the step: an optimiser's `begin` is
called before each replay as it is in every step, and the floats that it gives are inputs of the
program. Where the step branched on such a number, or on whether a layer is training, the program
holds for that outcome only, which is looked at again before each replay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import isnan
from typing import TYPE_CHECKING, Any

from tinygrad_nn.compiler.capture.traced import HostNumber
from tinygrad_nn.compiler.places import Call, Entry, Unfit, Worked
from tinygrad_nn.compiler.program import Var
from tinygrad_nn.core.capturing import Traced
from tinygrad_nn.core.node import CLOCK, Node
from tinygrad_nn.core.tree import flatten
from tinygrad_nn.optim.optimizer import write
from tinygrad_nn.optim.rule import is_shared

if TYPE_CHECKING:
    from tinygrad_nn.compiler.capture.capture import Capture

__all__ = ["Numbers", "undo"]


class Numbers:
    """Actions before a replay, in order.

    Attributes:
        actions: Functions of the call; each adds its numbers, or raises `Unfit`.
        about: For people, what a number is: an option with its key, what `begin` gave, an argument.
    """

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self._call = Call([])
        self.actions: list[Callable[[Call], None]] = []
        self.about: dict[int, tuple[Any, ...]] = {}
        self._vars: dict[int, Var] = {}
        self._undo: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self._written: dict[tuple[int, int], tuple[Any, Any, dict[str, Any]]] = {}
        self._known: set[tuple[Any, ...]] = set()
        self._worked: dict[Any, HostNumber] = {}
        self._alike: dict[tuple[int, int], Any] = {}

    # ── Numbers ─────────────────────────────────────────────────────────────────────────

    def number(
        self, value: Any, action: Callable[[Call], Any], about: tuple[Any, ...] = ()
    ) -> HostNumber:
        """A number that `action` gives before each replay; now it is `value`."""
        index = len(self._call.numbers)
        if about:
            self.about[index] = about
        self._call.numbers.append(value)
        self.actions.append(lambda call: call.numbers.append(action(call)))
        return HostNumber(self._capture, index, float(value))

    def var(self, number: HostNumber) -> Var:
        """The input of the program that it is."""
        found = self._vars.get(number.index)
        if found is None:
            found = self._vars[number.index] = Var((), None)
            self._capture.inputs[found] = Worked(number.index)
        return found

    def work(self, function: Callable[..., Any], args: Sequence[Any]) -> HostNumber:
        """A number from others, once for the same ones."""
        # By their texts, since 0.0 and -0.0 are equal.
        key = (function, *[x.index if isinstance(x, HostNumber) else repr(x) for x in args])
        if key in self._worked:
            return self._worked[key]
        take = [_taker(x) for x in args]
        value = function(*[_plain(x) for x in args])
        found = self.number(value, lambda call: function(*[t(call) for t in take]))
        self._worked[key] = found
        return found

    def held(self, function: Callable[..., Any], args: Sequence[Any]) -> Any:
        """Outcome of `function`, which must be the same before each replay."""
        outcome = function(*[_plain(x) for x in args])
        take = [_taker(x) for x in args]

        def check(call: Call) -> None:
            found = function(*[t(call) for t in take])
            # NaN is what it was, though it does not equal itself.
            if found != outcome and not (_is_nan(found) and _is_nan(outcome)):
                raise Unfit

        self.actions.append(check)
        return outcome

    def same(self, thing: Any, attribute: str) -> None:
        """An attribute that must be what it is now."""
        if (id(thing), attribute) in self._known:
            return
        self._known.add((id(thing), attribute))
        value = getattr(thing, attribute)

        def check(call: Call) -> None:
            if getattr(thing, attribute) is not value:
                raise Unfit

        self.actions.insert(0, check)

    def has_gradient(self, holder: Any, there: bool) -> None:
        """Whether a leaf has a gradient when the step begins."""

        def check(call: Call) -> None:
            if (holder.node(call)._grad is not None) is not there:
                raise Unfit

        self.actions.insert(0, check)

    # ── Optimisers ──────────────────────────────────────────────────────────────────────

    def stepped(self, optimizer: Any) -> None:
        """The step of an optimiser: its numbers in Python, its formula in the program."""
        if optimizer._hooks:
            raise self._capture.refused(
                f"{optimizer.name}.step with hooks, which run in Python",
                "remove the hooks, or call step() outside of the captured function",
            )
        idle = True
        self._alike.clear()
        groups = optimizer.param_groups
        self.fixed_option((id(optimizer),), len(groups), lambda: len(optimizer.param_groups))
        for number, group in enumerate(groups):
            self._membership(optimizer, number)
            for p in group["params"]:
                if p._grad is None:
                    self._capture.leaves.lift(p)  # a gradient may be there at another call
                else:
                    idle = False
                    self._moved(optimizer, number, p)
        if idle:
            raise optimizer.idle()

    def option(self, optimizer: Any, number: int, key: Any, value: Any, read: Any) -> HostNumber:
        """A float among the options of a group, read once for all parameters."""
        place = (id(optimizer), number, key)
        if place not in self._worked:
            about = ("option", key, number)
            self._worked[place] = self.number(value, lambda call: float(read()), about)
        return self._worked[place]

    def fixed_option(self, place: Any, value: Any, read: Callable[[], Any]) -> None:
        """Another option of a group, for which the program holds as it is: looked at once."""
        if place in self._known:
            return
        self._known.add(place)

        def check(call: Call) -> None:
            try:
                same = read() == value
            except LookupError:  # the group or the option is gone
                same = False
            if not same:
                raise Unfit

        self.actions.insert(0, check)

    def _membership(self, optimizer: Any, number: int) -> None:
        members = tuple(map(id, optimizer.param_groups[number]["params"]))

        def check(call: Call) -> None:
            groups = optimizer.param_groups
            if len(groups) <= number or tuple(map(id, groups[number]["params"])) != members:
                raise Unfit

        self.actions.insert(0, check)

    def _moved(self, optimizer: Any, number: int, p: Node) -> None:
        """Move one parameter."""
        capture = self._capture
        capture.leaves.lift(p)
        place = (id(optimizer), id(p))
        written = self._written.setdefault(place, (optimizer, p, {}))[2]
        value, g = p._data, p._grad
        if isinstance(g, Node):
            g = g._data
        g = capture.traced(g)
        if hasattr(value, "dtype") and g.dtype != value.dtype:
            g = g.astype(value.dtype)
        state = optimizer.state[p]
        self._undo.append((state, dict(state)))
        old = dict(state)
        c = self._begun(optimizer, number, p)
        for key in [k for k in written if state.get(k) is not old.get(k)]:
            del written[key]  # of another step before this one: `begin` replaced it
        view = _State(self, optimizer, p, written)
        group = _Group(self, optimizer, number)
        value, change = optimizer._change(value, g, view, group, c)
        write(p, p._data, value + change, CLOCK.tick())

    def _begun(self, optimizer: Any, number: int, p: Node) -> Any:
        """What `begin` gives, with numbers of the program for floats."""
        value = p._data.value
        c = optimizer.begin(optimizer.state[p], value, optimizer.param_groups[number])
        shared = is_shared(optimizer, optimizer.param_groups[number])
        place = (id(optimizer), number)
        if shared and place in self._alike:
            return self._alike[place]
        parts, rebuild = _parts(c)
        first = len(self._call.numbers)
        self.actions.append(_begin(optimizer, number, p, c, shared))
        self._call.numbers.extend(parts)
        for i in range(len(parts)):
            self.about[first + i] = "begin", optimizer.name, p
        found = rebuild(
            [
                HostNumber(self._capture, first + i, float(x)) if isinstance(x, float) else x
                for i, x in enumerate(parts)
            ]
        )
        if shared:
            self._alike[place] = found
        return found

    def finish(self) -> None:
        """Give the state its real arrays: what the last step of each optimiser left."""
        for optimizer, p, written in self._written.values():
            for key, found in written.items():
                place = _entry(optimizer, p, key)
                self._capture.write_to(place, found)
                place.write(self._call, found.value if isinstance(found, Traced) else found)
        # Actions keep this object: it must not keep the arrays of the first call.
        self._written.clear()
        self._undo.clear()

    def restore(self) -> None:
        """The states of optimisers as they were."""
        undo(self._undo)


def _parts(c: Any) -> tuple[Sequence[Any], Callable[[list[Any]], Any]]:
    """Numbers in what `begin` gave, and what puts others in their places."""
    if type(c) is tuple and not _NESTED.intersection(map(type, c)):
        return c, tuple
    return flatten(c)


_NESTED = {tuple, list, dict}


def _begin(optimizer: Any, number: int, p: Node, c: Any, shared: bool) -> Callable[[Call], None]:
    """Action that calls `begin` again; what is no float must come out as it did in `c`."""
    parts = _parts(c)[0]
    kinds = tuple(map(type, parts))
    fixed = [(i, x) for i, x in enumerate(parts) if not isinstance(x, float) and x is not None]
    plain, flat = type(c) is float, type(c) is tuple and parts is c

    def action(call: Call) -> None:
        # For each parameter and replay: 0.7 µs, most of it `begin` and the copy.
        state, group = optimizer.state[p], optimizer.param_groups[number]
        if not shared:
            call.begun.append((state, state.copy()))
        elif not optimizer.shared(group):
            raise Unfit
        found = optimizer.begin(state, p._data, group)
        if plain and found.__class__ is float:
            call.numbers.append(found)
            return
        new = found if flat and found.__class__ is tuple else _parts(found)[0]
        if tuple(map(type, new)) != kinds:
            raise Unfit
        for i, x in fixed:
            if new[i] != x:
                raise Unfit
        call.numbers += new

    return action


def undo(saved: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    """Put what was saved of the states back."""
    for state, old in reversed(saved):
        state.clear()
        state.update(old)


def _entry(optimizer: Any, p: Node, key: str) -> Entry:
    return Entry(lambda: optimizer.state, p, key)


class _State(Mapping[str, Any]):
    """What is remembered of a parameter, with traced arrays.

    Args:
        numbers: Of the capture.
        optimizer: Whose state it is.
        p: The parameter.
        written: What earlier steps of the same captured step left, and this one goes on with.
    """

    def __init__(self, numbers: Numbers, optimizer: Any, p: Node, written: dict[str, Any]) -> None:
        self._numbers, self._optimizer, self._p = numbers, optimizer, p
        self._seen: dict[str, Any] = {}
        self._keys: tuple[str, ...] | None = None
        self.written = written

    def __getitem__(self, key: str) -> Any:
        if key in self.written:
            return self.written[key]
        if key not in self._seen:
            self._seen[key] = self._read(key)
        return self._seen[key]

    def _read(self, key: str) -> Any:
        optimizer, p = self._optimizer, self._p
        if key not in optimizer.state[p] and key not in self._there():
            raise KeyError(key)
        held = optimizer.state[p][key]
        place = _entry(optimizer, p, key)
        if hasattr(held, "dtype") or (isinstance(held, float) and isinstance(p._data.value, float)):
            return self._numbers._capture.read_from(place, held)
        if isinstance(held, float):
            return self._numbers.number(held, place.read)
        self._numbers.held(lambda: optimizer.state[p][key], ())
        return held

    def __setitem__(self, key: str, value: Any) -> None:
        self.written[key] = value

    def _there(self) -> tuple[str, ...]:
        """What is remembered when a step begins; other keys are another program."""
        if self._keys is None:
            optimizer, p = self._optimizer, self._p
            self._keys = self._numbers.held(lambda: tuple(optimizer.state[p]), ())
        return self._keys

    def __contains__(self, key: object) -> bool:
        return key in self.written or key in self._there()

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*self._there(), *self.written)))

    def __len__(self) -> int:
        return len(set(self))


class _Group(Mapping[str, Any]):
    """Options of a group, whose floats are numbers of the program."""

    def __init__(self, numbers: Numbers, optimizer: Any, number: int) -> None:
        self._numbers, self._optimizer, self._number = numbers, optimizer, number

    def __getitem__(self, key: str) -> Any:
        optimizer, number = self._optimizer, self._number
        value = optimizer.param_groups[number][key]
        return self._part(key, value, lambda: optimizer.param_groups[number][key])

    def _part(self, key: Any, value: Any, read: Callable[[], Any]) -> Any:
        if isinstance(value, float):
            return self._numbers.option(self._optimizer, self._number, key, value, read)
        if type(value) is tuple and any(isinstance(x, float) for x in value):
            return tuple(
                self._part((key, i), x, lambda i=i: read()[i])  # type: ignore[misc]
                for i, x in enumerate(value)
            )
        self._numbers.fixed_option((id(self._optimizer), self._number, key), value, read)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._optimizer.param_groups[self._number])

    def __len__(self) -> int:
        return len(self._optimizer.param_groups[self._number])


def _is_nan(x: Any) -> bool:
    return isinstance(x, float) and isnan(x)


def _plain(x: Any) -> Any:
    return x.value if isinstance(x, HostNumber) else x


def _taker(x: Any) -> Callable[[Call], Any]:
    """Function that takes an operand out of a call."""
    if isinstance(x, HostNumber):
        index = x.index
        return lambda call: call.numbers[index]
    return lambda call: x
