"""Layers, activations and losses as functions, with PyTorch's names, argument order and `dim=`."""

from tinygrad_nn.nn.functional.activation import *
from tinygrad_nn.nn.functional.likelihood import *
from tinygrad_nn.nn.functional.linear import *
from tinygrad_nn.nn.functional.losses import *
