"""Names within a model: found, registered, refused; what is shared, random or cyclic."""

import copy
import pickle
import weakref

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import nn
from tinygrad_nn.errors import DTypeError, OperandError, OptionError, StateError
from tinygrad_nn.nn.tree import named_parts


def model():
    return nn.ModuleDict({"encoder": nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))})


def test_parts_by_dotted_name():
    m = model()
    m.extra = [nn.Linear(1, 1)]
    assert m.get_submodule("") is m
    assert m.get_submodule("encoder.0") is m["encoder"][0]
    assert m.get_submodule("extra.0") is m.extra[0]
    assert m.get_parameter("encoder.0.weight") is m["encoder"][0].weight
    assert m.get_buffer("encoder.1.running_mean") is m["encoder"][1].running_mean
    for call, name, near in (
        (m.get_submodule, "encodre.0", "encoder.0"),
        (m.get_parameter, "encoder.0.wieght", "encoder.0.weight"),
        (m.get_buffer, "encoder.1.runing_mean", "encoder.1.running_mean"),
    ):
        with pytest.raises(AttributeError, match=f"{name}'; did you mean '{near}'"):
            call(name)
    with pytest.raises(AttributeError, match="no buffer"):
        m.get_buffer("encoder.0.weight")


def test_a_part_is_put_at_a_dotted_name():
    m = model()
    m.set_submodule("encoder.0", nn.ReLU())
    m.set_submodule("head", nn.Tanh())
    assert isinstance(m["encoder"][0], nn.ReLU)
    assert isinstance(m.head, nn.Tanh)
    with pytest.raises(AttributeError, match="no submodule 'tail'"):
        m.set_submodule("tail", nn.ReLU(), strict=True)
    with pytest.raises(AttributeError, match="no submodule 'tail'"):
        m.set_submodule("tail.0", nn.ReLU())
    with pytest.raises(OperandError, match="expected a Module"):
        m.set_submodule("head", 3)


@pytest.mark.parametrize("name", ["", "a.b", "forward", "training", 3])
def test_names_that_cannot_be_registered(name):
    for register, value in (
        ("add_module", nn.ReLU()),
        ("register_parameter", nn.Parameter([1.0])),
        ("register_buffer", tg.tensor([1.0])),
    ):
        with pytest.raises((OptionError, TypeError), match="name"):
            getattr(nn.Linear(1, 1), register)(name, value)


def test_a_buffer_that_is_deleted_is_gone():
    m = nn.BatchNorm1d(2)
    del m.running_mean
    assert "running_mean" not in m.state_dict()
    assert [n for n, _ in m.named_buffers()] == ["running_var", "num_batches_tracked"]
    assert "running_var" in dir(m)
    assert "0" not in dir(nn.Sequential(nn.ReLU()))


def test_duplicates_are_named_once_or_each_time():
    shared = nn.Linear(1, 1)
    m = nn.Sequential(shared, shared)
    assert len(list(m.named_modules())) == 2
    assert len(list(m.named_modules(remove_duplicate=False))) == 3
    assert len(list(m.named_parameters(remove_duplicate=False))) == 4
    assert [n for n, _ in m.named_modules(prefix="a")] == ["a", "a.0"]
    assert list(m.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert m.load_state_dict(m.state_dict()) == ([], [])
    assert [n for n, _ in m[0].named_parameters("x", recurse=False)] == ["x.weight", "x.bias"]


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_what_is_shared_stays_shared_in_copies(duplicate):
    shared = nn.Linear(1, 1)
    twin = duplicate(nn.Sequential(shared, nn.Dropout(0.5, rng=0), shared))
    assert twin[0] is twin[2]
    assert len(list(twin.parameters())) == 2


def test_a_model_that_contains_itself_is_told():
    m = nn.Sequential(nn.Identity())
    m[0].parent = m
    for call in (m.state_dict, lambda: m.apply(print), lambda: m.load_state_dict({})):
        with pytest.raises(OperandError, match=r"'0\.parent' contains itself.*weakref"):
            call()
    assert "(parent): Sequential(...)" in repr(m)
    assert list(m.train().parameters()) == []
    m[0].parent = None
    m[0].up = weakref.ref(m)
    assert list(m.state_dict()) == []


def test_generators_are_found_each_once():
    m = nn.Sequential(nn.Dropout(0.5, rng=0), nn.Sequential(nn.Dropout(0.5, rng=1)))
    m.more = [m[0].rng, np.random.default_rng(2)]
    assert [name for name, _ in m.generators()] == ["more.0", "more.1", "1.0.rng"]
    assert len({id(rng) for _, rng in m.generators()}) == 3


def test_devices_and_dtypes_as_pytorch_says_them():
    m = model()
    assert m.to("cpu") is m.cpu() is m.to(device="cpu") is m.to(None) is m
    assert str(m.to("cpu", "float64")["encoder"][0].weight.dtype) == "float64"
    assert str(m.to(tg.tensor([1.0]))["encoder"][0].weight.dtype) == "float32"
    assert str(m.to(np.float64)["encoder"][1].running_mean.dtype) == "float64"
    assert str(m["encoder"][1].num_batches_tracked.dtype) == "int64"
    for call in (m.cuda, lambda: m.to("cuda:0"), lambda: m.to("mps"), lambda: m.to(0)):
        with pytest.raises(OptionError, match="expected 'cpu'"):
            call()
    for call in (m.bfloat16, lambda: m.to("flaot32"), lambda: m.type("int64")):
        with pytest.raises(DTypeError, match="expected float16, float32 or float64"):
            call()
    with pytest.raises(OperandError, match="to\\(dtype\\)"):
        m.to(dtyp="float32")


def test_dtypes_of_torch_are_understood():
    torch = pytest.importorskip("torch")
    m = model()
    assert str(m.to(torch.float64)["encoder"][0].weight.dtype) == "float64"
    assert str(m.to(torch.device("cpu"), torch.float32)["encoder"][0].weight.dtype) == "float32"
    with pytest.raises(OptionError):
        m.to(torch.device("cuda"))
    with pytest.raises(DTypeError):
        m.to(torch.bfloat16)


def test_training_is_a_yes_or_no():
    with pytest.raises(OperandError, match="trains nothing"):
        model().train("data")


# ------------------------------------------------------------------------------- state dicts


def test_a_state_dict_of_pytorch_loads_with_its_integers():
    torch = pytest.importorskip("torch")
    theirs = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    theirs(torch.randn(4, 2))
    ours = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    ours.load_state_dict(theirs.state_dict())
    assert ours[1].num_batches_tracked.item() == 1
    for key, tensor in theirs.state_dict().items():
        np.testing.assert_array_equal(ours.state_dict()[key], tensor.numpy())
    ours.load_state_dict(
        {**theirs.state_dict(), **dict(theirs.named_parameters())}
    )  # which require a gradient
    half = {k: v.bfloat16() if v.is_floating_point() else v for k, v in theirs.state_dict().items()}
    ours.load_state_dict(half)
    assert str(ours[0].weight.dtype) == "float32"


def test_integers_are_not_rounded_in_silence():
    m = nn.BatchNorm1d(2)
    with pytest.raises(StateError, match="cannot hold"):
        m.load_state_dict({**m.state_dict(), "num_batches_tracked": np.array(1.5)})
    m.load_state_dict({**m.state_dict(), "num_batches_tracked": 3})
    assert m.num_batches_tracked.item() == 3


def test_prefix_destination_and_the_parameters_themselves():
    m, held = nn.Linear(1, 1), {"kept": 1}
    assert m.state_dict(destination=held, prefix="a.") is held
    assert list(held) == ["kept", "a.weight", "a.bias"]
    assert m.state_dict(keep_vars=True)["weight"] is m.weight


def test_assign_takes_over_the_dtype():
    m = nn.Linear(1, 1)
    weight, state = m.weight, nn.Linear(1, 1).double().state_dict()
    m.load_state_dict(state, assign=True)
    assert m.weight is weight
    assert str(m.weight.dtype) == "float64"


def test_extra_state_travels_along():
    class Counted(nn.Module):
        steps = 0

        def get_extra_state(self):
            return {"steps": self.steps}

        def set_extra_state(self, state):
            self.steps = state["steps"]

    a, b = nn.Sequential(Counted()), nn.Sequential(Counted())
    a[0].steps = 7
    assert a.state_dict() == {"0._extra_state": {"steps": 7}}
    b.load_state_dict(a.state_dict())
    assert b[0].steps == 7


def test_every_fault_is_named_at_once():
    m = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    state = m.state_dict()
    state["2.weight"] = state.pop("1.weight")
    state["0.bias"] = np.ones(4)
    with pytest.raises(StateError) as caught:
        m.load_state_dict(state)
    text = str(caught.value)
    assert "missing: '1.weight'" in text
    assert "unexpected: '2.weight'" in text
    assert "'0.bias': got shape (4,), expected (3,)" in text


def test_modules_are_named_in_the_order_of_the_tree():
    """A module comes before its parts, and at the first of its places only."""

    def walked(module, path, seen):
        if id(module) in seen:
            return
        seen.add(id(module))
        yield path, module
        for name, part in named_parts(module, nn.Module):
            yield from walked(part, f"{path}.{name}" if path else name, seen)

    rng = np.random.default_rng(0)
    for _ in range(50):
        made = [nn.Module()]
        for k in range(12):
            made.append(nn.Module())
            for place in rng.choice(len(made) - 1, 2):
                holder = made[place]
                kind = rng.integers(3)
                if kind == 0:
                    setattr(holder, f"part{k}", made[-1])
                else:
                    setattr(holder, f"many{k}", [made[-1]] if kind == 1 else {"key": made[-1]})
        made[0].around = made[3]
        want = list(walked(made[0], "start", set()))
        assert list(made[0].named_modules(prefix="start")) == want
        memo = {id(made[2])}
        assert list(made[0].named_modules(memo)) == list(walked(made[0], "", {id(made[2])}))
        assert memo >= {id(module) for _, module in made[0].named_modules({id(made[2])})}
