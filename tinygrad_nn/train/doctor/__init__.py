"""The training doctor: named findings, each with a number, a threshold and one advice.

`diagnosis.py` looks at a model by `diagnose`, `watching.py` at a training by the callback
`Doctor`; both fill the `Evidence` of `evidence.py` through `recorder.py`. The `checks_*.py` read
it, and are registered in `registry.py`; `thresholds.py` has all numbers with their reasons.
"""

from tinygrad_nn.train.doctor import checks_data as _data
from tinygrad_nn.train.doctor import checks_gradients as _gradients
from tinygrad_nn.train.doctor import checks_loss as _loss
from tinygrad_nn.train.doctor import checks_setup as _setup
from tinygrad_nn.train.doctor import checks_units as _units
from tinygrad_nn.train.doctor.diagnosis import diagnose as diagnose
from tinygrad_nn.train.doctor.registry import CHECKS as CHECKS
from tinygrad_nn.train.doctor.registry import Check as Check
from tinygrad_nn.train.doctor.registry import check as check
from tinygrad_nn.train.doctor.report import Finding as Finding
from tinygrad_nn.train.doctor.report import Report as Report
from tinygrad_nn.train.doctor.watching import Doctor as Doctor

# Importing them registers their checks.
_FAMILIES = (_units, _gradients, _loss, _data, _setup)
