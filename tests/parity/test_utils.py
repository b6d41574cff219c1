"""torch.nn.init, torch.nn.utils and the methods of modules: here, with the same signature."""

import inspect

import pytest

from tests.parity.harness import parameters
from tinygrad_nn import nn

torch = pytest.importorskip("torch")
pytest.importorskip("torch.nn.utils.prune")

_DEVICES = "there is one device, the CPU"
_MACHINERY = "PyTorch's own machinery"
_TYPING = "a name of typing or another module"

LEFT_OUT = {
    "init": {
        **{
            name: "deprecated in PyTorch for the name with an underscore"
            for name in (
                "uniform",
                "normal",
                "constant",
                "eye",
                "dirac",
                "xavier_uniform",
                "xavier_normal",
                "kaiming_uniform",
                "kaiming_normal",
                "orthogonal",
                "sparse",
            )
        },
    },
    "utils": {
        "clip_grad_norm": "deprecated in PyTorch for clip_grad_norm_",
        "convert_conv2d_weight_memory_format": "arrays have one memory format",
        "convert_conv3d_weight_memory_format": "arrays have one memory format",
        "skip_init": "parameters are always initialised",
        "stateless": "deprecated in PyTorch; the transforms take functions of parameters",
    },
    "utils.rnn": {},
    "utils.parametrizations": {},
    "utils.parametrize": {
        "transfer_parametrizations_and_params": "load_state_dict of the same parametrisation",
    },
    "utils.prune": {},
    "Module": {
        "T_destination": _TYPING,
        "call_super_init": _MACHINERY,
        "compile": "compilation takes functions",
        "dump_patches": _MACHINERY,
        "ipu": _DEVICES,
        "mtia": _DEVICES,
        "register_backward_hook": "deprecated in PyTorch for register_full_backward_hook",
        "share_memory": "processes do not share parameters",
        "to_empty": _DEVICES,
        "xpu": _DEVICES,
    },
}
PRIVATE = {
    # In PyTorch these take their arguments as *args, or by other names.
    ("Module", "to"),
    ("Module", "forward"),
    ("Module", "state_dict"),
    ("utils.prune", "PruningContainer"),
}


def find(root, path):
    for name in path.split("."):
        root = getattr(root, name)
    return root


def names(place):
    theirs = find(torch.nn, place)
    if hasattr(theirs, "__all__"):
        return list(theirs.__all__)
    return [
        name
        for name, value in vars(theirs).items()
        if name[0] != "_"
        and (inspect.isclass(theirs) or getattr(value, "__module__", None) == theirs.__name__)
    ]


EVERY = [(place, name) for place in LEFT_OUT for name in names(place)]


@pytest.mark.parametrize(("place", "name"), EVERY)
def test_a_name_is_here_with_its_signature_or_left_out_with_a_reason(place, name):
    ours = find(nn, place)
    assert hasattr(ours, name) != (name in LEFT_OUT[place])
    theirs = getattr(find(torch.nn, place), name)
    if name in LEFT_OUT[place] or (place, name) in PRIVATE or not callable(theirs):
        return
    expected, got = parameters(theirs), parameters(getattr(ours, name))
    # A word of ours may follow by keyword: rng.
    assert got is not None
    assert got[: len(expected)] == expected


def test_what_is_left_out_exists():
    for place, left in LEFT_OUT.items():
        assert not set(left) - set(names(place)), place
