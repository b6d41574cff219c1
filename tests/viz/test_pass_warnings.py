"""What NumPy warns of while a pass is recorded: what the engine's own pass warns of, no more."""

import warnings

import numpy as np
import pytest

import tinygrad_nn as tg


def tensor(*numbers, dtype="float64"):
    return tg.Tensor(np.array(numbers, dtype), requires_grad=True, name="x")


def zero_power():
    return (tensor(0.0, 2.0) ** -1.5).sum()


def quotient():
    return (1.0 / tensor(0.0, 2.0)).sum()


def overflow():
    return (tg.exp(tensor(800.0)) * tg.exp(tensor(800.0))).sum()


def half():
    return (tensor(6e4, 6e4, dtype="float16") * 2.0).sum()


def finite():
    return (tensor(1.0, 2.0) * 3.0).sum()


GRAPHS = {
    "sqrt": lambda: tg.sqrt(tensor(1.0, 0.0)).sum(),
    "sqrt of one": lambda: tg.sqrt(tensor(0.0).sum()) * 2.0,
    "log": lambda: tg.log(tensor(1.0, 0.0)).sum(),
    "power": zero_power,
    "quotient": quotient,
    "not a number": lambda: tg.sqrt(tensor(-1.0)).sum(),
    "overflow": overflow,
    "half": half,
    "value": lambda: tg.sqrt(tg.Value(0.0)),
    "finite": finite,
}


def heard(act):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        act()
    return sorted(str(w.message) for w in found)


def computed(make):
    with np.errstate(all="ignore"):
        return make()


@pytest.mark.parametrize("name", GRAPHS)
def test_recording_warns_as_a_backward_pass_does(name):
    make = GRAPHS[name]
    usual = heard(computed(make).backward)
    assert heard(lambda: tg.trace(computed(make))) == usual
    assert heard(lambda: tg.draw(computed(make), backward=True)) == usual
    assert heard(lambda: tg.trace(make)) == heard(lambda: make().backward())
    with np.errstate(all="ignore"):
        assert heard(lambda: tg.trace(make)) == []


def test_a_pass_that_warns_is_among_them():
    assert heard(computed(GRAPHS["sqrt"]).backward) == ["divide by zero encountered in divide"]


@pytest.mark.parametrize("name", GRAPHS)
def test_what_is_made_of_a_trace_warns_of_nothing(name, tmp_path):
    with np.errstate(all="ignore"):
        found = tg.trace(GRAPHS[name])
    leaf = next(r for r in found.records if r.op is None and r.gradient is not None)

    def made():
        for level in ("module", "op", "scalar"):
            assert found.draw(level=level, engine="own").svg
        found.save_html(tmp_path / "a.html")
        found.save(tmp_path / "a.json")
        found.explain(leaf.name)
        type(found).load(tmp_path / "a.json").draw("text")

    assert heard(made) == []
