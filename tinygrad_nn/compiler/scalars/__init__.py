"""Programs of single numbers: functions of `Value`, of up to millions of operations."""

from tinygrad_nn.compiler.scalars.replay import NumberReplay as NumberReplay
from tinygrad_nn.compiler.scalars.replay import number_program as number_program
