"""Two traces to a `Comparison`."""

from __future__ import annotations

from tinygrad_nn.viz.diff.figures import change_of
from tinygrad_nn.viz.diff.matching import matched
from tinygrad_nn.viz.diff.model import Comparison, Pair, Rewired
from tinygrad_nn.viz.trace.model import Edge, Trace
from tinygrad_nn.viz.wording import clean, counted, shorten

__all__ = ["compared"]

_STRANGERS = 0.2
_LONGEST = 160


def compared(before: Trace, after: Trace, rtol: float = 0.0, atol: float = 0.0) -> Comparison:
    """What of two passes is the same, changed, new, absent and rewired."""
    to = matched(before, after)
    back = {y: x for x, y in to.items()}
    uses, later = before.uses(), after.uses()
    wires = {y: _wires(uses.get(x, []), later.get(y, []), to) for y, x in back.items()}
    pairs = {y: _pair(before, after, back[y], y, rtol, atol, bool(wires[y])) for y in sorted(back)}
    found = tuple(pairs.values())
    rewired = [
        Rewired(pair, slot, one, other)
        for y, pair in pairs.items()
        for slot, one, other in wires[y]
    ]
    return Comparison(
        before=before,
        after=after,
        pairs=found,
        new=tuple(r for r in after.records if r.key not in back),
        absent=tuple(r for r in before.records if r.key not in to),
        rewired=tuple(rewired),
        notes=tuple(_notes(before, after, found)),
        rtol=rtol,
        atol=atol,
    )


def _pair(
    before: Trace, after: Trace, x: int, y: int, rtol: float, atol: float, rewired: bool
) -> Pair:
    a, b = before.records[x], after.records[y]
    value, gradient = change_of(a.value, b.value), change_of(a.gradient, b.gradient)
    changes = [c for c in (value, gradient) if c is not None]
    changed = any(not c.within(rtol, atol) for c in changes)
    return Pair(a, b, value, gradient, changed, rewired)


def _wires(
    one: list[Edge], other: list[Edge], to: dict[int, int]
) -> list[tuple[int, Edge | None, Edge | None]]:
    """Places where a pair has another input in each pass."""
    before, after = ({e.slot: e for e in edges} for edges in (one, other))
    found = []
    for slot in sorted(before.keys() | after.keys()):
        a, b = before.get(slot), after.get(slot)
        if a is None or b is None or to.get(a.source) != b.source:
            found.append((slot, a, b))
    return found


# ── What a reader has to know ───────────────────────────────────────────────────────────


def _notes(before: Trace, after: Trace, pairs: tuple[Pair, ...]) -> list[str]:
    notes = []
    most = max(len(before.records), len(after.records))
    if len(pairs) < _STRANGERS * most:
        notes.append(
            "These are passes of two different programs, or nearly so: "
            f"{counted(len(pairs), 'node')} of {most:,} were found in both."
        )
    for name, trace in (("before", before), ("after", after)):
        notes += _of_one(name, trace)
    types: dict[tuple[str, str], int] = {}
    for pair in pairs:
        kinds = pair.before.value.dtype, pair.after.value.dtype
        if kinds[0] != kinds[1]:
            types[kinds] = types.get(kinds, 0) + 1
    notes += [f"{counted(n, 'node')} went from {a} to {b}." for (a, b), n in types.items()]
    vague = sum(
        any(c is not None and not c.exact and not c.is_same for c in (pair.value, pair.gradient))
        for pair in pairs
    )
    if vague:
        notes.append(
            f"Of {counted(vague, 'large array')} the traces hold figures, not every element: a "
            "change shown with > is the least that it can be."
        )
    return notes


def _of_one(name: str, trace: Trace) -> list[str]:
    notes = []
    if trace.failure is not None:
        what = f"broke in {trace.failure.phase}" if trace.failure.phase != "freed" else "was freed"
        message = shorten(clean(trace.failure.message), _LONGEST)
        notes.append(f"The pass “{name}” {what}: {message}")
    elif not trace.observed:
        notes.append(
            f"The pass “{name}” was not run backward for its trace: its gradients, if any, are "
            "what earlier passes left."
        )
    if trace.kept < trace.total:
        notes.append(f"The trace “{name}” holds {trace.kept:,} of {trace.total:,} nodes.")
    return notes
