"""Tools around modules, named as in PyTorch's `torch.nn.utils`."""

from tinygrad_nn.nn.utils import parametrizations as parametrizations
from tinygrad_nn.nn.utils import parametrize as parametrize
from tinygrad_nn.nn.utils import prune as prune
from tinygrad_nn.nn.utils import rnn as rnn
from tinygrad_nn.nn.utils.classic import *
from tinygrad_nn.nn.utils.clip_grad import *
from tinygrad_nn.nn.utils.convert_parameters import *
from tinygrad_nn.nn.utils.freezing import *
from tinygrad_nn.nn.utils.fusion import *
