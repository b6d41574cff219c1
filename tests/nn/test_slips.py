"""What a script for PyTorch gets wrong in `nn`: the error says what to write."""

import pytest

import tinygrad_nn as tg
from tinygrad_nn import nn
from tinygrad_nn.errors import DTypeError, OptionError


@pytest.mark.parametrize("name", ["softmax", "softmin", "log_softmax"])
def test_nn_teaches_its_word_for_an_axis(name):
    function = getattr(nn.functional, name)
    for given in ({"axis": 1}, {"dim": 1, "axis": 1}):
        with pytest.raises(OptionError, match=rf"{name}: .*'axis', expected 'dim': .* write dim="):
            function(tg.zeros((2, 3)), **given)
    with pytest.raises(OptionError, match="'dims'"):
        function(tg.zeros((2, 3)), dims=1)


@pytest.mark.parametrize(
    "call",
    [
        lambda i: nn.functional.cross_entropy(tg.zeros((2, 3)), i),
        lambda i: nn.functional.nll_loss(tg.zeros((2, 3)), i),
        nn.Embedding(3, 2, rng=0),
        nn.functional.one_hot,
        lambda i: tg.one_hot(i, 2),
    ],
)
def test_labels_written_by_hand_are_floats_and_the_error_says_how_not(call):
    with pytest.raises(DTypeError, match=r"tg\.tensor\(\[\.\.\.\], dtype='int64'\)"):
        call(tg.tensor([0, 1]))
    call(tg.tensor([0, 1], dtype="int64"))
