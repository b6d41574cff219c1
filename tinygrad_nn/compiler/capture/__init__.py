"""The first call of a step, written down: what stands for arrays and numbers meanwhile."""

from tinygrad_nn.compiler.capture.capture import Capture as Capture
