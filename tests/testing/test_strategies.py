"""Domains are what they say, shapes broadcast, and examples shrink to readable ones."""

import subprocess
import sys

import hypothesis
import numpy as np
import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

import tinygrad_nn as tg
from tests.extents import TIMED, some, thinned, twofold
from tinygrad_nn import nn
from tinygrad_nn.core.op import OPS
from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.testing import GradcheckError, gradcheck
from tinygrad_nn.testing import strategies as st_
from tinygrad_nn.testing.inputs import domains
from tinygrad_nn.testing.inputs.networks import FAMILIES
from tinygrad_nn.testing.mutation import Mutant, mutated

DOMAINS = {
    d.name: d
    for d in [
        *(x for x in vars(st_).values() if isinstance(x, st_.Domain)),
        st_.interval(-1, 1),
        st_.interval(2, 2.5),
        st_.interval(0, np.inf),
        st_.interval(-np.inf, np.inf),
        st_.distinct(1e-3),
        st_.finite(1e-8, 1e8),
        st_.finite(3, 3),
        st_.kinky(0.5),
        st_.integers(-2, 5),
        st_.integers(4, 4),
        st_.triangular(upper=True),
    ]
}
# A thing near to each domain that is outside of it.
OUTSIDE = {
    st_.REAL: [np.nan],
    st_.POSITIVE: [1.0, 0.0],
    st_.NONNEGATIVE: [0.0, -1e-300],
    st_.NONZERO: [1.0, -0.0],
    st_.PROBABILITY: [0.5, 1.0],
    st_.SIMPLEX: [0.5, 0.5 + 1e-9],
    st_.DISTINCT: [0.0, 1.0, 0.24],
    st_.SORTED: [0.0, 2.0, 1.0],
    st_.ORTHOGONAL: [[1.0, 1e-9], [0.0, 1.0]],
    st_.SYMMETRIC: [[1.0, 2.0], [3.0, 1.0]],
    st_.POSITIVE_DEFINITE: [[1.0, 2.0], [2.0, 1.0]],
    st_.TRIANGULAR: [[1.0, 2.0], [0.0, 1.0]],
    st_.PERMUTATION: [0, 2, 2],
    st_.ONE_HOT: [0.0, 1.0, 1.0],
    st_.KINKY: [np.inf],
}
FAST = settings(suppress_health_check=[HealthCheck.too_slow], max_examples=25)
each = pytest.mark.parametrize("domain", list(DOMAINS.values()), ids=lambda d: d.name)


# ── Domains ────────────────────────────────────────────────────────────────────────────────
@each
@FAST
@given(data=st.data())
def test_what_a_domain_draws_it_recognises(domain, data):
    extremes = data.draw(st.booleans())
    x = data.draw(st_.arrays(domain=domain, extremes=extremes, empty=True))
    assert domain.holds(x), x
    assert x.dtype == (np.int64 if domain.whole else np.float64)


@each
def test_a_seed_draws_from_the_same_domain(domain):
    for seed in range(20):
        for shape in [(), (3,), (3, 3), (2, 4, 4), (0,), (0, 0), (3, 0, 0)]:
            if domain.fits(shape):
                x = domain.draw(domains.RandomSource(seed), shape)
                assert x.shape == shape and domain.holds(x)


@pytest.mark.parametrize("domain", list(OUTSIDE), ids=lambda d: d.name)
def test_what_is_outside_is_recognised(domain):
    assert not domain.holds(OUTSIDE[domain])


def test_every_constant_has_something_outside():
    assert {d for d in vars(st_).values() if isinstance(d, st_.Domain)} == set(OUTSIDE)


@each
def test_other_dtypes_and_shapes_are_outside(domain):
    x = domain.draw(domains.RandomSource(0), (3, 3))
    assert domain.holds(x)
    assert not domain.holds(x.astype(np.complex128))
    assert not domain.holds(x.astype(np.float64 if domain.whole else np.int64))
    if domain.axes:
        assert not domain.holds(x[0, 0])


def test_a_shape_that_no_array_of_a_domain_has_is_refused():
    with pytest.raises(ShapeError, match=r"symmetric: got shape \[2, 3\].*the last two equally"):
        find(st_.arrays((2, 3), domain=st_.SYMMETRIC), lambda x: True)
    with pytest.raises(ShapeError, match="simplex: got shape"):
        find(st_.arrays((), domain=st_.SIMPLEX), lambda x: True)


@pytest.mark.parametrize(
    "make",
    [
        lambda: st_.interval(1, 1),
        lambda: st_.finite(2, 1),
        lambda: st_.finite(0, 1),
        lambda: st_.integers(1, 0),
        lambda: st_.distinct(0),
        lambda: st_.shapes(2, 1),
        lambda: st_.modules("transformer"),
        lambda: st_.samples("tangent"),
        lambda: st_.expressions(max_steps=0),
    ],
)
def test_empty_choices_are_refused(make):
    with pytest.raises(OptionError, match="expected"):
        make()


@pytest.mark.parametrize(
    "domain", [d for d in DOMAINS.values() if not d.whole], ids=lambda d: d.name
)
def test_draws_differ(domain):
    """No domain draws the same array all the time, unless it has only one."""
    seen = {domain.draw(domains.RandomSource(seed), (3, 3)).tobytes() for seed in range(50)}
    assert len(seen) >= 15


def test_extremes_come_on_request_only():
    largest = [
        max(
            np.abs(st_.REAL.draw(domains.RandomSource(s), (4, 4), extremes)).max()
            for s in range(40)
        )
        for extremes in (False, True)
    ]
    assert largest[0] <= 3 and largest[1] >= 1e6


def test_mixed_scales_are_mixed():
    x = np.abs(st_.finite(1e-6, 1e6).draw(domains.RandomSource(0), (200,)))
    assert x.min() <= 1e-5 and x.max() >= 1e5


# ── Shapes ─────────────────────────────────────────────────────────────────────────────────
@given(data=st.data(), count=st.integers(1, 4), least=st.integers(0, 2))
def test_shapes_broadcast(data, count, least):
    shapes = data.draw(st_.broadcastable(count, min_dims=least, empty=True))
    assert len(shapes) == count
    assert all(least <= len(s) <= 3 for s in shapes)
    np.broadcast_shapes(*shapes)


@pytest.mark.parametrize(
    "wanted",
    [
        lambda a, b: a == () and b != (),
        lambda a, b: len(a) == len(b) == 2 and a[0] == 1 and b[1] == 1 and a != b,
        lambda a, b: len(a) == 1 and len(b) == 3,
        lambda a, b: 0 in a and 0 not in b,
        lambda a, b: a == b and len(a) == 3,
    ],
)
def test_every_pattern_of_broadcasting_occurs(wanted):
    find(
        st_.broadcastable(2, empty=True),
        lambda pair: wanted(*pair),
        settings=settings(max_examples=5_000),
    )


@given(st_.arrays((3,), dtype=np.float32, domain=st_.REAL, extremes=True))
def test_other_dtypes_stay_finite(x):
    assert x.dtype == np.float32 and np.isfinite(x).all()


@given(st_.tensors(domain=st_.integers(0, 3)) | st_.tensors(domain=st_.PERMUTATION))
def test_integers_require_no_gradient(x):
    assert x.dtype == np.int64 and not x.requires_grad


@given(st_.tensors(st.sampled_from([(2,), (3, 1)]), np.float32, st_.POSITIVE))
def test_tensors_of_a_strategy_of_shapes(x):
    assert x.shape in [(2,), (3, 1)] and x.dtype == np.float32 and x.requires_grad


@given(st_.arguments(st_.POSITIVE, st_.PROBABILITY, st_.integers(0, 2), empty=True))
def test_arguments_lie_each_in_its_domain(found):
    a, p, n = found
    assert st_.POSITIVE.holds(a) and st_.PROBABILITY.holds(p) and st_.integers(0, 2).holds(n)
    np.broadcast_shapes(a.shape, p.shape, n.shape)


# ── Shrinking ──────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("domain", "wanted", "simplest"),
    [
        (st_.REAL, lambda x: x.size > 1, [0.0, 0.0]),
        (st_.REAL, lambda x: np.any(x < -1), -2.0),
        (st_.POSITIVE, lambda x: True, 1.0),
        (st_.interval(0, 1), lambda x: True, 0.5),
        (st_.SIMPLEX, lambda x: x.shape == (2,), [0.5, 0.5]),
        (st_.ORTHOGONAL, lambda x: x.shape == (2, 2), [[1.0, 0.0], [0.0, 1.0]]),
        (st_.POSITIVE_DEFINITE, lambda x: x.shape == (2, 2), [[1.0, 0.0], [0.0, 1.0]]),
        (st_.PERMUTATION, lambda x: x.shape == (3,), [0, 1, 2]),
        (st_.DISTINCT, lambda x: x.shape == (3,), [-0.25, 0.0, 0.25]),
        (st_.integers(2, 5), lambda x: x.ndim == 1, [2]),
    ],
)
def test_examples_shrink_to_simple_ones(domain, wanted, simplest):
    np.testing.assert_array_equal(find(st_.arrays(domain=domain), wanted), simplest)


def test_a_wrong_gradient_shrinks_to_a_small_input():
    def wrong(x):
        return np.where(x > 1, 1.01, 1.0) * np.cos(x)

    def fails(x):
        return not gradcheck(np.sin, x, grad=lambda x, g=1.0: g * wrong(x)).ok

    x = find(st_.arrays(), fails)
    assert x.shape == () and x == 2.0


@twofold
@pytest.mark.parametrize("start", range(some(1, 6)))
@pytest.mark.parametrize("place", thinned([0, -1], [0]))
def test_a_fault_in_one_element_of_a_rule_shrinks_to_a_number(place, start):
    """1 % too large, in one element, where x > 1."""

    def wrong(pull):
        factors = np.ones(pull.shape)
        if pull.x.size and pull.x.flat[place] > 1:
            factors.flat[place] = 1.01
        return pull.right * pull.factors(factors)

    failing = []

    @hypothesis.seed(start)
    @settings(deadline=None, database=None, max_examples=100, suppress_health_check=TIMED)
    @given(st_.tensors())
    def test(x):
        report = gradcheck(tg.tanh, x)
        if not report.ok:
            failing.append(x.data)
        report.assert_ok()

    with (
        mutated("tanh", Mutant("one", "wrong in one element", wrong)),
        pytest.raises(GradcheckError),
    ):
        test()
    assert failing[-1].shape == () and failing[-1] == 2.0


# ── Samples of operations, modules ─────────────────────────────────────────────────────────
@pytest.mark.parametrize("key", ["add", "matmul", "sort", "concat", "where", "svd", "einsum"])
@FAST
@given(data=st.data())
def test_samples_can_be_called(key, data):
    args, static = data.draw(st_.samples(key))
    OPS[key].call(*args, **static)


@pytest.mark.parametrize("domain", sorted({d for r in OPS.values() for d in r.domains}))
def test_domains_of_the_registry(domain):
    ours = domains.of_samples(domain)
    for seed in range(10):
        x = ours.draw(domains.RandomSource(seed), (4, 5))
        assert ours.holds(x)
        assert np.all((x > domain.low) & (x < domain.high))
        assert not np.isin(x, domain.avoid).any()
        assert not domain.distinct or np.unique(x).size == x.size


@pytest.mark.parametrize("family", list(FAMILIES))
@FAST
@given(data=st.data())
def test_modules_take_their_inputs(family, data):
    network = data.draw(st_.modules(family))
    assert network.family == family and isinstance(network.module, nn.Module)
    x = tg.tensor(network.inputs[0], requires_grad=True)
    y = network.module(x)
    assert y.dtype == np.float64 and np.isfinite(y.data).all()
    np.testing.assert_array_equal(y.data, network.module(x).data)
    y.sum().backward()


@twofold
@settings(max_examples=some(4, 40), suppress_health_check=[HealthCheck.too_slow])
@given(st_.modules())
def test_modules_have_right_gradients(network):
    gradcheck(network.module, *network.inputs, dense=False).assert_ok()


def test_checks_need_no_hypothesis():
    code = "import sys, tinygrad_nn.testing; sys.exit('hypothesis' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("made", [st_.arrays, st_.tensors])
def test_a_domain_by_its_name_is_refused_by_what_to_write(made):
    with pytest.raises(OptionError, match=r"got domain='positive'.*POSITIVE"):
        made(domain="positive")
