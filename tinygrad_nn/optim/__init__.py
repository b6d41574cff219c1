"""Optimisers, with PyTorch's names, arguments and trajectories."""

from tinygrad_nn.optim.adam import Adam as Adam
from tinygrad_nn.optim.adam import AdamW as AdamW
from tinygrad_nn.optim.optimizer import Optimizer as Optimizer
from tinygrad_nn.optim.sgd import SGD as SGD
