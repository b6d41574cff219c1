"""Programs written out as straight-line Python, with buffers made once."""

from tinygrad_nn.compiler.emit.replay import Replay as Replay
