"""`compose`: a view as a scene, box by box and arrow by arrow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

from tinygrad_nn.viz.picture import notes
from tinygrad_nn.viz.picture.modules import part_box
from tinygrad_nn.viz.picture.nodes import (
    adds_lines,
    compact_box,
    label_box,
    left_out_box,
    node_box,
    operation_box,
)
from tinygrad_nn.viz.picture.scene import Arrow, Box, Frame, Line, Scene, Text, boxed
from tinygrad_nn.viz.trace.model import Edge, Record, Role
from tinygrad_nn.viz.view.model import Cluster, Link, Part, View
from tinygrad_nn.viz.wording import clean, counted, shorten

__all__ = ["compose"]


def compose(view: View, *, back: bool = False) -> Scene:
    """Scene of a view.

    Args:
        view: What to show.
        back: Let the arrows be those of the backward pass.
    """
    return _Composer(view, back).scene()


class _Composer:
    def __init__(self, view: View, back: bool) -> None:
        self.view, self.back = view, back
        self.trace = view.trace
        self.records: dict[int, Record] = {r.key: r for r in view.trace.records}
        self.parts = {p.key: p for p in view.parts}
        self.boxes: list[Box] = []
        self.arrows: list[Arrow] = []
        self.homes: dict[str, str] = {}
        self.above = {c.key: c.parent for c in view.clusters}
        self.learned = self._learned()
        self.uses = self.trace.uses()

    def scene(self) -> Scene:
        """All of it."""
        into: dict[str, list[Link]] = {}
        for link in self.view.links:
            into.setdefault(link.target, []).append(link)
        for part in self.view.parts:
            self._add(part, into.get(part.key, []))
        self._add_failed()
        boxes = tuple(self.boxes)
        every = [*boxes, *(a.label for a in self.arrows if a.label)]
        return Scene(
            title=notes.title(self.view),
            about=notes.in_words(self.view, boxes),
            level=self.view.level,
            boxes=boxes,
            arrows=tuple(self.arrows),
            notes=tuple(notes.notes(self.view, every, back=any(a.back for a in self.arrows))),
            alarms=tuple(notes.alarms(self.trace)),
            frames=tuple(map(self._frame, self.view.clusters)),
            homes=self.homes,
            spine=self._spine(),
        ).with_spine()

    def _record(self, part: Part) -> Record | None:
        return self.records[part.nodes[0]] if part.kind == "node" else None

    def _unfolded(self, part: Part) -> bool:
        """Whether its operation is a box of its own."""
        r = self._record(part)
        return self.view.level == "scalar" and r is not None and r.op is not None

    # ── Boxes ───────────────────────────────────────────────────────────────────────────

    def _add(self, part: Part, links: list[Link]) -> None:
        """Its box and all arrows that arrive there."""
        r = self._record(part)
        if r is None:
            box = part_box(part, self.records, self.trace, self._shared(links))
        elif self.view.level == "scalar":
            box = node_box(r, self.trace)
        else:
            box = compact_box(r, self.trace, self._given(part), brief=self.view.level == "module")
        # Operations that only give the numbers another form may be in the box of a node.
        self._put(replace(box, nodes=len(part.nodes)), part.cluster)
        end = part.key
        if r is not None and self._unfolded(part):
            end = f"o{r.key}"
            self._put(operation_box(r), part.cluster)
        for link in links:
            self._link(link, part, end)
        if r is not None and r.left_out:
            self._put(left_out_box(r), part.cluster)
            self.arrows.append(Arrow(f"m{r.key}", end))
        if end != part.key:
            taken = self.back and self._taken(links)
            self.arrows.append(Arrow(end, part.key, back=taken))

    def _add_failed(self) -> None:
        """The operation that a forward pass broke in, which has no result."""
        failure = self.trace.failure
        if failure is None or failure.phase != "forward" or not failure.operands:
            return
        held = {key: part for part in self.view.parts for key in part.nodes}
        parts = list(dict.fromkeys(held[key].key for key in failure.operands if key in held))
        lines = [Line(Text(f"{shorten(clean(failure.op) or 'an operation')} failed here", "warn"))]
        if failure.line:
            lines.append(Line(Text(shorten(clean(failure.line), 40), "muted")))
        box = boxed("o-failed", "failed", lines, shorten(clean(failure.message), 600), alarm=True,
                    nodes=0)  # fmt: skip
        homes = [self.parts[key].cluster for key in parts]
        self._put(box, reduce(self._common, homes) if homes else None)
        self.arrows += [Arrow(key, box.key) for key in parts]

    def _given(self, part: Part) -> dict[int, Record]:
        """Constants that are in the box of an operation, by their slots."""
        inside = set(part.nodes[1:])
        edges = self.uses.get(part.nodes[0], ()) if inside else ()
        found = ((e.slot, self.records[e.source]) for e in edges if e.source in inside)
        return {slot: r for slot, r in found if not r.op and not r.name and r.value.size == 1}

    def _shared(self, links: Sequence[Link]) -> list[Line]:
        """Whose parameters a group uses, instead of lines across the picture."""
        found = []
        for link in links:
            if not link.shared:
                continue
            source, target = self.parts[link.source], self.parts[link.target]
            same = source.title == target.title
            whose = "as in call 1" if same else f"of {clean(source.title)}"
            words = f"{counted(len(link.edges), 'parameter')} {shorten(whose, 26)}"
            if source.kind == "node":
                words = f"uses {shorten(clean(source.title), 26)}"
            adds = adds_lines([self.trace.edges[k] for k in link.edges]) if self.back else []
            right = Text(adds[-1].texts[-1].words) if adds else None
            found.append(Line(Text(words, "muted"), right))
        return found

    def _put(self, box: Box, cluster: str | None) -> None:
        self.boxes.append(box)
        if cluster is not None:
            self.homes[box.key] = cluster

    def _frame(self, cluster: Cluster) -> Frame:
        name = Text(shorten(clean(cluster.title), 40), "name")
        about = shorten(clean(cluster.about), 60)
        learned = self.learned.get(cluster.key)
        count = counted(learned, "param") if learned else ""
        words = " ".join(filter(None, [clean(cluster.title), about, count]))
        line = Line(
            name if name.words else None,
            Text(count, "muted") if count else None,
            Text(about, "muted") if about else None,
        )
        return Frame(cluster.key, line, cluster.parent, words)

    def _learned(self) -> dict[str, int]:
        """How many numbers are learned within each frame."""
        found: dict[str, int] = {}
        for part in self.view.parts:
            records = (self.records[key] for key in part.nodes)
            count = sum(r.value.size for r in records if r.role is Role.PARAMETER)
            key = part.cluster
            while key is not None and count:
                found[key] = found.get(key, 0) + count
                key = self.above.get(key)
        return found

    # ── Arrows ──────────────────────────────────────────────────────────────────────────

    def _taken(self, links: list[Link]) -> bool:
        """Whether the backward pass came along one of them."""
        edges = self.trace.edges
        return any(edges[k].step is not None or edges[k].contribution is not None
                   for link in links for k in link.edges)  # fmt: skip

    def _link(self, link: Link, part: Part, end: str) -> None:
        edges = [self.trace.edges[k] for k in link.edges]
        back = self.back and self._taken([link])
        r = self._record(part)
        slot = edges[0].slot if r is not None and len(edges) == 1 else None
        if link.shared and r is None:
            self.arrows.append(Arrow(link.source, end, back=back, is_drawn=False))
            return
        label: Box | None = None
        says = True
        if len(edges) == 1 and r is not None and (end != part.key or back):
            e = edges[0]
            label = label_box(e, self.records[e.target], self.records[e.source], back=back)
        elif back:
            label = self._label(link, adds_lines(edges))
        shown = self.parts[link.source].kind == "node"
        if label is None and link.label and not shown and not back:
            label = self._label(link, [Line(middle=Text(shorten(clean(link.label)), "small"))])
            says = False
        if label is not None:
            home = self._common(self.parts[link.source].cluster, part.cluster)
            if home is not None:
                self.homes[label.key] = home
        self.arrows.append(
            Arrow(link.source, end, label, slot, back, self._brings(edges),
                  says and label is not None, shared=link.shared)
        )  # fmt: skip

    def _brings(self, edges: Sequence[Edge]) -> str:
        """Names of what some uses are of: one, or the first and last of several."""
        keys = sorted({e.source for e in edges})
        names = dict.fromkeys(clean(self.records[key].name) for key in keys)
        known = [name for name in names if name]
        if not known:
            return ""
        if len(known) == 1:
            return known[0]
        return f"{shorten(known[0], 12)} … {shorten(known[-1], 12)} ({len(names)})"

    def _label(self, link: Link, lines: list[Line]) -> Box | None:
        if not lines:
            return None
        key = f"e-{link.source}-{link.target}-{link.edges[0] if link.edges else 0}"
        return boxed(key, "label", lines, padding=8, nodes=0)

    def _common(self, a: str | None, b: str | None) -> str | None:
        """Innermost frame around both."""
        around = set()
        while a is not None:
            around.add(a)
            a = self.above.get(a)
        while b is not None and b not in around:
            b = self.above.get(b)
        return b

    def _spine(self) -> tuple[str, ...]:
        """Keys of the boxes on the spine, the operations between them too."""
        found: list[str] = []
        for key in self.view.spine:
            if key in self.parts:
                if self._unfolded(self.parts[key]):
                    found.append("o" + key[1:])
                found.append(key)
        return tuple(found)
