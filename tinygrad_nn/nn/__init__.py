"""Layers and models."""

from tinygrad_nn.nn.container import Flatten as Flatten
from tinygrad_nn.nn.container import Identity as Identity
from tinygrad_nn.nn.container import ModuleList as ModuleList
from tinygrad_nn.nn.container import Sequential as Sequential
from tinygrad_nn.nn.linear import Linear as Linear
from tinygrad_nn.nn.module import Module as Module
from tinygrad_nn.nn.neuron import MLP as MLP
from tinygrad_nn.nn.neuron import Layer as Layer
from tinygrad_nn.nn.neuron import Neuron as Neuron
from tinygrad_nn.tensor import Parameter as Parameter
