"""Seeing a graph and a backward pass: pictures, pages, and answers in words.

    trace/ tracing.py    the engine -> `Trace`, plain data; JSON and back
    passes.py            `Pass`: a trace with what can be made of it
    view/                Trace -> groups, and one cut through them: what is shown
    picture/ drawing.py  the cut as SVG, DOT, text, PNG or PDF
    page/                the page that steps through a pass, and what all pages share
    explain/ notation/   why a gradient is what it is, and its formula
    ledger/              which operation keeps which array
    diff/                two passes side by side
    movie/               the passes of a training run

Of all these, trace/ and ledger/ alone read the graph; the others see a `Trace`. Only the command
line and the report import this package: `tinygrad_nn.draw`, `trace`, `explain` and the others load
it when first used.
"""

from tinygrad_nn.viz.diff import Diff as Diff
from tinygrad_nn.viz.drawing import Drawing as Drawing
from tinygrad_nn.viz.drawing import DrawingWarning as DrawingWarning
from tinygrad_nn.viz.drawing import draw as draw
from tinygrad_nn.viz.explain import Explanation as Explanation
from tinygrad_nn.viz.ledger import Ledger as Ledger
from tinygrad_nn.viz.movie import Movie as Movie
from tinygrad_nn.viz.passes import Pass as Pass
from tinygrad_nn.viz.trace.model import Trace as Trace
from tinygrad_nn.viz.trace.recorder import record as record
from tinygrad_nn.viz.tracing import Tracing as Tracing
