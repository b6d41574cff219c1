"""Layers, models and losses, with PyTorch's names, defaults and parameter layouts."""

from tinygrad_nn.nn import functional as functional
from tinygrad_nn.nn import init as init
from tinygrad_nn.nn import utils as utils
from tinygrad_nn.nn.activation import *
from tinygrad_nn.nn.adaptive_pool import *
from tinygrad_nn.nn.attention import *
from tinygrad_nn.nn.batchnorm import *
from tinygrad_nn.nn.capsule import *
from tinygrad_nn.nn.cells import *
from tinygrad_nn.nn.container import *
from tinygrad_nn.nn.conv import *
from tinygrad_nn.nn.conv_transpose import *
from tinygrad_nn.nn.distance import *
from tinygrad_nn.nn.dnc import *
from tinygrad_nn.nn.dropout import *
from tinygrad_nn.nn.embedding import *
from tinygrad_nn.nn.energy import *
from tinygrad_nn.nn.flatten import *
from tinygrad_nn.nn.fold import *
from tinygrad_nn.nn.last_layer import *
from tinygrad_nn.nn.linear import *
from tinygrad_nn.nn.loss import *
from tinygrad_nn.nn.memory import *
from tinygrad_nn.nn.module import *
from tinygrad_nn.nn.neuron import *
from tinygrad_nn.nn.norm import *
from tinygrad_nn.nn.overview import *
from tinygrad_nn.nn.padding import *
from tinygrad_nn.nn.parameters import *
from tinygrad_nn.nn.pool import *
from tinygrad_nn.nn.prototype import *
from tinygrad_nn.nn.ranking import *
from tinygrad_nn.nn.rectifier import *
from tinygrad_nn.nn.recurrent import *
from tinygrad_nn.nn.spiking import *
from tinygrad_nn.nn.transformer import *
from tinygrad_nn.nn.transformer_layers import *
from tinygrad_nn.nn.unpool import *
from tinygrad_nn.nn.vision import *
from tinygrad_nn.tensor import Parameter as Parameter
