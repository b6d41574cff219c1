"""What the documents and docstrings show is run, and what they link to exists."""

import importlib
import importlib.util
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from itertools import groupby
from pathlib import Path

import pytest
from executed import EXECUTED

from tests.architecture.paths import PACKAGE, ROOT
from tests.architecture.snippets import (
    CELL,
    Docstring,
    docstrings_with_examples,
    python_blocks,
    run_blocks,
    run_examples,
)

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXAMPLES = {
    module: list(group)
    for module, group in groupby(docstrings_with_examples(PACKAGE), lambda d: d.module)
}
# A module that wraps one of these may fail to import where it is not installed.
EXTRAS = {
    "cupy",
    "jax",
    "matplotlib",
    "numba",
    "onnx",
    "onnxruntime",
    "safetensors",
    "sklearn",
    "torch",
}
# [text](target) and ![text](target "title"), the target not a web address or a mere anchor.
LINK = re.compile(r"\]\((?!https?:|mailto:|#)(?P<target>[^)\s#]+)[^)]*\)")

# Code has brackets followed by parentheses too: fenced blocks, and spans within a line.
CODE = re.compile(r"^[ >]*(`{3,}|~{3,}).*?^[ >]*\1|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def below_root(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Examples write their files where nobody looks, and leave no figure open for the next page."""
    monkeypatch.chdir(tmp_path)
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.mark.parametrize("path", DOCUMENTS, ids=below_root)
def test_every_python_block_runs(path: Path):
    if ran_in_the_site(path):
        pytest.skip("building the site ran it, with the package as it is now")
    with skips_without_extras(path.name):
        run_blocks(list(python_blocks(path.read_text("utf-8"))), path)


@pytest.mark.parametrize("path", DOCUMENTS, ids=below_root)
def test_every_relative_link_leads_somewhere(path: Path):
    assert dead_links(path) == []


@pytest.mark.parametrize("module", list(EXAMPLES))
def test_every_docstring_example_runs(module: str):
    run_docstrings(module, EXAMPLES[module])


def dead_links(path: Path) -> list[str]:
    targets = LINK.findall(CODE.sub("", path.read_text("utf-8")))
    return [target for target in targets if not (path.parent / target).exists()]


def ran_in_the_site(path: Path) -> bool:
    """Whether these cells were run when the site was built, later than any change of the package.

    So that CI, which builds the site before it tests, runs each page of the tutorial once.
    """
    if CELL not in path.read_text("utf-8") or not EXECUTED.exists():
        return False
    if not all(importlib.util.find_spec(name) for name in ("jupytext", "jupyter_cache")):
        return False
    jupytext = importlib.import_module("jupytext")
    cache = importlib.import_module("jupyter_cache")
    try:
        kept = cache.get_cache(EXECUTED).match_cache_notebook(jupytext.read(path))
    except KeyError:
        return False
    changed = max(file.stat().st_mtime for file in PACKAGE.rglob("*.py"))
    return bool(kept.created.replace(tzinfo=UTC).timestamp() > changed)


@contextmanager
def skips_without_extras(what: str) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in EXTRAS:
            raise
        pytest.skip(f"{what} needs {error.name}, which is not installed")


def run_docstrings(module: str, docstrings: list[Docstring]) -> None:
    with skips_without_extras(module):
        names = vars(importlib.import_module(module))
    for d in docstrings:
        run_examples(d.text, dict(names), f"{module}.{d.name}", d.path, d.line)


# ------------------------------------------------------------- the checks see a planted fault
@pytest.mark.parametrize(("missing", "skipped"), [("sklearn", True), ("sklern", False)])
def test_only_a_missing_extra_is_skipped(missing: str, skipped: bool):
    with pytest.raises(pytest.skip.Exception if skipped else ModuleNotFoundError):
        with skips_without_extras("planted"):
            raise ModuleNotFoundError(name=missing)


def blocks_of(document: str) -> list[str]:
    return [block.source for block in python_blocks(document)]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("```python\nx\n```", ["x"]),
        ("```py\nx\n```\ntext\n~~~~python\n```\ny\n~~~~", ["x", "```\ny"]),
        ("1. item\n\n   ```python\n   if x:\n       y\n   ```", ["if x:\n    y"]),
        ("```python no-run\nx\n```\n```sh\nx\n```\n```\nx\n```", []),
        ("````md\n```python\nx\n```\n````", []),
        ("```{code-cell} ipython3\n:tags: [hide-input]\n\nx\n```", ["\nx"]),
        ("```{code-cell} ipython3\n:tags: [skip-execution]\nx\n```", []),
    ],
)
def test_blocks_are_found(document: str, expected: list[str]):
    assert blocks_of(document) == expected


@pytest.mark.parametrize(
    "document",
    [
        "```python\nx",
        "```python norun\nx\n```",
        "```{code-cell} python\nx\n```",
        "```{code-cell} ipython3\n:tag: [a]\nx\n```",
    ],
)
def test_a_misspelled_block_is_refused(document: str):
    with pytest.raises(ValueError, match=r"never closed|unknown words|unknown option"):
        blocks_of(document)


def run_document(text: str, folder: Path) -> None:
    path = folder / "planted.md"
    path.write_text(text, "utf-8")
    run_blocks(list(python_blocks(text)), path)


def test_blocks_of_a_document_share_names_whatever_their_style(tmp_path: Path):
    blocks = ["python\nx = 1", "pycon\n>>> x + 1\n2\n>>> y = 3", "python\nassert y == 3"]
    run_document("".join(f"```{block}\n```\n" for block in blocks), tmp_path)


@pytest.mark.parametrize(
    "opening", ["python\nx = 1", "{code-cell} ipython3\n:tags: [remove-output]"]
)
def test_a_planted_wrong_block_is_found_at_its_line(opening: str, tmp_path: Path):
    with pytest.raises(AssertionError) as caught:
        run_document(f"text\n\n```{opening}\nassert 1 == 2\n```", tmp_path)
    assert caught.traceback[-1].lineno == 5 - 1  # pytest counts lines from zero


def test_a_cell_that_is_to_raise_has_to(tmp_path: Path):
    opening = "```{code-cell} ipython3\n:tags: [raises-exception]\n"
    run_document(f"{opening}1 / 0\n```", tmp_path)
    with pytest.raises(AssertionError, match=r"planted\.md:2 raised nothing"):
        run_document(f"{opening}1 / 1\n```", tmp_path)


def test_a_planted_wrong_answer_is_found(tmp_path: Path):
    with pytest.raises(AssertionError, match=r"Expected:\s+3\s+Got:\s+2"):
        run_document("```python\n>>> 1 + 1\n3\n```", tmp_path)


def test_a_planted_dead_link_is_found(tmp_path: Path):
    path = tmp_path / "planted.md"
    dead = "[b](gone.md) ![c](no.svg 'C')"
    path.write_text(
        f"[a](planted.md#top) {dead} [d](https://x.org) [e](#f) `[g](h)`\n```\nf[0](x)\n```"
    )
    assert dead_links(path) == ["gone.md", "no.svg"]


WRONG_DOCSTRING = """
def op(function):
    return 7

@op
def tanh(x):
    '''Not a function once decorated.

    >>> tanh
    8
    '''
"""


def test_a_planted_wrong_docstring_is_found_behind_any_decorator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    package = tmp_path / "planted_package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "rules.py").write_text(WRONG_DOCSTRING, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    (docstring,) = docstrings_with_examples(package)
    with pytest.raises(
        AssertionError, match=r"line 9, in planted_package\.rules\.tanh\n"
    ) as caught:
        run_docstrings(docstring.module, [docstring])
    assert "Got:\n    7" in str(caught.value)
