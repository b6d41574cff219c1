"""`Neuron`, `Layer`, `MLP`: micrograd's names, numbers and texts; the same network of tensors."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_nn as tg
from tinygrad_nn import Value
from tinygrad_nn.errors import OperandError, OptionError, ShapeError
from tinygrad_nn.nn import MLP, Layer, Module, Neuron

ACTIVATIONS = ["relu", "tanh", "sigmoid", "leaky_relu", "elu", "silu", "mish", "gelu", "softplus"]


# ------------------------------------------------------------------------------- micrograd
def test_names_attributes_and_texts_are_those_of_micrograd():
    neuron = Neuron(3, nonlin=False)
    assert isinstance(neuron, Module)
    assert isinstance(neuron.w, list)
    assert all(-1 <= w.data <= 1 for w in neuron.w)
    assert neuron.b.data == 0
    assert neuron.parameters() == [*neuron.w, neuron.b]
    assert repr(neuron) == "LinearNeuron(3)"
    layer = Layer(2, 2, nonlin=True)
    assert len(layer.neurons) == 2
    assert repr(layer) == "Layer of [ReLUNeuron(2), ReLUNeuron(2)]"
    model = MLP(2, [2, 1])
    assert [len(part.neurons) for part in model.layers] == [2, 1]
    assert repr(model) == (
        "MLP of [Layer of [ReLUNeuron(2), ReLUNeuron(2)], Layer of [LinearNeuron(2)]]"
    )
    assert len(MLP(2, [16, 16, 1]).parameters()) == 337


def test_a_layer_of_one_gives_its_value_and_others_a_list():
    assert isinstance(Layer(2, 1)([1.0, 2.0]), Value)
    assert len(Layer(2, 3)([1.0, 2.0])) == 3


def test_python_random_seeds_the_weights_as_the_notebooks_expect():
    random.seed(1337)
    a = [p.data for p in MLP(2, [3, 1]).parameters()]
    random.seed(1337)
    expected = [random.uniform(-1, 1) for _ in range(2)]
    assert a[:2] == expected
    random.seed(1337)
    assert a == [p.data for p in MLP(2, [3, 1]).parameters()]


@pytest.mark.parametrize("fused", [True, False])
def test_moons_step_equals_micrograd(fused):
    engine = pytest.importorskip("micrograd.engine")
    theirs_nn = pytest.importorskip("micrograd.nn")
    inputs = np.random.default_rng(0).standard_normal((10, 2)).tolist()
    labels = [1 if x > y else -1 for x, y in inputs]

    def train(value, network, **options):
        random.seed(1)
        model, losses = network(2, [8, 8, 1], **options), []
        for step in range(5):
            scores = list(map(model, [list(map(value, row)) for row in inputs]))
            margins = [(1 + -y * s).relu() for y, s in zip(labels, scores, strict=True)]
            loss = sum(margins) * (1.0 / len(margins))
            loss = loss + 1e-4 * sum(p * p for p in model.parameters())
            model.zero_grad()
            loss.backward()
            for p in model.parameters():
                p.data -= (1.0 - 0.1 * step) * p.grad
            losses.append(loss.data)
        return losses, [p.data for p in model.parameters()]

    losses, numbers = train(Value, MLP, fused=fused)
    expected_losses, expected = train(engine.Value, theirs_nn.MLP)
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-12)
    np.testing.assert_allclose(numbers, expected, rtol=1e-9, atol=1e-12)


# ------------------------------------------------------------------------- fused and not
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_fused_and_spelled_out_agree_to_the_bit(activation):
    x = [Value(0.3), Value(-1.2), Value(2.0)]
    found = []
    for fused in (True, False):
        model = MLP(3, [4, 1], activation=activation, fused=fused, rng=3)
        y = model(x)
        y.backward()
        found.append((y.data, [p.grad for p in model.parameters()], [v.grad for v in x]))
        for v in x:
            v.grad = None
    assert found[0][0] == found[1][0]
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-14, atol=1e-300)
    np.testing.assert_allclose(found[0][2], found[1][2], rtol=1e-14, atol=1e-300)


def nodes(root):
    return len(tg.reverse_order([root]))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_fused_neuron_is_one_node_with_the_usual_activations(activation):
    x = [Value(1.0), Value(2.0)]
    within = activation in ("relu", "tanh", "sigmoid")
    fused = nodes(Neuron(2, activation=activation, rng=0)(x))
    spelled = nodes(Neuron(2, activation=activation, fused=False, rng=0)(x))
    assert spelled - fused == (4 if within else 3)
    assert within <= (fused == 1 + 5)


def given_as(x, kind):
    """The input as a Value, a constant, a float or an int."""
    if kind == "value":
        return Value(x)
    if kind == "result":
        return Value(x) * 1.0
    if kind == "constant":
        return Value(x, requires_grad=False)
    return int(x) if kind == "int" else np.float64(x) if kind == "numpy" else x


KINDS = ["value", "result", "constant", "float", "int", "numpy"]


@given(
    st.lists(st.tuples(st.floats(-2, 2), st.sampled_from(KINDS)), min_size=1, max_size=4),
    st.sampled_from(["linear", "relu", "tanh", "sigmoid", "elu"]),
    st.sampled_from([None, "weight", "bias"]),
    st.sampled_from([list, tuple]),
)
def test_whatever_it_is_given_it_equals_the_one_spelled_out(inputs, activation, frozen, sequence):
    """Also a neuron of a frozen weight, and one of which the layer must ask the neuron itself."""
    found = []
    for fused in (True, False):
        layer = Layer(len(inputs), 3, activation=activation, fused=fused, rng=1)
        if frozen:
            neuron = layer.neurons[0]
            if frozen == "bias":
                neuron.b = Value(0.5, requires_grad=False)
            else:
                neuron.w[0] = Value(0.5, requires_grad=False)
        x = sequence(given_as(*pair) for pair in inputs)
        out = layer(x)
        root = out[0] * out[1] - out[2] * out[2]
        root.backward()
        kept = [p for p in x if isinstance(p, Value)]
        found.append(([y.data for y in out], [p.grad for p in (*layer.parameters(), *kept)]))
    assert repr(found[0][0]) == repr(found[1][0])
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-12, atol=1e-12)


def test_a_layer_asks_a_neuron_that_is_special():
    layer = Layer(2, 2, rng=0)
    seen = []
    layer.neurons[0].register_forward_hook(lambda module, args, out: seen.append(module))

    class Doubled(Neuron):
        def forward(self, x):
            return 2.0 * super().forward(x)

    layer.neurons[1] = Doubled(2, rng=1)
    x = [Value(0.3), Value(0.4)]
    assert layer(x)[1].data == 2.0 * Neuron(2, rng=1)(x).data
    assert seen == [layer.neurons[0]]
    layer.neurons[0] = Neuron(3, rng=0)
    with pytest.raises(ShapeError, match="got 2 inputs, expected 3"):
        layer(x)


@pytest.mark.parametrize("activation", ["linear", "relu", "tanh", "sigmoid"])
def test_a_captured_step_gives_the_same_bits(activation):
    """There a neuron is its products and sums, which the groups of a program of numbers want."""
    rows = np.random.default_rng(0).standard_normal((4, 2)).tolist()
    found = []
    for capture in (lambda step: step, tg.jit):
        model = MLP(2, [3, 2, 1], activation=activation, rng=2)

        @capture
        def step(model=model):
            loss = sum((model([Value(row[0]), row[1]]) - 1.0) ** 2 for row in rows)
            model.zero_grad()
            loss.backward()
            for p in model.parameters():
                p.data -= 0.05 * p.grad
            return loss

        found.append(([step().data for _ in range(4)], [p.data for p in model.parameters()]))
    assert repr(found[0]) == repr(found[1])


def test_without_a_graph_a_neuron_records_nothing():
    layer = Layer(2, 2, rng=0)
    with tg.no_grad():
        out = layer([Value(0.3), 0.4])
    assert [y.op for y in out] == [None, None]
    assert [y.data for y in out] == [y.data for y in layer([0.3, 0.4])]


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_second_order_through_an_activation_within(activation):
    found = []
    for spelled in (False, True):
        w, x, b = Value(0.6), Value(0.7), Value(0.2)
        if spelled:
            y = getattr(tg.neuron(w, x, b), activation)()
        else:
            y = tg.neuron(w, x, b, activation=activation)
        (y * y).backward(create_graph=True)
        slope = w.grad
        w.grad = x.grad = b.grad = None
        slope.backward()
        found.append((slope.data, w.grad, x.grad, b.grad))
    assert found[0] == pytest.approx(found[1], rel=1e-14)


def test_second_order_through_the_fused_neuron():
    w, x, b = Value(2.0), Value(3.0), Value(1.0)
    y = tg.neuron(w, x, b) ** 2
    y.backward(create_graph=True)
    slope = w.grad  # 2 (w x + b) x
    assert slope.data == 2 * 7 * 3
    w.grad = x.grad = None
    slope.backward()
    assert w.grad == 2 * 9
    assert x.grad == pytest.approx(2 * (2 * 2 * 3 + 1))


# -------------------------------------------------------------------------------- options
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("tensor", [False, True])
def test_every_activation_builds_and_learns(activation, tensor):
    model = MLP(2, [3, 1], activation=activation, rng=0, tensor=tensor)
    y = model(np.ones((4, 2), np.float32)).sum() if tensor else model([1.0, 0.5])
    y.backward()
    grads = [np.abs(np.asarray(p.grad)).sum() for p in model.parameters()]
    assert sum(g > 0 for g in grads) > 1


def test_numbers_and_tensors_compute_the_same():
    plain = MLP(2, [3, 2], activation="tanh", rng=0)
    net = MLP(2, [3, 2], activation="tanh", rng=0, tensor=True).double()
    for a, b in zip(plain.layers, net.layers, strict=True):
        b.linear.weight.data = np.array([[w.data for w in n.w] for n in a.neurons])
        b.linear.bias.data = np.array([n.b.data for n in a.neurons])
    x = [0.2, -0.7]
    np.testing.assert_allclose(net(np.array([x])).data[0], [v.data for v in plain(x)], rtol=1e-14)


def test_a_neuron_of_tensors_maps_rows_to_numbers():
    neuron = Neuron(3, rng=0, tensor=True)
    assert neuron(np.ones((5, 3), np.float32)).shape == (5,)
    assert [p.shape for p in neuron.parameters()] == [(3,), ()]


def test_the_output_may_have_an_activation_and_any_function_will_do():
    model = MLP(2, [2, 1], activation=tg.tanh, output="sigmoid", rng=0)
    assert 0 < model([1.0, 2.0]).data < 1
    assert repr(model.layers[1]) == "Layer of [SigmoidNeuron(2)]"


def test_the_same_seed_gives_the_same_weights():
    for tensor in (False, True):
        a, b = (MLP(2, [3, 1], rng=5, tensor=tensor).state_dict() for _ in range(2))
        assert all(np.array_equal(a[name], b[name]) for name in a)


def test_errors_say_what_was_expected():
    with pytest.raises(ShapeError, match="Neuron: got 3 inputs, expected 2"):
        Neuron(2)([1.0, 2.0, 3.0])
    with pytest.raises(OperandError, match="tensor=True"):
        MLP(2, [1])(tg.tensor([1.0, 2.0]))
    with pytest.raises(OptionError, match="did you mean 'sigmoid'"):
        MLP(2, [2, 1], activation="sigmoyd")
    with pytest.raises(OptionError, match=r"nouts=3, expected a list"):
        MLP(2, 3)
    with pytest.raises(OptionError, match="nin=-1"):
        Neuron(-1)
    with pytest.raises(OperandError, match="as many weights as inputs"):
        tg.neuron(Value(1.0), Value(2.0))
    with pytest.raises(OptionError, match="activation='elu', expected one of linear, relu"):
        tg.neuron(Value(1.0), activation="elu")


# ------------------------------------------------- micrograd's engine, as its tests use it
def test_a_long_expression_as_in_micrograds_readme():
    torch = pytest.importorskip("torch")

    def expression(a, b):
        c, d = a + b, a * b + b**3
        c += c + 1
        c += 1 + c + (-a)
        d += d * 2 + (b + a).relu()
        d += 3 * d + (b - a).relu()
        e = c - d
        f = e**2
        g = f / 2.0
        g += 10.0 / f
        return g

    a, b = Value(-4.0), Value(2.0)
    g = expression(a, b)
    g.backward()
    x, y = (torch.tensor([v], dtype=torch.float64, requires_grad=True) for v in (-4.0, 2.0))
    expected = expression(x, y)
    expected.backward()
    assert g.data == pytest.approx(expected.item(), rel=1e-12)
    assert a.grad == pytest.approx(x.grad.item(), rel=1e-12)
    assert b.grad == pytest.approx(y.grad.item(), rel=1e-12)
