"""What is called while `fit` trains: the base class `Callback`, and the callbacks that come along.

`base.py` has the hooks; `stopping.py`, `saving.py`, `schedule.py`, `measuring.py`, `progress.py`
and `functions.py` the callbacks.
"""

from tinygrad_nn.train.callbacks.base import Callback as Callback
