"""Formulas against judges: SymPy reads the LaTeX, an XML parser the MathML."""

import math
import re
import warnings
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tinygrad_nn as tg
from tests.viz.graphs import names, values
from tinygrad_nn.viz.explain.formula import LINES, PIECE, Formula
from tinygrad_nn.viz.explain.why import explain
from tinygrad_nn.viz.notation.expression import Call, Expr, Number, Symbol
from tinygrad_nn.viz.notation.typeset import latex, mathml
from tinygrad_nn.viz.trace.model import Role
from tinygrad_nn.viz.trace.recorder import record

LETTERS = "abcdfhklmpqrstuvwxz"


def running_example() -> tuple[tg.Value, tg.Value]:
    a, b, c, f = (
        tg.Value(v, name=n) for v, n in ((2.0, "a"), (-3.0, "b"), (6.5, "c"), (-2.0, "f"))
    )
    loss = ((a * b + c) * f).tanh() + a**2
    loss.name = "L"
    return a, loss


def test_the_running_example_reads_as_it_was_written():
    a, loss = running_example()
    got = explain(a, of=loss)
    assert str(got.formula) == "L = tanh((a · b + c) · f) + a²"
    assert str(got.derivative) == "∂L/∂a = 2 · a + (1 − tanh((a · b + c) · f)²) · f · b"
    assert got.formula is not None
    assert got.formula.latex == (
        r"L = \tanh\left(\left(a \cdot b + c\right) \cdot f\right) + {a}^{2}"
    )


# ── Their numbers ───────────────────────────────────────────────────────────────────────


def number(x: Expr, words: dict[str, float]) -> float:  # noqa: PLR0911  (a case for each sign)
    """A formula computed with Python's own functions."""
    if isinstance(x, Number):
        return x.value
    if isinstance(x, Symbol) or x.op == "∂":
        return words[_key(x)]
    args = [number(a, words) for a in x.args]
    match x.op, args:
        case "add", [a, b]:
            return a + b
        case "subtract", [a, b]:
            return a - b
        case "multiply", [a, b]:
            return a * b
        case "divide", [a, b]:
            return a / b
        case "pow", [a, b]:
            return float(a**b)
        case "negative", [a]:
            return -a
        case "tanh", [a]:
            return math.tanh(a)
    raise AssertionError(x.op)


def _key(x: Expr) -> str:
    return x.name if isinstance(x, Symbol) else "∂" + "/".join(map(_key, x.args))  # type: ignore[union-attr]


def worked_out(formula: Formula, words: dict[str, float]) -> float:
    """The first line's number; each name is worked out after those that it needs."""
    assert not formula.left_out
    todo = dict(enumerate(formula.lines))
    known = dict(words)
    while todo:
        before = len(todo)
        for i, line in list(todo.items()):
            try:
                known[_key(line.left)] = number(line.right, known)
            except KeyError:
                continue
            del todo[i]
        assert len(todo) < before, "lines need one another in a circle"
    return known[_key(formula.lines[0].left)]


def lettered(root: tg.Value) -> dict[str, float]:
    """Gives each leaf a letter of its own; their numbers."""
    found = {}
    for i, n in enumerate(n for n in tg.reverse_order(root) if n.is_leaf):
        n.name = LETTERS[i]
        found[LETTERS[i]] = n.data
    root.name = "y"
    return found


@given(root=values())
@settings(deadline=None)
def test_formulas_have_the_numbers_of_the_graph(root: tg.Value):
    words = lettered(root)
    trace = record(root, backward=True)
    for leaf in [r for r in trace.records if r.role is Role.INPUT]:
        got = explain(leaf.name, of=trace)
        assert got.formula is not None
        assert got.derivative is not None
        if got.formula.left_out or got.derivative.left_out:
            continue
        assert math.isclose(worked_out(got.formula, words), root.data, rel_tol=1e-6, abs_tol=1e-9)
        slope = worked_out(got.derivative, words)
        size = max([abs(r.product) for r in got.paths])
        assert math.isclose(slope, got.gradient, rel_tol=1e-6, abs_tol=1e-6 * size + 1e-12)


@given(root=values())
@settings(deadline=None, suppress_health_check=list(HealthCheck))
def test_sympy_reads_the_latex_as_the_same_number(root: tg.Value):
    parse = sympy_parser()
    words = lettered(root)
    trace = record(root, backward=True)
    leaf = next(r for r in trace.records if r.role is Role.INPUT)
    got = explain(leaf.name, of=trace)
    for formula, want in ((got.formula, root.data), (got.derivative, got.gradient)):
        assert formula is not None
        if len(formula.lines) > 1 or formula.left_out:
            continue
        read = parse(latex(formula.lines[0].right))
        value = float(read.evalf(subs={str(s): words[str(s)] for s in read.free_symbols}))
        size = max([abs(r.product) for r in got.paths])
        assert math.isclose(value, want, rel_tol=1e-5, abs_tol=1e-6 * size + 1e-9), latex(
            formula.lines[0].right
        )


def sympy_parser() -> Any:
    reason = "reads LaTeX back: pip install sympy 'antlr4-python3-runtime==4.11.*'"
    parsing = pytest.importorskip("sympy.parsing.latex", reason=reason)
    pytest.importorskip("antlr4", reason=reason)

    def parse(text: str) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # SymPy's own
            return parsing.parse_latex(text)

    return parse


# ── Their languages ─────────────────────────────────────────────────────────────────────


@given(root=values(names=names))
@settings(deadline=None, suppress_health_check=list(HealthCheck))
def test_any_name_leaves_both_languages_well_formed(root: tg.Value):
    trace = record(root, backward=True)
    leaf = next(r for r in trace.records if r.role is Role.INPUT)
    got = explain(leaf.name, of=trace)
    for formula in (got.formula, got.derivative):
        assert formula is not None
        ElementTree.fromstring(formula.mathml)
        check_latex(formula.latex)


def check_latex(text: str) -> None:
    """Braces in pairs, nothing special outside of a command, and known commands only."""
    bare = re.sub(r"\\[{}$&#_%\\ ,]", "", text.replace("\\\\\n", "\n"))
    depth = 0
    for c in bare:
        depth += (c == "{") - (c == "}")
        assert depth >= 0
    assert not depth
    assert not re.search(r"[$#%~]", bare)
    assert text.isprintable() or set(c for c in text if not c.isprintable()) <= {"\n"}
    commands = set(re.findall(r"\\([A-Za-z]+)", text))
    assert commands <= {
        "frac", "partial", "cdot", "left", "right", "tanh", "mathrm", "text", "times", "infty",
        "begin", "end", "backslash", "wedge", "sim", "operatorname", "sqrt",
    }  # fmt: skip
    assert "&" not in re.sub(r"&=|& \\mathrm", "", bare)


@pytest.mark.parametrize("bad", ["\\input{x}", "}{", "$", "a_b", "x^y", "%", "<b>&", "#", "~", "'"])
def test_a_planted_name_is_escaped(bad: str):
    check_latex(latex(Call("tanh", (Symbol(bad),))))
    check_latex(latex(Call(bad, (Symbol("x"),), (bad,))))
    tree = ElementTree.fromstring(f"<m>{mathml(Call(bad, (Symbol(bad),), (bad,)))}</m>")
    assert "".join(tree.itertext()).count(bad) >= 2


def test_an_operation_without_an_entry_is_a_function_of_its_name():
    x = Call("brand_new", (Symbol("a"), Number(2.0)), ("axis=1",))
    assert latex(x) == r"\operatorname{brand\_new}\left(a, 2, \mathrm{axis=1}\right)"
    assert "<mi>brand_new</mi>" in mathml(x)


@given(root=values(), deep=st.integers(1, 400))
@settings(deadline=None, max_examples=10)
def test_the_size_is_bounded_however_deep_the_graph(root: tg.Value, deep: int):
    y = root
    for _ in range(deep):
        y = y * root + y.tanh()
    trace = record(y, backward=True)
    leaf = next(r for r in trace.records if r.role is Role.INPUT)
    got = explain(leaf.name, of=trace)
    for formula in (got.formula, got.derivative):
        assert formula is not None
        assert len(formula.lines) <= LINES
        assert len(formula.latex) < 60 * PIECE * LINES
        if formula.left_out:
            assert str(formula.left_out) in formula.latex
            assert str(formula.left_out) in formula.mathml
            assert str(formula.left_out) in str(formula)
        check_latex(formula.latex)
        ElementTree.fromstring(formula.mathml)
