"""A program as boxes and links for a drawing: plain data, which needs no program to be drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tinygrad_nn.compiler.places import Payload, Returned
from tinygrad_nn.compiler.program import Instruction, Program, Var
from tinygrad_nn.compiler.show.labels import is_argument, result_name, words_of
from tinygrad_nn.compiler.show.notation import expression, kind_of, names_of, one_line, shown_name
from tinygrad_nn.compiler.show.repeats import likeness, repeats
from tinygrad_nn.compiler.show.text import Storage, amount, phase_of, summary

__all__ = ["graph"]

_MOST_FRAMES = 6
_MOST_LINES = 14
_WIDEST = 44
_VIEWS = frozenset({"transpose", "matrix_transpose"})


@dataclass(slots=True)
class _Step:
    """A run of instructions that one box shows.

    Attributes:
        count: How often it stands there: the box shows the first of them.
    """

    instructions: list[Instruction]
    phase: str
    head: str = ""
    count: int = 1
    lines: list[tuple[str, str]] = field(default_factory=list)


def graph(program: Program, limit: int = 60) -> dict[str, Any]:
    """What a drawing of a program shows.

    Args:
        program: It.
        limit: Boxes of instructions at most.

    Returns:
        "title", "about" and "notes" (texts); "clusters" (titles of frames); "boxes", each with
        "key", "kind", "cluster" (number of its frame or None), "head", "corner", "lines" (pairs of
        texts at the left and right end), "about" and "count"; "links" (two keys, and what comes).
    """
    return _Graph(program, limit).made()


class _Graph:
    def __init__(self, program: Program, limit: int) -> None:
        self.program, self.limit = program, limit
        self.names = names_of(program)
        self.memory = Storage(program)
        self.outputs = _outputs(program)
        self.flat = [x for i in program.instructions for x in (i.inside or (i,))]
        self.inner = {x.out for i in program.instructions for x in i.inside}
        self.kept = {*self.outputs, *getattr(self.memory.plan, "escaping", ())}
        self.views = {
            i.out: i for i in self.flat
            if i.name in _VIEWS and len(i.args) == 1 and i.out not in self.outputs
        }  # fmt: skip
        shown = [i for i in self.flat if i.out not in self.views]
        alike = likeness(program, shown)
        self.like = {i.out: key for i, key in zip(shown, alike, strict=True)}

    def made(self) -> dict[str, Any]:
        """All of it."""
        steps = self._steps()
        frames, homes = _frames(steps)
        boxes = [*self._arguments()]
        boxes += [self._box(k, step, homes[k]) for k, step in enumerate(steps)]
        name = shown_name(getattr(self.program, "name", "")) or "a step"
        notes = [f"{summary(self.program)}."]
        if self.memory.plan is not None and self.memory.buffers:
            total = amount(self.memory.plan.held_bytes)
            notes.append(f"b1, b2, … are buffers, used again and again; the program keeps {total}.")
        fused = [i for i in self.program.instructions if i.inside]
        if fused:
            inner = sum(len(i.inside) for i in fused)
            notes.append(
                f"{len(fused)} fused instructions are drawn as the {inner} inside of them."
            )
        return {
            "title": f"The program of {name}",
            "about": f"{len(boxes)} boxes: {', '.join(frames)}",
            "notes": notes,
            "clusters": frames,
            "boxes": boxes,
            "links": self._links(steps),
        }

    # ── Steps ───────────────────────────────────────────────────────────────────────────

    def _steps(self) -> list[_Step]:
        """The instructions in order as at most about `limit` runs; views stand in expressions."""
        found: list[_Step] = []
        for i in self.flat:
            if i.out in self.views:
                continue
            last = found[-1] if found else None
            same = last is not None and last.phase == phase_of(i) and i.kernel
            if last is not None and same and last.head == i.kernel and self._goes_on(last, i):
                last.instructions.append(i)
            else:
                found.append(_Step([i], phase_of(i), i.kernel))
        found = self._folded(found, "update")
        if len(found) > self.limit:
            found = self._folded(found, "")
        if len(found) > self.limit:
            found = _chunked(found, self.limit)
        return found

    def _goes_on(self, step: _Step, i: Instruction) -> bool:
        """Whether `i` uses what the run made, as within one kernel."""
        made = {v for inner in step.instructions for v in inner.results}
        return any(v in made for v in i.inputs)

    def _folded(self, steps: list[_Step], only: str) -> list[_Step]:
        """Equal runs in a row as one step; `only` in this part of the program, or in all."""
        found: list[_Step] = []
        keys = [(s.phase, s.count, *[self.like[i.out] for i in s.instructions]) for s in steps]
        ends = {n for n, s in enumerate(steps) if self._leaves(s)}
        for at, length, count in repeats(keys, ends):
            run = steps[at : at + length * count]
            if count == 1 or (only and run[0].phase != only) or any(s.count > 1 for s in run):
                found += run
                continue
            whole = [i for s in run for i in s.instructions]
            found.append(_Step(whole, run[0].phase, f"the same {count} times", count))
        return found

    def _leaves(self, step: _Step) -> bool:
        """Whether something of it is kept, so that what it is part of may be over."""
        return any(v in self.kept for i in step.instructions for v in i.results)

    # ── Boxes ───────────────────────────────────────────────────────────────────────────

    def _arguments(self) -> list[dict[str, Any]]:
        """Boxes of the arguments; parameters and numbers are named in the expressions."""
        used = {v for i in self.program.instructions for v in i.inputs}
        return [
            {
                "key": f"x{k}", "kind": "input", "cluster": None, "count": 1,
                "head": self.names[var], "corner": kind_of(var), "lines": [], "about": "argument",
            }
            for k, (var, place) in enumerate(self.program.inputs.items())
            if is_argument(place, self.program) and var in used
        ]  # fmt: skip

    def _box(self, k: int, step: _Step, cluster: int | None) -> dict[str, Any]:
        shown = step.instructions[: len(step.instructions) // step.count]
        lines: list[tuple[str, str]] = []
        for i in shown[: _MOST_LINES if len(shown) > _MOST_LINES + 1 else None]:
            place = "" if i.out in self.inner else self.memory.words(i, self.names)
            shape = f"[{'×'.join(map(str, i.out.shape))}]" if i.out.shape else ""
            where = " · ".join(filter(None, [shape, place]))
            lines.append((f"{self._left(i)} = {self._right(i)}", where))
        rest = shown[len(lines) :]
        if rest:
            names = Counter(i.name for i in rest)
            words = ", ".join(f"{n} ×{c}" if c > 1 else n for n, c in names.most_common(4))
            lines.append((_cut(f"… {len(rest)} more: {words}"), ""))
        ends = [
            end for i in step.instructions for v in i.results for end in self.outputs.get(v, ())
        ]
        kind = "result" if any(isinstance(p, Returned) for p, _ in ends) else "operation"
        if kind == "operation" and any(isinstance(p, Payload) for p, _ in ends):
            kind = "parameter"
        lines += [(_cut(words), "") for words in self._ends(ends)]
        lines_of = dict.fromkeys(i.line.rpartition("/")[2] for i in shown if i.line)
        return {
            "key": f"s{k}", "kind": kind, "cluster": cluster, "count": step.count,
            "head": step.head, "corner": "",
            "lines": lines, "about": ", ".join(list(lines_of)[:4]),
        }  # fmt: skip

    def _ends(self, ends: Sequence[tuple[Any, str]]) -> list[str]:
        """Where results go."""
        said = [f"→ {words}" for _, words in ends]
        return said if len(said) <= 3 else [*said[:2], f"→ {len(said) - 2} more"]

    def _left(self, i: Instruction) -> str:
        return ", ".join([self.names[v] for v in i.results])

    def _right(self, i: Instruction) -> str:
        """The expression, with transposes in it where they are used."""

        def name(v: Var) -> str:
            inner = self.views.get(v)
            return expression(inner, name) if inner is not None else self.names[v]

        return _cut(expression(i, name))

    def _links(self, steps: Sequence[_Step]) -> list[tuple[str, str, str]]:
        maker: dict[Var, str] = {
            v: f"x{k}"
            for k, (v, place) in enumerate(self.program.inputs.items())
            if is_argument(place, self.program)
        }
        found: dict[tuple[str, str], str] = {}
        for k, step in enumerate(steps):
            for i in step.instructions:
                for v in i.inputs:
                    while v in self.views:
                        v = self.views[v].args[0]  # noqa: PLW2901  (what is looked at)
                    if v in maker and maker[v] != f"s{k}":
                        found.setdefault((maker[v], f"s{k}"), self.names[v])
                for v in i.results:
                    maker[v] = f"s{k}"
        return [(a, b, brings) for (a, b), brings in found.items()]


def _chunked(steps: list[_Step], limit: int) -> list[_Step]:
    """At most about `limit` steps, each a run of several of one part of the program."""
    size = -(-len(steps) // limit)
    found: list[_Step] = []
    for step in steps:
        last = found[-1] if found else None
        if last is not None and step.count == 1 == last.count and last.phase == step.phase:
            if len(last.lines) < size - 1:
                last.instructions += step.instructions
                last.lines.append(("", ""))
                last.head = ""
                continue
        found.append(step)
    return found


def _frames(steps: Sequence[_Step]) -> tuple[list[str], list[int | None]]:
    """Titles of the frames, and the frame of each step: one for each part, in their order."""
    titles: list[str] = []
    homes: list[int | None] = []
    for step in steps:
        title = step.phase or "instructions"
        if not titles or titles[-1] != title:
            titles.append(title)
        homes.append(len(titles) - 1)
    if len(titles) > _MOST_FRAMES:
        return [], [None] * len(steps)
    return titles, homes


def _outputs(program: Program) -> dict[Var, list[tuple[Any, str]]]:
    """For each variable that leaves where it goes, in words."""
    found: dict[Var, list[tuple[Any, str]]] = {}
    for o in program.outputs:
        if isinstance(o.value, Var):
            words = result_name(o.place) if isinstance(o.place, Returned) else one_line(
                words_of(o.place, program.names), 40
            )  # fmt: skip
            found.setdefault(o.value, []).append((o.place, words))
    return found


def _cut(words: str) -> str:
    return words if len(words) <= _WIDEST else f"{words[: _WIDEST - 1]}…"
