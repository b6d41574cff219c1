"""Laws of gradients: each planted fault breaks the one law that is for it, nothing right does."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_nn as tg
from tinygrad_nn.errors import CheckError
from tinygrad_nn.testing import Law, Report, Verdict, gradcheck
from tinygrad_nn.testing.adapters import problem_of
from tinygrad_nn.testing.laws import laws_of
from tinygrad_nn.testing.mutation import mutated
from tinygrad_nn.testing.problem.subject import Checked, Problem

LINEAR = "linear in the cotangent"
ZERO = "zero for a zero cotangent"
AGAIN = "the same at a second call"
FOLLOWS = "follows its inputs"
DTYPE = "in the dtype of its input"
LAYOUTS = "the same for any layout"
SINGLE = "right in float32 too"
ADJOINT = "forward mode is the adjoint"
REUSED = "adds up where an input is used twice"
ALIASED = "adds up where an input is two arguments"

X = np.array([0.5, -1.25, 2.0])
A = np.array([[0.5, -1.25, 2.0], [1.5, 0.75, -3.0]])


def broken(laws: Any) -> list[str]:
    return [law.name for law in laws if law.verdict is Verdict.FAIL]


def by_laws(problem: Problem, seed: int = 0) -> list[Law]:
    return laws_of(Checked(problem), np.random.default_rng(seed))


def squares(x: Any) -> Any:
    return x * x


def rule(g: Callable[[Any, Any], Any], f: Callable[[Any], Any] = squares, x: Any = X) -> Problem:
    return problem_of(f, (x,), g)


# ---------------------------------------------------------------- rules that are not linear
def ignoring_zeros(x: Any, c: Any) -> Any:
    """Right for one-hot cotangents: the mean over those that are not 0, times x."""
    some = c[c != 0]
    return 2 * x * np.where(c != 0, some.mean() if some.size else 0.0, 0.0)


NOT_LINEAR = {
    "abs": lambda x, c: 2 * x * np.abs(c),
    "square": lambda x, c: 2 * x * c * c,
    "relu": lambda x, c: 2 * x * np.maximum(c, 0.0),
    "clip at 1": lambda x, c: 2 * x * np.clip(c, -1.0, 1.0),
    "clip at 1e4": lambda x, c: 2 * x * np.clip(c, -1e4, 1e4),
    "small ones dropped": lambda x, c: 2 * x * np.where(np.abs(c) < 1e-4, 0.0, c),
    "sign": lambda x, c: 2 * x * np.sign(c),
    "by its norm": lambda x, c: 2 * x * c / max(float(np.linalg.norm(c)), 1e-300),
    "zeros ignored": ignoring_zeros,
    "only the largest": lambda x, c: 2 * x * np.where(np.abs(c) == np.abs(c).max(), c, 0.0),
    "wrong without zeros": lambda x, c: 2 * x * c * (1 + np.all(c != 0)),
    "one element": lambda x, c: 2 * x * np.where(np.arange(3) == 1, np.abs(c), c),
}


@pytest.mark.parametrize("g", NOT_LINEAR.values(), ids=NOT_LINEAR)
@pytest.mark.parametrize("seed", range(5))
def test_a_rule_that_is_not_linear_in_its_cotangent(g: Any, seed: int):
    assert broken(by_laws(rule(g), seed)) == [LINEAR]


@pytest.mark.parametrize("name", ["abs", "zeros ignored", "by its norm", "wrong without zeros"])
def test_what_no_element_shows(name: str):
    report = gradcheck(squares, X, grad=NOT_LINEAR[name])
    assert {e.verdict for e in report.elements} == {Verdict.PASS}
    assert report.verdict is Verdict.FAIL
    assert not gradcheck(squares, X, grad=NOT_LINEAR[name], laws=False).laws


def test_nothing_comes_of_nothing():
    assert broken(by_laws(rule(lambda x, c: 2 * x * c + 1e-9))) == [ZERO]


# ---------------------------------------------------------------- calls
class Stale:
    """Saves its input in the forward call and keeps it there until the next but one."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def grad(self, x: Any, c: Any) -> Any:
        self.seen.append(x)
        return 2 * self.seen[max(len(self.seen) - 2, 0)] * c


def test_values_that_were_saved_in_the_call_before():
    assert broken(by_laws(rule(Stale().grad))) == [AGAIN]


class StaleOrder:
    """The running maximum, whose gradient is of the order of the elements in the call before."""

    def __init__(self) -> None:
        self.before: Any = None

    def grad(self, x: Any, c: Any) -> Any:
        seen, self.before = (x if self.before is None else self.before), x
        g = np.zeros_like(x)
        np.add.at(g, [int(np.argmax(seen[: k + 1])) for k in range(seen.size)], c)
        return g


def test_an_order_that_was_saved_in_the_call_before():
    problem = rule(StaleOrder().grad, np.maximum.accumulate)
    assert broken(by_laws(problem)) == [AGAIN]


@pytest.mark.parametrize("name", ["cummax", "cummin"])
def test_stale_maxima_of_ours(name: str):
    def f(x: Any) -> Any:
        return getattr(tg, name)(x, axis=0)

    with mutated(name, "stale"):
        assert broken(gradcheck(f, X).laws) == [AGAIN]
    assert gradcheck(f, X).ok


def test_an_order_that_was_saved_for_ever():
    true = problem_of(lambda x: tg.cummax(x, axis=0), (X,))
    first: list[Any] = []

    def pull(given: Any, cotangents: Any) -> Any:
        first.append(given[0].copy())
        return true.pull([first[0]], cotangents)

    stale = Problem("cummax", true.inputs, true.values, pull, remade=true.remade)
    assert FOLLOWS in broken(by_laws(stale))
    assert not broken(by_laws(true))


def test_what_has_no_value_in_another_order_is_not_asked_there():
    def rising(x: Any) -> Any:
        if (np.diff(x) <= 0).any():
            raise ValueError("unsorted")
        return np.log(np.diff(x))

    def gradient(x: Any, c: Any) -> Any:
        assert (np.diff(x) > 0).all()
        g = np.zeros_like(x)
        g[1:] += c / np.diff(x)
        g[:-1] -= c / np.diff(x)
        return g

    assert not broken(by_laws(rule(gradient, rising, np.array([0.5, 1.0, 4.0]))))


def remembered(cache: dict[str, Any]) -> Problem:
    """A function of our tensors whose gradient is for ever that of the first call."""
    true = problem_of(squares, (X,))

    def pull(given: Any, cotangents: Any) -> Any:
        first = cache.setdefault("x", given[0].copy())
        return [2 * first * cotangents[0]]

    return Problem("squares", true.inputs, true.values, pull, remade=true.remade)


def test_values_that_were_saved_for_ever():
    assert FOLLOWS in broken(by_laws(remembered({})))


def test_a_gradient_may_be_given_as_numbers():
    report = gradcheck(np.sin, np.array(0.5), grad=lambda x: 0.8775825618903728)
    assert report.verdict is Verdict.PASS


def test_a_gradient_in_fewer_digits():
    coarse = rule(lambda x, c: (2 * x * c).astype(np.float32))
    assert broken(by_laws(coarse)) == [DTYPE]
    number = problem_of(lambda x: (x * x).sum(), (X,), lambda x: (2 * x).astype(np.float32))
    assert broken(by_laws(number)) == [DTYPE]


def lost_in_a_copy(x: Any, c: Any) -> Any:
    """Written through `reshape`, which is a view only of what lies in C order."""
    g = np.zeros_like(x)
    g.reshape(-1)[:] = (2 * x * c).reshape(-1)
    return g


def by_memory(x: Any, c: Any) -> Any:
    """Reads what lies in memory, in whatever order."""
    return (2 * x.ravel(order="K")).reshape(x.shape) * c


@pytest.mark.parametrize("g", [lost_in_a_copy, by_memory])
def test_a_rule_that_hangs_on_how_arrays_lie(g: Any):
    assert broken(by_laws(rule(g, x=A))) == [LAYOUTS]


def test_a_function_that_hangs_on_how_arrays_lie():
    def f(x: Any) -> Any:
        return x.ravel(order="K") ** 2

    laws = by_laws(rule(lambda x, c: 2 * x * c.reshape(x.shape), f, A))
    assert broken(laws) == [LAYOUTS]


@pytest.mark.parametrize(
    "slip",
    [
        lambda x: 1.01 if x.dtype == np.float32 else 1.0,
        lambda x: -1.0 if x.dtype == np.float32 else 1.0,
        lambda x: np.where(np.arange(3) == 2, 1.0 + 0.1 * (x.dtype == np.float32), 1.0),
    ],
)
def test_wrong_only_in_float32(slip: Any):
    assert broken(by_laws(rule(lambda x, c: (2 * x * c * slip(x)).astype(x.dtype)))) == [SINGLE]


def test_wrong_only_in_float64():
    def g(x: Any, c: Any) -> Any:
        return 2 * x * c * (1.05 if x.dtype == np.float64 else 1)

    assert broken(by_laws(rule(g, x=X.astype(np.float32)))) == ["right in float64 too"]


# ---------------------------------------------------------------- graphs
def with_part(problem: Problem, **parts: Any) -> Problem:
    fields = {k: getattr(problem, k) for k in problem.__dataclass_fields__}
    return Problem(**{**fields, **parts})


def test_a_forward_mode_that_is_wrong_in_one_element():
    right = problem_of(tg.exp, (X,))

    def push(given: Any, tangents: Any) -> Any:
        return [np.exp(given[0]) * tangents[0] * [1.0, 1.0, 1.001]]

    assert broken(by_laws(with_part(right, push=push))) == [ADJOINT]


def halved(right: Problem, inputs: int) -> Problem:
    """An engine that loses half of the gradient where a leaf is used twice."""

    def remade(around: Any, kept: Any) -> Problem:
        true = right.remade(around, kept)
        if len(kept) != inputs:
            return true
        return with_part(true, pull=lambda xs, cs: [g / 2 for g in true.pull(xs, cs)])

    return with_part(right, remade=remade)


def test_a_gradient_that_does_not_add_up():
    assert broken(by_laws(halved(problem_of(squares, (X,)), inputs=1))) == [REUSED]


def test_a_leaf_that_is_two_arguments():
    right = problem_of(lambda x, y: x * x + 3 * tg.sin(y), (X, X + 0.25))
    assert ALIASED in [law.name for law in by_laws(right)]
    assert broken(by_laws(halved(right, inputs=1))) == [ALIASED]


def test_saved_values_on_an_object_of_torch():
    torch = pytest.importorskip("torch")

    class Square(torch.autograd.Function):
        saved: Any = None

        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            Square.saved = x.clone()
            return x * x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return 2 * Square.saved * g

    laws = gradcheck(Square.apply, torch.tensor(X)).laws
    assert broken(laws) == [REUSED]


# ---------------------------------------------------------------- right, but nasty
def noisy(x: Any) -> Any:
    return x * x + 1e-9 * np.sin(1e9 * x)


def logsumexp(x: Any) -> Any:
    top = x.max()
    return top + np.log(np.exp(x - top).sum())


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max())
    return e / e.sum()


def softmax_rule(x: Any, c: Any) -> Any:
    y = softmax(x)
    return y * (c - (y * c).sum())


def cancelled(x: Any) -> Any:
    return (x + 1e8) - 1e8


def exprel_rule(x: Any, c: Any) -> Any:
    return c * (x * np.exp(x) - np.expm1(x)) / x**2


HILBERT = 1 / (np.arange(5)[:, None] + np.arange(5) + 1.0)


def solve_rule(a: Any, b: Any, c: Any) -> Any:
    z = np.linalg.solve(a.T, c)
    return -np.outer(z, np.linalg.solve(a, b)), z


NASTY: dict[str, tuple[Any, tuple[Any, ...], Any]] = {
    "noise": (noisy, (X,), lambda x, c: 2 * x * c),
    "float32": (np.exp, (X.astype(np.float32),), lambda x, c: np.exp(x) * c),
    "float16": (squares, (X.astype(np.float16),), lambda x, c: 2 * x * c),
    "kink": (np.abs, (np.array([0.0, 1.0, -1.0]),), lambda x, c: np.sign(x) * c),
    "huge": (lambda x: 1e200 * x * x, (X,), lambda x, c: 2e200 * x * c),
    "tiny": (lambda x: 1e-200 * x * x, (X,), lambda x, c: 2e-200 * x * c),
    "huge inputs": (squares, (X * 1e150,), lambda x, c: 2 * x * c),
    "mixed sizes": (squares, (np.array([1e-100, 1.0, 1e100]),), lambda x, c: 2 * x * c),
    "subnormal": (lambda x: x * 1e-310, (X,), lambda x, c: c * 1e-310),
    "near overflow": (lambda x: x * 1e305, (X,), lambda x, c: c * 1e305),
    "empty": (squares, (np.zeros((0, 3)),), lambda x, c: 2 * x * c),
    "empty output": (lambda x: x[:0], (X,), lambda x, c: np.zeros(3)),
    "0-d": (np.sin, (np.array(0.5),), np.cos),
    "0-d of an array": (np.sum, (A,), np.ones_like),
    "broadcast": (
        lambda x, y: x * y,
        (A, np.array([[2.0], [0.5]])),
        lambda x, y, c: (c * y, (c * x).sum(axis=1, keepdims=True)),
    ),
    "cancellation": (cancelled, (X,), lambda x, c: c * 1.0),
    "softmax": (softmax, (X * 10,), softmax_rule),
    "nothing but rounding": (
        lambda x: np.sin(x) ** 2 + np.cos(x) ** 2,
        (X,),
        lambda x, c: c * (2 * np.sin(x) * np.cos(x) - 2 * np.cos(x) * np.sin(x)),
    ),
    "ill-conditioned": (np.linalg.solve, (HILBERT, np.arange(5.0)), solve_rule),
    "unstable in float32": (lambda x: np.expm1(x) / x, (X / 64,), exprel_rule),
    "infinite slope": (
        np.sqrt,
        (np.array([0.0, 1.0]),),
        lambda x, c: c / (2 * np.sqrt(x)),
    ),
    "integers too": (lambda x: (x, x > 0), (X,), lambda x, c, _: c * 1.0),
    "integer gradient": (np.sum, (X,), lambda x: np.ones(3, int)),
    "Fortran order": (squares, (np.asfortranarray(A),), lambda x, c: 2 * x * c),
    "saves memory": (np.tanh, (X,), lambda x, c: np.multiply(c, 1 - np.tanh(x) ** 2, out=c)),
}


@pytest.mark.parametrize("case", NASTY.values(), ids=NASTY)
@pytest.mark.parametrize("seed", range(5))
def test_no_alarm_for_what_is_right(case: Any, seed: int):
    f, inputs, g = case
    with np.errstate(all="ignore"):
        assert broken(by_laws(problem_of(f, inputs, g), seed)) == []


def test_a_random_function_is_refused_as_such():
    rng = np.random.default_rng(0)
    with pytest.raises(CheckError, match="random"):
        gradcheck(lambda x: x * rng.random(3), X, grad=lambda x, c: c)


def test_laws_that_cannot_be_tried_are_left_out():
    names = [law.name for law in gradcheck(np.sin, np.array(0.5), grad=np.cos).laws]
    assert not {LAYOUTS, ADJOINT, REUSED, ALIASED, FOLLOWS, LINEAR, ZERO} & set(names)
    half = gradcheck(squares, X.astype(np.float16), grad=lambda x, c: 2 * x * c).laws
    assert not [law for law in half if law.name.startswith("right in")]


def test_read_only_arrays_may_be_refused():
    def g(x: Any, c: Any) -> Any:
        x *= 2
        return x * c

    report = gradcheck(squares, X, grad=g)
    assert LAYOUTS not in [law.name for law in report.laws]


def test_every_law_is_tried_on_tensors():
    report = gradcheck(lambda x, y: tg.exp(x) * y, A, A + 1)
    found = {law.name for law in report.laws}
    everything = {LINEAR, ZERO, AGAIN, FOLLOWS, DTYPE, LAYOUTS, SINGLE, ADJOINT, REUSED, ALIASED}
    assert found == everything
    assert report.verdict is Verdict.PASS


def test_the_laws_cost_few_calls():
    def pulls(laws: bool) -> Report:
        return gradcheck(lambda x, y: tg.exp(x) * y, A, A + 1, laws=laws)

    assert pulls(True).pulls - pulls(False).pulls <= 19
    assert pulls(True).calls - pulls(False).calls <= 40


def test_a_broken_law_says_what_was_got():
    (law,) = [x for x in by_laws(rule(NOT_LINEAR["abs"])) if x.verdict is Verdict.FAIL]
    assert "input 0" in law.text and "got" in law.text and "expected" in law.text


def test_second_order_has_the_same_laws():
    report = gradcheck(lambda x, y: tg.sin(x) * y, X, X + 1, order=2)
    assert report.verdict is Verdict.PASS
    assert not broken(report.laws)
    assert len([law for law in report.laws if law.name == LINEAR]) == 2


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 2**32 - 1),
    st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4)),
    st.sampled_from([np.float64, np.float32]),
    st.integers(-60, 60),
)
def test_matrix_products_of_any_shape_and_size(seed: int, sizes: Any, dtype: Any, power: int):
    rng = np.random.default_rng(seed)
    n, m, k = sizes
    a = (rng.standard_normal((n, m)) * 2.0**power).astype(dtype)
    b = rng.standard_normal((m, k)).astype(dtype)
    problem = problem_of(lambda a, b: a @ b, (a, b), lambda a, b, c: (c @ b.T, a.T @ c))
    assert broken(by_laws(problem, seed)) == []


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.sampled_from(sorted(NOT_LINEAR)), st.integers(2, 40))
def test_a_mixed_rule_that_is_not_linear(seed: int, name: str, size: int):
    """Where every element of the gradient hangs on every cotangent."""
    rng = np.random.default_rng(seed)
    w = rng.uniform(0.5, 1.5, (size, 3)) * rng.choice([-1.0, 1.0], (size, 3))
    if name in ("one element", "small ones dropped"):
        return  # of which nothing is seen in a sum with large ones

    def g(x: Any, c: Any) -> Any:
        return NOT_LINEAR[name](np.full(size, 0.5), c) @ w

    problem = problem_of(lambda x: w @ x, (X,), g)
    assert LINEAR in broken(by_laws(problem, seed))


def test_what_cancels_breaks_no_law() -> None:
    """Gradients of 1e-13 and less, which are differences of numbers as large as the values."""
    torch = pytest.importorskip("torch")
    scores = torch.tensor([30.0, 0.0, 1.0], dtype=torch.float64)
    for f, x in (
        (lambda z: torch.softmax(z, 0), scores),
        (lambda z: torch.nn.functional.cross_entropy(z[None], torch.tensor([0])), scores),
        (lambda x: x.log().exp() - x, torch.tensor([1.1, 2.3, 4.0], dtype=torch.float64)),
        (lambda x: torch.tanh(x.float() * 1.7).double(), scores / 30),
    ):
        report = gradcheck(f, x)
        assert report.ok, report
    assert gradcheck(lambda z: tg.softmax(z, 0), np.array([30.0, 0.0, 1.0])).ok
