"""Every operation, by family."""

from tinygrad_nn.ops.arithmetic import *
from tinygrad_nn.ops.elementwise import *
from tinygrad_nn.ops.gather import *
from tinygrad_nn.ops.index import *
from tinygrad_nn.ops.linalg import *
from tinygrad_nn.ops.neural import *
from tinygrad_nn.ops.reduce import *
from tinygrad_nn.ops.select import *
from tinygrad_nn.ops.shape import *
