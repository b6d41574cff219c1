"""`Module`: what belongs to it, in which order, under which name, and what it refuses."""

import copy
import pickle

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import nn
from tinygrad_nn.errors import DTypeError, OperandError


class Branch(nn.Module):
    def __init__(self, rng=0):
        super().__init__()
        self.scale = nn.Parameter([2.0])
        self.layers = [nn.Linear(2, 3, rng=rng), nn.Linear(3, 1, rng=rng)]
        self.named = {"extra": nn.Linear(1, 1, rng=rng)}
        self.register_buffer("mean", tg.tensor([0.5]))
        self.register_buffer("scratch", tg.tensor([0.0]), persistent=False)
        self.note = "not a parameter"

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return self.scale * x - self.mean


NAMES = [
    "scale",
    "layers.0.weight",
    "layers.0.bias",
    "layers.1.weight",
    "layers.1.bias",
    "named.extra.weight",
    "named.extra.bias",
]


# ------------------------------------------------------------------------------ what belongs
def test_parameters_are_named_in_order_of_assignment_also_within_lists_and_dicts():
    assert [name for name, _ in Branch().named_parameters()] == NAMES


def test_a_parameter_that_is_shared_comes_once_but_keeps_both_names_in_the_state():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    assert len(list(model.parameters())) == 3
    assert list(model.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]


def test_children_and_modules():
    model = nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.ReLU()))
    assert [name for name, _ in model.named_children()] == ["0", "1"]
    assert [name for name, _ in model.named_modules()] == ["", "0", "1", "1.0"]
    assert [type(m).__name__ for m in model.children()] == ["Linear", "Sequential"]
    assert len(list(model.modules())) == 4


def test_a_module_that_refers_to_its_parent_is_walked_once():
    model = nn.Sequential(nn.Identity())
    model[0].parent = model
    assert [name for name, _ in model.named_modules()] == ["", "0"]


def test_an_attribute_may_be_replaced_deleted_or_left_away():
    layer = nn.Linear(2, 2)
    layer.bias = None
    assert [name for name, _ in layer.named_parameters()] == ["weight"]
    assert layer(np.ones((1, 2), np.float32)).shape == (1, 2)
    del layer.weight
    assert list(layer.parameters()) == []


def test_buffers_are_state_but_not_trained():
    model = Branch()
    assert [name for name, _ in model.named_buffers()] == ["mean", "scratch"]
    assert "mean" in model.state_dict()
    assert "scratch" not in model.state_dict()
    assert all(p is not model.mean for p in model.parameters())


def test_leaf_values_are_parameters_and_results_are_not():
    class Line(nn.Module):
        def __init__(self):
            super().__init__()
            self.slope, self.fixed = tg.Value(2.0), tg.Value(1.0, requires_grad=False)
            self.result = self.slope * 2

    assert [name for name, _ in Line().named_parameters()] == ["slope"]


# --------------------------------------------------------------------------- what is refused
def test_a_parameter_before_init_is_refused():
    class Early(nn.Module):
        def __init__(self):
            self.weight = nn.Parameter([1.0])
            super().__init__()

    with pytest.raises(OperandError, match=r"Early\.weight.*super\(\)\.__init__\(\)"):
        Early()


def test_a_module_without_init_says_so_when_called():
    class Forgot(nn.Module):
        def __init__(self):
            self.note = 1

    with pytest.raises(AttributeError, match=r"super\(\)\.__init__"):
        Forgot()(1)


@pytest.mark.parametrize("value", [np.ones(2), tg.tensor([1.0, 2.0]), 3.0])
def test_a_parameter_is_not_replaced_by_something_untrained(value):
    layer = nn.Linear(2, 2)
    with pytest.raises(OperandError, match=r"Linear\.bias is a Parameter.*bias\.data"):
        layer.bias = value


def test_a_missing_attribute_names_the_near_one():
    with pytest.raises(AttributeError, match=r"'wieght'; did you mean 'weight'"):
        _ = nn.Linear(1, 1).wieght
    with pytest.raises(AttributeError, match=r"it has weight, bias"):
        _ = nn.Linear(1, 1).zzz


def test_a_module_without_forward_says_what_to_write():
    with pytest.raises(NotImplementedError, match=r"define forward"):
        nn.Module()(1)


@pytest.mark.parametrize("bad", [3, nn.Linear, "relu"])
def test_sequential_takes_modules_only(bad):
    with pytest.raises(OperandError, match="expected a Module"):
        nn.Sequential(bad)


def test_buffers_and_parameters_are_checked():
    with pytest.raises(OperandError, match=r"register_buffer.*expected a Tensor"):
        nn.Module().register_buffer("mean", 3.0)
    with pytest.raises(OperandError, match="register_parameter"):
        nn.Module().register_parameter("w", tg.tensor([1.0]))


# ------------------------------------------------------------------------- changes to all
def test_train_and_eval_reach_every_module():
    model = nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.ReLU()))
    assert model.eval() is model
    assert not any(m.training for m in model.modules())
    assert all(m.training for m in model.train().modules())


def test_zero_grad_forgets_or_fills():
    layer = nn.Linear(2, 1)
    layer(np.ones((1, 2), np.float32)).sum().backward()
    layer.zero_grad(set_to_none=False)
    np.testing.assert_array_equal(layer.weight.grad, np.zeros((1, 2)))
    layer.zero_grad()
    assert layer.weight.grad is None


def test_requires_grad_freezes_and_thaws():
    layer = nn.Linear(2, 1)
    layer.requires_grad_(False)
    assert not layer(np.ones((1, 2))).requires_grad
    layer.requires_grad_()
    assert layer(np.ones((1, 2))).requires_grad


@pytest.mark.parametrize(
    ("change", "dtype"), [("double", "float64"), ("float", "float32"), ("half", "float16")]
)
def test_dtypes_change_for_parameters_gradients_and_buffers(change, dtype):
    model = Branch()
    model(np.ones((1, 2), np.float32)).sum().backward()
    assert getattr(model, change)() is model
    assert {str(p.dtype) for p in (*model.parameters(), *model.buffers())} == {dtype}
    assert str(model.scale.grad.dtype) == dtype
    assert model.scale.is_leaf
    assert model.scale.requires_grad


def test_to_refuses_integers_and_changes_nothing():
    model = Branch()
    with pytest.raises(DTypeError, match="int64"):
        model.to("int64")
    assert str(model.scale.dtype) == "float32"


def test_apply_visits_submodules_first():
    seen = []
    nn.Sequential(nn.ReLU(), nn.Tanh()).apply(lambda m: seen.append(type(m).__name__))
    assert seen == ["ReLU", "Tanh", "Sequential"]


# ----------------------------------------------------------------------------------- hooks
def test_hooks_see_and_may_replace_inputs_and_output():
    model, seen = nn.Identity(), []
    before = model.register_forward_pre_hook(lambda m, inputs: (inputs[0] + 1,))
    after = model.register_forward_hook(lambda m, inputs, y: seen.append((inputs[0], y)))
    assert model(1) == 2
    assert seen == [(2, 2)]
    before.remove()
    with model.register_forward_hook(lambda m, inputs, y: -y):
        assert model(1) == -1
    assert model(1) == 1
    after.remove()
    after.remove()
    assert len(seen) == 3


# -------------------------------------------------------------------------- copies and files
@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["copy", "pickle"]
)
def test_a_copy_computes_the_same_and_shares_nothing(duplicate):
    model = Branch()
    x = np.ones((4, 2), np.float32)
    twin = duplicate(model)
    np.testing.assert_array_equal(model(x).data, twin(x).data)
    before = model(x).tolist()
    for p in twin.parameters():
        p.data += 1
    assert model(x).tolist() == before
    twin(x).sum().backward()
    assert twin.scale.grad is not None
    assert model.scale.grad is None


def test_a_copy_keeps_shared_parameters_shared():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    twin = copy.deepcopy(model)
    assert twin[1].weight is twin[0].weight


# ------------------------------------------------------------------------------------ text
def test_text_shows_the_tree():
    model = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.LeakyReLU(0.2)))
    assert repr(model) == (
        "Sequential(\n"
        "  (0): Linear(in_features=2, out_features=3, bias=True)\n"
        "  (1): Sequential(\n"
        "    (0): LeakyReLU(negative_slope=0.2)\n"
        "  )\n"
        ")"
    )


def test_summary_adds_up_the_layers():
    model = nn.Sequential(
        nn.Linear(784, 16), nn.Sigmoid(), nn.Linear(16, 16), nn.Sigmoid(), nn.Linear(16, 10)
    )
    lines = model.summary().splitlines()
    assert lines[1].split()[-1] == "12,560"
    assert lines[-1].split(maxsplit=1)[1].split() == "12,560 + 272 + 170 13,002".split()


def test_summary_counts_shared_parameters_once_and_takes_a_layer_of_numbers_as_one_row():
    shared = nn.Linear(2, 2)
    assert nn.Sequential(shared, shared).summary().endswith(" 6")
    lines = nn.MLP(2, [16, 16, 1]).summary().splitlines()
    assert len(lines) == 5
    assert lines[-1].endswith("337")


# ------------------------------------------------------------------------------ containers
def test_sequential_by_index_slice_name_and_growth():
    model = nn.Sequential({"first": nn.Linear(1, 2, rng=0), "act": nn.Tanh()})
    assert list(dict(model.named_children())) == ["first", "act"]
    assert model[0] is model.first
    assert len(model[:1]) == 1
    model.append(nn.Linear(2, 1, rng=0))
    assert model(np.ones((3, 1), np.float32)).shape == (3, 1)
    assert [type(m).__name__ for m in model] == ["Linear", "Tanh", "Linear"]
    assert nn.Sequential()(3) == 3


def test_module_list_registers_its_modules():
    parts = nn.ModuleList([nn.Linear(1, 1)])
    parts.append(nn.Linear(1, 1))
    assert len(list(parts.parameters())) == 4
    assert len(parts) == 2
    assert isinstance(parts[-1], nn.Linear)


@pytest.mark.parametrize(
    ("options", "shape"), [({}, (2, 12)), ({"start_dim": 0}, (24,)), ({"end_dim": 1}, (2, 3, 4))]
)
def test_flatten(options, shape):
    x = tg.tensor(np.arange(24.0).reshape(2, 3, 4), requires_grad=True)
    y = nn.Flatten(**options)(x)
    assert y.shape == shape
    y.sum().backward()
    assert x.grad.shape == x.shape


def test_flatten_names_the_shape_it_cannot_flatten():
    with pytest.raises(ValueError, match=r"Flatten: got shape \(2,\)"):
        nn.Flatten(2)(tg.tensor([1.0, 2.0]))


def test_identity_ignores_options():
    x = tg.tensor([1.0])
    assert nn.Identity(3, anything=4)(x) is x


def test_a_buffer_is_not_replaced_by_something_else():
    module = Branch()
    with pytest.raises(OperandError, match="buffer"):
        module.mean = 5
    module.mean = tg.tensor([1.0])
    assert module.state_dict()["mean"].tolist() == [1.0]
