"""What `fit` takes, and that its options do what they say, to the last bit where they can."""

import signal
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_nn as tg
from tests.serialize.states import same
from tinygrad_nn import nn, optim, train
from tinygrad_nn.data import DataLoader, IterableDataset, TensorDataset, make_moons
from tinygrad_nn.errors import AnomalyError, DataError, OptionError, ShapeError, StateError
from tinygrad_nn.train import LambdaCallback, fit

MOONS = make_moons(50)


def parts(seed: int = 0, dropout: float = 0.0):
    model = nn.Sequential(
        nn.Linear(2, 4, rng=seed), nn.Tanh(), nn.Dropout(dropout, rng=7), nn.Linear(4, 2, rng=1)
    )
    return model, nn.CrossEntropyLoss(), optim.Adam(model.parameters(), lr=0.05)


def learned(data, epochs: int = 2, **options):
    model, loss, optimizer = parts()
    history = fit(model, loss, optimizer, data, epochs, **options)
    return model.state_dict(), history


def loader(size: int = 16) -> DataLoader:
    return DataLoader(MOONS, size, rng=3)


# ── Data ────────────────────────────────────────────────────────────────────────────────


def test_every_form_of_data_teaches_the_same():
    expected, _ = learned(DataLoader(MOONS, 16, rng=3))
    x, y = MOONS.inputs, MOONS.targets
    for data in (MOONS, (x, y), (tg.tensor(x), y), TensorDataset(x, y)):
        assert same(learned(data, batch_size=16, rng=3)[0], expected)


def test_inputs_may_be_tuples_and_dicts():
    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 2, rng=0)

        def forward(self, a, b):
            return self.layer(a + b)

    states = []
    x, y = MOONS.inputs, MOONS.targets
    for inputs in ((x, x), {"a": x, "b": x}):
        model = Sum()
        sgd = optim.SGD(model.parameters(), lr=0.1)
        fit(model, nn.CrossEntropyLoss(), sgd, [(inputs, y)], 3)
        states.append(model.state_dict())
    assert same(*states)


def test_data_without_a_length():
    class Lines(IterableDataset):
        def __iter__(self):
            return iter(zip(MOONS.inputs, MOONS.targets, strict=True))

    ordered = DataLoader(MOONS, 16, shuffle=False)
    expected, _ = learned(ordered, accumulate=3)
    state, history = learned(DataLoader(Lines(), 16), accumulate=3)
    assert same(state, expected)
    assert history.steps == 4

    class Batches:
        def __iter__(self):
            return iter(ordered)

    assert same(learned(Batches(), accumulate=3)[0], expected)


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (np.zeros((3, 2)), OptionError, "pass .inputs, targets."),
        ({"x": 1}, OptionError, "targets"),
        (iter([]), OptionError, "read only once"),
        (3, OptionError, "to iterate"),
        ([], DataError, "without batches"),
        ([np.zeros((3, 2))], DataError, "pair"),
        ([(1, 2, 3)], DataError, "tuple of 3 parts"),
    ],
)
def test_other_data_are_refused(data, error, words):
    with pytest.raises(error, match=words):
        learned(data)


def test_a_loss_that_is_no_number_in_a_graph_is_refused():
    model, _, optimizer = parts()
    with pytest.raises(ShapeError, match=r"\(16, 2\).*mean"):
        fit(model, lambda y, t: y, optimizer, loader(), 1)
    with pytest.raises(ShapeError, match="float"):
        fit(model, lambda y, t: 1.0, optimizer, loader(), 1)


@pytest.mark.parametrize(
    "options",
    [
        {"accumulate": 0},
        {"clip_norm": -1},
        {"clip_norm": 1, "clip_value": 1},
        {"precision": "float64"},
        {"scaler": train.GradScaler()},
        {"interrupt": "ignore"},
        {"detect_anomaly": 1},
    ],
)
def test_options_out_of_range_are_refused(options):
    with pytest.raises(OptionError):
        learned(loader(), **options)


# ── Accumulation and clipping ───────────────────────────────────────────────────────────


@given(sizes=st.lists(st.integers(1, 9), min_size=1, max_size=5), kind=st.sampled_from("ms"))
def test_accumulation_is_the_large_batch(sizes: list[int], kind: str):
    """Whatever the sizes of the small batches, and for sums too."""
    rng = np.random.default_rng(sum(sizes))
    x, y = rng.normal(size=(sum(sizes), 2)), rng.integers(0, 2, sum(sizes))
    cuts = np.cumsum(sizes)[:-1]
    small = list(zip(np.split(x, cuts), np.split(y, cuts), strict=True))
    results = []
    for batches in (small, [(x, y)]):
        model = nn.Linear(2, 2, rng=0).double()
        loss = nn.CrossEntropyLoss(reduction={"m": "mean", "s": "sum"}[kind])
        sgd = optim.SGD(model.parameters(), lr=0.01)
        history = fit(model, loss, sgd, batches, 2, accumulate=len(sizes))
        results.append((model.weight.numpy().copy(), history["loss"], history.steps))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-12)
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-12)
    assert results[0][2] == results[1][2] == 2


def test_the_last_group_may_be_smaller():
    halves = loader(8)  # batches of 8, the 7th of 2
    state, history = learned(halves, 1, accumulate=4)
    expected, _ = learned(loader(32), 1)
    assert history.steps == 2
    assert all(np.allclose(state[k], expected[k], atol=1e-6) for k in expected)
    forgotten, _ = learned(DataLoader(MOONS, 8, rng=3, drop_last=True), 1, accumulate=4)
    assert not all(np.allclose(forgotten[k], expected[k], atol=1e-6) for k in expected)


def test_a_planted_plain_mean_of_means_would_be_seen():
    x, y = MOONS.inputs, MOONS.targets
    batches = [(x[:30], y[:30]), (x[30:], y[30:])]
    right, _ = learned(batches, 1, accumulate=2)
    wrong, _ = learned(batches, 1, accumulate=2, count=lambda t: 1)
    assert not all(np.allclose(wrong[k], right[k], atol=1e-6) for k in right)


def test_count_tells_of_ignored_targets():
    x, y = MOONS.inputs.astype(np.float64), MOONS.targets.copy()
    y[20:48] = -100
    results = []
    for batches in ([(x[:30], y[:30]), (x[30:], y[30:])], [(x, y)]):
        model = nn.Linear(2, 2, rng=0).double()
        sgd = optim.SGD(model.parameters(), lr=0.1)
        history = fit(
            model, nn.CrossEntropyLoss(), sgd, batches, 1,
            accumulate=2, count=lambda t: (t >= 0).sum(), validation=batches,
        )  # fmt: skip
        results.append((*history["loss"], *history["val_loss"], *model.weight.numpy().ravel()))
    np.testing.assert_allclose(results[0], results[1], rtol=1e-12)


def test_clipping_is_that_of_nn_utils():
    for name, clip in (("clip_norm", nn.utils.clip_grad_norm_), ("clip_value", None)):
        state, _ = learned(loader(), 1, **{name: 0.01})
        model, loss, optimizer = parts()
        for inputs, targets in loader():
            optimizer.zero_grad()
            loss(model(inputs), targets).backward()
            (clip or nn.utils.clip_grad_value_)(model.parameters(), 0.01)
            optimizer.step()
        assert same(state, model.state_dict())


def test_lbfgs_gets_its_closure():
    model = nn.Linear(2, 2, rng=0)
    lbfgs = optim.LBFGS(model.parameters(), max_iter=5, line_search_fn="strong_wolfe")
    history = fit(model, nn.CrossEntropyLoss(), lbfgs, [(MOONS.inputs, MOONS.targets)], 5)
    assert history["loss"][-1] < history["loss"][0] and history.steps == 5
    with pytest.raises(OptionError, match="accumulate=1"):
        fit(model, nn.CrossEntropyLoss(), lbfgs, MOONS, 6, accumulate=2)


# ── Modes ───────────────────────────────────────────────────────────────────────────────


def test_every_part_gets_its_own_mode_back():
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Dropout(), nn.Linear(3, 2))
    model[1].eval()
    model[1].running_mean.data = np.full(3, 7.0, np.float32)
    sgd = optim.SGD(model.parameters(), lr=0.1)
    seen = []
    model.register_forward_hook(lambda m, i, y: seen.append([p.training for p in m.modules()]))
    fit(model, nn.CrossEntropyLoss(), sgd, [(MOONS.inputs, MOONS.targets)], 2, validation=MOONS)
    frozen = [True, True, False, True, True]
    assert seen == [frozen, [False] * 5] * 2
    assert [p.training for p in model.modules()] == frozen
    assert model[1].running_mean.tolist() == [7.0] * 3
    fit(model.eval(), nn.CrossEntropyLoss(), sgd, [(MOONS.inputs, MOONS.targets)], 1)
    assert seen[-1] == [True] * 5 and not any(p.training for p in model.modules())


# ── Validation and history ──────────────────────────────────────────────────────────────


def test_validation_measures_and_changes_nothing():
    plain, _ = learned(loader())
    held = make_moons(33, rng=9)
    metrics = [train.Accuracy(), train.accuracy]
    with pytest.raises(OptionError, match="two called 'accuracy'"):
        learned(loader(), metrics=metrics)
    state, history = learned(loader(), validation=held, metrics={"a": metrics[0], "b": metrics[1]})
    assert same(state, plain)
    last = history.epochs[-1].scores
    assert list(last) == ["a", "b", "val_loss", "val_a", "val_b"]
    assert last["a"] == last["b"] and last["val_a"] == last["val_b"]
    model, loss, _ = parts()
    model.load_state_dict(state)
    found = train.evaluate(model, held, loss, [train.Accuracy()], batch_size=7)
    assert found["accuracy"] == last["val_a"]
    assert found["loss"] == pytest.approx(last["val_loss"], rel=1e-6)


def test_the_history_as_tables(tmp_path):
    _, history = learned(loader(), validation=MOONS)
    columns = history.columns()
    assert list(columns) == ["epoch", "loss", "seconds", "lr", "val_loss"]
    assert columns["lr"] == [0.05, 0.05] and history["epoch"] == [1, 2]
    assert history.best("val_loss").number == 2
    lines = history.to_csv(tmp_path / "h.csv").splitlines()
    assert lines[0] == "epoch,loss,seconds,lr,val_loss" and len(lines) == 3
    assert (tmp_path / "h.csv").read_text().splitlines() == lines
    assert '"epoch": [' in history.to_json(tmp_path / "h.json")
    frame = pytest.importorskip("pandas").DataFrame(columns)
    assert frame.shape == (2, 5)
    with pytest.raises(StateError, match=r"'accuracy'.*val_loss"):
        history["accuracy"]


# ── Numbers that are none ───────────────────────────────────────────────────────────────


def poisoned(epoch: int, batch: int):
    class Poison(train.Callback):
        def on_batch_begin(self, context):
            if (context.epoch, context.batch) == (epoch, batch):
                context.inputs = context.inputs * np.float32(np.nan)

    return Poison()


def test_nan_stops_with_epoch_batch_and_advice():
    model, loss, optimizer = parts()
    with pytest.raises(AnomalyError, match=r"nan at batch 3 of epoch 2.*inputs hold 32 NaN"):
        fit(model, loss, optimizer, loader(), 3, callbacks=[poisoned(2, 3)])
    assert all(np.isfinite(p.numpy()).all() for p in model.parameters())

    with pytest.raises(AnomalyError, match=r"lower the learning rate.*detect_anomaly=True"):
        fit(model, lambda y, t: tg.log(y.sum() * 0 - 1), optimizer, loader(), 1)
    with pytest.raises(AnomalyError, match="log gave nan"):
        fit(
            model, lambda y, t: tg.log(y.sum() * 0 - 1), optimizer, loader(), 1,
            detect_anomaly=True,
        )  # fmt: skip


def test_terminate_on_nan_returns_a_usable_model():
    model, loss, optimizer = parts()
    calls = [poisoned(2, 3), train.TerminateOnNaN()]
    history = fit(model, loss, optimizer, loader(), 3, callbacks=calls)
    assert (len(history.epochs), history.batches) == (1, 2)
    assert "nan at batch 3" in history.stopped
    assert all(np.isfinite(p.numpy()).all() for p in model.parameters())


# ── Ctrl-C and resuming ─────────────────────────────────────────────────────────────────


class Press(train.Callback):
    """Ctrl-C in the middle of a batch."""

    def __init__(self, step: int):
        self.step = step

    def on_backward_end(self, context):
        if context.step == self.step:
            signal.raise_signal(signal.SIGINT)


@pytest.fixture
def interruptible():
    """Python's handler of Ctrl-C, which a shell takes from what it starts in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(
    threading.current_thread() is not threading.main_thread(), reason="signals need it"
)
@pytest.mark.parametrize("step", [0, 2, 3, 5])
@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_leaves_what_can_be_gone_on_with(step: int):
    model, loss, optimizer = parts(dropout=0.5)
    whole = fit(model, loss, optimizer, loader(), 2)
    expected = model.state_dict()

    model, loss, optimizer = parts(dropout=0.5)
    batches, history = loader(), train.History()
    with pytest.raises(KeyboardInterrupt, match="history="):
        fit(model, loss, optimizer, batches, 2, history=history, callbacks=[Press(step)])
    assert history.steps == step + 1 and "interrupted" in history.stopped
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    fit(model, loss, optimizer, batches, 2, history=history)
    assert same(model.state_dict(), expected)
    assert history["loss"] == whole["loss"] and history.stopped == ""


def test_an_interruption_at_once_drops_only_the_step_under_way():
    expected, _ = learned(loader(8), accumulate=3)
    model, loss, optimizer = parts()
    history, batches = train.History(), loader(8)

    def hit(context):
        if context.step == 1 and context.batch == 5:
            raise KeyboardInterrupt

    for _ in range(2):
        fit(
            model, loss, optimizer, batches, 2, accumulate=3, history=history,
            callbacks=[LambdaCallback(on_backward_end=hit)], interrupt="return",
        )  # fmt: skip
        assert history.batches == 3
    fit(model, loss, optimizer, batches, 2, accumulate=3, history=history)
    assert same(model.state_dict(), expected)


def test_an_own_loader_goes_on_with_the_history():
    expected, _ = learned(MOONS, 3, batch_size=16)
    model, loss, optimizer = parts()
    stop = LambdaCallback(on_step_end=lambda c: c.step == 6 and c.stop())
    history = fit(model, loss, optimizer, MOONS, 3, batch_size=16, callbacks=[stop])
    fit(model, loss, optimizer, MOONS, 3, batch_size=16, history=history)
    assert same(model.state_dict(), expected)


@pytest.mark.parametrize("precision", ["float32", "mixed"])
@pytest.mark.parametrize("moment", [1, 3, 4, 6, 8])
def test_resuming_anywhere_is_exact(moment: int, precision: str, tmp_path):
    def run(**options):
        model, loss, optimizer = parts(seed=options.pop("seed", 0), dropout=0.5)
        plateau = optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, factor=0.5)
        scaler = train.GradScaler(growth_interval=3) if precision == "mixed" else None
        history = fit(
            model, loss, optimizer, loader(8), 3,
            accumulate=2, validation=MOONS, scheduler=plateau, metrics=[train.Accuracy()],
            precision=precision, scaler=scaler, **options,
        )  # fmt: skip
        return model.state_dict(), [{**vars(e), "seconds": 0} for e in history.epochs]

    path = tmp_path / "state.safetensors"

    def take(context):
        if context.step == moment:
            tg.save(context.state_dict(), path)

    expected = run(callbacks=[LambdaCallback(on_step_end=take)])
    got = run(seed=5, resume=path)
    assert same(got[0], expected[0]) and got[1] == expected[1]


def test_a_state_that_does_not_fit_is_refused():
    states: list = []
    learned(
        loader(), callbacks=[LambdaCallback(on_train_end=lambda c: states.append(c.state_dict()))]
    )
    with pytest.raises(StateError, match="precision"):
        learned(loader(), resume=states[0], precision="mixed")
    with pytest.raises(StateError, match="fit"):
        learned(loader(), resume={})
    with pytest.raises(StateError, match="EarlyStopping"):
        learned(loader(), resume={**states[0], "callbacks": {"EarlyStopping": {}}})
