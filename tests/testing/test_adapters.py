"""Functions of each engine, checked with the real library."""

import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import Value, nn
from tinygrad_nn.core.op import OPS
from tinygrad_nn.errors import CheckError
from tinygrad_nn.testing import Verdict, gradcheck
from tinygrad_nn.testing.adapters import ENGINES, problem_of
from tinygrad_nn.testing.adapters.named import labels_of, named
from tinygrad_nn.testing.libraries import LIBRARIES
from tinygrad_nn.testing.problem.subject import Checked

X = np.array([0.3, 1.2, 2.5])


def wrong(report):
    return report.verdict is Verdict.FAIL and not report.ok


def adjoint(problem):
    """Whether <J v, u> = <v, J' u>."""
    checked = Checked(problem)
    rng = np.random.default_rng(0)
    v = [rng.standard_normal(x.shape) for x in checked.inputs]
    u = rng.standard_normal(checked.center.size)
    pushed = checked.tangents(v)
    pulled = sum(
        np.sum(v[i] * g) for i, g in zip(checked.active, checked.gradients(u), strict=True)
    )
    return pushed is not None and np.isclose(u @ pushed, pulled)


def test_the_package_needs_no_other_library():
    code = (
        "import sys, tinygrad_nn.testing; others = 'torch jax autograd hypothesis pytest mpmath'; "
        "print(sorted(set(others.split()) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# ── Ours ────────────────────────────────────────────────────────────────────────────────


def test_tensors():
    def f(x, y):
        return (x @ y).tanh(), x.sum(), x.argmax()

    inputs = tg.tensor([[0.1, 0.2], [0.3, 0.5]]), np.array([1.0, 2.0])
    report = gradcheck(f, *inputs, order=2)
    assert report.verdict is Verdict.PASS and report.labels[:2] == ("x", "y")
    assert adjoint(problem_of(f, inputs))


@pytest.fixture
def planted():
    """Makes operations with a rule that is not checked when they are registered."""
    before = set(OPS)

    def plant(rule):
        @tg.custom_op(vjp=rule, check=False)
        def planted_square(x, /):
            return x * x

        return planted_square

    yield plant
    for name in set(OPS) - before:
        del OPS[name]


def test_wrong_rules(planted):
    assert wrong(gradcheck(planted(lambda g, y, x: g * 2.02 * x), tg.tensor(X)))


def test_rules_that_are_wrong_at_second_order_only(planted):
    rule = lambda g, y, x: g * 2 * (x.detach() if isinstance(x, tg.Tensor) else x)  # noqa: E731
    forgetful = planted(rule)
    assert gradcheck(forgetful, tg.tensor(X), laws=False).ok
    report = gradcheck(forgetful, tg.tensor(X), order=2, laws=False)
    assert wrong(report) and report.name == "the gradient of planted_square"
    assert report.labels == ("x", "cotangent 0")


def test_values():
    def f(a, b):
        return a.tanh() * b + b**3

    assert gradcheck(f, Value(0.5), 2.0, order=3).verdict is Verdict.PASS
    assert gradcheck(f, 0.5, 2.0).verdict is Verdict.PASS
    kinds = []
    gradcheck(lambda a: kinds.append(type(a)) or a * a, 2.0)
    assert set(kinds[1:]) == {Value}
    assert gradcheck(lambda a: a.reshape(1).sum(), 2.0).ok  # of tensors only


def test_a_module_with_its_parameters():
    layer = nn.Linear(3, 2)
    before = {name: p.copy() for name, p in layer.state_dict().items()}
    report = gradcheck(layer, tg.tensor(X[None]), order=2)
    assert report.ok and report.labels[:3] == ("x", "weight", "bias")
    assert {e.input for e in gradcheck(layer, tg.tensor(X[None])).elements} == {0, 1, 2}
    assert all((before[n] == p).all() for n, p in layer.state_dict().items())


def test_modules_with_state_and_chance():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Dropout(0.5, rng=0), nn.Tanh())
    before = {name: p.copy() for name, p in model.state_dict().items()}
    assert gradcheck(model, tg.tensor(np.random.default_rng(0).normal(size=(3, 2)))).ok
    assert all(np.array_equal(before[n], p) for n, p in model.state_dict().items())


def test_shared_parameters_are_one_input():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(2, 2, bias=False)
            self.second = self.first

        def forward(self, x):
            return self.second(self.first(x).tanh())

    report = gradcheck(Tied(), tg.tensor([[0.5, 0.2]]))
    assert report.ok and report.labels == ("x", "first.weight")


@pytest.mark.parametrize("name", ["tanh", "matmul", "logsumexp", "stack", "where", "dropout"])
def test_operations_at_samples_of_their_own(name):
    if name in OPS:
        assert gradcheck(name).ok
        assert gradcheck(OPS[name]).ok


def test_operations_at_given_inputs_and_their_names():
    assert gradcheck("tanh", X).ok
    with pytest.raises(CheckError, match="'tahn', expected a function or the name"):
        gradcheck("tahn")
    with pytest.raises(CheckError, match="has no gradient"):
        gradcheck("equal")


def test_a_planted_fault_in_an_operation(monkeypatch):
    record = OPS["tanh"]
    rule = lambda g, y, x: 1.01 * g * (1 - y * y)  # noqa: E731
    monkeypatch.setattr(record, "rules", (rule,))
    record.slopes.clear()
    try:
        assert wrong(gradcheck("tanh"))
    finally:
        record.slopes.clear()


# ── NumPy ───────────────────────────────────────────────────────────────────────────────


def test_several_inputs_and_outputs():
    def f(x, y):
        return x @ y, x.sum()

    def gradient(x, y, c, d):
        return np.outer(c, y) + d, x.T @ c

    x, y = np.arange(6.0).reshape(2, 3), X
    assert gradcheck(f, x, y, grad=gradient).ok
    assert wrong(gradcheck(f, x, y, grad=lambda x, y, c, d: (np.outer(c, y), x.T @ c)))


def test_the_second_order_of_a_given_gradient_is_checked_by_itself():
    def gradient(x, c):
        return c * np.cos(x)

    with pytest.raises(CheckError, match=r"order=2.*gradcheck\(grad, \*inputs"):
        gradcheck(np.sin, X, grad=gradient, order=2)
    second = lambda x, c, u: (-u * c * np.sin(x), u * np.cos(x))  # noqa: E731
    assert gradcheck(gradient, X, np.ones(3), grad=second).ok


@pytest.mark.parametrize("order", [0, 4, "2"])
def test_odd_orders(order):
    with pytest.raises(CheckError, match="order="):
        gradcheck(lambda x: x * x, X, order=order)


# ── PyTorch ─────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def test_three_lines():
    torch = pytest.importorskip("torch")

    def my_function(x):
        return (x.sin() * x).sum()

    report = gradcheck(my_function, torch.randn(3, dtype=torch.float64))
    report.assert_ok()
    assert report.verdict is Verdict.PASS and report.name == "test_three_lines.my_function"[17:]


def test_torch_functions(torch):
    x = torch.tensor(X)

    def f(x, y):
        return x.sin() * y, (x * y).sum(), x.argmax()

    assert gradcheck(f, x, 2 * x, order=2).verdict is Verdict.PASS
    assert gradcheck(torch.nn.functional.leaky_relu, x, 0.1).ok
    assert gradcheck(torch.softmax, x, 0).ok
    assert adjoint(problem_of(lambda x, y: f(x, y)[:2], (x, 2 * x)))
    assert not x.requires_grad and x.grad is None


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
def test_torch_dtypes(torch, kind):
    x = torch.tensor(X, dtype=getattr(torch, kind))
    assert gradcheck(torch.tanh, x).ok


def test_torch_kinks(torch):
    report = gradcheck(torch.relu, torch.tensor([0.0, 1.0], dtype=torch.float64))
    assert report.verdict is Verdict.KINK and report.ok


def functions_of_torch(torch):
    class Square(torch.autograd.Function):
        factor = 2.0

        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @classmethod
        def backward(cls, ctx, g):
            (x,) = ctx.saved_tensors
            return g * 2.0 * x

    class Slightly(Square):
        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            g = g * 2.0 * x
            g[0] *= 1.01
            return g

    class Once(Square):
        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 2.0 * x.detach()

    return Square, Slightly, Once


def test_torch_functions_with_a_backward_of_their_own(torch):
    square, slightly, once = functions_of_torch(torch)
    x = torch.tensor(X)
    assert gradcheck(square.apply, x, order=2).verdict is Verdict.PASS
    report = gradcheck(slightly.apply, x)
    assert wrong(report) and report.name == "Slightly.apply"
    assert [e.index for e in report.elements if e.verdict is Verdict.FAIL] == [(0,)]
    assert gradcheck(once.apply, x).ok
    assert wrong(gradcheck(once.apply, x, order=2))


def test_torch_modules(torch):
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2), torch.nn.Tanh()
    ).double()
    before = {n: p.clone() for n, p in model.state_dict().items()}
    report = gradcheck(model, torch.randn(4, 3, dtype=torch.float64))
    assert report.ok and report.labels[1:3] == ("0.weight", "0.bias")
    assert all(torch.equal(before[n], p) for n, p in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


def test_torch_chance_and_cut_graphs(torch):
    x = torch.tensor(X)
    with pytest.raises(CheckError, match=r"Dropout is random.*module.eval\(\)"):
        gradcheck(torch.nn.Dropout(0.5), torch.ones(40, dtype=torch.float64))
    assert gradcheck(torch.nn.Dropout(0.5).eval(), x).ok
    assert wrong(gradcheck(lambda x: x.detach() ** 2, x))
    with torch.no_grad():
        assert gradcheck(torch.sin, x).ok


def test_torch_layouts(torch):
    wide = torch.arange(1.0, 13.0, dtype=torch.float64).reshape(3, 4)
    for x in (wide.T, wide[::2], torch.ones(1, dtype=torch.float64).expand(3)):
        assert gradcheck(torch.sin, x).ok
    for x, match in (
        (wide.to_sparse(), "to_dense"),
        (wide.bfloat16(), "too few digits"),
        (wide.to(torch.complex128), "complex"),
    ):
        with pytest.raises(CheckError, match=match):
            gradcheck(torch.sin, x)


# ── JAX ─────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def jax():
    jax = pytest.importorskip("jax")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield jax
    jax.config.update("jax_enable_x64", before)


def test_jax_functions(jax):
    jnp = jax.numpy

    def f(x, y):
        return jnp.tanh(x) * y, jnp.argmax(x)

    assert gradcheck(f, jnp.asarray(X[:2]), 2.0, order=2, laws=False).verdict is Verdict.PASS
    assert gradcheck(jax.jit(jnp.sin), X).ok
    assert adjoint(problem_of(jnp.sin, (jnp.asarray(X),)))
    with pytest.raises(CheckError, match="output 0 is None"):
        gradcheck(lambda x: None, jnp.asarray(X))


def test_jax_nests(jax):
    jnp = jax.numpy
    weights = {"w": jnp.ones((2, 3)), "b": jnp.ones(2)}
    report = gradcheck(lambda p, x: {"y": p["w"] @ x + p["b"]}, weights, jnp.asarray(X))
    assert report.ok and report.labels == ("p['b']", "p['w']", "x")


def test_jax_rules_of_ones_own(jax):
    @jax.custom_vjp
    def square(x):
        return x * x

    square.defvjp(lambda x: (x * x, x), lambda x, g: (2.02 * g * x,))
    assert wrong(gradcheck(square, jax.numpy.asarray(X)))


def test_jax_in_single_precision_says_so(jax):
    jax.config.update("jax_enable_x64", False)
    report = gradcheck(jax.numpy.tanh, X, engine="jax")
    assert report.ok and "jax_enable_x64" in report.notes[0]


# ── HIPS autograd ───────────────────────────────────────────────────────────────────────


def test_autograd():
    pytest.importorskip("autograd")
    from autograd import numpy as anp
    from autograd.extend import defvjp, primitive

    def f(x, y):
        return anp.tanh(x) * y, anp.sum(x * y)

    assert gradcheck(f, X, 2.0, engine="autograd", order=2).verdict is Verdict.PASS
    assert gradcheck(anp.sin, X).name == "sin"
    assert adjoint(problem_of(f, (X, 2.0), engine="autograd"))

    @primitive
    def square(x):
        return x * x

    defvjp(square, lambda y, x: lambda g: 2.02 * g * x)
    assert wrong(gradcheck(square, X, engine="autograd"))


# ── Which engine ────────────────────────────────────────────────────────────────────────


def test_engines_that_are_none_or_not_clear(torch):
    with pytest.raises(CheckError, match="engine='keras', expected one of auto, tinygrad, numpy"):
        gradcheck(np.sin, X, engine="keras")
    with pytest.raises(CheckError, match="inputs of tinygrad and torch"):
        gradcheck(lambda x, y: x, tg.tensor(X), torch.tensor(X))
    with pytest.raises(CheckError, match="needs grad="):
        gradcheck(np.sin, X, engine="numpy")
    with pytest.raises(CheckError, match="expected one of them"):
        gradcheck(torch.sin, torch.tensor(X), grad=torch.cos)


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_library_is_an_entry_and_the_module_of_its_name(name):
    assert name in ENGINES and name in LIBRARIES[name].packages
    assert find_spec(f"tinygrad_nn.testing.adapters.{name}")


def test_an_engine_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "tinygrad_nn.testing.adapters.torch", raising=False)
    with pytest.raises(CheckError, match=r"PyTorch cannot be imported.*pip install torch"):
        gradcheck(lambda x: x, X, engine="torch")


def test_names():
    class Owner:
        def method(self, x, *more):
            pass

    assert named(Owner().method) == "Owner.method"
    assert named(np.sin) == "sin" and named("tanh") == "tanh"
    assert labels_of(Owner().method, 3) == ("x", "more[0]", "more[1]")
    assert labels_of(lambda: None, 2) == ("", "")
