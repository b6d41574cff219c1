"""Layers, activations and losses as functions, with PyTorch's names, argument order and `dim=`."""

from tinygrad_nn.nn.functional.activation import *
from tinygrad_nn.nn.functional.adaptive_pool import *
from tinygrad_nn.nn.functional.attention import *
from tinygrad_nn.nn.functional.bag import *
from tinygrad_nn.nn.functional.capsule import *
from tinygrad_nn.nn.functional.conv import *
from tinygrad_nn.nn.functional.ctc import *
from tinygrad_nn.nn.functional.distance import *
from tinygrad_nn.nn.functional.divergence import *
from tinygrad_nn.nn.functional.dropout import *
from tinygrad_nn.nn.functional.embedding import *
from tinygrad_nn.nn.functional.likelihood import *
from tinygrad_nn.nn.functional.linear import *
from tinygrad_nn.nn.functional.losses import *
from tinygrad_nn.nn.functional.margin import *
from tinygrad_nn.nn.functional.norm import *
from tinygrad_nn.nn.functional.padding import *
from tinygrad_nn.nn.functional.pool import *
from tinygrad_nn.nn.functional.power_pool import *
from tinygrad_nn.nn.functional.spiking import *
from tinygrad_nn.nn.functional.unpool import *
from tinygrad_nn.nn.functional.vision import *
