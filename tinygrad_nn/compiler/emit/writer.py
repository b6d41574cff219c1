"""A program as the text of one Python function."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from sys import getrefcount
from typing import Any

import numpy as np

from tinygrad_nn.compiler.emit import ends
from tinygrad_nn.compiler.layout import c_order, dense, example
from tinygrad_nn.compiler.places import Entry, Gradient, Payload, Returned, lasting
from tinygrad_nn.compiler.plan.forms import INTO, OPERATORS, Form, into, weak_dtype
from tinygrad_nn.compiler.plan.memory import Plan
from tinygrad_nn.compiler.plan.over import calm, in_place, reusable
from tinygrad_nn.compiler.program import Instruction, Output, Program, Var
from tinygrad_nn.compiler.source import Source
from tinygrad_nn.core.node import CLOCK

__all__ = ["Writer"]

_LARGE = 4096
"""Bytes from which a result that is not needed any more is given up at once."""


_SOLE = object()


def _measured() -> int:
    """What `getrefcount` says, in this Python, of an object that one global name holds."""
    return getrefcount(_SOLE)


# Without a global lock counts are spread over threads and tell nothing: never in place there.
_ONE = _measured() if getattr(sys, "_is_gil_enabled", lambda: True)() else -(2**30)


class Writer:
    """Writes the function of a program.

    Attributes:
        source: Text so far.
        over: Results that may be written over an input, and that input.
    """

    def __init__(
        self,
        program: Program,
        plan: Plan,
        guard: Callable[[Source], None] | None,
        wrapped: Mapping[int, tuple[Any, Any]],
    ) -> None:
        self.program, self.plan, self._guard, self._wrapped = program, plan, guard, wrapped
        self.source = Source()
        self.source.scope.update(
            ndarray=np.ndarray, empty=np.empty, empty_like=np.empty_like, asarray=np.asarray,
            check=ends.check, payload=ends.payload, getrefcount=getrefcount, tick=CLOCK.tick,
            owned=_owned, calm=calm,
        )  # fmt: skip
        self._names: dict[Var, str] = {}
        self._arrays: dict[Var, Any] = {}  # arrays that are the same at each replay
        self._bound: dict[Var, dict[str, str]] = {}  # views of inputs that mostly are the same
        self._root: dict[Var, Var] = {}  # for such a view the input
        self._numbers: set[Var] = set()  # NumPy's scalars, not arrays
        self._cells: dict[tuple[Var, Any], str] = {}
        self._changing: list[str] = []
        self._gradients: dict[Var, tuple[str, str]] = {}
        self._ending: dict[int, list[Var]] = {}
        for i in program.instructions:
            for var in i.results:
                end = max([plan.last[o] for o in plan.owners[var]], default=-1)
                if max([o.nbytes for o in plan.owners[var]], default=0) >= _LARGE:
                    self._ending.setdefault(end, []).append(var)
        self.over = in_place(program, plan)
        self._reused = reusable(program, plan)
        self._made = _compiled_only(program)  # arrays, even if they have no axes

    def written(self) -> dict[str, Any]:
        """Write and compile everything; gives the scope with the function `run`."""
        source = self.source
        body_at = len(source.lines)
        source.read = ends.read_leaves(self.program)
        if self._guard is not None:
            self._guard(source)
        for var, value in self.program.constants.items():
            self._constant(var, value)
        for var, place in self.program.inputs.items():
            scalar = var.dtype is not None and not var.shape and var not in self._made
            self._names[var] = ends.read(source, var, place, scalar)
            if lasting(place, var):
                self._bound[var] = {}
            elif scalar:
                self._numbers.add(var)
        if self.over:
            source.line("still = calm()")
        source.line("try:")
        source.line("pass", 2)
        for n, i in enumerate(self.program.instructions):
            self._instruction(n, i)
        source.line("except BaseException as error:")
        self._failed()
        self._outputs()
        changing = [*self._changing]
        head = ["def run(leaves, numbers, call):"]
        if changing:
            head.append(f"    global {', '.join(changing)}")
        source.lines[body_at:body_at] = head
        source.places = {line + len(head): place for line, place in source.places.items()}
        for var, views in self._bound.items():
            name = self._names[var]
            source.scope[f"free_{name}"] = False
            ends.binding(source, name, var, views)
        return source.compiled()

    # ── Names ───────────────────────────────────────────────────────────────────────────

    def _constant(self, var: Var, value: Any) -> None:
        self._names[var] = self.source.name(value, "c")
        if isinstance(value, np.ndarray):
            self._arrays[var] = value

    def _name(self, var: Var) -> str:
        return self._names[var]

    def _local(self, var: Var) -> str:
        found = self._names[var] = self.source.local("t")
        return found

    def _arguments(self, i: Instruction) -> list[str]:
        return [self.source.written(x, self._name) for x in i.args]

    def _call(self, i: Instruction) -> str:
        args = self._arguments(i)
        args += [f"{k}={self.source.written(x, self._name)}" for k, x in i.params.items()]
        return f"{self.source.name(i.call, 'f')}({', '.join(args)})"

    # ── Instructions ────────────────────────────────────────────────────────────────────

    def _instruction(self, n: int, i: Instruction) -> None:
        form = self.plan.forms[n]
        if form is Form.VIEW and self._fixed_view(i):
            return
        if form is Form.NUMBER:
            a, b = (self._number(x) for x in i.args)
            self._line(i, f"{self._local(i.out)} = {a} {OPERATORS[i.call]} {b}")
            self._numbers.add(i.out)
        elif form in INTO:
            self._into(n, i, form)
        else:
            text = self._call(i)
            if i.name == "matrix_transpose" and len(i.args[0].shape) == 2:
                text = f"{self._name(i.args[0])}.T"
            self._line(i, f"{self._local(i.out)} = {text}")
            if not i.out.shape and isinstance(i.call, np.ufunc):
                self._numbers.add(i.out)
        self._give_up(n)

    def _line(self, i: Instruction, text: str) -> None:
        self.source.line(text, 2, i.line)

    def _number(self, x: Any) -> str:
        text = self.source.written(x, self._name)
        if isinstance(x, Var):
            return text if x.dtype is None or x in self._numbers else f"{text}[()]"
        return f"({text})"

    def _fixed_view(self, i: Instruction) -> bool:
        """Make a view once and for all, if what it is a view of stays."""
        x = i.args[0] if i.args else None
        if not isinstance(x, Var) or len(i.inputs) > 1 or x.dtype is None:
            return False
        root = self._root.get(x, x)
        array = self._arrays.get(x)
        if array is None and root not in self._bound:
            return False
        known = array if array is not None else example(x)
        view = i.call(*[known if y is x else y for y in i.args], **i.params)
        if not isinstance(view, np.ndarray) or not np.may_share_memory(view, known):
            return False
        if array is not None and root not in self._bound:
            self._names[i.out] = self.source.name(view, "w")
            self._arrays[i.out] = view
            return True
        name = self.source.fresh("w")
        renamed = {x: "x" if x is root else self._names[x]}
        args = [self.source.written(y, renamed.__getitem__) for y in i.args]
        args += [f"{k}={self.source.written(y, renamed.__getitem__)}" for k, y in i.params.items()]
        self._bound[root][name] = f"{self.source.name(i.call, 'f')}({', '.join(args)})"
        self._names[i.out], self._root[i.out] = name, root
        return True

    def _into(self, n: int, i: Instruction, form: Form) -> None:
        targets = [self._target(n, i, var) for var in i.results]
        if None in targets and form is not Form.WRITES:
            text = self._call(i)
            name = self._local(i.out)
            self._line(i, f"{name} = {text}")
            return
        for k, var in enumerate(i.results):
            if targets[k] is None:
                targets[k] = self.source.local("t")
                self._line(i, f"{targets[k]} = {ends.blank(self.source, var)}")
        args, f = self._arguments(i), self.source.name(getattr(i.call, "strict", i.call), "f")
        for k in getattr(i.call, "arrays", ()):
            if i.args[k] not in self._made:
                args[k] = f"asarray({args[k]})"
        if form is Form.UFUNC:
            args = [self._weak(i, x, text) for x, text in zip(i.args, args, strict=True)]
        if form is Form.REDUCTION:
            axis = self.source.written(i.params.get("axis", 0), self._name)
            keep = self.source.written(i.params.get("keepdims", False), self._name)
            args += [axis, "None", *targets, keep]
        elif form is Form.PRODUCT and (i.call is np.dot or self._plain_product(i)):
            f, args = f"{args[0]}.dot", [args[1], *targets]
        elif form is Form.UFUNC:
            args = [into(i.call, args, targets[0])]
        else:
            args += targets
            args += [f"{k}={self.source.written(x, self._name)}" for k, x in i.params.items()]
        for var, target in zip(i.results, targets, strict=True):
            self._names[var] = target
            self._made.add(var)
        self._line(i, f"{f}({', '.join(args)})")

    def _plain_product(self, i: Instruction) -> bool:
        """Whether the method `dot` computes the same bits: it takes 0.6 µs, `matmul` 1.4.

        Not for the product of an array with itself, of which both know another short cut.
        """
        a, b = i.args
        if i.params or len(a.shape) != 2 or len(b.shape) != 2 or a.dtype != b.dtype:
            return False
        if a.dtype.char not in "fd" or i.out.dtype != a.dtype or min(*a.shape, *b.shape) < 2:
            return False
        if self.plan.owners[a] & self.plan.owners[b]:
            return False
        return c_order(i.out) and all(c_order(x) or _columns(x) for x in (a, b))

    def _weak(self, i: Instruction, x: Any, text: str) -> str:
        """A Python number as an array made once, in the dtype that NumPy converts it to."""
        dtype = weak_dtype(i) if isinstance(x, Var) and x.dtype is None else None
        if dtype is None:
            return text
        if (x, dtype) not in self._cells:
            cell = self._cells[x, dtype] = self.source.name(np.empty((), dtype), "n")
            self._line(i, f"{cell}[()] = {text}")
        return self._cells[x, dtype]

    def _target(self, n: int, i: Instruction, var: Var) -> Any:
        """Name of the array that a result is written into; None for a new one."""
        slot = self.plan.slots.get(var)
        if slot is not None:
            array = self._arrays[var] = slot.array(var)
            return self.source.name(array, "b")
        heir = self.plan.heirs.get(var)
        if heir is not None:
            # Another name for it, since the old one is given up after this line.
            target = self.source.local("t")
            self._line(i, f"{target} = {self._names[heir]}")
            return target
        old = self.over.get(var)
        if old is not None:
            name = self._names[old]
            target = self.source.local("o")
            count = _ONE + 1 + len(self._bound[old])
            held = " + (call is not None and bool(call.begun))" if self._is_entry(old) else ""
            self._line(
                i,
                f"{target} = {name} if still and free_{name} and "
                f"getrefcount({name}) == {count}{held} else empty_like({name})",
            )
            return target
        place = self._reused.get(var)
        if place is None:
            return None
        name = self.source.fresh("g")
        self._changing.append(name)
        node = ends.holder(self.source, place)
        self._gradients[var] = name, node
        self._line(i, f"if getrefcount({name}) != {_ONE} + ({node}._grad is {name}):")
        self.source.line(f"{name} = {ends.blank(self.source, var)}", 3)
        return name

    def _is_entry(self, var: Var) -> bool:
        return isinstance(self.program.inputs[var], Entry)

    def _give_up(self, n: int) -> None:
        """Drop large results that no later instruction uses, and what shows their memory."""
        for var in self._ending.get(n, ()):
            name = self._names.get(var, "")
            if name.startswith("t") and name not in self.source.scope:
                self.source.line(f"{name} = None", 2)

    # ── The end ─────────────────────────────────────────────────────────────────────────

    def _failed(self) -> None:
        """After an error no gradient is half of this call."""
        for name, node in self._gradients.values():
            self.source.line(f"if {node}._grad is {name}: {node}._grad = None", 2)
        for old in self.over.values():
            place = self.program.inputs[old]
            if isinstance(place, Payload):
                self.source.line(f"{ends.holder(self.source, place)}.epoch = tick()", 2)
        self.source.line("told(error)", 2)
        self.source.line("raise", 2)

    def _outputs(self) -> None:
        source, given = self.source, set[Var]()
        if any(isinstance(o.place, Payload) for o in self.program.outputs):
            source.line("moment = tick()")
        returned: dict[int, str] = {}
        for o in self.program.outputs:
            value = self._leaving(o, given)
            if isinstance(o.place, Returned):
                returned[o.place.index] = self._node(o.place.index, o.value, value)
            else:
                self._write(o, value)
        pairs = ", ".join(f"{k}: {v}" for k, v in returned.items())
        source.line(f"return {{{pairs}}}")

    def _node(self, index: int, var: Any, value: str) -> str:
        """A result, in a node if the step returns one: the lines of `Node.wrap`."""
        if index not in self._wrapped:
            return value
        cls, op = self._wrapped[index]
        source, name = self.source, self.source.local("r")
        source.scope.update(new=object.__new__, clock=CLOCK)
        value = self._as_array(var, value)
        source.line(f"{name} = new({source.name(cls, 'kind')})")
        source.line(f"{name}._data = {value}")
        source.line(f"{name}.epoch = clock.now")
        source.line(f"{name}.op = {source.name(op, 'op')}")
        fields = ("a", "b", "params", "_grad", "extra")
        source.line(f"{' = '.join(f'{name}.{field}' for field in fields)} = None")
        return name

    def _as_array(self, var: Any, value: str) -> str:
        """The payload of a node, which is an array also where NumPy gives a scalar."""
        scalar = isinstance(var, Var) and var.dtype is not None and not var.shape
        return f"asarray({value})" if scalar and var not in self._made else value

    def _write(self, o: Output, value: str) -> None:
        source, place = self.source, o.place
        if isinstance(place, Payload):
            node, value = ends.holder(source, place), self._as_array(o.value, value)
            source.line(f"{node}._data = {value}")
            source.line(f"{node}.epoch = moment")
            shown = f"{node}.extra.shared = None" if place.replaced else f"{node}.show_shared()"
            source.line(f"if {node}.extra is not None: {shown}")
        elif isinstance(place, Gradient):
            source.line(f"{ends.holder(source, place)}._grad = {value}")
        elif isinstance(place, Entry):
            state, p = source.name(place.state, "s"), source.name(place.parameter, "p")
            source.line(f"{state}()[{p}][{place.key!r}] = {value}")
        else:
            source.line(f"{source.name(place.write, 'write')}(call, {value})")

    def _leaving(self, o: Output, given: set[Var]) -> str:
        """Expression for what leaves: nobody else's memory, and an array also if it is 0-d."""
        if not isinstance(o.value, Var):
            return self.source.name(o.value, "c")
        var, name = o.value, self._names[o.value]
        owners = self.plan.owners[var]
        shared = owners != {var} or bool(given & owners) or var in self.program.private
        if isinstance(o.place, Returned):
            inside = any(x in self.plan.slots or x in self.program.private for x in owners)
            return f"{name}.copy()" if inside else name
        given |= owners
        if var.dtype is not None and not var.shape:
            if not shared:
                return name if var in self._made else f"asarray({name})"
            return f"owned({name})"
        return f"owned({name})" if shared and var.dtype is not None else name


def _owned(x: Any) -> Any:
    """A copy, in the same order of the axes."""
    return np.array(x, order="K")


def _compiled_only(program: Program) -> set[Var]:
    """Inputs without axes that compiled code alone reads, which wants them as arrays."""
    found = {v for v in program.inputs if v.dtype is not None and not v.shape}
    for i in program.instructions:
        wanted = {i.args[k] for k in getattr(i.call, "arrays", ())}
        found.difference_update(v for v in i.inputs if v not in wanted)
    leaving = [o.value for o in program.outputs if isinstance(o.value, Var)]
    return found.difference(leaving)


def _columns(x: Var) -> bool:
    return dense(x) and x.strides[0] == x.dtype.itemsize
