"""What a script for PyTorch calls works here, or the error says what to write."""

import difflib
import pickle
import re
from pathlib import Path

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn.data import transforms
from tinygrad_nn.errors import DTypeError, OperandError, OptionError, ShapeError
from tinygrad_nn.ported import METHODS

X = np.array([[0.5, -1.25, 2.0], [3.0, 0.25, -0.75]], np.float32)
Y = np.array([[1.0, -1.25, 0.5], [2.0, 1.5, 0.75]], np.float32)
V = X[0]

# The methods of PyTorch's tensors that scripts call most, with arguments that are PyTorch's.
# They give what they give there.
SAME = [
    ("abs",), ("add", Y), ("all",), ("amax", 1), ("amin", 1, True), ("any",),
    ("argmax", 1), ("argmin", 0), ("argsort", 1), ("bool",), ("chunk", 2), ("chunk", 2, 1),
    ("clamp", -1.0, 1.0), ("clip", 0.0, 1.0), ("clone",), ("contiguous",), ("cos",), ("cpu",),
    ("cumprod", 0), ("cumsum", 1), ("detach",), ("diagonal",), ("diff",), ("dim",), ("div", Y),
    ("double",), ("eq", Y), ("exp",), ("expand", 4, -1, -1), ("expand_as", np.ones((2, 2, 3))),
    ("flatten",), ("flip", 0), ("float",), ("floor",), ("gather", 1, np.array([[2], [0]])),
    ("ge", Y), ("gt", 0.25), ("half",), ("index_select", 1, np.array([2, 0])), ("int",),
    ("is_floating_point",), ("isfinite",), ("isnan",), ("le", Y), ("lerp", Y, 0.5),
    ("log_softmax", 1), ("logsumexp", 1), ("long",), ("lt", 1.0), ("masked_fill", X > 1, 0.0),
    ("masked_select", X > 0), ("matmul", Y.T), ("maximum", Y), ("mean",), ("mean", 1),
    ("mean", (0, 1)), ("minimum", Y), ("mm", Y.T), ("movedim", 0, 1), ("mul", Y), ("ne", Y),
    ("neg",), ("norm",), ("numel",), ("permute", 1, 0), ("pow", 2), ("prod",), ("reciprocal",),
    ("relu",), ("reshape", 3, 2), ("reshape", -1), ("reshape", (3, -1)), ("roll", 1, 1),
    ("round",), ("scatter_add", 1, np.array([[2], [0]]), Y), ("sigmoid",), ("sign",), ("size",),
    ("size", -1), ("softmax", 1), ("square",), ("squeeze",), ("sub", Y), ("sum",),
    ("sum", 0), ("sum", 1, True), ("swapaxes", 0, 1), ("t",), ("tanh",), ("tile", 2, 1),
    ("to", "cpu"), ("tolist",), ("transpose", 1, 0), ("tril",), ("triu",), ("trunc",),
    ("type_as", np.zeros(1)), ("unbind", 1), ("unsqueeze", 0), ("unsqueeze", -1),
    ("view", -1), ("view", 3, 2), ("zero_",), ("fill_", 2.0), ("copy_", Y), ("topk", 2),
]  # fmt: skip

# Those that mean something else to NumPy, or are not here, and what must be in the message.
TAUGHT = [
    ("sum", (), {"dim": 1}, "axis="),
    ("mean", (), {"dim": 1, "keepdim": True}, "axis="),
    ("max", (), {"dim": 1}, "axis="),
    ("norm", (), {"dim": 1}, "axis="),
    ("std", (), {"unbiased": False}, "correction="),
    ("cumsum", (), {"dim": 1}, "axis="),
    ("repeat", (2, 1, 1), {}, r"x.tile\(2, 1, 1\)"),
    ("view", (np.float64,), {}, r"x.astype\(dtype\)"),
    ("add_", (Y,), {}, r"x = x.add\(...\)"),
    ("clamp_", (0, 1), {}, r"x = x.clamp\(...\)"),
    ("addmm", (Y, Y), {}, "x \\+ a @ b"),
    ("cuda", (), {}, "no device but the CPU"),
    ("to", ("cuda",), {}, "'cpu' or None"),
    ("bfloat16", (), {}, "float16"),
    ("narrow", (0, 0, 1), {}, "start : start"),
    ("new_zeros", ((2,),), {}, "dtype=x.dtype"),
    ("where", (X > 0, Y), {}, "tg.where"),
    ("unique", (), {}, "np.unique"),
    ("type", (), {}, "x.astype"),
    ("view_as", (Y,), {}, r"x.reshape\(y.shape\)"),
    ("rsqrt", (), {}, r"1 / x.sqrt\(\)"),
    ("acos", (), {}, r"x.arccos\(\)"),
    ("stride", (), {}, r"x.numpy\(\)"),
    ("select", (0, 1), {}, r"x\[:, i\]"),
]


def mine(value):
    return tg.tensor(value) if isinstance(value, np.ndarray) else value


def plain(result):
    if isinstance(result, (list, tuple)) and result and hasattr(result[0], "shape"):
        return [np.asarray(part) for part in result]
    return [np.asarray(result)]


@pytest.mark.parametrize("case", SAME, ids=lambda case: "-".join([case[0], str(len(case) - 1)]))
def test_a_method_gives_what_it_gives_in_pytorch(case):
    torch = pytest.importorskip("torch")
    name, *args = case
    there = [torch.tensor(a) if isinstance(a, np.ndarray) else a for a in args]
    x, y = torch.tensor(X), tg.tensor(X)
    expected, got = getattr(x, name)(*there), getattr(y, name)(*map(mine, args))
    for a, b in zip(plain(got), plain(expected), strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)
        kinds = {a.dtype.kind, b.dtype.kind}
        assert a.dtype == b.dtype or kinds <= {"i", "u"} or not hasattr(got, "dtype")
    np.testing.assert_array_equal(np.asarray(y), np.asarray(x))  # written alike


@pytest.mark.parametrize("case", TAUGHT, ids=lambda case: case[0])
def test_the_error_says_what_to_write(case):
    name, args, options, message = case
    with pytest.raises((AttributeError, OperandError, OptionError), match=message):
        getattr(tg.tensor(X), name)(*args, **options)


def test_the_lists_are_of_pytorchs_methods():
    torch = pytest.importorskip("torch")
    names = {case[0] for case in (*SAME, *TAUGHT)} | METHODS.keys()
    assert len(names) > 100
    assert not [name for name in names if not hasattr(torch.Tensor, name)]


@pytest.mark.parametrize(
    ("call", "advice"),
    [
        (lambda x: x.transpose(1, 2), r"x.swapaxes\(1, 2\)"),
        (lambda x: x.t(), "x.mT"),
    ],
)
def test_shapes_that_numpy_reads_otherwise(call, advice):
    with pytest.raises(ShapeError, match=advice):
        call(tg.zeros((2, 3, 4)))


def test_what_is_missing_here_is_not_there():
    assert not [name for name in METHODS if hasattr(tg.zeros(1), name)]
    found = [re.findall(r"\bx\.(\w+)", advice) for advice in METHODS.values()]
    named = {name for names in found for name in names}
    wrong = [name for name in named if not hasattr(tg.zeros((1, 1)), name)]
    assert not wrong, f"the advice names methods that there are not: {wrong}"


def test_size_is_a_number_and_can_be_called():
    x = tg.zeros((2, 3))
    assert x.size == 6
    assert x.size * 2.0 == 12
    assert (x.size(), x.size(0), x.size(-1)) == ((2, 3), 2, 3)
    assert repr(x.size) == "6"
    assert type(pickle.loads(pickle.dumps(x.size))) is int
    assert tg.tensor(1.0).size() == ()


def test_methods_pass_gradients():
    x = tg.tensor(X, requires_grad=True)
    y = x.view(-1).unsqueeze(0).expand(2, -1).permute(1, 0).clone().contiguous().to("float64")
    parts = y.chunk(3)
    (parts[0].mul(2).sum() + parts[2].neg().sum()).backward()
    np.testing.assert_array_equal(np.asarray(x.grad), [[4, 4, 0], [0, -2, -2]])
    assert x.grad.dtype == "float32"


def test_a_parameter_is_written_without_gradients_only():
    p = tg.nn.Parameter(X)
    with pytest.raises(OperandError, match="would lose"):
        p.zero_()
    with tg.no_grad():
        assert p.fill_(3.0) is p
    (p * p).sum().backward()
    np.testing.assert_array_equal(np.asarray(p.grad), np.full((2, 3), 6.0))
    p.grad.zero_()
    assert not np.asarray(p.grad).any()
    with pytest.raises(OperandError, match="would lose"):
        (p * 2).zero_()


def test_chunks_are_pytorchs():
    torch = pytest.importorskip("torch")
    for n in range(7):
        for chunks in range(1, 9):
            there = [tuple(part.shape) for part in torch.zeros(n, 2).chunk(chunks)]
            assert [part.shape for part in tg.zeros((n, 2)).chunk(chunks)] == there


# ──────────────────────────────────────────────────────────────────────────────── the package
def test_functions_of_the_package():
    a = tg.tensor(X)
    np.testing.assert_array_equal(np.asarray(tg.cat([a, a], 1)), np.concatenate([X, X], 1))
    assert tg.randn(2, 3, rng=0, device="cpu").shape == tg.rand(2, 3, rng=0).shape
    assert sorted(tg.randperm(5, rng=0).tolist()) == [0, 1, 2, 3, 4]
    assert tg.from_numpy(Y.astype("float64")).dtype == tg.float64
    assert tg.zeros((2, 3), dtype=tg.long, device=a.device).dtype == "int64"
    assert tg.tensor([True], device="cpu").dtype == tg.bool
    assert tg.arange(3, device=None).to(tg.float).dtype == "float32"
    with pytest.raises(OptionError, match="'cpu' or None"):
        tg.zeros(3, device="cuda")
    for found in (tg.cat([a, a], dim=1), tg.cat(tensors=[a, a], dim=-1), tg.cat([a, a], axis=1)):
        np.testing.assert_array_equal(np.asarray(found), np.concatenate([X, X], 1))
    assert tg.unsqueeze(a, dim=1).shape == tg.unsqueeze(a, axis=1).shape == (2, 1, 3)
    with pytest.raises(OperandError, match="axis="):
        tg.stack([a, a], dim=1)
    with pytest.raises(OperandError, match="axis="):
        tg.concat([a, a], dim=1)


# Whose name only PyTorch has: they know both words.
BOTH = [
    ("softmax", (), {}), ("log_softmax", (), {}), ("logsumexp", (), {"keepdim": True}),
    ("cummax", (), {}), ("cummin", (), {}), ("logcumsumexp", (), {}), ("chunk", (2,), {}),
    ("topk", (1,), {}), ("unbind", (), {}), ("unsqueeze", (), {}),
]  # fmt: skip


@pytest.mark.parametrize("case", BOTH, ids=lambda case: case[0])
def test_what_only_pytorch_has_knows_its_words(case):
    torch = pytest.importorskip("torch")
    name, args, options = case
    there = getattr(torch.tensor(X), name)(*args, dim=0, **options)
    if name in ("cummax", "cummin"):
        there = there[0]  # without the indices
    ours = {{"keepdim": "keepdims"}.get(k, k): v for k, v in options.items()}
    for words in ({"dim": 0, **options}, {"axis": 0, **ours}):
        x = tg.tensor(X, requires_grad=True)
        got = getattr(x, name)(*args, **words)
        for a, b in zip(plain(detached(got)), plain(there), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6)
        first = got[0] if isinstance(got, (list, tuple)) else got
        first.sum().backward()
        assert x.grad is not None
    if hasattr(tg, name) and name != "unsqueeze":
        found = detached(getattr(tg, name)(tg.tensor(X), *args, dim=0, **options))
        for a, b in zip(plain(found), plain(there), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6)
    with pytest.raises((OperandError, TypeError), match=r"axis|dim"):
        getattr(tg.tensor(X), name)(*args, dim=0, axis=0)
    with pytest.raises((OperandError, TypeError), match=r"axis|dim|positional"):
        getattr(tg.tensor(X), name)(*args, 0, dim=0)


def detached(found):
    if isinstance(found, (list, tuple)):
        return [part.detach() for part in found]
    return found.detach()


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("manual_seed", "no global seed: give rng=0"),
        ("device", "'cpu'"),
        ("randint", "tg.random.integers"),
        ("utils", "tinygrad_nn.data"),
    ],
)
def test_a_missing_function_is_explained(name, advice):
    with pytest.raises(AttributeError, match=advice):
        getattr(tg, name)


@pytest.mark.parametrize("name", transforms._TORCHVISION)
def test_names_of_torchvision_are_explained(name):
    with pytest.raises(AttributeError) as caught:
        getattr(transforms, name)
    for call in re.findall(r"Random\w+\(.*?\)(?=[,\]]|$)|ToFloat\(\)", str(caught.value)):
        eval(call, vars(transforms), {"degrees": 10, "size": 4})
    assert not hasattr(transforms, "NoSuchTransform")


def test_dtypes_are_understood_in_every_form():
    for dtype in ("float64", np.float64, np.dtype("float64"), tg.double, float):
        assert tg.zeros(2).to(dtype).dtype == "float64"
        assert tg.nn.Linear(2, 2).to(dtype).weight.dtype == "float64"


def test_other_names_stay_unknown():
    assert not hasattr(tg, "no_such_name")
    x = tg.zeros(1)
    assert not hasattr(x, "no_such_name")
    assert not hasattr(x, "cuda")
    assert not {"cuda", "add_"} & set(dir(x))
    assert "unsqueeze" in dir(x)
    assert not {"bool", "float", "int"} & set(dir(tg))


def test_a_shape_is_no_mean():
    with pytest.raises(OptionError, match=r"normal\(size=\(3, 5\)\)"):
        tg.random.normal((3, 5), rng=1)
    with pytest.raises(OptionError, match=r"uniform\(size=\(2,\)\)"):
        tg.random.uniform((2,))
    assert tg.random.normal([3.0, 5.0], rng=1).shape == (2,)
    assert tg.random.normal((3, 5), size=(4, 2), rng=1).shape == (4, 2)


def test_a_loss_of_integers_is_refused():
    bytes_ = tg.tensor(np.array([1, 5], np.uint8))
    with pytest.raises(DTypeError, match=r"prediction.astype\('float32'\)"):
        tg.nn.functional.mse_loss(bytes_, bytes_)
    assert tg.nn.functional.mse_loss(bytes_.float(), bytes_).item() == 0


@pytest.mark.parametrize("bounds", [{"min": -0.5}, {"max": 0.25}, {"min": 0.0, "max": 1.0}])
def test_clamp_may_have_one_bound(bounds):
    for found in (tg.tensor(X).clamp(**bounds), tg.clamp(tg.tensor(X), **bounds)):
        assert np.array_equal(found.numpy(), X.clip(bounds.get("min"), bounds.get("max")))


def test_flatten_keeps_the_axes_before_and_behind():
    x = tg.tensor(np.arange(24.0).reshape(2, 3, 4))
    for args, shape in [((1,), (2, 12)), ((0, 1), (6, 4)), ((-2, -1), (2, 12)), ((), (24,))]:
        for found in (x.flatten(*args), tg.flatten(x, *args)):
            assert found.shape == shape
            assert found.numpy().ravel().tolist() == list(range(24))
    assert tg.tensor(1.0).flatten().shape == (1,)
    for wrong in [(3,), (2, 1), (-4,)]:
        with pytest.raises(ShapeError, match="for 3 axes, expected the first and the last axis"):
            x.flatten(*wrong)


def test_noise_like_a_tensor():
    for draw in (tg.randn_like, tg.rand_like):
        for dtype in ("float32", "float64"):
            found = draw(tg.zeros((2, 3), dtype=dtype), rng=0)
            assert (found.shape, found.dtype) == ((2, 3), dtype)
            assert len(set(found.numpy().ravel())) == 6


def test_a_loop_that_subtracts_from_parameters_within_no_grad_writes_them():
    p = tg.tensor(V, requires_grad=True)
    (p * p).sum().backward()
    with tg.no_grad():
        q = p  # as in a loop over the parameters: what has the other name must change
        q -= 0.5 * q.grad
        q += 1
        q *= 4
        q /= 2
    assert p.tolist() == [2.0, 2.0, 2.0]
    assert p.requires_grad
    assert p.is_leaf
    with tg.no_grad(), pytest.raises(ShapeError, match=r"got \(3,\) and a result \(2, 3\)"):
        p += X
    assert p.tolist() == [2.0, 2.0, 2.0]


def test_elsewhere_in_place_makes_another_tensor():
    p = first = tg.tensor(V, requires_grad=True)
    p += 1
    assert p is not first
    assert first.tolist() == V.tolist()
    with tg.no_grad():
        plain = kept = tg.tensor(V)
        plain += 1
    assert kept.tolist() == V.tolist()


@pytest.mark.parametrize(
    ("call", "advice"),
    [
        (lambda nn: tg.Tensor(3, 4), r"one of sides is tg.zeros\(\(2, 3\)\)"),
        (lambda nn: nn.Sequential([nn.ReLU()]), r"unpack the list: Sequential\(\*layers\)"),
        (lambda nn: nn.Sequential(nn.functional.relu), r"nn.ReLU\(\) for relu"),
        (lambda nn: tg.optim.Adam(nn.Sequential(nn.ReLU())), r"pass model.parameters\(\)"),
        (lambda nn: nn.summary(nn.ReLU()), r"nn.summary\(model, \(1, 784\)\)"),
        (lambda nn: nn.init.zeros_(np.asarray(tg.zeros(2))), "cannot be written"),
        (lambda nn: tg.data.DataLoader(tg.zeros((3, 2)), tg.zeros(3)), r"DataLoader\(\(x, y\)\)"),
    ],
)
def test_slips_of_the_first_day_are_explained(call, advice):
    with pytest.raises((OperandError, OptionError), match=advice):
        call(tg.nn)


# ─────────────────────────────────────────────────────────────────────────────────── the guide
GUIDE = Path(__file__).parents[1] / "docs" / "how-to" / "port-a-pytorch-script.md"
SCRIPT = Path(__file__).parent / "parity" / "script_in_pytorch.txt"


def test_the_guide_shows_every_line_that_changes():
    text = GUIDE.read_text("utf-8")
    changes, script = re.findall(r"```(?:diff|python)\n(.*?)\n```", text, re.DOTALL)
    there = SCRIPT.read_text("utf-8").splitlines()
    found = difflib.unified_diff(there, script.splitlines(), n=0, lineterm="")
    wanted = [line for line in found if not line.startswith(("---", "+++", "@@"))]
    assert changes.splitlines() == wanted


def test_the_script_of_the_guide_runs_in_pytorch(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    monkeypatch.chdir(tmp_path)
    source = SCRIPT.read_text("utf-8").replace("range(3)", "range(1)")
    exec(compile(source, str(SCRIPT), "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize(
    ("name", "advice"),
    [("compile", "tg.jit"), ("gradcheck", "tinygrad_nn.testing"), ("vmap", "tg.jacobian")],
)
def test_functions_of_other_names_are_named(name, advice):
    with pytest.raises(AttributeError, match=re.escape(advice)):
        getattr(tg, name)
