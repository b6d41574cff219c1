"""The training report: one self-contained page that says how a training went.

`Recorder` is a callback of `fit` that notes what happens in each layer (`layers.py`, `film.py`).
`of` gathers a training into a document of plain data (`document.py`, `result.py`), `load` reads
one back and checks it (`schema.py`, `reading.py`), `verdict.py` puts it into words. `page.py` and
the modules with parts of a page see nothing but a document, and `compare` shows several.
"""

from tinygrad_nn.report.making import Report as Report
from tinygrad_nn.report.making import compare as compare
from tinygrad_nn.report.making import load as load
from tinygrad_nn.report.making import of as of
from tinygrad_nn.report.recorder import Recorder as Recorder
