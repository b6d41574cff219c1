"""Writes the parts of the documentation that follow from the code: `python docs/generate.py`."""

from __future__ import annotations

from pathlib import Path

import tinygrad_nn as tg
from tinygrad_nn.core.op import OPS, Kind

HERE = Path(__file__).parent


def operations_table() -> str:
    """The reference table of every operation, by family."""
    lines = [
        "# Operations",
        "",
        "Generated from the registry by `python docs/generate.py`. *Derivative* is the kind that",
        "forward mode follows from; a *composed* function is made of other operations, a",
        "*constant* one has no gradient.",
    ]
    families: dict[str, list[str]] = {}
    for record in OPS.values():
        if record.key.startswith("_") or not hasattr(tg, record.name):
            continue
        module = record.call.__module__.rsplit(".", 1)[-1]
        data = ("*xs",) if record.variadic else record.data
        signature = f"{record.name}({', '.join((*data, *record.static))})"
        summary = record.doc.split("\n\n")[0].replace("\n", " ").replace("|", "\\|")
        numpy = ", ".join(f"`np.{name}`" for name in record.numpy)
        kind = record.kind.value if record.kind is not Kind.GENERAL else "general"
        families.setdefault(module, []).append(f"| `{signature}` | {summary} | {kind} | {numpy} |")
    for family in sorted(families):
        lines += ["", f"## {family}", "", "| operation | what it gives | derivative | also as |"]
        lines += ["|---|---|---|---|", *sorted(families[family])]
    return "\n".join(lines) + "\n"


def value_drawing() -> str:
    """The drawing of the README's first example, in our own layout: the same on every machine."""
    a, b, c = tg.Value(2.0, name="a"), tg.Value(-3.0, name="b"), tg.Value(5.0, name="c")
    d = a * b + c
    d.name = "d"
    y = d.tanh()
    y.name = "y"
    y.backward()
    return tg.draw(y, engine="own").svg


def pages() -> dict[Path, str]:
    """Path of each generated file, and its text."""
    return {
        HERE / "reference" / "operations.md": operations_table(),
        HERE / "images" / "value.svg": value_drawing(),
    }


def main() -> None:
    """Write them all."""
    for path, text in pages().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.relative_to(HERE.parent)}")


if __name__ == "__main__":
    main()
