"""Training: the loop, what to measure, what to keep, and pictures of what was learned.

`loop.py` has `fit`, `history.py` what it notes, `metrics.py` what to measure, `pictures.py` the
same as SVG (written by `sheet.py` and `png.py`), `averaging.py` means of weights. `settings.py`,
`experiment.py` and `folder.py` make up a run of `tinygrad-nn train`: what decides it, what it
consists of, where it is kept.
"""

from tinygrad_nn.train.averaging import AveragedModel as AveragedModel
from tinygrad_nn.train.averaging import update_bn as update_bn
from tinygrad_nn.train.experiment import Experiment as Experiment
from tinygrad_nn.train.experiment import load_images as load_images
from tinygrad_nn.train.folder import RunFolder as RunFolder
from tinygrad_nn.train.history import Epoch as Epoch
from tinygrad_nn.train.history import History as History
from tinygrad_nn.train.loop import fit as fit
from tinygrad_nn.train.metrics import Mistake as Mistake
from tinygrad_nn.train.metrics import accuracy as accuracy
from tinygrad_nn.train.metrics import confusion_matrix as confusion_matrix
from tinygrad_nn.train.metrics import confusion_text as confusion_text
from tinygrad_nn.train.metrics import predict as predict
from tinygrad_nn.train.metrics import worst_mistakes as worst_mistakes
from tinygrad_nn.train.pictures import confusion_picture as confusion_picture
from tinygrad_nn.train.pictures import history_picture as history_picture
from tinygrad_nn.train.pictures import mistakes_picture as mistakes_picture
from tinygrad_nn.train.pictures import weights_picture as weights_picture
from tinygrad_nn.train.settings import Settings as Settings
