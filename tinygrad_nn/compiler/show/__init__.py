"""Programs for people: as text, and as a drawing."""

from tinygrad_nn.compiler.show.printed import StepProgram as StepProgram
