"""Networks that learn: what accuracy they reach, and what it costs."""

from tests.speed.learned.cnn import CNN
from tests.speed.learned.images import DIGITS, MNIST
from tests.speed.learned.names import NAMES
from tests.speed.learned.result import Case
from tests.speed.learned.shakespeare import SHAKESPEARE

CASES: dict[str, Case] = {
    "digits": DIGITS,
    "mnist": MNIST,
    "cnn": CNN,
    "shakespeare": SHAKESPEARE,
    "names": NAMES,
}
