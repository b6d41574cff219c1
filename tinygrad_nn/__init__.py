"""The autograd engine you can see through, and the networks built on it."""

import importlib as _importlib
import typing as _typing

from tinygrad_nn import autograd as autograd
from tinygrad_nn import linalg as linalg
from tinygrad_nn import random as random
from tinygrad_nn.core.anomaly import detect_anomaly as detect_anomaly
from tinygrad_nn.core.node import enable_grad as enable_grad
from tinygrad_nn.core.node import is_grad_enabled as is_grad_enabled
from tinygrad_nn.core.node import no_grad as no_grad
from tinygrad_nn.core.observe import Observer as Observer
from tinygrad_nn.core.observe import observe as observe
from tinygrad_nn.core.order import reverse_order as reverse_order
from tinygrad_nn.creation import arange as arange
from tinygrad_nn.creation import asarray as asarray
from tinygrad_nn.creation import empty as empty
from tinygrad_nn.creation import eye as eye
from tinygrad_nn.creation import full as full
from tinygrad_nn.creation import geomspace as geomspace
from tinygrad_nn.creation import identity as identity
from tinygrad_nn.creation import linspace as linspace
from tinygrad_nn.creation import logspace as logspace
from tinygrad_nn.creation import ones as ones
from tinygrad_nn.creation import tri as tri
from tinygrad_nn.creation import zeros as zeros
from tinygrad_nn.custom import custom_op as custom_op
from tinygrad_nn.ops import *
from tinygrad_nn.payload import default_dtype as default_dtype
from tinygrad_nn.ported import FUNCTIONS as _FUNCTIONS
from tinygrad_nn.tensor import Parameter as Parameter
from tinygrad_nn.tensor import Tensor as Tensor
from tinygrad_nn.tensor import tensor as tensor
from tinygrad_nn.transforms import checkpoint as checkpoint
from tinygrad_nn.transforms import grad as grad
from tinygrad_nn.transforms import hessian as hessian
from tinygrad_nn.transforms import hvp as hvp
from tinygrad_nn.transforms import jacobian as jacobian
from tinygrad_nn.transforms import jvp as jvp
from tinygrad_nn.transforms import value_and_grad as value_and_grad
from tinygrad_nn.transforms import vjp as vjp
from tinygrad_nn.value import Value as Value

# Of a matrix `trace` is the sum of the diagonal, of a loss the record of its backward pass: the
# function that knows both is loaded when it is first used.
del trace  # noqa: F821  (from `ops`)

__version__ = "0.1.0.dev0"

if _typing.TYPE_CHECKING:
    from tinygrad_nn import data as data
    from tinygrad_nn import nn as nn
    from tinygrad_nn import optim as optim
    from tinygrad_nn import report as report
    from tinygrad_nn import train as train
    from tinygrad_nn import viz as viz
    from tinygrad_nn.compiler.jit import jit as jit
    from tinygrad_nn.serialize import load as load
    from tinygrad_nn.serialize import save as save
    from tinygrad_nn.threads import get_num_threads as get_num_threads
    from tinygrad_nn.threads import num_threads as num_threads
    from tinygrad_nn.threads import set_num_threads as set_num_threads
    from tinygrad_nn.viz.diff import compare as compare
    from tinygrad_nn.viz.drawing import draw as draw
    from tinygrad_nn.viz.explain import explain as explain
    from tinygrad_nn.viz.ledger import ledger as ledger
    from tinygrad_nn.viz.movie import movie as movie
    from tinygrad_nn.viz.trace.names import name_locals as name_locals
    from tinygrad_nn.viz.tracing import trace as trace
    from tinygrad_nn.viz.tracing import tracing as tracing

    float16: _typing.Any
    float32: _typing.Any
    float64: _typing.Any
    int8: _typing.Any
    int16: _typing.Any
    int32: _typing.Any
    int64: _typing.Any
    uint8: _typing.Any

_MODULES = {"autograd", "errors", "linalg", "ops", "random", "transforms"}
"""Modules for users; those of `_LATER` are listed with it."""

# Loaded when first used: who only differentiates should not wait for networks and drawings.
_LATER = {
    "compare": "tinygrad_nn.viz.diff:compare",
    "data": "tinygrad_nn.data",
    "draw": "tinygrad_nn.viz:draw",
    "explain": "tinygrad_nn.viz.explain:explain",
    "get_num_threads": "tinygrad_nn.threads:get_num_threads",
    "jit": "tinygrad_nn.compiler:jit",
    "ledger": "tinygrad_nn.viz.ledger:ledger",
    "load": "tinygrad_nn.serialize:load",
    "movie": "tinygrad_nn.viz.movie:movie",
    "name_locals": "tinygrad_nn.viz.trace.names:name_locals",
    "nn": "tinygrad_nn.nn",
    "num_threads": "tinygrad_nn.threads:num_threads",
    "optim": "tinygrad_nn.optim",
    "report": "tinygrad_nn.report",
    "save": "tinygrad_nn.serialize:save",
    "set_num_threads": "tinygrad_nn.threads:set_num_threads",
    "trace": "tinygrad_nn.viz.tracing:trace",
    "tracing": "tinygrad_nn.viz.tracing:tracing",
    "train": "tinygrad_nn.train",
    "viz": "tinygrad_nn.viz",
}
# PyTorch's names of what is here by another. Not listed, so that a star import brings none.
_PORTED = {
    "as_tensor": "tinygrad_nn.creation:asarray",
    "cat": "tinygrad_nn.torch_methods:cat",
    "from_numpy": "tinygrad_nn.tensor:tensor",
    "permute": "tinygrad_nn.ops:permute_dims",
    "rand": "tinygrad_nn.random:rand",
    "rand_like": "tinygrad_nn.random:rand_like",
    "randn": "tinygrad_nn.random:randn",
    "randn_like": "tinygrad_nn.random:randn_like",
    "randperm": "tinygrad_nn.random:permutation",
    "unsqueeze": "tinygrad_nn.torch_methods:unsqueeze",
    **{name: f"numpy:{name}" for name in ("float16", "float32", "float64", "uint8")},
    **{name: f"numpy:{name}" for name in ("int8", "int16", "int32", "int64")},
    **{"half": "numpy:float16", "float": "numpy:float32", "double": "numpy:float64"},
    **{"short": "numpy:int16", "int": "numpy:int32", "long": "numpy:int64", "bool": "numpy:bool"},
}


def __getattr__(name: str) -> _typing.Any:
    path = _LATER.get(name) or _PORTED.get(name)
    if path is None:
        advice = _FUNCTIONS.get(name)
        raise AttributeError(
            f"module {__name__!r} has no attribute {name!r}" + (f"; {advice}" if advice else "")
        )
    module, _, attribute = path.partition(":")
    found = _importlib.import_module(module)
    return getattr(found, attribute) if attribute else found


def __dir__() -> list[str]:
    # Modules that only this package's own parts are made of stay out of what users look through.
    own = {name for name, held in globals().items() if isinstance(held, type(_typing))}
    return sorted(globals().keys() - own | _LATER.keys() | _MODULES)
