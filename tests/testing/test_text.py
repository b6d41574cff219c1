"""What a report says, and that the test it ends with fails in the same way."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from tests.cli.process import ENVIRONMENT
from tests.extents import share, twofold
from tinygrad_nn.testing import Element, GradcheckError, Law, Report, Verdict, gradcheck
from tinygrad_nn.testing.reports.hints import hints
from tinygrad_nn.testing.reports.map import map_of
from tinygrad_nn.testing.reports.paste import literal
from tinygrad_nn.testing.reports.text import shown

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 4))
SQUARE = RNG.normal(size=(3, 3))
SCALE = 2.0


def scaled(x):
    return SCALE * np.sin(x)


def product(x, y):
    return scaled(x) * y


def wrong(x, y, c):
    return SCALE * np.cos(x) * y * c, -scaled(x) * c


def failing(f, *inputs, **options) -> Report:
    report = gradcheck(f, *inputs, **options)
    assert not report.ok
    lines = str(report).partition("A test that")[0].split("\n")[1:]
    assert all(len(line) <= 100 or ".py:" in line for line in lines), lines
    return report


# ── Lines ───────────────────────────────────────────────────────────────────────────────


def test_a_right_gradient_is_one_line():
    report = gradcheck(np.sin, X, grad=lambda x, c: c * np.cos(x))
    assert str(report).count("\n") == 0
    assert str(report).startswith("gradcheck sin: pass, 144 elements: 144 pass")
    assert repr(report) == f"<{report}>"
    report.assert_ok()


def test_kinks_are_counted():
    report = gradcheck(np.abs, np.array([0.0, 1.0]), grad=lambda x, c: c * np.sign(x))
    assert str(report).startswith("gradcheck absolute: kink, 4 elements: 3 pass, 1 kink")


def test_a_failure_names_function_line_element_values():
    report = failing(product, X, X + 1, grad=wrong)
    text = str(report)
    assert f"function: product, {__file__}:" in text
    assert f"gradient: wrong, {__file__}:" in text
    assert f"checked: {__file__}:" in text
    assert "d output[0, 0] / d y[0, 0]" in text
    assert "ratio -1, 9e+15 ulp" in text
    assert "and 2 more: 2 fail" in text
    assert "wrong in y [3, 4]: every element" in text
    assert "hint: minus the slope: the sign is wrong" in text
    with pytest.raises(GradcheckError, match="product: FAIL"):
        report.assert_ok()


def test_laws_notes_reasons_and_sides_are_told():
    elements = [
        Element(Verdict.FAIL, 2.0, 0.0, 1.0, "beyond the sides", -1.0, 1.0, index=(0,)),
        Element(Verdict.INCONCLUSIVE, 1.0, 2.0, 5.0, "drowns in noise", index=(1,)),
        Element(Verdict.INCONCLUSIVE, np.nan, why="timed out"),
    ]
    laws = [Law("linear in the cotangent", Verdict.FAIL, "got 1, expected 2")]
    notes = ("f wrote into input 0",)
    text = str(Report("f", elements, laws, notes=notes, shapes=((2,),), output_shapes=((),)))
    assert "slope -1 on the left, 1 on the right" in text
    assert "beyond the sides" in text and "drowns in noise" in text
    assert "law broken: linear in the cotangent: got 1, expected 2" in text
    assert "note: f wrote into input 0" in text
    assert "nan" not in text and "inconclusive  timed out" in text


def test_too_much_inconclusive_says_so():
    elements = [Element(Verdict.INCONCLUSIVE, 1.0, 2.0, 5.0, "noise")]
    assert "TOO MUCH IS INCONCLUSIVE (cap 0.03)" in str(Report("f", elements))


def test_the_worst_come_first():
    elements = [Element(Verdict.FAIL, 1.0 + 0.01 * n, 1.0, 1e-9, index=(n,)) for n in range(1, 50)]
    text = str(Report("f", elements, shapes=((50,),), output_shapes=((),)))
    assert text.index("input 0[49]") < text.index("input 0[48]")
    assert "and 39 more: 39 fail" in text


def test_directions_are_named_as_such():
    element = Element(Verdict.FAIL, 1.0, 2.0, 1e-9, output_index=(3,))
    text = str(Report("f", [element], dense=False, shapes=((9,),), output_shapes=((9,),)))
    assert "d output[3] along a direction through all inputs" in text


@given(st.floats(allow_nan=False, allow_infinity=False, width=64), st.floats(-1, 1))
def test_two_numbers_that_differ_are_shown_to_differ(a: float, part: float):
    b = a * (1 + part * 1e-9)
    assert (shown(a, b) == shown(b, a)) <= (abs(a - b) <= 1e-15 * abs(a))


def test_as_json():
    report = failing(product, X, X + 1, grad=wrong)
    found = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert found["verdict"] == "fail" and not found["ok"] and found["counts"]["fail"] == 12
    (first, *_) = [e for e in found["elements"] if e["verdict"] == "fail"]
    assert first["input"] == 1 and first["index"] == first["output_index"] == [0, 0]
    assert found["inputs"] == ["x", "y"]
    flat = Report("f", [Element(Verdict.INCONCLUSIVE, np.nan)]).to_dict()
    assert flat["elements"][0]["analytic"] is None


# ── Hints and the map ───────────────────────────────────────────────────────────────────


def weighted(x):
    return (np.arange(1.0, 1 + x.size).reshape(x.shape) * x * x).sum()


def right(x):
    return 2 * np.arange(1.0, 1 + x.size).reshape(x.shape) * x


PLANTED = {
    "the sign is wrong": lambda x: -right(x),
    "a term is missing": lambda x: 0 * x,
    "a factor 2 is missing": lambda x: right(x) / 2,
    "a factor 5 too much": lambda x: 5 * right(x),
    "3 is the length of axis 0 of x": lambda x: right(x) / 3,
    "9 is the number of elements of x": lambda x: 9 * right(x),
    "1.01 times the slope": lambda x: 1.01 * right(x),
    "transposed": lambda x: right(x).T,
    "in reverse order along axis 1": lambda x: right(x)[:, ::-1],
    "shifted by one along axis 0": lambda x: np.roll(right(x), 1, 0),
    "summed along axis 1": lambda x: right(x).sum(1, keepdims=True) + 0 * x,
    "the mean along axis 0": lambda x: right(x).mean(0, keepdims=True) + 0 * x,
    "before it": lambda x: right(x).cumsum(1),
    "a factor too many: the input": lambda x: right(x) * x,
    "a factor is missing: the input": lambda x: right(x) / x,
    "off by the same": lambda x: right(x) + 0.5,
    "the gradient is nan": lambda x: right(x) * np.nan,
}


@pytest.mark.parametrize("words", list(PLANTED))
def test_a_plain_fault_is_recognised(words: str):
    found = hints(failing(weighted, SQUARE, grad=PLANTED[words]))
    assert any(words in hint for hint in found), found


def test_exchanged_gradients_are_recognised():
    def grads(x, y):
        return right(y), right(x)

    report = failing(lambda x, y: weighted(x) + weighted(y), SQUARE, SQUARE + 1, grad=grads)
    assert "the gradients of x and y are exchanged" in hints(report)


def test_a_transposed_jacobian_is_recognised():
    a = RNG.normal(size=(4, 4))
    report = failing(lambda x: a @ x, X[0], grad=lambda x, c: a @ c)
    assert any("transposed Jacobian" in hint for hint in hints(report))


def test_a_gradient_of_nothing_is_recognised():
    report = failing(lambda x: x[0] * 1.0, X[0], grad=lambda x: np.ones(4))
    assert any("it must be 0" in hint for hint in hints(report))


@twofold
@share(100)
@given(st.integers(0, 2**32))
def test_a_gradient_that_is_off_at_random_gets_no_hint(seed: int):
    factors = np.random.default_rng(seed).uniform(1.1, 1.9, SQUARE.shape)
    report = failing(weighted, SQUARE, grad=lambda x: factors * right(x))
    assert hints(report) == []


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (np.s_[1], "all of [1, :]"),
        (np.s_[:, 2], "all of [:, 2]"),
        (np.s_[[0, 2]], "all of [[0, 2], :]"),
        (np.diag_indices(3), "the diagonal, and nothing else"),
        (np.triu_indices(3, 1), "all above the diagonal"),
        (np.s_[1, 2], "1 of 9"),
        (np.s_[:], "every element"),
    ],
)
def test_where_the_wrong_ones_lie(at, words: str):
    off = np.ones((3, 3))
    off[at] = 1.5
    first, *rows = map_of(failing(weighted, SQUARE, grad=lambda x: off * right(x)))
    assert words in first
    drawn = [[letter == "X" for letter in row.split()] for row in rows]
    assert np.array_equal(drawn, off == 1.5)


# ── The test to be pasted ───────────────────────────────────────────────────────────────


@given(npst.arrays(
    st.sampled_from([np.float64, np.float32, np.float16, np.int32, np.int64, np.bool_]),
    npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
), st.booleans())  # fmt: skip
def test_a_literal_is_the_array_to_the_last_bit(x, fortran: bool):
    x = np.asarray(x, order="F" if fortran else "C")
    made = eval(literal(x), {"np": np})
    assert made.dtype == x.dtype and made.shape == x.shape and made.strides == x.strides
    same = np.isnan(x) if x.dtype.kind == "f" else np.zeros(x.shape, bool)
    assert np.all(same | (made == x))
    assert np.where(same, 0, made).tobytes() == np.where(same, 0, x).tobytes()


RUN = """
import test_pasted
for name, test in vars(test_pasted).items():
    if name.startswith("test_"):
        test()
"""


def pasted(report: Report, folder: Path) -> str:
    """What the pasted test says, in a process of its own."""
    text = str(report).partition("A test that fails in the same way:\n\n")[2]
    (folder / "test_pasted.py").write_text(text, "utf-8")
    done = subprocess.run(
        [sys.executable, "-c", RUN], cwd=folder, env=ENVIRONMENT, capture_output=True,
        encoding="utf-8", timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1, text + done.stdout + done.stderr
    return done.stderr


def fails_alike(report: Report, folder: Path) -> None:
    said = pasted(report, folder)
    lines = [line.strip() for line in str(report).partition("looked at")[0].split("\n")[1:]]
    of_values = [s for s in lines if s.startswith(("fail", "gradient ", "ratio", "wrong in"))]
    assert of_values
    assert all(line in said for line in of_values if not line.startswith("gradient:")), said


def test_pasted_with_functions_of_a_module(tmp_path: Path):
    report = failing(product, X.astype(np.float32), X.T.copy().T + 1, grad=wrong)
    assert f"from {__name__} import product, wrong" in str(report)
    fails_alike(report, tmp_path)


def test_pasted_with_functions_that_no_import_brings(tmp_path: Path):
    factor = 3.0

    def inner(x):
        return scaled(x) * factor

    report = failing(inner, X[0], seed=7, tolerance=1e-5, grad=lambda x, c: factor * np.cos(x) * c)
    assert "seed=7" in str(report) and "tolerance=1e-05" in str(report)
    fails_alike(report, tmp_path)


def test_pasted_with_one_of_two_lambdas_on_a_line(tmp_path: Path):
    report = failing(lambda x: (x**2).sum(), X, grad=lambda x: 3 * x)
    assert "gradient = lambda x: 3 * x" in str(report)
    fails_alike(report, tmp_path)


def of_torch() -> Report:
    torch = pytest.importorskip("torch")

    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x.exp()

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * x.exp() * torch.tensor([1.0, 1.01, 1.0], dtype=x.dtype)

    x = torch.tensor([0.1, -2.0, 3.0], dtype=torch.float64, requires_grad=True)
    return failing(Wrong.apply, x)


def test_a_torch_function_is_pasted():
    text = str(of_torch())
    assert "torch.tensor([0.1, -2.0, 3.0], dtype=torch.float64, requires_grad=True)" in text


@pytest.mark.slow
def test_pasted_with_a_torch_function(tmp_path: Path):
    fails_alike(of_torch(), tmp_path)


def test_pasted_with_large_inputs_that_are_saved(tmp_path: Path):
    large = RNG.normal(size=(20, 5))
    report = failing(weighted, large, grad=lambda x: right(x) * np.where(x == x[3, 2], 1.01, 1))
    report.save_inputs(tmp_path / "inputs.npz")
    fails_alike(report, tmp_path)


@pytest.mark.parametrize("kind", ["of mpmath", "lambda"])
def test_pasted_with_a_function_in_digits(kind: str, tmp_path: Path):
    mpmath = pytest.importorskip("mpmath")
    exact = mpmath.loggamma if kind == "of mpmath" else lambda x: [mpmath.sin(v) for v in x]
    if kind == "of mpmath":
        report = failing(math.lgamma, 2.5, grad=lambda x: 3.0 * x, exact=exact)
        assert "from mpmath import loggamma" in str(report)
    else:
        report = failing(np.sin, X[0], grad=lambda x, c: 3.0 * c, exact=exact)
        assert "exact=exact" in str(report)
    fails_alike(report, tmp_path)


def test_pasted_with_a_function_in_digits_without_a_text():
    pytest.importorskip("mpmath")

    class Machine:
        def __call__(self, x):
            return x * x

    report = failing(lambda x: x * x, X[0], grad=lambda x, c: 3 * c * x, exact=Machine())
    assert "exact = ...  # write here how it is made: Machine, " in str(report)
    assert "exact=exact)" in str(report)


def test_what_cannot_be_written_is_left_to_the_user():
    class Machine:
        def __call__(self, x):
            return x * 2.0

    machine = Machine()
    report = failing(machine, X[0], grad=lambda x, c: 3 * c)
    assert "f = ...  # write here how it is made: Machine, " in str(report)


def test_a_small_wrong_element_of_a_diagonal_is_no_sign_of_a_transposed_jacobian():
    def grad(x, c):
        return c * np.exp(x) + np.array([1e-8, 0.0, 0.0]) * c

    x = np.array([-20.0, 1.0, 2.0])
    text = str(gradcheck(np.exp, x, grad=grad))
    assert "1 fail" in text
    assert "transposed" not in text
