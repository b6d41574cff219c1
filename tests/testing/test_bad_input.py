"""Functions that cannot be checked, or hardly: each a verdict or an error that says which."""

import signal
import threading
import time
import tracemalloc

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn.errors import CheckError, OperandError
from tinygrad_nn.testing import Verdict, gradcheck
from tinygrad_nn.testing.problem.limit import TimeUp, limited

X = np.array([0.3, 1.2, 2.5])


def total(x):
    return np.sum(x * x)


def slope(x):
    return 2 * x


def refused(match, f, *inputs, **options):
    with pytest.raises(CheckError, match=match) as caught:
        gradcheck(f, *inputs, **options)
    return caught.value


# ── Functions ───────────────────────────────────────────────────────────────────────────


def test_what_raises_at_the_point_is_an_error_with_its_traceback():
    def fails(x):
        raise KeyError("weights")

    error = refused(r"fails raised KeyError at the inputs given: 'weights'", fails, X, grad=slope)
    assert isinstance(error.__cause__, KeyError)


def test_what_raises_nearby_only_has_no_value_there():
    def root(x):
        if x < 1.0:
            raise RuntimeError("below 1")
        return np.sqrt(x - 0.5)

    assert gradcheck(root, 1.0, grad=lambda x: 0.5 / np.sqrt(x - 0.5)).ok
    assert not gradcheck(root, 1.0, grad=lambda x: 0.505 / np.sqrt(x - 0.5)).ok


def test_a_gradient_that_raises_is_an_error_with_its_traceback():
    def fails(x):
        raise IndexError("axis")

    error = refused("the gradient of total raised IndexError: axis", total, X, grad=fails)
    assert isinstance(error.__cause__, IndexError)


@pytest.mark.parametrize(
    ("result", "match"),
    [
        (None, "output 0 is None.*`return` is missing"),
        ("text", "output 0 is a str"),
        (1j, r"output 0 is complex.*f\(x\).real, f\(x\).imag"),
        (np.array([None, 1.0]), "output 0 is a ndarray of dtype object"),
        ([[1.0], [1.0, 2.0]], "output 0 is a list that makes no array"),
        ({"loss": 1.0}, "output 0 is a dict"),
        ((1.0, None), "output 1 is None"),
        ((), "got no output"),
    ],
)
def test_results_that_are_no_arrays(result, match):
    def odd(x):
        return result

    refused(f"odd: {match}", odd, X, grad=slope)


def test_another_shape_at_another_point():
    def chosen(x):
        return x[x > 0.3 - 1e-9]

    refused(
        r"chosen: got outputs of shapes \[2\] at one point and \[3\] at another",
        chosen,
        X,
        grad=lambda x, c: c,
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_no_finite_value_at_the_point_is_inconclusive(value):
    report = gradcheck(lambda x: np.float64(value), 1.0, grad=lambda x: 1.0)
    assert report.verdict is Verdict.INCONCLUSIVE and not report.ok
    assert "no finite value" in report.elements[0].why


def test_a_function_that_is_no_function():
    refused(r"got float64.*gradcheck\(f, x\), not gradcheck\(f\(x\)\)", total(X), X)


# ── Gradients ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("gradient", "match"),
    [
        (lambda x: x[:2], r"for input 0 \(x\) has shape \[2\], expected.*\[3\]"),
        (lambda x: 1.0, r"has shape \[\]"),
        (lambda x: None, "gave None.*`return` is missing"),
        (lambda x: (x, x), "got 2 gradients, expected 1"),
        (lambda x: 1j * x, "complex128, expected an array of real floats"),
        (lambda x: "text", "is a (str|ndarray) of dtype <U4"),
        (lambda x: ([[1.0], [1.0, 2.0]],), "makes no array"),
        (lambda x, cotangent: x, r"0-d\), so it was called with the input and no cotangent"),
    ],
)
def test_gradients_that_are_none(gradient, match):
    refused(match, total, X, grad=gradient)


def test_a_gradient_without_a_cotangent_of_an_array():
    refused(
        r"shape \[3\], so it was called with the input and a cotangent",
        np.sin,
        X,
        grad=lambda x: 1.0 * np.cos(x),
    )


def test_a_gradient_of_integers_is_compared_as_it_is():
    assert gradcheck(np.sum, X, grad=lambda x: np.ones(3, int)).ok
    assert not gradcheck(total, X, grad=lambda x: (2 * x).astype(int)).ok


def test_a_gradient_that_is_given_instead_of_a_function():
    refused("got ndarray for grad", total, X, grad=2 * X)


def test_one_number_needs_no_cotangent_and_one_in_an_array_does():
    assert gradcheck(lambda x: x[0] * 2, X, grad=lambda x: np.array([2.0, 0, 0])).ok
    assert gradcheck(lambda x: x[:1] * 2, X, grad=lambda x, c: np.array([2 * c[0], 0, 0])).ok


# ── Inputs ──────────────────────────────────────────────────────────────────────────────


def test_inputs_without_floats():
    refused("got nothing, expected at least one array of floats", lambda: 1.0, grad=lambda: 1.0)
    refused(r"got int64\[2\].*write 1.0 for 1", total, np.array([1, 2]), grad=slope)


def test_complex_inputs():
    refused(
        r"input 0 \(x\) is complex \(complex128\).*f\(a \+ 1j \* b\)", total, 1j * X, grad=slope
    )


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_inputs_that_are_not_finite(value):
    refused(
        r"input 0 \(x\) holds (nan|inf) at \[1\].*bind it",
        total,
        np.array([1.0, value]),
        grad=slope,
    )


def test_integers_and_other_things_are_passed_on():
    def power(x, n, name, rng):
        assert isinstance(n, int) and name == "cube" and rng.random() < 1
        return np.sum(x**n)

    def of_power(x, n, name, rng):
        return n * x ** (n - 1)

    assert gradcheck(power, X, 3, "cube", np.random.default_rng(0), grad=of_power).ok


def test_a_function_that_takes_integers_only():
    error = refused("pick raised (IndexError|TypeError)", lambda_pick(), 1.0, grad=lambda n: 0.0)
    assert error.__cause__ is not None


def lambda_pick():
    def pick(n):
        return X[n]

    return pick


@pytest.mark.parametrize("shape", [(0,), (2, 0, 3)])
def test_no_elements_pass(shape):
    report = gradcheck(lambda x: x * 2, np.zeros(shape), grad=lambda x, c: 2 * c)
    assert report.ok and report.verdict is Verdict.PASS and not report.elements
    assert f"nothing to check: no input of floats has an element (input 0 (x): {list(shape)})" in (
        str(report).replace("\n" + " " * 10, " ")
    )
    for dense in (True, False, None):
        assert gradcheck(total, np.zeros(shape), grad=slope, dense=dense).ok


def test_no_outputs_pass():
    for dense in (True, False):
        report = gradcheck(lambda x: x[:0], X, grad=lambda x, c: 0 * x, dense=dense)
        assert report.ok and "nothing to check: no output has an element" in str(report)
    assert gradcheck(lambda x, y: (x * y).sum() * 0, X[:0], X[:1], grad=lambda x, y: (x, 0 * y)).ok
    some = gradcheck(lambda x, y: y * 2, X[:0], X, grad=lambda x, y, c: (x, 2 * c))
    assert some.elements and not some.notes


def test_odd_arrays():
    wide = np.arange(1.0, 13.0).reshape(3, 4)
    fixed = X.copy()
    fixed.flags.writeable = False
    for x in (
        wide.T,
        wide[::2, ::-1],
        np.asfortranarray(wide),
        fixed,
        np.broadcast_to(1.5, (2, 2)),
    ):
        assert gradcheck(total, x, grad=slope).ok
        assert not gradcheck(total, x, grad=lambda x: 2.02 * x).ok
    assert not fixed.flags.writeable


def test_numbers_and_lists():
    assert gradcheck(
        lambda x, y: sum(x) * y, [1.0, 2.0], 3.0, grad=lambda x, y: ([y, y], sum(x))
    ).ok
    assert gradcheck(total, [1.0, 2.0], grad=lambda x: [2 * v for v in x]).ok
    kinds = []
    gradcheck(lambda x: kinds.append(type(x)) or x * x, 2.0, grad=lambda x: 2 * x)
    assert set(kinds) == {float}


def test_arrays_of_a_class_of_their_own_stay_of_it():
    class Named(np.ndarray):
        pass

    seen = []

    def f(x):
        seen.append(type(x))
        return np.sum(np.asarray(x) ** 2)

    assert gradcheck(f, X.view(Named), grad=lambda x: 2 * np.asarray(x)).ok
    assert set(seen) == {Named}
    refused("masked array", total, np.ma.masked_array(X, [0, 1, 0]), grad=slope)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.longdouble])
def test_all_floats(kind):
    x = X.astype(kind)
    assert gradcheck(total, x, grad=slope).ok
    assert not gradcheck(total, x, grad=lambda x: kind(2.2) * x).ok


def test_a_large_input_in_little_memory():
    x = np.random.default_rng(0).uniform(0.5, 1.5, 1_000_000)
    tracemalloc.start()
    try:
        assert gradcheck(total, x, grad=slope).ok
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20 * x.nbytes


# ── What it does to others ──────────────────────────────────────────────────────────────


def test_a_function_that_writes_into_its_inputs():
    def doubling(x):
        x *= 2
        return np.sum(x)

    x = X.copy()
    report = gradcheck(doubling, x, grad=lambda x: np.full(3, 2.0))
    assert report.ok and (x == X).all()
    assert "doubling wrote into input 0 (x)" in report.notes[0]


def test_a_gradient_that_writes_into_what_it_gets():
    def overwriting(x, c):
        c *= 2
        x *= c
        return x

    x = X.copy()
    report = gradcheck(lambda x: x * x, x, grad=overwriting)
    assert report.ok and (x == X).all()
    assert any("gradient" in n and "cotangent" in n for n in report.notes)


def test_one_buffer_for_all_results():
    y, g = np.zeros(3), np.zeros(3)

    def f(x):
        return np.multiply(x, x, out=y)

    def gradient(x, c):
        return np.multiply(2 * c, x, out=g)

    assert gradcheck(f, X, grad=gradient).ok
    assert not gradcheck(f, X, grad=lambda x, c: 1.01 * gradient(x, c)).ok


def test_a_view_of_the_input():
    assert gradcheck(lambda x: x[::-1], X, grad=lambda x, c: c[::-1]).ok
    assert gradcheck(lambda x: x, X, grad=lambda x, c: c).ok


def test_one_array_twice_is_two_inputs():
    def f(x, y):
        x *= 1.0
        return np.sum(x * y)

    assert gradcheck(f, X, X, grad=lambda x, y: (y, x)).ok
    assert not gradcheck(f, X, X, grad=lambda x, y: (2 * y, 0 * x)).ok


def test_chance():
    rng = np.random.default_rng(0)

    def noisy(x):
        return total(x) + rng.normal()

    refused("noisy is random, or keeps a state.*seed it", noisy, X, grad=slope)
    refused(
        "the gradient of total is random",
        total,
        X,
        grad=lambda x: 2 * x + rng.normal(size=3),
    )


def test_noise_is_no_chance():
    rng = np.random.default_rng(0)

    def rough(x):
        return total(x) * (1 + 1e-9 * rng.uniform(-1, 1))

    assert gradcheck(rough, X, grad=slope).verdict is not Verdict.FAIL
    assert gradcheck(rough, X, grad=lambda x: 2.2 * x).verdict is Verdict.FAIL


@pytest.mark.parametrize("size", [1.0, 1e-8, 1e8])
def test_the_order_of_a_sum_is_no_chance(size):
    """Threads add up in any order: of terms that cancel nothing but their rounding is left."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=40) * size
    x -= x.mean()

    def anyhow(x):
        return np.add.accumulate(rng.permutation(x))[-1]

    def factors(x):
        return np.ones(x.size) * anyhow(np.array([0.1, 0.2, 0.3, 0.4] * 5)) / 5

    assert gradcheck(anyhow, x, grad=factors).verdict is Verdict.PASS
    assert gradcheck(anyhow, x, grad=lambda x: 1.01 * np.ones(x.size)).verdict is Verdict.FAIL


def test_the_order_of_a_sum_in_a_gradient_is_no_chance():
    rng = np.random.default_rng(0)
    x = rng.normal(size=8)

    def shares(x):  # whose sum is 1 whatever x is
        e = np.exp(x)
        return (e / e.sum()).sum()

    def gradient(x):
        return np.zeros(8) + 1e-17 * rng.integers(-3, 4, 8)

    assert gradcheck(shares, x, grad=gradient).verdict is not Verdict.FAIL


def test_small_chance_is_chance():
    rng = np.random.default_rng(0)
    for part in (1e-4, 1e-2):
        refused(
            "is random, or keeps a state.*seed it",
            lambda x, part=part: total(x) * (1 + part * rng.normal()),
            X,
            grad=slope,
        )


def test_dropout_that_was_alike_at_first():
    """Of one element a mask is the same three times in a quarter of all runs."""
    for seed in range(12):
        rng = np.random.default_rng(seed)
        with pytest.raises(CheckError, match="is random, or keeps a state"):
            gradcheck(lambda x, rng=rng: 2 * x * (rng.random() < 0.5), 1.5, grad=lambda x: 2.0)


def test_state():
    calls = []

    def counting(x):
        calls.append(x)
        return total(x) * (1 + len(calls))

    refused("counting is random, or keeps a state", counting, X, grad=slope)
    late = []

    def changing(x):
        late.append(x)
        return total(x) * (1.0 if len(late) < 3 else 2.0)

    refused("changing is random, or keeps a state", changing, X, grad=lambda x: 4 * x)


# ── Time ────────────────────────────────────────────────────────────────────────────────


def endless(x):
    while True:
        x = x + 0


def test_a_function_that_never_ends():
    before = signal.getsignal(signal.SIGALRM)
    start = time.monotonic()
    report = gradcheck(endless, X, grad=slope, timeout=0.2)
    assert time.monotonic() - start < 10
    assert report.verdict is Verdict.INCONCLUSIVE and not report.ok
    assert report.elements[0].why == "timed out after 0.2 s in endless"
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_gradient_that_never_ends():
    report = gradcheck(total, X, grad=endless, timeout=0.2)
    assert report.elements[0].why == "timed out after 0.2 s in the gradient of total"


def test_a_function_that_ends_at_the_point_only():
    report = gradcheck(
        lambda x: total(x) if (x == X).all() else endless(x), X, grad=slope, timeout=0.2
    )
    assert "timed out" in report.elements[0].why


def test_a_function_that_never_ends_in_a_thread():
    found, others = [], threading.active_count()
    thread = threading.Thread(
        target=lambda: found.append(gradcheck(endless, X, grad=slope, timeout=0.2))
    )
    thread.start()
    thread.join(10)
    assert found and found[0].elements[0].why == "timed out after 0.2 s in endless"
    for _ in range(100):  # the loop is told to stop
        if threading.active_count() == others:
            break
        time.sleep(0.05)
    assert threading.active_count() == others


def test_a_loop_that_catches_every_exception():
    def stubborn(x):
        while True:
            try:
                endless(x)
            except Exception:
                pass

    assert "timed out" in gradcheck(stubborn, X, grad=slope, timeout=0.2).elements[0].why


def test_results_and_errors_of_a_thread_arrive():
    found = []

    def work():
        found.append(gradcheck(total, X, grad=slope).ok)
        with tg.no_grad(), pytest.raises(CheckError, match="output 0 is None"):
            gradcheck(lambda x: None, X, grad=slope)
        with pytest.raises(ZeroDivisionError):
            limited(lambda: 1 / 0, 5.0)
        found.append("all")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(20)
    assert found == [True, "all"]


def test_a_timer_that_was_set_before_still_rings():
    rings = []
    before = signal.signal(signal.SIGALRM, lambda *_: rings.append(time.monotonic()))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(TimeUp):
            limited(lambda: endless(X), 0.4)
        assert len(rings) == 1  # while the other was at work
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(TimeUp):
            limited(lambda: endless(X), 0.1)
        assert len(rings) == 1
        time.sleep(0.4)
        assert len(rings) == 2  # and after it
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_interruptions_pass_through(error):
    def interrupted(x):
        raise error

    with pytest.raises(error):
        gradcheck(interrupted, X, grad=slope)

    def nearby(x):
        if (x != X).any():
            raise error
        return total(x)

    with pytest.raises(error):
        gradcheck(nearby, X, grad=slope)


@pytest.mark.parametrize("timeout", [0, -1.0, True, "1", float("nan")])
def test_odd_limits(timeout):
    refused(
        "timeout=.*expected a positive number of seconds, or None",
        total,
        X,
        grad=slope,
        timeout=timeout,
    )


@pytest.mark.parametrize("timeout", [None, 1000, float("inf")])
def test_long_limits(timeout):
    assert gradcheck(total, X, grad=slope, timeout=timeout).ok


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("eps", "eps: leave it out, the check chooses its steps"),
        ("atol", "atol: leave it out, or write tolerance="),
        ("rtol", "rtol: leave it out, or write tolerance="),
        ("nondet_tol", "nondet_tol: leave it out, .* are refused"),
        ("raise_exception", r"raise_exception: leave it out, .*assert_ok\(\) raises"),
        ("check_batched_grad", "check_batched_grad: leave it out, .* not checked"),
        ("fast_mode", "fast_mode: write dense=False"),
        ("modes", "modes: leave it out, forward mode"),
        ("tolerence", r"tolerence: did you mean tolerance\?"),
        ("xyz", "expected some of grad, engine, .*timeout$"),
    ],
)
def test_arguments_of_other_checks_say_what_to_write(name, advice):
    with pytest.raises(TypeError, match=f"got the keyword '{name}', .*{advice}") as caught:
        gradcheck(total, X, grad=slope, **{name: 1e-3})
    assert isinstance(caught.value, OperandError)


def test_several_arguments_of_other_checks_are_told_at_once():
    advice = "got the keywords 'eps', 'atol', expected some of .*; eps: .*; atol: "
    with pytest.raises(OperandError, match=advice):
        gradcheck(total, X, grad=slope, eps=1e-6, atol=1e-4)


def test_a_name_that_is_nearly_one():
    refused("did you mean 'matmul'", "matmull")


def test_a_class_with_a_gradient_instead_of_its_function():
    class Square:
        def __init__(self, x):
            pass

        def backward(self):
            pass

        def apply(self):
            pass

    refused(r"pass Square\.apply", Square, X)


@pytest.mark.parametrize("kind", [tuple, list])
def test_inputs_in_one_tuple(kind):
    with pytest.raises(CheckError, match=r"one input, .* write gradcheck\(f, \*inputs\)"):
        gradcheck(lambda a, b: (a * b).sum(), kind((np.ones(2), np.ones(2))))


def test_inputs_in_a_dict_are_given_one_by_one():
    inputs = {"a": np.ones(2), "b": np.ones(2)}

    def f(given):
        return (given["a"] * given["b"]).sum()

    with pytest.raises(CheckError, match=r"write gradcheck\(lambda"):
        gradcheck(f, inputs)
    assert gradcheck(lambda *xs: f(dict(zip(inputs, xs, strict=True))), *inputs.values()).ok
