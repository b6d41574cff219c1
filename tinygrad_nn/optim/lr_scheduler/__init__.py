"""Schedules of learning rates, with PyTorch's names, arguments, states and sequences.

A scheduler is called once after each step or epoch: `optimizer.step()`, then `scheduler.step()`.
Most of them multiply the rate that is there, so that schedulers may be chained and a rate may be
changed by hand in between.
"""

from tinygrad_nn.optim.lr_scheduler.base import *
from tinygrad_nn.optim.lr_scheduler.combined import *
from tinygrad_nn.optim.lr_scheduler.cosine import *
from tinygrad_nn.optim.lr_scheduler.cyclic import *
from tinygrad_nn.optim.lr_scheduler.decay import *
from tinygrad_nn.optim.lr_scheduler.plateau import *
