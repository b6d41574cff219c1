"""Threads: the number, the pool, and that a shared program computes the same bits."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from math import prod
from pathlib import Path
from threading import get_ident
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tinygrad_nn as tg
from tests.compiler.numba_tools import blank
from tests.compiler.programs import Builder, bits
from tests.compiler.test_kernels import CASES, instruction, placed
from tinygrad_nn import nn, optim, threads
from tinygrad_nn.compiler.emit import Replay
from tinygrad_nn.compiler.kernels import KERNELS
from tinygrad_nn.compiler.numba import blas, installed
from tinygrad_nn.compiler.parallel.sharing import Spread
from tinygrad_nn.compiler.passes.blocks import BLOCK, blocks
from tinygrad_nn.compiler.passes.spread import _SIDES, spread
from tinygrad_nn.compiler.program import Instruction, Output, Program, Var, mapped
from tinygrad_nn.core.op import OPS
from tinygrad_nn.errors import OptionError
from tinygrad_nn.threads import together

settable = pytest.mark.skipif(
    threads._control() is None or not threads._libraries(), reason="needs threadpoolctl"
)
ENGINES = ["numpy", pytest.param("numba", marks=pytest.mark.skipif(not installed(), reason=""))]


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    given, counts = threads._LIMIT.given, [x.num_threads for x in threads._libraries()]
    yield
    threads._put(given, counts)


# ── The number ──────────────────────────────────────────────────────────────────────────


@settable
def test_numpys_products_have_the_number_that_was_set():
    for n in (2, 1):
        tg.set_num_threads(n)
        assert tg.get_num_threads() == n
        assert [x.num_threads for x in threads._libraries()] == [n] * len(threads._libraries())


@settable
def test_until_it_is_set_the_number_is_that_of_numpys_products(monkeypatch: Any):
    monkeypatch.setattr(threads, "_cores", lambda: 64)
    threads._put(None, [2] * len(threads._libraries()))
    assert tg.get_num_threads() == 2
    with tg.num_threads(1):
        assert tg.get_num_threads() == 1
    assert threads._LIMIT.given is None
    assert tg.get_num_threads() == 2


@settable
def test_unless_it_is_set_there_are_no_more_than_can_run(monkeypatch: Any):
    monkeypatch.setattr(threads, "_cores", lambda: 3)
    threads._put(None, [8] * len(threads._libraries()))
    assert tg.get_num_threads() == 3
    with threads.single:
        assert tg.get_num_threads() == 3
    tg.set_num_threads(8)
    assert tg.get_num_threads() == 8


@pytest.mark.parametrize(
    ("files", "least"),
    [
        ({}, math.inf),
        ({"a/b/cpu.max": "max 100000"}, math.inf),
        ({"a/b/cpu.max": "150000 100000"}, 1.5),
        ({"a/cpu.max": "200000 100000", "a/b/cpu.max": "max 100000"}, 2),
        ({"cpu.max": "50000 100000"}, 0.5),
        ({"cpu.max": "what?", "a/cpu.max": "", "a/b/cpu.max": "1 0"}, math.inf),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, math.inf),
        ({"cpu/cpu.cfs_quota_us": "400000", "cpu/cpu.cfs_period_us": "100000"}, 4),
    ],
)
def test_the_limits_of_a_container_count(tmp_path: Path, files: dict[str, str], least: float):
    listed = tmp_path / "listed"
    listed.write_text("5:cpu:/other\n0::/a/b\n", encoding="utf-8")
    for name, text in files.items():
        file = tmp_path / "groups" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n", encoding="utf-8")
    assert min(threads._shares(str(listed), str(tmp_path / "groups"))) == least
    assert min(threads._shares(str(tmp_path / "absent"), str(tmp_path))) == math.inf
    assert 1 <= threads._cores() <= (os.cpu_count() or 1)


@settable
def test_the_number_before_comes_back_after_an_error():
    tg.set_num_threads(3)
    with pytest.raises(KeyError), tg.num_threads(2):
        assert tg.get_num_threads() == 2
        raise KeyError
    assert tg.get_num_threads() == 3


@pytest.mark.parametrize("n", [0, -1, 1.5, "2", None, True])
@pytest.mark.parametrize("who", ["set_num_threads", "num_threads"])
def test_what_is_no_number_of_threads_is_refused(who: str, n: Any):
    with pytest.raises(OptionError, match=rf"{who}: got .*, expected a whole number"):
        with getattr(tg, who)(n) or tg.no_grad():
            pass


def test_without_the_library_another_number_is_refused_by_the_install_line(monkeypatch: Any):
    monkeypatch.setattr(threads, "_control", lambda: None)
    monkeypatch.setattr(threads, "_libraries", list)
    monkeypatch.setattr(threads._LIMIT, "given", None)
    assert tg.get_num_threads() == 1
    with pytest.raises(OptionError, match=r"got 2, .*pip install 'tinygrad_nn\[fast\]'"):
        tg.set_num_threads(2)


@settable
def test_while_a_step_shares_its_work_numpys_products_have_one_thread():
    tg.set_num_threads(2)
    library = threads._libraries()[0]
    with threads.single:
        assert (library.num_threads, tg.get_num_threads()) == (1, 2)
        with threads.single:
            assert library.num_threads == 1
        assert library.num_threads == 1
        tg.set_num_threads(3)  # counts when the last one is over
        assert (library.num_threads, tg.get_num_threads()) == (1, 3)
    assert library.num_threads == 3


def test_the_module_is_loaded_when_it_is_asked_for():
    text = "import sys, tinygrad_nn; print('tinygrad_nn.threads' in sys.modules, end='')"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert done.stdout == "False"


# ── The pool ────────────────────────────────────────────────────────────────────────────


def test_each_piece_runs_once_the_first_in_the_thread_that_asks():
    for count in (0, 1, 2, 3, 9):
        seen: dict[int, Any] = {}
        together([partial(lambda s, k: s.update({k: get_ident()}), seen, k) for k in range(count)])
        assert sorted(seen) == list(range(count))
        assert len(set(seen.values())) == count
        assert not count or seen[0] == get_ident()


@pytest.mark.parametrize("failing", [[0], [1], [2], [0, 2]])
def test_an_error_arrives_when_all_are_over(failing: list[int]):
    done = []

    def piece(k: int) -> None:
        if k in failing:
            raise ValueError(f"piece {k}")
        time.sleep(0.01)
        done.append(k)

    with pytest.raises(ValueError, match=f"piece {failing[0]}"):
        together([lambda k=k: piece(k) for k in range(3)])
    assert sorted(done) == sorted({0, 1, 2} - set(failing))
    together([lambda: done.append("a"), lambda: done.append("b")])
    assert {"a", "b"} <= set(done)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs an alarm")
def test_an_interrupt_waits_for_the_others():
    done = []

    class Interrupt(BaseException):
        pass

    def ring(*_: Any) -> None:
        raise Interrupt

    old = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        with pytest.raises(Interrupt):
            together([lambda: None, lambda: (time.sleep(0.1), done.append(1))])
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert done == [1]


def test_within_a_piece_all_is_done_by_its_own_thread():
    seen: list[tuple[int, int]] = []

    def outer() -> None:
        mine = threading.get_ident()
        together([lambda: seen.append((mine, threading.get_ident()))] * 2)

    together([outer, outer])
    assert len(seen) == 4
    assert all(a == b for a, b in seen)


def test_threads_of_the_user_do_not_wait_for_one_another():
    def busy(count: list[int]) -> None:
        for _ in range(200):
            together([lambda: count.append(1)] * 3)

    counts: list[list[int]] = [[], [], []]
    users = [threading.Thread(target=busy, args=(c,)) for c in counts]
    for user in users:
        user.start()
    for user in users:
        user.join(60)
        assert not user.is_alive()
    assert [len(c) for c in counts] == [600] * 3


def test_what_numpy_warns_of_is_as_in_the_thread_that_asks():
    seen = []
    with np.errstate(divide="raise"):
        together([lambda: seen.append(np.geterr()["divide"])] * 2)
    assert seen == ["raise", "raise"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_after_a_fork_the_child_has_threads_of_its_own():
    # In a process of its own: a fork of one with threads is warned of.
    text = """if True:
        import os, threading, warnings
        from tinygrad_nn import threads
        threads.together([int, int])
        warnings.simplefilter("ignore")
        with threads.single:
            child = os.fork()
        if not child:
            seen = []
            threads.together([lambda: seen.append(threading.get_ident())] * 2)
            os._exit(0 if len(set(seen)) == 2 and not threads._LIMIT.depth else 1)
        assert os.waitpid(child, 0)[1] == 0
    """
    subprocess.run([sys.executable, "-c", text], check=True, timeout=60)


# ── Programs ────────────────────────────────────────────────────────────────────────────

COUNTS = (1, 2, 3, 7)
SIDES = st.tuples(st.integers(1, 5), st.integers(1, 9), st.integers(1, 9)) | st.tuples(
    st.integers(1, 70), st.integers(1, 70)
)


@pytest.fixture
def small(monkeypatch: Any) -> None:
    """Each element is worth a thread."""
    monkeypatch.setattr("tinygrad_nn.compiler.passes.spread._SMALL", 1)
    monkeypatch.setattr("tinygrad_nn.compiler.passes.spread._pieces", lambda elements, _: elements)


def outcome(i: Instruction, values: dict[Var, Any], count: int) -> list[Any]:
    """What an instruction writes with so many threads, into arrays that it has to fill."""
    threads._LIMIT.given = count
    targets = [blank(v) for v in i.results]
    with threads.single, np.errstate(all="ignore"):
        i.call(*mapped(i.args, values), *targets, **mapped(dict(i.params), values))
    return targets


def shared(program: Program, values: dict[Var, Any], counts: Any = COUNTS) -> bool:
    """Whether its last instruction is shared; the bits must be the same then."""
    i = spread(program).instructions[-1]
    if not isinstance(i.call, Spread):
        assert i is program.instructions[-1]
        return False
    expected = [values[v] for v in i.results if v in values] or outcome(i, values, 1)
    for count in counts:
        for a, b in zip(expected, outcome(i, values, count), strict=True):
            assert bits(a) == bits(b), (count, i.name)
    return True


def laid(draw: Callable[..., Any], rng: Any, sides: tuple[int, ...], kind: str) -> Any:
    """Numbers in an array whose axes lie in some order in memory."""
    order = draw(st.permutations(range(len(sides))))
    x = rng.standard_normal([sides[k] for k in order]).astype(kind)
    return x.transpose(np.argsort(order))


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_elementwise_functions(small: None, data: Any):
    draw, rng = data.draw, np.random.default_rng(data.draw(st.integers(0, 99)))
    sides, kind, b = draw(SIDES), draw(st.sampled_from("fd")), Builder()
    x = b.input(laid(draw, rng, sides, kind))
    narrow = tuple(1 if draw(st.booleans()) else n for n in sides)[draw(st.integers(0, 1)) :]
    y = b.input(laid(draw, rng, narrow, draw(st.sampled_from("fd"))))
    name = draw(st.sampled_from(["exp", "tanh", "sqrt", "multiply", "add", "maximum", "greater"]))
    function: Any = getattr(np, name)
    others = (draw(st.sampled_from([y, 0.1])),) if function.nin == 2 else ()
    out = b.do(name, function, x, *others)
    assert shared(b.program(out), b.values) == (prod(sides) > 1)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_sums_along_the_last_axis(small: None, data: Any):
    draw, rng = data.draw, np.random.default_rng(data.draw(st.integers(0, 99)))
    sides, b = draw(SIDES), Builder()
    x = b.input(rng.standard_normal(sides).astype(draw(st.sampled_from("fd"))))
    axis = draw(st.integers(-len(sides), len(sides) - 1))
    function: Any = draw(st.sampled_from([np.add.reduce, np.maximum.reduce]))
    out = b.do("add.reduce", function, x, axis=axis, keepdims=draw(st.booleans()))
    last = axis in (-1, len(sides) - 1)
    assert shared(b.program(out), b.values) == (last and sides[0] > 1)


LONG = st.integers(150, 500)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_products_of_matrices(data: Any):
    """Of a real size: BLAS has other code for small ones."""
    draw, rng = data.draw, np.random.default_rng(data.draw(st.integers(0, 99)))
    m, n, kind, b = draw(LONG), draw(LONG), draw(st.sampled_from("fd")), Builder()
    k = -(-(1 << 23) // (m * n)) + draw(st.integers(0, 40))
    a = b.input(laid(draw, rng, (m, k), kind))
    c = b.input(laid(draw, rng, (k, n), kind))
    call = draw(st.sampled_from([np.matmul, np.dot]))
    out = b.do(call.__name__, call, a, c)
    with threads.single:
        b.values[out] = call(b.values[a], b.values[c])
        assert shared(b.program(out), b.values) == (max(m, n) >= 2 * _SIDES[kind])


@pytest.mark.parametrize("sides", [(2048, 64), (8, 256, 64), (130, 512)])
@pytest.mark.parametrize("biased", [0, 1])
@pytest.mark.parametrize("kind", "fd")
def test_linear_layers(sides: tuple[int, ...], biased: int, kind: str):
    rng, b = np.random.default_rng(1), Builder()
    given = [sides, (440, sides[-1]), (440,)][: 2 + biased]
    args = [b.input(rng.standard_normal(s).astype(kind)) for s in given]
    with threads.single:
        out = operated(b, "linear", *args)
        assert shared(b.program(out), b.values)


def operated(b: Builder, key: str, *args: Any, **params: Any) -> Var:
    """An operation, as a capture writes it down."""
    out = b.do(key, OPS[key].kernels[np.ndarray][0], *args, **params)
    b.instructions[-1] = replace(b.instructions[-1], op=OPS[key])
    return out


def test_a_batch_of_products():
    rng, b = np.random.default_rng(2), Builder()
    a = b.input(rng.standard_normal((5, 130, 129)).astype("f"))
    c = b.input(rng.standard_normal((5, 129, 131)).astype("f"))
    with threads.single:
        out = b.do("matmul", np.matmul, a, c)
        assert shared(b.program(out), b.values)


def test_the_product_of_an_array_with_itself_is_one_piece():
    """NumPy has a short cut for it, with bits of its own."""
    b = Builder()
    a = b.input(np.random.default_rng(3).standard_normal((300, 300)).astype("f"))
    turned = b.do("matrix_transpose", np.matrix_transpose, a)
    assert not shared(b.program(b.do("matmul", np.matmul, a, turned)), b.values)


@pytest.mark.parametrize("key", ["gelu", "gelu_slope", "masked", "tanh"])
@pytest.mark.parametrize("long", [1 << 18, 50])
@pytest.mark.parametrize("form", ["tanh", "none"])
def test_kernels_of_numpy(small: None, key: str, long: int, form: str, monkeypatch: Any):
    monkeypatch.setattr("tinygrad_nn.compiler.passes.spread._LONG", long)
    rng, b = np.random.default_rng(4), Builder()
    x = b.input(rng.standard_normal((37, 11)).astype("f"))
    more = [b.input(rng.standard_normal((37, 11)) > 0)] if key == "masked" else []
    more += [b.input(rng.standard_normal((37, 11)).astype("f"))] if key == "gelu_slope" else []
    params = {"approximate": form} if "gelu" in key else {}
    assert shared(b.program(operated(b, key, x, *more, **params)), b.values)


@pytest.mark.parametrize("rows", [1, 2, 64, 192])
@pytest.mark.parametrize("affine", [0, 2])
def test_layers_of_normalised_rows(small: None, rows: int, affine: int):
    rng, b = np.random.default_rng(5), Builder()
    x = b.input(rng.standard_normal((128 // rows + 1, rows, 24)).astype("f"))
    more = [b.input(rng.standard_normal(24).astype("f")) for _ in range(affine)]
    out = operated(b, "standardize", x, *more, axes=(2,), eps=1e-5, centred=True)
    assert shared(b.program(out), b.values) == (rows < 192)


@pytest.mark.parametrize("size", [BLOCK, 4 * BLOCK + 8])
@pytest.mark.parametrize("long", [1 << 18, 1000])
def test_chains_of_blocks(small: None, size: int, long: int, monkeypatch: Any):
    monkeypatch.setattr("tinygrad_nn.compiler.passes.spread._LONG", long)
    rng, b = np.random.default_rng(6), Builder()
    x, y = (b.input(rng.standard_normal(size).astype("f")) for _ in range(2))
    z = b.do("multiply", np.multiply, x, y)
    z = b.do("add", np.add, z, x)
    z = b.do("sqrt", np.sqrt, b.do("absolute", np.absolute, z))
    program = blocks(b.program(z))
    assert [i.name for i in program.instructions] == ["blocks"]
    assert shared(program, b.values)


@pytest.mark.skipif(not installed() or not blas.width(), reason="needs numba, and NumPy's BLAS")
@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("key", list(CASES))
def test_compiled_kernels(small: None, key: str, dtype: str):
    rng, count = np.random.default_rng(7), 0
    for _ in range(12):
        arrays, static = CASES[key](rng)
        arrays = [placed(a, dtype) for a in arrays]
        with np.errstate(all="ignore"):
            like = OPS[key].kernels[np.ndarray][0](*arrays, **static)
        i = instruction(key, arrays, static, like)
        if KERNELS[key].accepts(i):
            values = dict(zip(i.args, arrays, strict=True))
            i = KERNELS[key].build(i)
            program = Program(dict.fromkeys(i.args), {}, (i,), (Output(0, i.out),))
            count += shared(program, values)
    assert count > 3 or key in ("_lstm", "_lstm_slope", "_row_slopes")


def test_a_piece_that_is_left_out_is_noticed(small: None, monkeypatch: Any):
    """The comparisons above can fail."""
    b = Builder()
    out = b.do("exp", np.exp, b.input(np.ones((8, 8))))
    bounds = Spread.bounds
    monkeypatch.setattr(Spread, "bounds", lambda self, n: bounds(self, n)[:-1])
    with pytest.raises(AssertionError):
        shared(b.program(out), b.values, (2,))


# ── Steps ───────────────────────────────────────────────────────────────────────────────


def training(engine: str) -> list[bytes]:
    """Losses and parameters of some steps of a network whose layers are large enough."""
    rng = np.random.default_rng(0)
    net = nn.Sequential(
        nn.Linear(160, 400, rng=rng),
        nn.LayerNorm(400),
        nn.GELU("tanh"),
        nn.Linear(400, 256, rng=rng),
        nn.ReLU(),
    )
    optimizer = optim.Adam(net.parameters(), lr=1e-2)
    x = np.random.default_rng(1).standard_normal((700, 160)).astype(np.float32)

    def step(x: Any) -> Any:
        loss = (net(x) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    step = tg.jit(step, engine=engine) if engine else step
    with threads.single:  # the first call is eager code, with the bits that BLAS has there
        losses = [step(x).numpy().tobytes()]
    losses += [step(x).numpy().tobytes() for _ in range(2)]
    if engine:
        assert any(isinstance(i.call, Spread) for i in step.program.instructions)
        assert any(who == "threads" for who, _ in step.program.notes)
    return [*losses, *[p.numpy().tobytes() for p in net.parameters()]]


@settable
@pytest.mark.parametrize("engine", ENGINES)
def test_a_step_has_the_same_bits_with_any_number_of_threads(engine: str):
    with tg.num_threads(1):
        eager = training("")
    found = []
    for count in (2, 3):
        with tg.num_threads(count):
            found.append(training(engine))
            assert {x.num_threads for x in threads._libraries()} == {count}
    assert found[0] == found[1]
    assert found[0] == eager or engine != "numpy"


@settable
def test_steps_of_two_threads_of_the_user():
    tg.set_num_threads(2)
    found: list[list[bytes]] = []
    x = np.random.default_rng(1).standard_normal((700, 400)).astype(np.float32)

    def run() -> None:
        step = tg.jit(lambda x: tg.tanh(x @ x.mT * 0.1).sum(1), engine="numpy")
        found.append([step(x).numpy().tobytes() for _ in range(20)])

    users = [threading.Thread(target=run) for _ in range(3)]
    for user in users:
        user.start()
    for user in users:
        user.join(100)
        assert not user.is_alive()
    assert len({b for f in found for b in f}) == 1
    assert not threads._LIMIT.depth
    assert threads._libraries()[0].num_threads == 2


@settable
def test_an_error_within_a_piece_arrives(monkeypatch: Any):
    """As eager code has it: the step is run anew, where the error belongs."""
    tg.set_num_threads(2)
    step = tg.jit(lambda x: tg.exp(x) * 2.0, engine="numpy")
    x = np.zeros((1024, 512), np.float32)
    step(x)
    assert any(isinstance(i.call, Spread) for i in step.program.instructions)
    x[-1] = 1e30
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        step(x)
    assert not threads._LIMIT.depth
    x[-1] = 0
    assert (step(x).numpy() == 2).all()


@settable
@pytest.mark.parametrize(("side", "count"), [(300, 1), (30, 2)])
def test_products_within_a_step_have_one_thread_where_they_are_large(side: int, count: int):
    tg.set_num_threads(2)
    seen: list[int] = []

    def look(x: Any) -> Any:
        seen.append(threads._libraries()[0].num_threads)
        return x + 1.0

    b = Builder()
    x = b.input(np.ones((side, side)))
    Replay(b.program(b.do("look", look, x))).run_leaves([np.ones((side, side))], [], None)
    assert seen[-1] == count
