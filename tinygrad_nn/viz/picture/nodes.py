"""Boxes of single nodes, their operations, and the labels of their arrows."""

from __future__ import annotations

from collections.abc import Mapping

from tinygrad_nn.viz.notation.expression import SIGNS
from tinygrad_nn.viz.notation.traits import COMMUTATIVE
from tinygrad_nn.viz.picture.scene import Box, Line, Text, boxed
from tinygrad_nn.viz.picture.style import heat_step
from tinygrad_nn.viz.trace.model import Edge, Failure, Record, Summary, Trace
from tinygrad_nn.viz.trace.words import array_line, few, odd_words, only
from tinygrad_nn.viz.wording import (
    arguments,
    clean,
    norm_words,
    number,
    shape_text,
    shorten,
    signed,
    times,
)

__all__ = ["SYMBOLS", "about", "adds_lines", "compact_box", "gradient_cell", "is_told", "label_box",
           "left_out_box", "node_box", "operation_box"]  # fmt: skip

SYMBOLS = {op: sign.drawn for op, sign in SIGNS.items() if sign.drawn}
_BOTH = ("left", "right")
_ORDINALS = ("1st", "2nd", "3rd")
_STOPPED = {
    "forward": "the next operation failed",
    "backward": "the backward pass stopped here",
}


# ── Nodes ───────────────────────────────────────────────────────────────────────────────


def node_box(r: Record, trace: Trace) -> Box:
    """Name, value and gradient; the operation is a box of its own."""
    if not r.name:
        return boxed(f"n{r.key}", r.role.value, _constant_lines(r.value), about(r),
                     alarm=not r.value.is_finite, at_least=44)  # fmt: skip
    lines = [_value_line(r)]
    if not r.value.is_scalar:
        lines.append(Line(Text(array_line(r.value))))
    lines.append(_gradient_line(r, trace))
    return _finished(r, lines, trace, 130)


def compact_box(
    r: Record, trace: Trace, given: Mapping[int, Record] | None = None, *, brief: bool = False
) -> Box:
    """The same with the operation in it: two lines.

    Args:
        r: The node.
        trace: All of them.
        given: Constants that have no box of their own, by their slots: `× 0.5`.
        brief: Leave static arguments away.
    """
    if not r.name:
        if r.value.is_scalar:
            return node_box(r, trace)
        shape = Line(Text("constant", "muted"), Text(times(r.value.shape), "muted"))
        return boxed(f"n{r.key}", r.role.value, [shape], about(r), alarm=not r.value.is_finite)
    lines = [_value_line(r)]
    gradient = _gradient_line(r, trace)
    if r.op is None:
        lines.append(gradient)
    else:
        static = "" if brief else arguments(r.params)
        words = shorten(" ".join(filter(None, [_call(r, given or {}), static])), 30)
        left = Text(words, "muted") if words else gradient.left
        lines.append(Line(left, gradient.right or (gradient.left if words else None)))
    if not r.value.is_finite and not r.value.is_scalar:
        words = ", ".join(odd_words(r.value))
        lines.append(Line(Text(f"{words} of {r.value.size}", "warn")))
    return _finished(r, lines, trace, 110)


def _call(r: Record, given: Mapping[int, Record]) -> str:
    """The operation where the name does not say it, with the numbers that it is given."""
    assert r.op is not None
    sign = SYMBOLS.get(r.op)
    numbers = {slot: number(only(constant.value)) for slot, constant in given.items()}
    if sign and len(numbers) == 1 and len(r.arguments) <= len(_BOTH):
        ((slot, words),) = numbers.items()
        words = f"({words})" if words.startswith("−") else words
        return f"{words} {sign}" if slot == 0 and r.op not in COMMUTATIVE else f"{sign} {words}"
    call = f"{sign or ''} {clean(r.op)}".strip() if r.named else sign or ""
    names = dict(enumerate(r.arguments))
    told = ", ".join(f"{clean(names.get(slot, '…'))}={words}" for slot, words in numbers.items())
    return f"{call} {told}".strip()


def _finished(r: Record, lines: list[Line], trace: Trace, at_least: int) -> Box:
    figures = [f for f in (r.value, r.gradient) if f is not None]
    alarm = not all(f.is_finite for f in figures)
    failure = trace.failure
    if failure is not None and failure.at == r.key and is_told(failure):
        alarm = True
        lines.append(Line(Text(_STOPPED[failure.phase], "warn")))
    return boxed(f"n{r.key}", r.role.value, lines, about(r), alarm=alarm, at_least=at_least)


def is_told(failure: Failure) -> bool:
    """Whether the last whole node is marked; an operation with known operands has its own box."""
    return failure.phase in _STOPPED and not (failure.phase == "forward" and failure.operands)


def _value_line(r: Record) -> Line:
    name = Text(shorten(clean(r.name)), "name")
    if r.value.is_scalar:
        return Line(name, Text(number(only(r.value))))
    return Line(name, Text(shape_text(r.value.shape), "muted"))


def _constant_lines(value: Summary) -> list[Line]:
    if value.is_scalar:
        return [Line(middle=Text(number(only(value))))]
    return [Line(Text("constant", "muted"), Text(shape_text(value.shape), "muted")),
            Line(Text(array_line(value)))]  # fmt: skip


def _gradient_line(r: Record, trace: Trace) -> Line:
    if r.gradient is None:
        # The reason is in the notes, or in the tooltip.
        return Line(Text(shorten(clean(r.missing.partition(": ")[0]), 40), "muted"))
    root, own = clean(trace.root.name), clean(r.name)
    # Without a pass of our own nobody knows whose gradient it is that lies in the node.
    short = trace.observed and len(root) + len(own) <= 16
    if r.gradient.is_scalar:
        g = only(r.gradient)
        label = f"∂{root}/∂{own}" if short else "grad"
        return Line(Text(label, "muted"), Text(signed(g), _sign(g)))
    if few(r.gradient):
        label = f"∂{root}/∂{own}" if short else "grad"
        return Line(Text(label, "muted"), Text(array_line(r.gradient)))
    return Line(Text("‖∇‖", "muted"), gradient_cell(r.gradient))


def gradient_cell(gradient: Summary) -> Text:
    """The norm of a gradient on its colour, with a word where it is very small or large."""
    if not gradient.is_finite:
        words = odd_words(gradient)[0].partition(" ")[2]
        return Text(words if gradient.size == 1 else f"{words} in gradient", "plain", -1)
    words, step = norm_words(gradient.norm), heat_step(gradient.norm)
    return Text(words, "plain", step)


def _sign(x: float) -> str:
    return "plus" if x > 0 else "minus" if x < 0 else "plain"


# ── Operations and arrows ───────────────────────────────────────────────────────────────


def operation_box(r: Record) -> Box:
    """The operation that made a node: a circle with its symbol, or a pill with its name."""
    assert r.op is not None
    call = f"{clean(r.op)}({', '.join(r.arguments) or '…'})"
    if r.op in SYMBOLS:
        return Box(f"o{r.key}", "operation", (Line(middle=Text(SYMBOLS[r.op], "symbol")),),
                   30, 30, call, nodes=0)  # fmt: skip
    lines = [Line(middle=Text(shorten(clean(r.op), 36)))]
    if static := arguments(r.params):
        lines.append(Line(middle=Text(static, "small")))
    return boxed(f"o{r.key}", "operation", lines, call, padding=24, nodes=0)


def left_out_box(r: Record) -> Box:
    """What an operation uses and the trace does not hold."""
    plural = "s" if r.left_out > 1 else ""
    words = f"… {r.left_out} input{plural} not drawn"
    return boxed(f"m{r.key}", "left out", [Line(middle=Text(words, "muted"))], padding=16, nodes=0)


def label_box(e: Edge, r: Record, source: Record, *, back: bool) -> Box | None:
    """Label of a use: which operand it is, its local derivative and what it adds."""
    operand = _operand(e, r)
    lines: list[Line] = []
    if back:
        # The letters of a rule are those of its operation; a graph of numbers has its own names.
        if e.rule and isinstance(e.contribution, Summary):
            lines.append(Line(middle=Text(shorten(clean(e.rule), 36), "small")))
    elif e.local is not None:
        words = f"{operand}{': ' if operand else ''}local {number(e.local)}"
        lines.append(Line(middle=Text(words, "small")))
    elif operand:
        lines.append(Line(middle=Text(operand, "small")))
    if back or isinstance(e.contribution, float):
        lines += adds_lines([e])
    if not lines:
        return None
    words = f"{clean(source.name) or 'constant'} to {clean(r.op or '')}"
    return boxed(f"e{r.key}-{e.slot}", "label", lines, words, padding=8, nodes=0)


def adds_lines(edges: list[Edge]) -> list[Line]:
    """What some uses add to gradients: the number, the norm, or how large the largest is."""
    found = [e.contribution for e in edges if e.contribution is not None]
    if not found:
        return []
    if len(found) == 1:
        one = found[0]
        if isinstance(one, Summary) and one.is_scalar:
            one = only(one)
        if isinstance(one, Summary):
            if few(one):
                return [Line(middle=Text(f"adds {array_line(one)}", "small"))]
            return [Line(middle=Text(f"adds ‖∇‖ {gradient_cell(one).words}"))]
        return [Line(middle=Text(f"adds {signed(one)}", _sign(one)))]
    norms = [abs(c) if isinstance(c, (int, float)) else c.norm for c in found]
    return [Line(middle=Text(f"{len(found)} uses", "small")),
            Line(middle=Text(f"each ‖∇‖ ≤ {number(max(norms))}"))]  # fmt: skip


def _operand(e: Edge, r: Record) -> str:
    """Which operand it is, where that matters."""
    count = len(r.arguments)
    if r.op in COMMUTATIVE or count == 1:
        return ""
    if r.op in SYMBOLS and e.slot < 2:
        return _BOTH[e.slot]
    return _ORDINALS[e.slot] if e.slot < len(_ORDINALS) else f"{e.slot + 1}th"


# ── Tooltips ────────────────────────────────────────────────────────────────────────────


def about(r: Record) -> str:
    """Everything that is known of a node, for its tooltip."""
    parts = [clean(r.name), r.role.words]
    if r.op is not None:
        parts.append(f"{clean(r.op)}({arguments(r.params)})")
    parts.append(_figures("value", r.value))
    if r.gradient is not None:
        parts.append(_figures("gradient", r.gradient))
    elif r.missing:
        parts.append(r.missing)
    if r.changed:
        parts.append("written after it was used: the results do not show it")
    if r.line:
        parts.append(f"made at {clean(r.line)}")
    return "; ".join(part for part in parts if part)


def _figures(what: str, s: Summary) -> str:
    if s.is_scalar:
        return f"{what} {only(s)!r} ({s.dtype})"
    zeros = f", {s.zeros} zero" if s.zeros else ""
    return (
        f"{what} {shape_text(s.shape)} {s.dtype}, mean {number(s.mean)}, "
        f"from {number(s.low)} to {number(s.high)}, norm {number(s.norm)}, "
        f"{s.nans} NaN, {s.infs} infinite{zeros}"
    )
