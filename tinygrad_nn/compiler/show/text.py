"""A program as text: one line for each instruction, where it lies, and what the passes did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log
from typing import Any

from tinygrad_nn.compiler.capture.whereabouts import PHASES
from tinygrad_nn.compiler.places import Entry, Gradient, Leaf, Payload, Returned
from tinygrad_nn.compiler.plan.forms import Form
from tinygrad_nn.compiler.plan.memory import Plan, peak, planned
from tinygrad_nn.compiler.plan.over import in_place
from tinygrad_nn.compiler.program import Instruction, Program, Var, counted
from tinygrad_nn.compiler.show.labels import is_argument, result_name, words_of
from tinygrad_nn.compiler.show.notation import (
    constant_names,
    expression,
    kind_of,
    names_of,
    one_line,
    shown_name,
)
from tinygrad_nn.compiler.show.repeats import likeness, repeats

__all__ = ["LINES", "Storage", "amount", "phase_of", "summary", "text"]

LINES = 120
"""Instructions that a text shows unless it is asked for all."""
_MOST_INPUTS = 16
_MOST_BUFFERS = 8
_WIDEST = 58
_GIVEN = "argument"
_K = 1000


def text(program: Program, *, all: bool = False, inside: bool | None = None) -> str:
    """The program as text.

    Args:
        program: Any, before or after passes.
        all: Show everything, where otherwise repeats are folded and long programs cut.
        inside: Show what fused instructions are made of; by default if there is room.
    """
    return "\n".join(_Listing(program, all, inside).lines()) + "\n"


def summary(program: Program) -> str:
    """What it has, in one line, such as `51 instructions: 39 calls, 12 views`."""
    memory = Storage(program)
    inner = sum(len(i.inside) for i in program.instructions)
    calls = len(program.instructions) - memory.views
    parts = [counted(calls, "call"), counted(memory.views, "view")] if memory.views else []
    if inner:
        made = sum(bool(i.inside) for i in program.instructions)
        parts.append(f"{made:,} of them fused from {inner:,}")
    return counted(len(program.instructions), "instruction") + (
        f": {', '.join(parts)}" if parts else ""
    )


def amount(nbytes: int) -> str:
    """Bytes for people.

    Example:
        >>> amount(50176), amount(12)
        ('50.2 kB', '12 B')
    """
    if nbytes < _K:
        return f"{nbytes} B"
    power = min(int(log(nbytes, _K) + 1e-9), 3)
    return f"{nbytes / _K**power:.1f} {('B', 'kB', 'MB', 'GB')[power]}"


class Storage:
    """Where the results of a program lie, in words.

    Attributes:
        plan: The plan that programs are run by; None for one of numbers alone, which has none.
        buffers: For each buffer the results that lie in it, in order.
        views: Number of instructions that only look at memory in another way.
    """

    def __init__(self, program: Program) -> None:
        arrays = any(v.dtype is not None for i in program.instructions for v in i.results)
        self.plan: Plan | None = planned(program) if arrays else None
        if self.plan is not None:
            # As in a replay, where parameters are written over.
            over = in_place(program, self.plan)
            self.plan.peak_bytes = peak(program, self.plan, over)
        self.buffers: list[list[Var]] = []
        self._at: dict[Var, int] = {}
        self._form: dict[Var, Form] = {}
        if self.plan is None:
            self.views = 0
            return
        numbers: dict[int, int] = {}
        for i, form in zip(program.instructions, self.plan.forms, strict=True):
            for var in i.results:
                self._form[var] = form
                slot = self.plan.slots.get(var)
                if slot is None:
                    continue
                n = self._at[var] = numbers.setdefault(id(slot), len(numbers))
                if n == len(self.buffers):
                    self.buffers.append([])
                self.buffers[n].append(var)
        self.views = self.plan.forms.count(Form.VIEW)

    def words(self, i: Instruction, names: dict[Var, str]) -> str:
        """Where the result of an instruction lies: `b3`, `b3 over t4`, `view of t4`, `kept`."""
        if self.plan is None or i.out not in self._form or i.out.dtype is None:
            return ""
        at = self._at.get(i.out)
        if at is not None:
            over = [x for x in i.inputs if self._at.get(x) == at]
            return f"b{at + 1} over {names[over[0]]}" if over else f"b{at + 1}"
        if self._form[i.out] is Form.VIEW:
            roots = self.plan.owners[i.out] - {i.out}
            return f"view of {names[next(iter(roots))]}" if len(roots) == 1 else "view"
        if self._form[i.out] is Form.NUMBER or not i.out.shape:
            return ""
        heir = self.plan.heirs.get(i.out)
        if heir is not None:
            return f"over {names[heir]}"
        return "kept" if i.out in self.plan.escaping else "new"

    def size(self, n: int) -> int:
        """Bytes of a buffer."""
        assert self.plan is not None  # there are buffers
        return self.plan.slots[self.buffers[n][0]].nbytes


@dataclass(slots=True)
class _Row:
    """A line with columns, or one that is words alone."""

    cells: tuple[str, ...] = ()
    words: str = ""


class _Listing:
    def __init__(self, program: Program, all: bool, inside: bool | None) -> None:
        self.program, self.all = program, all
        self.names = names_of(program)
        self.memory = Storage(program)
        count = len(program.instructions) + sum(len(i.inside) for i in program.instructions)
        self.inside = inside if inside is not None else count <= LINES
        files = {i.line.rpartition(":")[0] for i in program.instructions if i.line}
        self.file = files.pop() if len(files) == 1 else ""

    def lines(self) -> Iterator[str]:
        program = self.program
        yield f"{_title(program)}{summary(program)}"
        if self.file:
            name = self.file.replace("\\", "/").rpartition("/")[2]
            yield f"lines are those of {one_line(name)}"
        yield from self.section("inputs", self.inputs())
        yield from self.section("constants", self.constants())
        yield from self.body()
        yield from self.section("outputs", self.outputs())
        yield from self.section("passes", [_Row((who, what)) for who, what in program.notes])
        yield from self.buffers()

    def section(self, title: str, rows: Sequence[_Row], most: int = _MOST_INPUTS) -> Iterator[str]:
        """A title and its lines, cut if there are too many."""
        if not rows:
            return
        yield ""
        yield title
        shown = rows if self.all or len(rows) <= most + 1 else rows[:most]
        yield from _aligned(shown)
        yield from self.more(len(rows) - len(shown))

    def more(self, count: int) -> Iterator[str]:
        """The line that stands for what is not shown."""
        if count:
            yield f"  … {count:,} more; program.text(all=True) shows them"

    # ── Ends ────────────────────────────────────────────────────────────────────────────

    def inputs(self) -> list[_Row]:
        """What is read before the program runs: arguments, parameters, states, numbers."""
        rows: list[tuple[int, _Row]] = []
        for var, place in self.program.inputs.items():
            rank, about = self.about(place)
            rows.append((rank, _Row((self.names[var], kind_of(var), about))))
        found: list[_Row] = []
        for _, row in sorted(rows, key=lambda r: r[0]):
            last = found[-1].cells if found else ("", "", "")
            if row.cells[1:] == last[1:] and row.cells[1] == "number" and last[2] != _GIVEN:
                found[-1].cells = (f"{last[0].partition(' ')[0]} … {row.cells[0]}", *last[1:])
            else:
                found.append(row)
        return found

    def about(self, place: Any) -> tuple[int, str]:
        """What an input is, and among which it stands."""
        words = one_line(words_of(place, self.program.names), 80)
        if isinstance(place, Payload) and isinstance(place.holder, Leaf):
            learned = place.holder.leaf.op is not None
            return 1, "parameter" if learned else "constant or buffer"
        if isinstance(place, Entry):
            return 3, f"{words}, remembered by the optimiser"
        if isinstance(place, Gradient) and isinstance(place.holder, Leaf):
            return 2, "what earlier passes left"
        if is_argument(place, self.program):
            return 0, _GIVEN
        return 4, f"{words}, " * (" " in words) + "worked out before each replay"

    def constants(self) -> list[_Row]:
        """Arrays that are the same at each replay; numbers stand in the expressions."""
        named = constant_names(self.program)
        return [
            _Row((name, kind_of(var) if hasattr(x, "dtype") else type(x).__name__, _equal(x)))
            for (var, x), name in zip(self.program.constants.items(), named.values(), strict=True)
            if name.startswith("c")
        ]

    def outputs(self) -> list[_Row]:
        """What is written when it is over: results, then what becomes of each leaf."""
        found: dict[Any, list[str]] = {}
        for o in sorted(self.program.outputs, key=lambda o: not isinstance(o.place, Returned)):
            value = self.names[o.value] if isinstance(o.value, Var) else (
                "None" if o.value is None else "a constant"
            )  # fmt: skip
            place = o.place
            words = one_line(words_of(place, self.program.names), 80)
            if isinstance(place, Returned):
                found[place] = [result_name(place), value]
                continue
            what, _, leaf = words.rpartition(" of ")
            row = found.setdefault(leaf, [leaf, ""])
            if what:
                row.append(f"{what} = {value}")
            else:
                row[1] = value
        return [
            _Row((row[0], f"= {row[1]}" if row[1] else "", ", ".join(row[2:])))
            for row in found.values()
        ]

    # ── Instructions ────────────────────────────────────────────────────────────────────

    def body(self) -> Iterator[str]:
        """The instructions, by the part of the step that they stand in."""
        left = LINES
        instructions = self.program.instructions
        start = 0
        while start < len(instructions):
            stop, phase = start, phase_of(instructions[start])
            while stop < len(instructions) and phase_of(instructions[stop]) == phase:
                stop += 1
            yield ""
            yield phase or "instructions"
            part = instructions[start:stop]
            start = stop
            if self.all:
                yield from _aligned(self.rows(part))
                continue
            # Each part of a step gets its share of what is left.
            room = max(left * len(part) // (len(part) + len(instructions) - stop), 4)
            shown = self.shortened(part, room)
            left -= len(shown)
            yield from _aligned(shown)

    def shortened(self, part: Sequence[Instruction], room: int) -> list[_Row]:
        """At most about `room` lines: repeats are told once, and what is too much is counted."""
        if len(part) <= room:
            return self.rows(part)
        found: list[_Row] = []
        for at, length, count in repeats(likeness(self.program, part), self.ends(part)):
            rest = len(part) - at
            if len(found) >= room and rest > 1:
                found.append(_Row(words=f"… {rest:,} more; program.text(all=True) shows them"))
                break
            found += self.rows(part[at : at + length])
            if count > 1:
                last = part[at + length * count - 1]
                found.append(_Row(words=f"… {_again(count - 1)}, to {self.names[last.out]}"))
        return found

    def ends(self, part: Sequence[Instruction]) -> set[int]:
        """Numbers of instructions of which something leaves: there, what is repeated is over."""
        leaving = {o.value for o in self.program.outputs if isinstance(o.value, Var)}
        leaving |= self.memory.plan.escaping if self.memory.plan is not None else set()
        return {n for n, i in enumerate(part) if leaving.intersection(i.results)}

    def rows(self, part: Sequence[Instruction]) -> list[_Row]:
        """Lines of some instructions, those inside of them below."""
        found = []
        for i in part:
            found.append(self.row(i))
            if not i.inside:
                continue
            if self.inside or self.all:
                last = phase_of(i)
                for inner in i.inside:
                    if inner.phase != last:
                        last = inner.phase
                        found.append(_Row(words=f"│ {last}"))
                    found.append(self.row(inner, inner=True))
            else:
                kinds = dict.fromkeys(inner.name for inner in i.inside)
                words = f"{len(i.inside)} inside: {', '.join(kinds)}"
                found.append(_Row(words=f"    {_cut(words, 90)}"))
        return found

    def row(self, i: Instruction, inner: bool = False) -> _Row:
        """One instruction."""
        results = ", ".join([self.names[v] for v in i.results][:4]) + ", …" * (len(i.results) > 4)
        said = _cut(expression(i, self.names), _WIDEST)
        place = "" if inner else self.memory.words(i, self.names)
        line = i.line.rpartition(":")
        where = f":{line[2]}" if line[0] == self.file else f"{line[0].rpartition('/')[2]}:{line[2]}"
        of = f"in {i.kernel}" if i.kernel and i.kernel != i.name else ""
        kind = kind_of(i.out) if i.out.dtype is not None or not i.inside else ""
        lead = f"{'│ ' * inner}{results}"
        return _Row((lead, f"= {said}", kind, place, where if i.line else "", of))

    # ── Memory ──────────────────────────────────────────────────────────────────────────

    def buffers(self) -> Iterator[str]:
        """Who shares a buffer with whom, and what that saves."""
        plan = self.memory.plan
        if plan is None:
            return
        rows = []
        for n, held in sorted(enumerate(self.memory.buffers), key=lambda b: -len(b[1])):
            if len(held) > 1 or self.all:
                who = ", ".join(self.names[v] for v in held[:12])
                rest = f", … {len(held) - 12} more" if len(held) > 12 else ""
                rows.append(_Row((f"b{n + 1}", amount(self.memory.size(n)), f"{who}{rest}")))
        yield from self.section("buffers that several results share", rows, _MOST_BUFFERS)
        yield ""
        shared = len(plan.slots)
        lies = f"{counted(plan.buffers, 'buffer')} for {counted(shared, 'result')}"
        work = f"work space {amount(plan.work_bytes)}" if plan.work_bytes else ""
        parts = ", ".join(filter(None, [lies * bool(shared), work]))
        about = f" ({parts})" if parts else ""
        yield f"memory held between calls: {amount(plan.held_bytes)}{about}"
        yield (
            f"at its height: {amount(plan.peak_bytes)} with what leaves and what is new; "
            f"eager code: {amount(plan.eager_bytes)}"
        )


def _title(program: Program) -> str:
    name, engine = getattr(program, "name", ""), getattr(program, "engine", "")
    name = shown_name(name)
    words = " ".join(filter(None, [name, f"({engine})" if engine else ""]))
    return f"{words}: " if words else ""


def phase_of(i: Instruction) -> str:
    """Part of the step; of a fused one those of what is inside."""
    phases = {inner.phase for inner in i.inside} if i.inside else {i.phase}
    return ", ".join(phase for phase in PHASES if phase in phases)


def _equal(x: Any) -> str:
    """What all elements of a small array are, if they are the same."""
    if not hasattr(x, "dtype") or not 0 < x.size <= _K or (x != x.flat[0]).any():
        return ""
    return f"all {x.flat[0].item()!r:.20}"


def _again(count: int) -> str:
    return "the same once more" if count == 1 else f"the same {count:,} times more"


def _cut(words: str, most: int) -> str:
    return words if len(words) <= most else f"{words[: most - 1]}…"


def _aligned(rows: Sequence[_Row]) -> Iterator[str]:
    """Lines with columns one below the other."""
    widths: list[int] = []
    for row in rows:
        for n, cell in enumerate(row.cells):
            widths[n:] = (
                [max(len(cell), *widths[n : n + 1]), *widths[n + 1 :]]
                if n < len(widths)
                else [len(cell)]
            )
    for row in rows:
        if row.words:
            yield f"  {row.words}"
            continue
        padded = [cell.ljust(width) for cell, width in zip(row.cells, widths, strict=False)]
        yield f"  {'  '.join(padded)}".rstrip()
