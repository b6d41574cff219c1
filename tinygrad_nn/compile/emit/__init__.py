"""Programs written out as straight-line Python, with buffers made once."""

from tinygrad_nn.compile.emit.guards import Unfit as Unfit
from tinygrad_nn.compile.emit.guards import guard as guard
from tinygrad_nn.compile.emit.memory import Memory as Memory
from tinygrad_nn.compile.emit.replay import Replay as Replay
