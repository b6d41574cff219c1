"""Optimisers, with PyTorch's names, arguments, states and trajectories.

Besides them stand `lr_scheduler`, whose schedules change learning rates from step to step, and
`swa_utils`, which averages weights. `SparseAdam` is left out: there are no sparse gradients here,
and on dense ones it is `Adam`.
"""

from tinygrad_nn.optim import lr_scheduler as lr_scheduler
from tinygrad_nn.optim import swa_utils as swa_utils
from tinygrad_nn.optim.adam import *
from tinygrad_nn.optim.adaptive import *
from tinygrad_nn.optim.lbfgs import *
from tinygrad_nn.optim.matrix import *
from tinygrad_nn.optim.optimizer import Optimizer as Optimizer
from tinygrad_nn.optim.sgd import *
from tinygrad_nn.optim.sign import *
