"""Containers keep the interface of lists and dicts, and PyTorch's names in state dicts."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_nn as tg
from tinygrad_nn import nn
from tinygrad_nn.errors import OperandError, OptionError, PositionError


def layers(nn_, count):
    return [nn_.Linear(1, i + 1) for i in range(count)]


EDITS = st.lists(
    st.one_of(
        st.tuples(st.just("append")),
        st.tuples(st.just("extend"), st.integers(0, 2)),
        st.tuples(st.just("insert"), st.integers(0, 3)),
        st.tuples(st.just("del"), st.integers(-2, 2)),
        st.tuples(st.just("pop"), st.integers(-2, 2)),
        st.tuples(st.just("set"), st.integers(-2, 2)),
    ),
    max_size=5,
)


def edited(library, kind, edits):
    held = library.Sequential(*layers(library, 2))
    if kind == "ModuleList":
        held = library.ModuleList(layers(library, 2))
    for number, (name, *rest) in enumerate(edits):
        new, size = library.Linear(2, number + 5), len(held)
        if name == "append":
            held.append(new)
        elif name == "extend":
            held.extend([library.Linear(3, number + 5) for _ in range(rest[0])])
        elif name == "insert":
            held.insert(min(rest[0], size), new)
        elif -size <= rest[0] < size:
            if name == "del":
                del held[rest[0]]
            elif name == "pop":
                held.pop(rest[0])
            else:
                held[rest[0]] = new
    return held


@pytest.mark.parametrize("kind", ["Sequential", "ModuleList"])
@given(edits=EDITS)
def test_a_list_of_modules_edited_is_pytorchs(kind, edits):
    torch = pytest.importorskip("torch")
    ours, theirs = edited(nn, kind, edits), edited(torch.nn, kind, edits)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert [m.out_features for m in ours] == [m.out_features for m in theirs]
    assert list(ours[1:].state_dict()) == list(theirs[1:].state_dict())


def test_sums_and_multiples():
    a, b = nn.Sequential(*layers(nn, 2)), nn.Sequential(nn.ReLU())
    assert [type(m).__name__ for m in a + b] == ["Linear", "Linear", "ReLU"]
    assert len(a * 2) == len(2 * a) == 4
    assert (a * 2)[2] is a[0]
    b += a
    b *= 2
    assert len(b) == 6
    assert len(nn.ModuleList(layers(nn, 1)) + nn.ModuleList([nn.ReLU()])) == 2
    with pytest.raises(OptionError, match="at least 1"):
        _ = a * 0
    with pytest.raises(OperandError, match="Sequential"):
        _ = a + nn.ReLU()


def test_a_slice_keeps_the_names_and_grows_on():
    part = nn.Sequential(*layers(nn, 3))[1:]
    assert [name for name, _ in part.named_children()] == ["1", "2"]
    part.append(nn.ReLU())
    assert [type(m).__name__ for m in part] == ["Linear", "Linear", "ReLU"]


def test_names_stay_when_a_named_module_is_taken_out():
    model = nn.Sequential({"a": nn.ReLU(), "b": nn.Tanh(), "c": nn.ReLU()})
    del model[0]
    assert [name for name, _ in model.named_children()] == ["b", "c"]


def test_a_module_at_two_places_counts_twice_in_a_list():
    relu = nn.ReLU()
    model = nn.Sequential(relu, nn.Linear(1, 1), relu)
    assert len(model) == 3
    assert [name for name, _ in model.named_children()] == ["0", "1"]
    assert repr(model).count("ReLU") == 2


@pytest.mark.parametrize("index", [5, -4, "a"])
def test_positions_are_checked(index):
    model = nn.Sequential(*layers(nn, 3))
    with pytest.raises((PositionError, OperandError), match="got the index"):
        _ = model[index]


def test_a_dict_of_modules():
    held = nn.ModuleDict({"a": nn.Linear(1, 1), "b": nn.ReLU()})
    held.update([("c", nn.Tanh())])
    assert list(held) == list(held.keys()) == ["a", "b", "c"]
    assert "a" in held
    assert isinstance(held.pop("b"), nn.ReLU)
    assert [type(m).__name__ for m in held.values()] == ["Linear", "Tanh"]
    del held["c"]
    assert [name for name, _ in held.items()] == ["a"]
    with pytest.raises(KeyError, match="got 'aa'; did you mean 'a'"):
        _ = held["aa"]
    held.clear()
    assert len(held) == 0
    assert held


@pytest.mark.parametrize("name", ["", "a.b", "forward", "keys", "training", 3])
def test_names_that_would_break_a_dict_are_refused(name):
    with pytest.raises(OptionError, match="name"):
        nn.ModuleDict()[name] = nn.ReLU()
    with pytest.raises((OptionError, TypeError), match="name"):
        nn.ParameterDict()[name] = nn.Parameter([1.0])


@pytest.mark.parametrize("kind", ["ModuleList", "ModuleDict", "ParameterList", "ParameterDict"])
def test_what_computes_nothing_says_how_it_is_used(kind):
    with pytest.raises(NotImplementedError, match=r"compute|forward"):
        getattr(nn, kind)()(1)


def test_a_list_of_parameters():
    held = nn.ParameterList([tg.tensor([1.0]), nn.Parameter([2.0])])
    held.append(nn.Parameter([3.0]))
    held += [nn.Parameter([4.0])]
    held[0] = tg.tensor([5.0])
    assert [p.item() for p in held] == [5.0, 2.0, 3.0, 4.0]
    assert [name for name, _ in held.named_parameters()] == ["0", "1", "2", "3"]
    assert [p.item() for p in held[1:3]] == [2.0, 3.0]
    assert "(0): Parameter containing: [float32 of size 1]" in repr(held)
    with pytest.raises(PositionError):
        _ = held[4]
    with pytest.raises(OperandError, match="append"):
        held.extend(tg.tensor([1.0]))


def test_a_dict_of_parameters():
    held = nn.ParameterDict({"b": tg.tensor([1.0]), "a": tg.tensor([2.0])})
    assert list(held) == ["a", "b"]
    held["c"] = nn.Parameter([3.0])
    assert held.setdefault("c").item() == 3.0
    assert held.get("zzz") is None
    both = held | {"d": tg.tensor([4.0])}
    assert len(both) == 4
    assert held.popitem()[0] == "c"
    assert held.pop("a").item() == 2.0
    assert list(reversed(both)) == ["d", "c", "b", "a"]
    assert list(held.fromkeys(["x"]).keys()) == ["x"]
    with pytest.raises(KeyError, match="did you mean 'b'"):
        _ = held["bb"]


@given(st.integers(0, 3))
def test_containers_survive_pickling(count):
    model = nn.ModuleDict({"a": nn.Sequential(*layers(nn, count)), "b": nn.ParameterList()})
    twin = pickle.loads(pickle.dumps(model))
    assert repr(twin) == repr(model)
    for a, b in zip(model.parameters(), twin.parameters(), strict=True):
        np.testing.assert_array_equal(a.data, b.data)


def test_unflatten_is_checked():
    assert nn.Unflatten(1, (2, -1))(np.ones((5, 6), np.float32)).shape == (5, 2, 3)
    with pytest.raises(ValueError, match="multiply to 6"):
        nn.Unflatten(1, (4, -1))(np.ones((5, 6), np.float32))
    for bad in [(2.0, 3), (-1, -1), 6, ()]:
        with pytest.raises(OptionError, match="tuple of sides"):
            nn.Unflatten(1, bad)
