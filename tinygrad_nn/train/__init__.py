"""Training: the loop, what to measure, what to keep, and pictures of what was learned.

`loop.py` has `fit` (its epochs are in `learning.py`, its steps in `steps.py`), `callbacks/` what it
calls on the way with the `Context`, `history.py` what it notes, `precision.py` mixed precision,
`evaluation.py` and `metrics/` what to measure, `pictures.py` the same as SVG (written by `sheet.py`
and `png.py`), `averaging.py` means of weights. `doctor/` says why a network does not learn,
`range_finder.py` at which rates it does, `sanity.py` what to check first. `settings.py`,
`experiment.py` and `folder.py` make up a run of `tinygrad-nn train`: what decides it, what it
consists of, where it is kept.
"""

from tinygrad_nn.train.averaging import AveragedModel as AveragedModel
from tinygrad_nn.train.averaging import update_bn as update_bn
from tinygrad_nn.train.callbacks import Callback as Callback
from tinygrad_nn.train.callbacks import Checkpoint as Checkpoint
from tinygrad_nn.train.callbacks import CSVLogger as CSVLogger
from tinygrad_nn.train.callbacks import EarlyStopping as EarlyStopping
from tinygrad_nn.train.callbacks import GradientStatistics as GradientStatistics
from tinygrad_nn.train.callbacks import LambdaCallback as LambdaCallback
from tinygrad_nn.train.callbacks import Metrics as Metrics
from tinygrad_nn.train.callbacks import ProgressBar as ProgressBar
from tinygrad_nn.train.callbacks import ProgressTable as ProgressTable
from tinygrad_nn.train.callbacks import Schedule as Schedule
from tinygrad_nn.train.callbacks import TerminateOnNaN as TerminateOnNaN
from tinygrad_nn.train.context import Context as Context
from tinygrad_nn.train.doctor import Doctor as Doctor
from tinygrad_nn.train.doctor import Finding as Finding
from tinygrad_nn.train.doctor import Report as Report
from tinygrad_nn.train.doctor import diagnose as diagnose
from tinygrad_nn.train.evaluation import evaluate as evaluate
from tinygrad_nn.train.experiment import Experiment as Experiment
from tinygrad_nn.train.experiment import load_images as load_images
from tinygrad_nn.train.folder import RunFolder as RunFolder
from tinygrad_nn.train.history import Epoch as Epoch
from tinygrad_nn.train.history import History as History
from tinygrad_nn.train.loop import fit as fit
from tinygrad_nn.train.metrics import ROCAUC as ROCAUC
from tinygrad_nn.train.metrics import Accuracy as Accuracy
from tinygrad_nn.train.metrics import ConfusionMatrix as ConfusionMatrix
from tinygrad_nn.train.metrics import F1Score as F1Score
from tinygrad_nn.train.metrics import MeanAbsoluteError as MeanAbsoluteError
from tinygrad_nn.train.metrics import MeanSquaredError as MeanSquaredError
from tinygrad_nn.train.metrics import Metric as Metric
from tinygrad_nn.train.metrics import Mistake as Mistake
from tinygrad_nn.train.metrics import Perplexity as Perplexity
from tinygrad_nn.train.metrics import Precision as Precision
from tinygrad_nn.train.metrics import R2Score as R2Score
from tinygrad_nn.train.metrics import Recall as Recall
from tinygrad_nn.train.metrics import TopKAccuracy as TopKAccuracy
from tinygrad_nn.train.metrics import accuracy as accuracy
from tinygrad_nn.train.metrics import confusion_matrix as confusion_matrix
from tinygrad_nn.train.metrics import confusion_text as confusion_text
from tinygrad_nn.train.metrics import f1_score as f1_score
from tinygrad_nn.train.metrics import mean_absolute_error as mean_absolute_error
from tinygrad_nn.train.metrics import mean_squared_error as mean_squared_error
from tinygrad_nn.train.metrics import perplexity as perplexity
from tinygrad_nn.train.metrics import precision as precision
from tinygrad_nn.train.metrics import predict as predict
from tinygrad_nn.train.metrics import r2_score as r2_score
from tinygrad_nn.train.metrics import recall as recall
from tinygrad_nn.train.metrics import roc_auc as roc_auc
from tinygrad_nn.train.metrics import top_k_accuracy as top_k_accuracy
from tinygrad_nn.train.metrics import worst_mistakes as worst_mistakes
from tinygrad_nn.train.pictures import confusion_picture as confusion_picture
from tinygrad_nn.train.pictures import history_picture as history_picture
from tinygrad_nn.train.pictures import mistakes_picture as mistakes_picture
from tinygrad_nn.train.pictures import weights_picture as weights_picture
from tinygrad_nn.train.precision import GradScaler as GradScaler
from tinygrad_nn.train.precision import float16 as float16
from tinygrad_nn.train.range_finder import RangeReport as RangeReport
from tinygrad_nn.train.range_finder import find_learning_rate as find_learning_rate
from tinygrad_nn.train.sanity import Verdict as Verdict
from tinygrad_nn.train.sanity import check_initial_loss as check_initial_loss
from tinygrad_nn.train.sanity import check_shuffled_labels as check_shuffled_labels
from tinygrad_nn.train.sanity import overfit_one_batch as overfit_one_batch
from tinygrad_nn.train.settings import Settings as Settings
