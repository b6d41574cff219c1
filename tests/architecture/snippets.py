"""The examples in documents and docstrings: finding them and running them."""

import ast
import doctest
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

from public_names import module_name

# An opening fence of a Markdown code block, its language and the words after it.
FENCE = re.compile(r"(?P<indent>[ >]*)(?P<fence>`{3,}|~{3,})(?P<info>[^`]*)")
PYTHON = {"py", "pycon", "python", "python3"}
NO_RUN = "no-run"
# A cell of a page that is a notebook, with options such as `:tags: [hide-input]` above its code.
CELL, KERNEL = "{code-cell}", "ipython3"
OPTION = re.compile(r":(?P<name>[\w-]+):(?P<value>.*)")
SKIPPED, RAISES = "skip-execution", "raises-exception"


@dataclass(frozen=True)
class Block:
    """A Python block of a document; `line` is that of its opening fence."""

    line: int
    source: str
    raises: bool = False  # meant to show an error


def python_blocks(text: str) -> Iterator[Block]:
    """The blocks marked as Python, but those that are also marked `no-run`; a notebook's cells.

    Raises:
        ValueError: A block is never closed, or a word after its language is unknown.
    """
    lines = iter(enumerate(text.splitlines(), start=1))
    for number, line in lines:
        if not (opening := FENCE.fullmatch(line)):
            continue
        closing = re.compile(rf"[ >]*{re.escape(opening['fence'])}{opening['fence'][0]}*\s*")
        body = []
        for _, inner in lines:
            if closing.fullmatch(inner):
                break
            body.append(inner)
        else:
            raise ValueError(f"the block opened on line {number} is never closed")
        language, *words = opening["info"].lower().split() or [""]
        if language == CELL:
            if words != [KERNEL]:
                raise ValueError(f"line {number}: unknown words after {CELL}: {words}")
            yield from cell(number, body)
            continue
        if language not in PYTHON:
            continue
        if words not in ([], [NO_RUN]):
            raise ValueError(f"line {number}: unknown words after the language: {words}")
        if not words:
            yield Block(number, textwrap.dedent("\n".join(body)))


def cell(line: int, body: list[str]) -> Iterator[Block]:
    """A cell, unless its tags say that it is only shown.

    Raises:
        ValueError: An option other than `tags`.
    """
    tags: list[str] = []
    source = list(body)
    while source and (option := OPTION.fullmatch(source[0])):
        if option["name"] != "tags":
            raise ValueError(f"line {line}: unknown option {option['name']}")
        tags = re.findall(r"[\w-]+", option["value"])
        del source[0]
        line += 1  # so that a traceback still names the line of the document
    if SKIPPED not in tags:
        yield Block(line, "\n".join(source), RAISES in tags)


def run_blocks(blocks: list[Block], path: Path) -> None:
    """Run the blocks in turn in one namespace, as one script would."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks:
        if block.source.lstrip().startswith(">>>"):
            run_examples(block.source, namespace, f"{path.name}:{block.line}", path, block.line)
        else:
            # Shifted down, so that a traceback names the line of the document.
            source = "\n" * block.line + block.source
            code = compile(source, str(path), "exec", dont_inherit=True)
            if block.raises:
                assert raises(code, namespace), f"{path.name}:{block.line} raised nothing"
            else:
                exec(code, namespace)


def raises(code: CodeType, namespace: dict[str, Any]) -> bool:
    try:
        exec(code, namespace)
    except Exception:
        return True
    return False


def run_examples(text: str, namespace: dict[str, Any], name: str, path: Path, line: int) -> None:
    """Run `>>>` examples.

    Raises:
        AssertionError: An example gave something else than what is written below it.
    """
    test = doctest.DocTestParser().get_doctest(text, namespace, name, str(path), line)
    # The runner works on a copy by itself; here later blocks are to see the names of earlier ones.
    test.globs = namespace
    report: list[str] = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    failed = runner.run(test, out=report.append, clear_globs=False).failed
    assert not failed, "".join(report)


@dataclass(frozen=True)
class Docstring:
    """A docstring with examples. Read from the source, so that no decorator can hide it."""

    module: str
    name: str
    path: Path
    line: int
    text: str


def docstrings_with_examples(package: Path) -> Iterator[Docstring]:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for file in sorted(package.rglob("*.py")):
        source = file.read_bytes()
        if b">>>" not in source:
            continue  # to parse all files would take seconds, in each process of a run
        for node in ast.walk(ast.parse(source, str(file))):
            if isinstance(node, documented) and ">>>" in (text := ast.get_docstring(node) or ""):
                name = getattr(node, "name", "module")
                line = node.body[0].lineno - 1  # doctest counts from zero
                yield Docstring(module_name(file, package), name, file, line, text)
