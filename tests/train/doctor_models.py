"""Healthy networks, on which the doctor must be silent, and the digits they learn."""

from typing import Any

from tinygrad_nn import data, nn

LOSS = nn.CrossEntropyLoss()
TRAIN, TEST = data.load_digits().flatten().split(test=0.25, rng=0)
IMAGES = data.Dataset(TRAIN.inputs.reshape(-1, 1, 8, 8), TRAIN.targets)
ROWS = data.Dataset(TRAIN.inputs.reshape(-1, 8, 8), TRAIN.targets)


def mlp(seed: int = 0, act: Any = nn.ReLU, layers: int = 1, wide: int = 32) -> nn.Sequential:
    parts: list[nn.Module] = []
    width = 64
    for i in range(layers):
        parts += [nn.Linear(width, wide, rng=100 * seed + i), act()]
        width = wide
    return nn.Sequential(*parts, nn.Linear(width, 10, rng=100 * seed + 99))


def cnn(seed: int = 0) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, rng=seed), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1, rng=seed + 50), nn.ReLU(), nn.Flatten(),
        nn.Dropout(0.3, rng=seed), nn.Linear(256, 10, rng=seed + 70),
    )  # fmt: skip


class Recurrent(nn.Module):
    """Reads an image row by row."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.rows = nn.LSTM(8, 16, batch_first=True, rng=seed)
        self.head = nn.Linear(16, 10, rng=seed + 1)

    def forward(self, x: Any) -> Any:
        return self.head(self.rows(x)[0][:, -1])


def with_everything() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(64, 16, rng=0), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.5, rng=3),
        nn.Linear(16, 10, rng=1),
    )  # fmt: skip


HEALTHY = {
    "mlp": (mlp, TRAIN),
    "tanh": (lambda seed: mlp(seed, nn.Tanh, 2), TRAIN),
    "sigmoid": (lambda seed: mlp(seed, nn.Sigmoid), TRAIN),
    "cnn": (cnn, IMAGES),
    "lstm": (Recurrent, ROWS),
    "logistic regression": (lambda seed: nn.Linear(64, 10, rng=seed), TRAIN),
}
