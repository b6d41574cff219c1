"""Layers, models and losses, with PyTorch's names, defaults and parameter layouts."""

from tinygrad_nn.nn import functional as functional
from tinygrad_nn.nn import init as init
from tinygrad_nn.nn.activation import *
from tinygrad_nn.nn.container import *
from tinygrad_nn.nn.linear import *
from tinygrad_nn.nn.loss import *
from tinygrad_nn.nn.module import *
from tinygrad_nn.nn.neuron import *
from tinygrad_nn.tensor import Parameter as Parameter
