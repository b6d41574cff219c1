"""Which module each record belongs to: by the calls that were watched, else by the names."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from tinygrad_nn.viz.trace.model import Role, Scope
from tinygrad_nn.viz.view.wiring import Wiring
from tinygrad_nn.viz.view.words import module_words

__all__ = ["ModuleCall", "module_calls"]

_SEVERAL = 3
_NUMBERED = re.compile(r"[^\W\d]+?_?([0-9]{1,4})")
"""Lists of numbers for each layer: `w0`, `bias_2`."""
_DEEPEST = 64
"""Modules nested deeper belong to the one at this depth."""


@dataclass(frozen=True, slots=True)
class ModuleCall:
    """A call of a module, watched or inferred, that records are sorted into.

    Attributes:
        title, about, scope: As in a group.
        kind: Words that calls of equal modules share.
        above: Positions of the modules around it, the outermost first.
    """

    title: str
    about: str
    scope: int | None
    kind: str
    above: tuple[int, ...]


def module_calls(wiring: Wiring) -> tuple[list[ModuleCall], list[int]]:
    """The modules, and for each record the innermost one that holds it, or -1."""
    if wiring.trace.scopes:
        found, home = _called(wiring)
    else:
        found, home = _inferred(wiring)
    if found:
        _settle(wiring, found, home)
    return found, home


def _called(wiring: Wiring) -> tuple[list[ModuleCall], list[int]]:
    scopes = wiring.trace.scopes
    together = _calls_together(wiring)
    found: list[ModuleCall] = []
    at: list[int] = []
    first: dict[tuple[int, str, int], int] = {}
    seen: Counter[tuple[int | None, str]] = Counter()
    for i, scope in enumerate(scopes):
        parent = -1 if scope.parent is None else at[scope.parent]
        above = (*found[parent].above, parent) if parent >= 0 else ()
        if len(above) >= _DEEPEST:
            at.append(parent)
            continue
        # Which of the calls of this module by the same caller it is.
        turn = 0 if together and scope.parent is None else seen[scope.parent, scope.path]
        seen[scope.parent, scope.path] += 1
        same = first.setdefault((parent, scope.path, turn), len(found))
        if not together or same == len(found):
            same = len(found)
            found.append(_call(scope, i, above, numbered=not together))
        at.append(same)
    home = [-1 if r.scope is None else at[r.scope] for r in wiring.trace.records]
    return found, home


def _call(scope: Scope, i: int, above: tuple[int, ...], *, numbered: bool) -> ModuleCall:
    kind = module_words(scope.kind, scope.about) if scope.path else ""
    call = f"call {scope.call + 1}" if scope.call and numbered else ""
    about = ", ".join(filter(None, (kind, call)))
    return ModuleCall(scope.path or scope.kind, about, i, kind or scope.kind, above)


def _calls_together(wiring: Wiring) -> bool:
    """Whether one model was called several times beside each other, as for the rows of a batch.

    Its calls are one module then, as if it had been called once with all rows.
    """
    scopes = wiring.trace.scopes
    outer: list[int] = []
    for i, scope in enumerate(scopes):
        outer.append(i if scope.parent is None else outer[scope.parent])
    tops = [scopes[i] for i in set(outer)]
    if len(tops) < _SEVERAL or len({(s.path, s.kind) for s in tops}) > 1:
        return False
    records = wiring.trace.records
    behind = [False] * len(records)
    for r in records:
        if wiring.leaf[r.key]:
            continue
        mine = None if r.scope is None else outer[r.scope]
        for s in wiring.slots[r.key]:
            inner = None if wiring.leaf[s] else records[s].scope
            theirs = None if inner is None else outer[inner]
            if mine is not None and behind[s] and theirs != mine:
                return False
            behind[r.key] |= behind[s]
        behind[r.key] |= mine is not None
    return True


# ── Leaves: beside those that use them ──────────────────────────────────────────────────


def _settle(wiring: Wiring, found: list[ModuleCall], home: list[int]) -> None:
    """Give the leaves their homes; what a model is given stays outside of it."""
    for r in wiring.trace.records:
        key = r.key
        if not wiring.leaf[key] or (home[key] >= 0 and wiring.learned[key]):
            continue
        outside = not wiring.learned[key] and (r.role is Role.INPUT or _is_data(wiring, key))
        home[key] = -1 if outside else _common(found, [home[u] for u in wiring.users[key]])


def _is_data(wiring: Wiring, key: int) -> bool:
    """Whether an array is what some operation works on, and not merely a help for it."""
    value = wiring.trace.records[key].value
    if value.size < 2 or (value.is_finite and value.low == value.high == 0.0):
        return False
    return any(
        all(wiring.leaf[s] and (s == key or wiring.learned[s]) for s in wiring.slots[user])
        for user in wiring.users[key]
    )


def _common(found: list[ModuleCall], homes: list[int]) -> int:
    """The innermost call around all of `homes`."""
    ways = [(*found[h].above, h) if h >= 0 else () for h in set(homes)]
    common = -1
    for step in zip(*ways, strict=False):
        if any(one != step[0] for one in step):
            break
        common = step[0]
    return common


# ── Without calls: by the paths of the parameters ───────────────────────────────────────


def _inferred(wiring: Wiring) -> tuple[list[ModuleCall], list[int]]:
    paths = {
        r.key: path
        for r in wiring.trace.records
        if wiring.learned[r.key] and r.named and (path := _module_path(r.name))
    }
    found: list[ModuleCall] = []
    at: dict[str, int] = {}
    for path in paths.values():
        steps = path.split(".")[:_DEEPEST]
        above: tuple[int, ...] = ()
        for i in range(1, len(steps) + 1):
            title = ".".join(steps[:i])
            if title not in at:
                at[title] = len(found)
                found.append(ModuleCall(title, "", None, "", above))
            above = (*above, at[title])
    home = [-1] * len(wiring.leaf)
    if found:
        cut = {key: ".".join(path.split(".")[:_DEEPEST]) for key, path in paths.items()}
        _spread(wiring, found, home, {key: at[path] for key, path in cut.items()})
    return found, home


def _module_path(name: str) -> str:
    """`layers.0` of `layers.0.weight` and of `layers.0.w.3.1`, `layer 0` of `w0.3.1`."""
    steps = name.split(".")
    indices = 0
    while len(steps) > 1 and steps[-1].isdecimal():
        steps.pop()
        indices += 1
    if len(steps) == 1 and indices and (numbered := _NUMBERED.fullmatch(steps[0])):
        return f"layer {int(numbered[1])}"
    return ".".join(steps[:-1]) if all(steps) else ""


def _spread(
    wiring: Wiring, found: list[ModuleCall], home: list[int], owned: dict[int, int]
) -> None:
    """Operations join the module of a parameter they use, else the one that they come from."""
    count = len(home)
    onward = [False] * count
    pure = [False] * count
    for key in range(count):
        pure[key] = key in owned or (
            not wiring.leaf[key]
            and bool(wiring.slots[key])
            and all(pure[s] for s in wiring.slots[key])
        )
    for key in range(count - 1, -1, -1):
        onward[key] = any(
            onward[u] or any(pure[s] for s in wiring.slots[u] if s != key)
            for u in wiring.users[key]
        )
    for key in range(count):
        if wiring.leaf[key]:
            home[key] = owned.get(key, -1)
            continue
        mine = [home[s] for s in wiring.slots[key] if pure[s] and home[s] >= 0]
        if mine:
            deepest = max(mine, key=lambda h: (len(found[h].above), -h))
            inside = all(h == deepest or h in found[deepest].above for h in mine)
            home[key] = deepest if inside else _common(found, mine)
            continue
        flow = [home[s] for s in sorted(wiring.slots[key]) if not wiring.leaf[s]]
        if onward[key]:
            home[key] = _joined(found, flow)
        elif len(flow) > 1 and wiring.trace.records[key].op == "add" and len({*flow}) == 1:
            # A number of the last layer, added up step by step.
            home[key] = flow[0]


def _joined(found: list[ModuleCall], flow: list[int]) -> int:
    """Home of an operation without parameters; the sum that ends a block belongs to the block."""
    common = _common(found, flow) if flow else -1
    latest = flow[-1] if flow else -1
    if latest == common or any(h == common for h in flow):
        return common
    below = (*found[latest].above, latest)
    block = below[len(found[common].above) + 1 if common >= 0 else 0]
    numbered = found[block].title.rpartition(".")[2].isdecimal()
    return block if numbered and block != latest else common
