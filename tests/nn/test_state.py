"""State dicts go out and in without loss, and what does not fit is refused by name."""

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import nn
from tinygrad_nn.errors import OperandError, StateError


def model(rng=0):
    return nn.Sequential(nn.Linear(2, 3, rng=rng), nn.Tanh(), nn.Linear(3, 1, rng=rng))


def test_a_round_trip_gives_the_same_bits():
    a, b = model(0), model(1)
    b.load_state_dict(a.state_dict())
    x = np.ones((4, 2), np.float32)
    np.testing.assert_array_equal(a(x).data, b(x).data)


def test_a_state_stays_what_it_was_when_training_goes_on():
    m = model()
    state = m.state_dict()
    kept = state["0.weight"].copy()
    m[0].weight.data += 1
    np.testing.assert_array_equal(state["0.weight"], kept)
    m.load_state_dict(state)
    state["0.weight"][:] = 7
    np.testing.assert_array_equal(m[0].weight.data, kept)


@pytest.mark.parametrize("form", [np.asarray, tg.tensor, lambda a: a.tolist()])
def test_entries_may_be_arrays_tensors_or_lists(form):
    a, b = model(0), model(1)
    b.load_state_dict({name: form(entry) for name, entry in a.state_dict().items()})
    np.testing.assert_array_equal(a[0].weight.data, b[0].weight.data)
    assert str(b[0].weight.dtype) == "float32"


FAULTS = {
    "missing": (lambda s: s.pop("0.weight"), r"missing: '0\.weight'"),
    "unexpected": (lambda s: s.update(zzz=np.ones(1)), r"unexpected: 'zzz'"),
    "renamed": (
        lambda s: s.update({"0.wieght": s.pop("0.weight")}),
        r"missing: '0\.weight' \(is it '0\.wieght'\?\)",
    ),
    "shape": (
        lambda s: s.update({"2.bias": np.ones((1, 1))}),
        r"'2\.bias': got shape \(1, 1\), expected \(1,\)",
    ),
    "text": (lambda s: s.update({"2.bias": np.array(["a"])}), r"'2\.bias': .*real numbers"),
    "objects": (lambda s: s.update({"2.bias": np.array([None])}), r"'2\.bias': .*real numbers"),
    "complex": (lambda s: s.update({"2.bias": np.array([1j])}), r"'2\.bias': .*real numbers"),
    "ragged": (lambda s: s.update({"2.bias": [[1], [2, 3]]}), r"'2\.bias'"),
}


@pytest.mark.parametrize("fault", list(FAULTS))
def test_what_does_not_fit_is_named_and_nothing_is_loaded(fault):
    change, message = FAULTS[fault]
    m, state = model(0), model(1).state_dict()
    before = m.state_dict()
    change(state)
    with pytest.raises(StateError, match=message):
        m.load_state_dict(state)
    for name, entry in m.state_dict().items():
        np.testing.assert_array_equal(entry, before[name])


def test_without_strict_the_rest_is_loaded_and_the_difference_told():
    m, state = model(0), model(1).state_dict()
    del state["0.weight"]
    state["more"] = np.ones(3)
    found = m.load_state_dict(state, strict=False)
    assert found == (["0.weight"], ["more"])
    np.testing.assert_array_equal(m[2].weight.data, state["2.weight"])
    with pytest.raises(StateError, match="shape"):
        m.load_state_dict({"0.bias": np.ones(9)}, strict=False)


def test_a_state_is_a_dict():
    with pytest.raises(OperandError, match="expected a dict"):
        model().load_state_dict([1, 2])


def test_models_of_values_have_states_of_floats():
    a, b = nn.MLP(2, [3, 1], rng=0), nn.MLP(2, [3, 1], rng=1)
    state = a.state_dict()
    assert state["layers.0.neurons.0.b"] == 0.0
    assert isinstance(state["layers.0.neurons.0.w.0"], float)
    b.load_state_dict(state)
    assert [p.data for p in a.parameters()] == [p.data for p in b.parameters()]
    with pytest.raises(StateError, match=r"'layers\.0\.neurons\.0\.b': got shape \(2,\)"):
        b.load_state_dict({**state, "layers.0.neurons.0.b": [1.0, 2.0]})


def test_buffers_travel_with_the_state():
    a, b = nn.Module(), nn.Module()
    a.register_buffer("mean", tg.tensor([1.0, 2.0]))
    b.register_buffer("mean", tg.tensor([0.0, 0.0]))
    b.load_state_dict(a.state_dict())
    assert b.mean.tolist() == [1.0, 2.0]


def test_a_state_dict_of_torch_loads_as_it_is():
    torch = pytest.importorskip("torch")
    theirs = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1))
    ours = model()
    ours.load_state_dict(theirs.state_dict())
    x = np.random.default_rng(0).standard_normal((5, 2)).astype(np.float32)
    expected = theirs(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(ours(x).data, expected, rtol=1e-6, atol=1e-6)


def test_a_name_that_is_no_text_is_unexpected():
    with pytest.raises(StateError, match="unexpected: 0"):
        model().load_state_dict({0: 1})
