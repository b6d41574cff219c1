"""What the recorder notes is true, and changes nothing."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report.runs import learned, network
from tinygrad_nn import data, nn, optim, report, train
from tinygrad_nn.report.layers import Layers
from tinygrad_nn.report.recorder import thinned


class Judge(train.Callback):
    """The same numbers by NumPy alone, at every step."""

    def __init__(self) -> None:
        self.gradient: list[list[float]] = []
        self.update: list[list[float]] = []

    def _flat(self, context: train.Context, what: str) -> list[np.ndarray]:
        layers = [m for m in context.model.modules() if isinstance(m, nn.Linear)]
        return [
            np.concatenate(
                [np.ravel((getattr(p, what) if what else p).numpy()) for p in m.parameters()]
            )
            for m in layers
        ]

    def on_step_begin(self, context: train.Context) -> None:
        self.gradient.append([float(np.linalg.norm(g)) for g in self._flat(context, "grad")])
        self._before = [x.copy() for x in self._flat(context, "")]

    def on_step_end(self, context: train.Context) -> None:
        pairs = zip(self._flat(context, ""), self._before, strict=True)
        self.update.append([float(np.linalg.norm(a - b) / np.linalg.norm(b)) for a, b in pairs])


def test_norms_and_ratios_are_those_of_numpy():
    judge, recorder = Judge(), report.Recorder(every=1)
    model = network([2, 8, 2])
    adam = optim.Adam(model.parameters(), lr=0.01)
    moons = data.make_moons(96)
    train.fit(model, nn.CrossEntropyLoss(), adam, moons, 2, callbacks=[recorder, judge])
    rows = recorder.state_dict()["epochs"]
    half = len(judge.gradient) // 2
    for row, part in zip(rows, (slice(0, half), slice(half, None)), strict=True):
        np.testing.assert_allclose(
            row["gradient"], np.mean(judge.gradient[part], axis=0), rtol=1e-5
        )
        np.testing.assert_allclose(row["update"], np.mean(judge.update[part], axis=0), rtol=1e-4)
        assert row["looks"] == half
    weights = [np.concatenate([p.numpy().ravel() for p in model[i].parameters()]) for i in (0, 2)]
    np.testing.assert_allclose(rows[-1]["weight"], [np.linalg.norm(w) for w in weights], rtol=1e-5)


def test_it_changes_no_bit():
    def weights(*callbacks: train.Callback) -> bytes:
        rng = np.random.default_rng(0)
        model = nn.Sequential(
            nn.Linear(2, 8, rng=rng),
            nn.BatchNorm1d(8),
            nn.ReLU(),
            nn.Dropout(0.3, rng=2),
            nn.Linear(8, 2, rng=rng),
        )
        adam = optim.Adam(model.parameters(), lr=0.01)
        moons = data.make_moons(96)
        train.fit(model, nn.CrossEntropyLoss(), adam, moons, 3, callbacks=callbacks,
                  validation=data.make_moons(20, rng=1))  # fmt: skip
        assert model.training
        return b"".join(x.numpy().tobytes() for x in (*model.parameters(), *model.buffers()))

    assert weights() == weights(report.Recorder()) == weights(report.Recorder(every=1))


def test_dead_units_are_counted():
    model = nn.Sequential(nn.Linear(3, 4, rng=0), nn.ReLU(), nn.Linear(4, 2, rng=1))
    model[0].weight.data[:] = 0
    model[0].bias.data[:] = [1, -1, -1, 1]
    first, last = Layers(model).activations(np.ones((5, 3), np.float32))
    assert first is not None and first["idle"] == 0.5
    assert sum(first["counts"]) == 20 and (first["low"], first["high"]) == (0.0, 1.0)
    assert last is not None and last["idle"] is None


def test_saturated_units_are_counted():
    model = nn.Sequential(nn.Linear(1, 2, bias=False, rng=0), nn.Tanh())
    model[0].weight.data[:] = [[100.0], [0.0]]
    (found,) = Layers(model).activations(np.ones((3, 1), np.float32))
    assert found is not None and found["idle"] == 0.5


def test_a_deep_tree_is_told_by_its_branches():
    model = nn.Sequential(
        *(nn.Sequential(*(nn.Linear(1, 1, rng=0) for _ in range(9))) for _ in range(9))
    )
    layers = Layers(model).listed
    assert [layer.path for layer in layers] == [str(i) for i in range(9)]
    assert all((layer.kind, layer.parameters) == ("branch", 18) for layer in layers)


def test_its_state_goes_through_json():
    recorder = learned([2, 4, 2], data.make_moons(64), 3)
    state = json.loads(json.dumps(recorder.state_dict(), allow_nan=False))
    again = report.Recorder()
    again.load_state_dict(state)
    kept = ("epochs", "histograms", "film", "losses", "stride", "batches", "seconds")
    assert {k: again.state_dict()[k] for k in kept} == {k: state[k] for k in kept}


@pytest.mark.parametrize("noted", [None, 3, {}, {"layers": "x"}, {"epochs": [1]}])
def test_a_damaged_state_is_not_gone_on_with(noted: object):
    recorder = report.Recorder()
    recorder.resume(noted, network([2, 4, 2]), 3)
    assert recorder.state_dict()["epochs"] == []


@given(st.integers(1, 300))
def test_thinning_keeps_the_first_and_the_last(count: int):
    rows: list[dict[str, int]] = []
    for epoch in range(1, count + 1):
        rows = thinned([*rows, {"epoch": epoch}])
    epochs = [row["epoch"] for row in rows]
    assert epochs == sorted(set(epochs)) and len(epochs) <= 9
    assert epochs[0] == 1 and epochs[-1] == count


def test_its_cost_is_told():
    recorder = learned([2, 4, 2], data.make_moons(64), 2)
    assert 0 < recorder.seconds < 5
    assert 'data-at="record/seconds">' in report.of(recorder).html
