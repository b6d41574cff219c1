"""Layers, activations and losses as functions, with PyTorch's names, argument order and `dim=`."""

from tinygrad_nn.nn.functional.activation import *
from tinygrad_nn.nn.functional.conv import *
from tinygrad_nn.nn.functional.ctc import *
from tinygrad_nn.nn.functional.distance import *
from tinygrad_nn.nn.functional.divergence import *
from tinygrad_nn.nn.functional.likelihood import *
from tinygrad_nn.nn.functional.linear import *
from tinygrad_nn.nn.functional.losses import *
from tinygrad_nn.nn.functional.margin import *
