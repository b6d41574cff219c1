"""`Ledger`: which arrays a graph keeps alive, how many bytes, why, and what could be saved."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from html import escape

from tinygrad_nn.viz.wording import clean, shape_text, shorten, text_table

__all__ = ["Holding", "Ledger", "Saving", "amount"]

_ROWS = 20
_READERS = 3


@dataclass(frozen=True, slots=True)
class Holding:
    """One piece of memory; views of one array are one holding.

    Attributes:
        names: Nodes whose numbers lie in it, in forward order; () for a constant's
            without a name.
        op: Operation that made it, or the empty text.
        kind: "parameter", "input", "constant" or "result". The first two are the user's: they
            outlive the graph.
        shape, dtype: Of the first array in it.
        bytes: Its length.
        module: Path of the module that it was made in; empty if unknown.
        readers: Gradient rules that read it, such as `matmul_2 for weight`.
        needed: Whether any rule reads it; the engine keeps all, so what none reads is kept for
            drawings and for a second pass only.
    """

    names: tuple[str, ...]
    op: str
    kind: str
    shape: tuple[int, ...]
    dtype: str
    bytes: int
    module: str
    readers: tuple[str, ...]

    @property
    def needed(self) -> bool:
        """Whether a gradient rule reads it."""
        return bool(self.readers)

    @property
    def title(self) -> str:
        """Its first name, or what it is."""
        return shorten(clean(self.names[0])) if self.names else self.kind

    @property
    def why(self) -> str:
        """The reason that it is kept, in words."""
        if not self.readers:
            if self.kind in ("parameter", "input"):
                return "yours; no gradient rule reads it"
            return "no gradient rule reads it; the graph keeps every result"
        shown = ", ".join(shorten(clean(r), 40) for r in self.readers[:_READERS])
        more = len(self.readers) - _READERS
        return f"read by {shown}" + (f" and {more} more" if more > 0 else "")


@dataclass(frozen=True, slots=True)
class Saving:
    """What `tg.checkpoint` around one group of operations would save.

    Attributes:
        title: Path of the module, or what the group is.
        bytes: Freed between the forward and the backward pass, at least: the results that only
            the group holds, less what leaves it.
        operations: Computed a second time for it.
    """

    title: str
    bytes: int
    operations: int


@dataclass(frozen=True)
class Ledger:
    """The memory that a graph keeps alive between its forward and its backward pass.

    Attributes:
        title: Name of the root.
        holdings: Largest first.
        savings: Most first.
        nodes: Number of nodes.
        overhead: Bytes of the nodes themselves, at most.
    """

    title: str
    holdings: tuple[Holding, ...]
    savings: tuple[Saving, ...]
    nodes: int
    overhead: int

    @property
    def total(self) -> int:
        """Bytes of all arrays, each counted once."""
        return sum(h.bytes for h in self.holdings)

    @property
    def graph(self) -> int:
        """Bytes that go when the graph is freed: results and constants."""
        return sum(h.bytes for h in self.holdings if h.kind in ("result", "constant"))

    @property
    def unread(self) -> int:
        """Bytes of results and constants that no gradient rule reads."""
        own = (h for h in self.holdings if h.kind in ("result", "constant"))
        return sum(h.bytes for h in own if not h.needed)

    def by_op(self) -> dict[str, int]:
        """Bytes of results by the operation that made them, most first."""
        found: Counter[str] = Counter()
        for h in self.holdings:
            if h.kind == "result":
                found[h.op] += h.bytes
        return dict(found.most_common())

    def by_module(self) -> dict[str, int]:
        """Bytes of results by the module that they were made in, most first."""
        found: Counter[str] = Counter()
        for h in self.holdings:
            if h.kind == "result":
                found[h.module or "outside of modules"] += h.bytes
        return dict(found.most_common())

    def __str__(self) -> str:
        lines = [
            f"memory kept for the backward pass of {shorten(clean(self.title))}: "
            f"{amount(self.graph)} by the graph, of which no gradient rule reads "
            f"{amount(self.unread)}; {amount(self.total - self.graph)} of parameters and inputs; "
            f"{self.nodes:,} nodes of at most {amount(self.overhead)}",
            "",
        ]
        rows = [("bytes", "what", "shape", "made by", "why it is kept")]
        rows += [
            (amount(h.bytes), h.title, shape_text(h.shape), h.op or h.kind, h.why)
            for h in self.holdings[:_ROWS]
        ]
        lines += text_table(rows, right=1)
        if len(self.holdings) > _ROWS:
            rest = self.holdings[_ROWS:]
            lines.append(f"… and {len(rest):,} more of {amount(sum(h.bytes for h in rest))}")
        if self.savings:
            lines += ["", "tg.checkpoint around one of these would save:"]
            offers = [
                (amount(s.bytes), s.title, f"computing {s.operations} operations again")
                for s in self.savings[:_ROWS]
            ]
            lines += text_table(offers, right=1)
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"

    def __repr__(self) -> str:
        return (
            f"<Ledger of {self.title!r:.40}, {amount(self.total)} in {len(self.holdings)} arrays>"
        )


def amount(count: int) -> str:
    """Bytes in the unit that suits: `1.5 MiB`."""
    size = float(count)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            break
        size /= 1024
    return f"{count} bytes" if unit == "bytes" else f"{size:.4g} {unit}"
