"""Writes the parts of the documentation that follow from the code: `python docs/generate.py`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from captured import program
from demos_table import demos_page
from drawings import DRAWINGS, PAGES
from figures import against_micrograd, against_pytorch
from sweeps import easy, hard
from trace_file import trace_file

import tinygrad_nn as tg
from tinygrad_nn.core.op import OPS, Kind
from tinygrad_nn.ported import METHODS
from tinygrad_nn.torch_methods import Torch
from tinygrad_nn.train.doctor import CHECKS
from tinygrad_nn.viz.page.stepper import stepper_page

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
    return "\n".join([*lines, *methods_table()]) + "\n"


def methods_table() -> list[str]:
    """The methods that tensors have for those who come from PyTorch, and those they have not."""
    lines = ["", "## PyTorch's methods", "", "Beside NumPy's, tensors have these:", ""]
    lines += ["| method | what it is |", "|---|---|"]
    for name, method in sorted(vars(Torch).items()):
        if not name.startswith("_") and callable(method):
            record = getattr(method, "op", None)
            text = f"`tg.{record.name}`" if record else (method.__doc__ or "").split("\n")[0]
            lines.append(f"| `x.{name}` | {text} |")
    lines += ["", "These they have not; the error says what to write:", ""]
    lines += ["| method | instead |", "|---|---|"]
    return lines + [f"| `x.{name}` | {advice} |" for name, advice in sorted(METHODS.items())]


def findings_table() -> str:
    """The reference table of what the training doctor looks for."""
    lines = [
        "# Findings of the training doctor",
        "",
        "Generated from the register of checks by `python docs/generate.py`. The numbers have",
        "their reasons in `tinygrad_nn/train/doctor/thresholds.py`. How to ask the doctor:",
        "[find out why it does not learn](../how-to/find-out-why-it-does-not-learn.md).",
        "",
        "| finding | severity | it is found when | advice |",
        "|---|---|---|---|",
    ]
    lines += [f"| `{c.name}` | {c.severity} | {c.rule} | {c.advice} |" for c in CHECKS.values()]
    return "\n".join(lines) + "\n"


def filled(path: Path | str, name: str, lines: list[str]) -> str:
    """The text of a page written by hand, with what stands between two marks made anew.

    Args:
        path: The page, or its text.
        name: Of the marks, `<!-- name -->` and `<!-- end of name -->`.
        lines: What to put between them.
    """
    text = path if isinstance(path, str) else path.read_text(encoding="utf-8")
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before, after = text.split(begin)[0], text.split(end)[1]
    return "".join([before, begin, "\n".join(lines), "\n", end, after])


def captured_step() -> list[str]:
    """The program that the explanation of capture shows."""
    return ["```text", *str(program()).rstrip().splitlines(), "```"]


def with_sweeps() -> str:
    """The explanation of gradcheck, with the sweeps that it shows."""
    page = HERE / "explanation" / "how-gradcheck-decides.md"
    return filled(filled(page, "easy", easy()), "hard", hard())


def with_figures() -> str:
    """The README, with the latest measurements of speed."""
    page = HERE.parent / "README.md"
    speed = json.loads((HERE / "speed.json").read_text(encoding="utf-8"))
    return filled(
        filled(page, "speed", against_pytorch(speed)), "scalars", against_micrograd(speed)
    )


def pages() -> dict[Path, Callable[[], str]]:
    """Path of each generated file, and what makes its text."""
    capture = HERE / "explanation" / "how-capture-works.md"
    return {
        HERE / "reference" / "operations.md": operations_table,
        HERE / "reference" / "findings.md": findings_table,
        HERE / "reference" / "trace-file.md": trace_file,
        HERE / "demos.md": demos_page,
        capture: lambda: filled(capture, "program", captured_step()),
        HERE / "explanation" / "how-gradcheck-decides.md": with_sweeps,
        HERE.parent / "README.md": with_figures,
        **{
            HERE / "images" / f"{name}.svg": lambda made=made: made().svg
            for name, made in DRAWINGS.items()
        },
        **{
            HERE / "pages" / f"{name}.html": lambda made=made: stepper_page(made())
            for name, made in PAGES.items()
        },
    }


def main() -> None:
    """Write them all."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    for path, made in pages().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(made(), encoding="utf-8")
        print(f"wrote {path.relative_to(HERE.parent)}")


if __name__ == "__main__":
    main()
