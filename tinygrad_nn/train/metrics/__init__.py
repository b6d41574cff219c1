"""What a model is measured by: functions for all examples at once, and the same batch by batch.

Functions and classes take outputs first and targets second, as losses do; tensors, arrays or lists.
"""

from tinygrad_nn.train.metrics.base import Metric as Metric
from tinygrad_nn.train.metrics.base import named_metrics as named_metrics
from tinygrad_nn.train.metrics.classes import Accuracy as Accuracy
from tinygrad_nn.train.metrics.classes import ConfusionMatrix as ConfusionMatrix
from tinygrad_nn.train.metrics.classes import F1Score as F1Score
from tinygrad_nn.train.metrics.classes import Precision as Precision
from tinygrad_nn.train.metrics.classes import Recall as Recall
from tinygrad_nn.train.metrics.classes import TopKAccuracy as TopKAccuracy
from tinygrad_nn.train.metrics.classes import accuracy as accuracy
from tinygrad_nn.train.metrics.classes import confusion_matrix as confusion_matrix
from tinygrad_nn.train.metrics.classes import f1_score as f1_score
from tinygrad_nn.train.metrics.classes import precision as precision
from tinygrad_nn.train.metrics.classes import recall as recall
from tinygrad_nn.train.metrics.classes import top_k_accuracy as top_k_accuracy
from tinygrad_nn.train.metrics.mistakes import Mistake as Mistake
from tinygrad_nn.train.metrics.mistakes import confusion_text as confusion_text
from tinygrad_nn.train.metrics.mistakes import predict as predict
from tinygrad_nn.train.metrics.mistakes import worst_mistakes as worst_mistakes
from tinygrad_nn.train.metrics.numbers import ROCAUC as ROCAUC
from tinygrad_nn.train.metrics.numbers import MeanAbsoluteError as MeanAbsoluteError
from tinygrad_nn.train.metrics.numbers import MeanSquaredError as MeanSquaredError
from tinygrad_nn.train.metrics.numbers import Perplexity as Perplexity
from tinygrad_nn.train.metrics.numbers import R2Score as R2Score
from tinygrad_nn.train.metrics.numbers import mean_absolute_error as mean_absolute_error
from tinygrad_nn.train.metrics.numbers import mean_squared_error as mean_squared_error
from tinygrad_nn.train.metrics.numbers import perplexity as perplexity
from tinygrad_nn.train.metrics.numbers import r2_score as r2_score
from tinygrad_nn.train.metrics.numbers import roc_auc as roc_auc
