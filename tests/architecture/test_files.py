"""Every file of the package is short, and free of what hides faults."""

import ast
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.architecture.paths import PACKAGE, ROOT
from tests.architecture.source_rules import Rule, dynamic_code, late_imports, silent_handlers

LINES_MAX = 400
WRITTEN_BY_HAND = {".css", ".html", ".js", ".md", ".py"}
# Files that may break a rule, as paths below the root. An entry needs a decision record.
ALLOWED: dict[Rule, frozenset[str]] = {
    # Its own text: names that it makes and numbers, never what a user wrote.
    dynamic_code: frozenset({"tinygrad_nn/compiler/source.py"}),
    # pytest loads it in every run; who asks for the fixture loads the rest.
    late_imports: frozenset({"tinygrad_nn/testing/entry/tinygrad_nn_pytest.py"}),
    silent_handlers: frozenset(),
}


def overlong(root: Path) -> list[str]:
    files = (file for file in sorted(root.rglob("*")) if file.suffix in WRITTEN_BY_HAND)
    sizes = ((file, len(file.read_text("utf-8").splitlines())) for file in files)
    return [f"{file}: {lines} lines" for file, lines in sizes if lines > LINES_MAX]


def breaches(rules: Iterable[Rule], root: Path) -> dict[Rule, dict[str, list[str]]]:
    """What breaks each rule in the Python files below `root`, by path below root's parent."""
    found: dict[Rule, dict[str, list[str]]] = {rule: {} for rule in rules}
    for file in sorted(root.rglob("*.py")):
        # Once for all rules: to parse takes most of the time.
        tree = ast.parse(file.read_bytes(), str(file))
        for rule, broken in found.items():
            if lines := [f"line {line}: {text}" for line, text in rule(tree)]:
                broken[file.relative_to(root.parent).as_posix()] = lines
    return found


def test_no_file_is_too_long():
    assert not (found := overlong(PACKAGE)), f"over {LINES_MAX} lines, to be split: {found}"


def test_no_file_breaks_a_rule():
    assert any(PACKAGE.rglob("*.py")), f"found no source below {PACKAGE}"
    wrong = []
    for rule, found in breaches(ALLOWED, PACKAGE).items():
        refused = {path: lines for path, lines in found.items() if path not in ALLOWED[rule]}
        stale = ALLOWED[rule] - found.keys()
        if refused:
            wrong.append(f"{rule.__doc__} {refused}")
        if stale:
            wrong.append(f"{rule.__name__}: no longer needs to be allowed: {stale}")
        assert all((ROOT / path).is_file() for path in ALLOWED[rule])
    assert not wrong, "\n".join(wrong)


# ------------------------------------------------------------- the checks see a planted fault
GUILTY = [
    (late_imports, "def f():\n    import tinygrad_nn.nn"),
    (late_imports, "def f():\n    from tinygrad_nn import ops"),
    (late_imports, "class A:\n    async def f(self):\n        from . import ops"),
    (late_imports, "def f():\n    return importlib.import_module('tinygrad_nn.viz')"),
    (late_imports, "f = lambda: import_module('.viz', __package__)"),
    (silent_handlers, "try:\n    f()\nexcept:\n    pass"),
    (silent_handlers, "try:\n    f()\nexcept ValueError:\n    ..."),
    (silent_handlers, "for x in y:\n    try:\n        f()\n    except OSError:\n        continue"),
    (silent_handlers, "with contextlib.suppress(Exception):\n    f()"),
    (dynamic_code, "exec(text)"),
    (dynamic_code, "run = eval"),
    (dynamic_code, "import builtins\nbuiltins.exec(text)"),
    (dynamic_code, "from builtins import eval as e"),
    (dynamic_code, "import pickle"),
    (dynamic_code, "def f():\n    from pickle import loads"),
    (dynamic_code, "np.load(file, allow_pickle=True)"),
]
INNOCENT = [
    (late_imports, "from tinygrad_nn import ops\nimport tinygrad_nn.nn"),
    (late_imports, "def f():\n    import graphviz\n    import_module('graphviz')"),
    (silent_handlers, "try:\n    f()\nexcept KeyError:\n    raise ValueError from None"),
    (silent_handlers, "with suppress(KeyError):\n    f()"),
    (dynamic_code, "class M:\n    def eval(self): ...\nmodel.eval()\nself.exec = 1"),
    (dynamic_code, "np.load(file, allow_pickle=False)"),
]


@pytest.mark.parametrize(("rule", "source"), GUILTY)
def test_a_planted_breach_is_found(rule: Rule, source: str, tmp_path: Path):
    (tmp_path / "planted.py").write_text(source, "utf-8")
    assert len(breaches([rule], tmp_path)[rule][f"{tmp_path.name}/planted.py"]) == 1


@pytest.mark.parametrize(("rule", "source"), INNOCENT)
def test_innocent_source_passes(rule: Rule, source: str, tmp_path: Path):
    (tmp_path / "innocent.py").write_text(source, "utf-8")
    assert breaches([rule], tmp_path) == {rule: {}}


def test_a_planted_overlong_file_is_found(tmp_path: Path):
    (tmp_path / "fits.py").write_text("x = 1\n" * LINES_MAX, "utf-8")
    assert overlong(tmp_path) == []
    (tmp_path / "long.css").write_text("\n" * (LINES_MAX + 1), "utf-8")
    assert len(overlong(tmp_path)) == 1
