"""Text of a loop as a function of addresses, the same for all loops of the same form.

Lengths of axes, steps other than 0 and 1, and numbers are arguments, variables are numbered in
order of appearance: four equal layers have one text, and it is compiled once.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from tinygrad_nn.compiler.numba.loops import Loop, shape_of
from tinygrad_nn.compiler.numba.parts import Element, Reduce, Ref, View, own, resolved
from tinygrad_nn.compiler.numba.table import code, literal
from tinygrad_nn.compiler.program import Var

__all__ = ["Kernel", "kernel_of"]

_BLOCK = 4096
"""Terms that are added up in their own dtype; float32 sums of blocks are added in float64."""
_SCOPES = 24
"""As many arrays as `runtime` can tell apart."""


class Kernel:
    """A loop as text.

    Attributes:
        text: Body of the function `kernel`, with its head.
        arguments: What it is called with, in order: an int, a `Ref`, or a number's variable.
    """

    def __init__(self, text: str, arguments: list[Any]) -> None:
        self.text = text
        self.arguments = arguments


class _Access:
    """One array as the loop walks through it."""

    def __init__(self, ref: Ref, dtype: Any) -> None:
        self.ref = ref
        self.dtype = dtype
        self.name = ""
        self.steps: tuple[int, ...] = ref.steps


class _Writer:
    """Writes one loop."""

    def __init__(
        self, loop: Loop, views: Mapping[Var, View], kept: set[Var], same: Mapping[Var, Var]
    ) -> None:
        self.loop, self.views, self.kept, self.same = loop, views, kept, same
        self.accesses: dict[Any, _Access] = {}
        self.numbers: dict[Var, str] = {}
        self.locals: dict[Var, str] = {}
        self.lines: list[tuple[int, str]] = []
        self.scopes: dict[Var, int] = {}

    # ── Arrays ──────────────────────────────────────────────────────────────────────────

    def access(self, kind: str, ref: Ref) -> _Access:
        key = kind, ref
        if key not in self.accesses:
            self.accesses[key] = _Access(ref, ref.root.dtype)
        return self.accesses[key]

    def scope(self, root: Var) -> int:
        """Number of the memory; a result that may take an argument's has that one's number."""
        root = self.same.get(root, root)
        return min(self.scopes.setdefault(root, len(self.scopes)), _SCOPES)

    def collect(self) -> None:
        """All arrays, and the steps of each along the axes of the loop."""
        for part in self.loop.parts:
            shape = shape_of(part)
            for v in part.reads:
                if v.dtype is None:
                    continue
                ref = resolved(v, self.views)
                if ref.root not in self.loop.made:
                    self.access("load", ref.broadcast(shape))
            if isinstance(part, Reduce):
                self.access("reduce", Ref(part.out, 0, shape, part.steps()))
            elif part.out in self.kept:
                self.access("store", own(part.out))

    def order(self) -> tuple[list[int], list[list[int]]]:
        """Axes from the outermost to the innermost, and runs of them that are one axis."""
        every = list(self.accesses.values())
        shape = self.loop.shape
        lead = next((a for kind in ("store", "load") for (k, _), a in self.accesses.items()
                     if k == kind and 0 not in a.steps), every[0])  # fmt: skip
        axes = [i for i, n in enumerate(shape) if n != 1]
        axes.sort(key=lambda i: -abs(lead.steps[i]))
        runs: list[list[int]] = []
        for axis in axes:
            if runs and all(a.steps[runs[-1][-1]] == shape[axis] * a.steps[axis] for a in every):
                runs[-1].append(axis)
            else:
                runs.append([axis])
        return axes, runs

    # ── Text ────────────────────────────────────────────────────────────────────────────

    def write(self) -> Kernel:
        self.collect()
        _, runs = self.order()
        self.sides = [prod(self.loop.shape[i] for i in run) for run in runs]
        self.depth = len(runs)
        for a in self.accesses.values():
            a.steps = tuple(a.ref.steps[run[-1]] for run in runs)
        head, arguments = self.signature()
        self.reductions = [p for p in self.loop.parts if isinstance(p, Reduce)]
        body = self.body()
        text = f"def kernel({', '.join(head)}):\n    apart()\n" + "".join(
            f"{'    ' * (level + 1)}{line}\n" for level, line in body
        )
        return Kernel(text, [*arguments])

    def signature(self) -> tuple[list[str], list[Any]]:
        head = [f"n{i}" for i in range(self.depth)]
        arguments: list[Any] = list(self.sides)
        self.step_names: dict[tuple[int, int], str] = {}
        known: dict[Any, str] = {}
        for i, a in enumerate(self.accesses.values()):
            # A result in the memory of an argument is that array.
            place = self.same.get(a.ref.root, a.ref.root), a.ref.offset, a.steps
            a.name = known.setdefault(place, f"p{i}")
            if a.name != f"p{i}":
                continue
            head.append(a.name)
            arguments.append(a.ref)
            for d, step in enumerate(a.steps):
                if step not in (0, 1):
                    self.step_names[i, d] = f"s{i}_{d}"
                    head.append(f"s{i}_{d}")
                    arguments.append(step)
        for part in self.loop.parts:
            for v in part.reads:
                if v.dtype is None and v not in self.numbers:
                    self.numbers[v] = f"c{len(self.numbers)}"
                    head.append(self.numbers[v])
                    arguments.append(v)
        return head, arguments

    def place(self, a: _Access) -> str:
        """Index of the element."""
        i = int(a.name[1:])
        terms = []
        for d, step in enumerate(a.steps):
            if step == 1:
                terms.append(f"i{d}")
            elif step:
                terms.append(f"i{d} * {self.step_names[i, d]}")
        return " + ".join(terms) or "0"

    def body(self) -> list[tuple[int, str]]:
        lines: list[tuple[int, str]] = []
        free = [self.free(p) for p in self.reductions]
        lines += self.filled(free)
        blocked = any(f for f in free) and self.depth > 0 and self.sides[-1] > _BLOCK
        level = 0
        for d in range(self.depth):
            lines += self.opened(free, d, level)
            if d == self.depth - 1 and blocked:
                lines.append((level, f"for b in range(0, n{d}, {_BLOCK}):"))
                level += 1
                lines += self.begun(free, level)
                lines.append((level, f"for i{d} in range(b, min(b + {_BLOCK}, n{d})):"))
            else:
                if d == self.depth - 1:
                    lines += self.begun(free, level)
                lines.append((level, f"for i{d} in range(n{d}):"))
            level += 1
        if not self.depth:
            lines += self.opened(free, 0, 0) + self.begun(free, 0)
        lines += [(level, line) for line in self.inner(free)]
        lines += self.closed(free, level, blocked)
        return lines

    def free(self, part: Reduce) -> int:
        """Innermost loops that a reduction runs over: its sum is a local of them."""
        count = 0
        for step in reversed(self.target(part).steps):
            if step:
                break
            count += 1
        return count

    def target(self, part: Reduce) -> _Access:
        return self.accesses["reduce", Ref(part.out, 0, part.source.shape, part.steps())]

    def partial(self, part: Reduce, free: int) -> bool:
        """Whether the target is met again and again."""
        outer = self.target(part).steps[: self.depth - free]
        return not all(outer)

    def filled(self, free: list[int]) -> list[tuple[int, str]]:
        """Targets that are met again begin at the neutral element."""
        lines: list[tuple[int, str]] = []
        for part, f in zip(self.reductions, free, strict=True):
            if not self.partial(part, f):
                continue
            a = self.target(part)
            level = 0
            for d, step in enumerate(a.steps):
                if step:
                    lines.append((level, f"for i{d} in range(n{d}):"))
                    level += 1
            store = f"store{self.scope(part.out)}({a.name}, {self.place(a)}, {_neutral(part)})"
            lines.append((level, store))
        return lines

    def opened(self, free: list[int], d: int, level: int) -> list[tuple[int, str]]:
        """Totals of reductions over the loops from number `d` on."""
        return [
            (level, f"t{r} = {_wide(part)}({_neutral(part)})")
            for r, (part, f) in enumerate(zip(self.reductions, free, strict=True))
            if (f and self.depth - f == d) or (not self.depth)
        ]

    def begun(self, free: list[int], level: int) -> list[tuple[int, str]]:
        """Sums of a block."""
        return [
            (level, f"r{r} = {_neutral(part)}")
            for r, (part, f) in enumerate(zip(self.reductions, free, strict=True))
            if f or not self.depth
        ]

    def inner(self, free: list[int]) -> list[str]:
        """What is done for each element."""
        lines = []
        for (kind, _), a in self.accesses.items():
            if kind == "load":
                read = f"load{self.scope(a.ref.root)}({a.name}, {self.place(a)})"
                lines.append(f"x{a.name[1:]} = {read}{' != 0' if a.dtype.kind == 'b' else ''}")
        stores, r = [], 0
        for part in self.loop.parts:
            if isinstance(part, Element):
                lines.append(self.computed(part))
                if part.out in self.kept:
                    stores.append(self.stored(part))
            else:
                lines.append(self.reduced(part, r, free[r]))
                r += 1
        return lines + stores

    def value(self, x: Any, dtype: Any, shape: tuple[int, ...]) -> str:
        """Text of an operand as `dtype`."""
        if not isinstance(x, Var):
            return literal(x, dtype)
        if x.dtype is None:
            return f"{code(dtype)}({self.numbers[x]})"
        ref = resolved(x, self.views)
        if ref.root in self.loop.made:
            name = self.locals[ref.root]
        else:
            name = f"x{self.accesses['load', ref.broadcast(shape)].name[1:]}"
        if x.dtype == dtype:
            return name
        return f"({name} != 0)" if dtype.kind == "b" else f"{code(dtype)}({name})"

    def computed(self, part: Element) -> str:
        shape = part.out.shape
        values = [self.value(x, d, shape) for x, d in zip(part.operands, part.dtypes, strict=True)]
        name = self.locals[part.out] = f"v{len(self.locals)}"
        c = code(part.dtypes[0])
        text = part.template.format(*values, t=c, c=c)
        out = code(part.out.dtype)
        return f"{name} = {text}" if out == "b1" else f"{name} = {out}({text})"

    def stored(self, part: Element) -> str:
        a = self.accesses["store", own(part.out)]
        name = self.locals[part.out]
        value = f"u1({name})" if part.out.dtype.kind == "b" else name
        return f"store{self.scope(part.out)}({a.name}, {self.place(a)}, {value})"

    def reduced(self, part: Reduce, r: int, free: int) -> str:
        value = self.value(part.source, part.out.dtype, part.source.shape)
        if free or not self.depth:
            return f"r{r} = {_joined(part, f'r{r}', value)}"
        a = self.target(part)
        number, place = self.scope(part.out), self.place(a)
        joined = value
        if self.partial(part, free):
            joined = _joined(part, f"load{number}({a.name}, {place})", value, ordered=True)
        return f"store{number}({a.name}, {place}, {joined})"

    def closed(self, free: list[int], level: int, blocked: bool) -> list[tuple[int, str]]:
        """Block sums go to totals, totals to memory: those of the innermost loops first."""
        sums, stores = [], []
        for r, (part, f) in enumerate(zip(self.reductions, free, strict=True)):
            if not f and self.depth:
                continue
            joined = _joined(part, f"t{r}", f"{_wide(part)}(r{r})", ordered=True)
            sums.append((max(level - 1, 0), f"t{r} = {joined}"))
            a = self.target(part)
            number, place = self.scope(part.out), self.place(a)
            total = f"{code(part.out.dtype)}(t{r})"
            if self.partial(part, f):
                total = _joined(part, f"load{number}({a.name}, {place})", total, ordered=True)
            stores.append((self.depth - f, f"store{number}({a.name}, {place}, {total})"))
        return sums + sorted(stores, key=lambda line: -line[0])


def _neutral(part: Reduce) -> str:
    c = code(part.out.dtype)
    if part.kind == "sum":
        return f"{c}(0)"
    low = part.kind == "max"
    if part.out.dtype.kind == "f":
        return f"{c}({'-inf' if low else 'inf'})"
    bits = 8 * part.out.dtype.itemsize
    if part.out.dtype.kind == "u":
        return f"{c}({0 if low else 2**bits - 1})"
    return f"{c}({-(2 ** (bits - 1)) if low else 2 ** (bits - 1) - 1})"


def _wide(part: Reduce) -> str:
    return "f8" if part.out.dtype.kind == "f" and part.kind == "sum" else code(part.out.dtype)


def _joined(part: Reduce, so_far: str, value: str, ordered: bool = False) -> str:
    floating = part.out.dtype.kind == "f"
    if part.kind == "sum":
        if floating:
            return f"{so_far} + {value}" if ordered else f"add({so_far}, {value})"
        return f"{code(part.out.dtype)}({so_far} + {value})"
    sign = ">" if part.kind == "max" else "<"
    if floating:
        # NaN wins, on either side.
        return f"{value} if ({value} {sign} {so_far}) or ({value} != {value}) else {so_far}"
    return f"{'max' if part.kind == 'max' else 'min'}({so_far}, {value})"


def kernel_of(
    loop: Loop, views: Mapping[Var, View], kept: set[Var], same: Mapping[Var, Var]
) -> Kernel:
    """The loop as text; `same`: results that may be written into the memory of an argument."""
    return _Writer(loop, views, kept, same).write()
