"""The sentences around a picture: its title, itself in words, what to know, what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from tinygrad_nn.viz.picture.scene import Box
from tinygrad_nn.viz.trace.model import NOT_KEPT, NOT_RUN, Record, Role, Summary, Trace
from tinygrad_nn.viz.trace.words import array_line, few, node_words, only, pass_title
from tinygrad_nn.viz.view.model import View
from tinygrad_nn.viz.wording import VANISHING, clean, number, shape_text, shorten

__all__ = ["alarms", "in_words", "notes", "title"]


def _root(trace: Trace) -> str:
    return clean(shorten(trace.root.name, 40)) or "a constant"


def title(view: View) -> str:
    """One line: what it is, and how much was folded."""
    trace, shown = view.trace, len(view.parts)
    keys = [key for part in view.parts for key in part.nodes]
    words = node_words([trace.records[key] for key in keys])
    folded = f": {words} in {shown} boxes" if shown < len(keys) else ""
    failure = trace.failure
    if failure is not None and failure.phase == "forward":
        return f"{pass_title(trace)}{folded}"
    return f"Graph of {_root(trace)}{folded}"


def in_words(view: View, boxes: Sequence[Box]) -> str:
    """The picture for those who hear it: the result, and the largest and smallest gradient."""
    trace = view.trace
    parts = [f"{_root(trace)} {_value(trace.root.value)}", *_extremes(trace.records)]
    drawn = sum(box.kind not in ("operation", "left out") for box in boxes)
    return f"{'; '.join(parts)}. {drawn} boxes at {view.level} level."


def _extremes(records: Sequence[Record]) -> Iterator[str]:
    learned = [r for r in records if r.role is Role.PARAMETER and r.gradient is not None]
    known = learned or [r for r in records if r.gradient is not None and r.role is Role.INPUT]
    finite = [r for r in known if r.gradient is not None and r.gradient.is_finite]
    if not finite:
        return
    sizes = [(r.gradient.norm if r.gradient else 0.0, r) for r in finite]
    for word, (norm, r) in (("largest gradient", max(sizes, key=lambda s: s[0])),
                            ("smallest", min(sizes, key=lambda s: s[0]))):  # fmt: skip
        yield f"{word} {shorten(clean(r.name))} {number(norm)}"


def _value(value: Summary) -> str:
    if value.is_scalar:
        return number(only(value))
    return array_line(value) if few(value) else shape_text(value.shape)


# ── Bad news ────────────────────────────────────────────────────────────────────────────


def alarms(trace: Trace) -> Iterator[str]:
    """What went wrong: where the pass broke, and the first number that is not finite."""
    failure = trace.failure
    if failure is not None:
        where = f" at {clean(failure.line)}" if failure.line else ""
        op = f" in {clean(failure.op)}" if failure.op else ""
        message = shorten(clean(failure.message), 400)
        if failure.phase == "freed":
            yield f"What lies below is gone: {message}{where}."
        else:
            yield f"The {clean(failure.phase)} pass broke{op}{where}: {message}"
    odd = [r for r in trace.records if not r.value.is_finite]
    if odd:
        yield _odd("values", odd[0], odd[0].value, len(odd))
    odd = [r for r in trace.records if r.gradient is not None and not r.gradient.is_finite]
    if odd and odd[-1].gradient is not None:
        # The backward pass meets the last one first.
        yield _odd("gradients", odd[-1], odd[-1].gradient, len(odd))


def _odd(what: str, first: Record, figures: Summary, count: int) -> str:
    word = "NaN" if figures.nans else "infinite"
    name = shorten(clean(first.name), 60) or "a constant"
    op = f", the result of {clean(first.op)}" if first.op and first.op not in name else ""
    line = f" at {clean(first.line)}" if first.line else ""
    more = f"; {count} {what} are not finite in all" if count > 1 else ""
    return f"Not finite: the {what[:-1]} of {name}{op}{line} is the first that is {word}{more}."


# ── What to know ────────────────────────────────────────────────────────────────────────


def notes(view: View, boxes: Sequence[Box], *, back: bool) -> Iterator[str]:
    """Sentences that explain the picture; each only where it is needed."""
    trace = view.trace
    yield from map(clean, view.notes)
    if left_out := trace.total - trace.kept:
        root = clean(shorten(trace.root.name))
        yield (
            f"{trace.total} nodes; the {trace.kept} nearest to {root} are drawn, "
            f"{left_out} are left out."
        )
    words = [t.words for box in boxes for line in box.lines for t in line.texts]
    if any("≈" in w for w in words):
        yield "Arrays: ≈ mean ± standard deviation [smallest, largest]."
    if any("‖" in w for w in words):
        yield "‖∇‖ is the norm of a gradient: the root of the sum of its squares."
    if back:
        yield (
            "Dashed arrows are the backward pass; “adds” is the local derivative times the "
            "gradient g of the result, this arrow's share of the gradient it points to."
        )
    elif any(e.local is not None for e in trace.edges) and view.level == "scalar":
        note = "Arrows run forward: “local” is the derivative of the result by this input"
        if any(e.contribution is not None for e in trace.edges):
            note += "; “adds” is local × the result's gradient, this arrow's share of the input's"
        yield note + "."
    yield from _sizes(trace)
    yield from _missing(trace)


def _sizes(trace: Trace) -> Iterator[str]:
    """Which gradients of what is learned are nearly 0."""
    known = [(r, r.gradient.norm) for r in trace.records if r.op is None and r.gradient is not None]
    small = [shorten(clean(r.name)) for r, norm in known if 0 < norm < VANISHING]
    if small:
        names = ", ".join(small[:3]) + (f" and {len(small) - 3} more" if len(small) > 3 else "")
        yield (
            f"Vanishing: the gradient of {names} is below {number(VANISHING)}; "
            "tinygrad_nn.train.diagnose says what of a network makes it so."
        )


def _missing(trace: Trace) -> Iterator[str]:
    if not trace.observed and any(r.gradient is not None for r in trace.records):
        yield (
            "Gradients are those that earlier backward passes left, of whatever result: "
            "draw(…, backward=True) shows those of a pass of its own."
        )
    if why := next((r.missing for r in trace.records if r.missing.startswith("no backward ")), ""):
        yield f"{why[0].upper()}{clean(why[1:])}."
    if any(r.missing == NOT_RUN for r in trace.records):
        yield "Not yet run backward: call .backward(), or draw(…, backward=True) for gradients."
    elif any(r.missing == NOT_KEPT for r in trace.records):
        yield "Tensors keep gradients of leaves only."
    changed = (shorten(clean(r.name)) for r in trace.records if r.changed)
    if first := list(islice(changed, 4)):
        names = ", ".join(first[:3]) + (" …" if len(first) > 3 else "")
        yield f"Written after use: {names}. The results are those of the earlier numbers."
