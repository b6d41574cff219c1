"""From where on the doctor speaks up. Chosen so that healthy networks, fresh and trained, pass."""

from __future__ import annotations

from typing import Final

SAMPLES_MIN: Final = 64
"""Fewer samples say nothing about a unit: one that is on for 5 % is off for 64 with 4 %."""

DEAD_SHARE: Final = 0.75
"""Units of a layer off for every sample. Measured: fresh ReLU layers have up to a quarter of them,
in deep or narrow networks half, and learn all the same."""

SATURATED_SHARE: Final = 0.7
"""Activations near their ends. Fresh layers have none, well trained ones up to a half."""
SIGMOID_END: Final = 0.01
"""A sigmoid this near 0 or 1 passes on a 25th of its largest slope (Glorot and Bengio 2010)."""
TANH_END: Final = 0.98
"""The same slope, of tanh: 1 − y² = 0.04."""

VANISHING_RATIO: Final = 1e-4
"""Gradient at the first layer over that at the last. Each sigmoid takes away a factor of 4 or
more (Bengio et al. 1994); healthy networks of ten layers stay above 1e-3."""
EXPLODING_RATIO: Final = 1e4
"""The same the other way round."""
EXPLODING_NORM: Final = 100.0
"""Norm of the gradient over that of the weights. A rate of 0.01 replaces the weights in a step."""

UPDATE_LOW: Final = 1e-5
UPDATE_HIGH: Final = 0.1
"""Update over weight, root mean squares. Healthy is 1e-4 to 1e-2 (Karpathy's lectures); the
first steps of Adam are up to ten times larger, and only who learns nothing is told."""
UPDATE_ABSURD: Final = 1.0
"""A step that replaces the weights, whatever the loss says."""
UPDATE_WILD: Final = 10.0
"""The same of one single step, of who learns nothing: Adam's first one may be 5 and end well."""

FALL_MIN: Final = 0.003
"""Share by which the loss falls in a trial of 20 steps on the same batches: SGD at a tenth of a
good rate still makes 0.01."""
PLATEAU_STEPS: Final = 200
"""Steps of a real training before a loss that has not fallen is worth a word."""
PLATEAU_FALL: Final = 0.005
"""Share by which it has to have fallen by then."""
RISE_MAX: Final = 1.5
"""A loss that grew by this factor, on the batches it learned from."""
RISE_OF_CHANCE: Final = 0.3
"""By which it grew at least, as a share of the loss of chance: 0.01 may become 0.03."""
LEARNED: Final = 0.7
"""Loss over the loss with the targets in another order. A fresh network has 1."""

INPUT_RMS_MAX: Final = 6.0
"""Root mean square of the inputs; standardised ones have 1, pixels of 0 to 255 about 100."""
INPUT_COLUMN: Final = 100.0
"""Largest over the median spread of a column: the others are not seen beside it."""

MAJORITY: Final = 0.9
"""Share of the largest class: always naming it looks like success."""
RARE: Final = 0.05
"""Smallest over largest class, of at most `CLASSES_FEW`: fewer than a sample in a batch."""
CLASSES_FEW: Final = 10
"""More classes are uneven by nature: letters, words."""
LABELS_MIN: Final = 100
"""Fewer targets do not tell the share of a class."""

CONSTANT_SPREAD: Final = 1e-4
"""Spread of the outputs over samples, as a share of their size. Fresh networks have over 0.01."""

LEAK_CORRELATION: Final = 0.9999
"""Of an input column with the target: measured quantities are never that exact."""
LEAK_REPEATS: Final = 5
"""Samples for each value of a column that is a renumbering of the classes; fewer may be luck."""
DUPLICATE_SHARE: Final = 0.01
"""Of validation samples that are in the training data too."""
DUPLICATE_FEATURES: Final = 4
"""Inputs of fewer numbers are equal by chance."""
