"""What is called while `fit` trains: the base class `Callback`, and the callbacks that come along.

`base.py` has the hooks; `stopping.py`, `saving.py`, `schedule.py`, `measuring.py`, `progress.py`
and `functions.py` the callbacks.
"""

from tinygrad_nn.train.callbacks.base import Callback as Callback
from tinygrad_nn.train.callbacks.functions import CSVLogger as CSVLogger
from tinygrad_nn.train.callbacks.functions import LambdaCallback as LambdaCallback
from tinygrad_nn.train.callbacks.measuring import GradientStatistics as GradientStatistics
from tinygrad_nn.train.callbacks.measuring import Metrics as Metrics
from tinygrad_nn.train.callbacks.progress import ProgressBar as ProgressBar
from tinygrad_nn.train.callbacks.progress import ProgressTable as ProgressTable
from tinygrad_nn.train.callbacks.saving import Checkpoint as Checkpoint
from tinygrad_nn.train.callbacks.schedule import Schedule as Schedule
from tinygrad_nn.train.callbacks.stopping import EarlyStopping as EarlyStopping
from tinygrad_nn.train.callbacks.stopping import TerminateOnNaN as TerminateOnNaN
