"""The accuracy that `tinygrad-nn train` promises, measured with five seeds.

`python -m tests.speed.accuracy` trains with the default settings and prints a table; `--out FILE`
writes it too. It fails if a seed falls short. MNIST is left out where its files are not found.
"""

import argparse
import sys
import time
from pathlib import Path

from tinygrad_nn.errors import DataError
from tinygrad_nn.train import Experiment, Settings, load_images

SEEDS = range(5)
# Of the test examples, for every seed: a held-out quarter of the digits, all of MNIST's 10,000.
PROMISED = {"digits": 0.95, "mnist": 0.94}


def measured(data: str, seed: int) -> tuple[float, float]:
    """Test accuracy after the last epoch, and seconds for all of them."""
    settings = Settings(data=data, seed=seed)
    experiment = Experiment(settings, *load_images(settings))
    start = time.perf_counter()
    experiment.fit()
    seconds = time.perf_counter() - start
    return experiment.history.epochs[-1].scores["test_accuracy"], seconds


def row(data: str) -> tuple[str, bool]:
    """A line of the table, and whether it keeps the promise."""
    epochs = Settings(data=data).epochs
    results = [measured(data, seed) for seed in SEEDS]
    scores = [score for score, _ in results]
    kept = min(scores) >= PROMISED[data]
    cells = [f"{score:.4f}" for score in scores]
    seconds = sum(seconds for _, seconds in results) / len(results)
    ends = [f"**{min(scores):.4f}**", f"{PROMISED[data]:.2f}", f"{seconds:.1f}"]
    return " | ".join(["", data, str(epochs), *cells, *ends, ""]).strip(), kept


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="also write the table here")
    parser.add_argument("data", nargs="*", help=f"of {', '.join(PROMISED)}; all if left out")
    options = parser.parse_args()
    seeds = [f"seed {seed}" for seed in SEEDS]
    head = ["", "data", "epochs", *seeds, "worst", "promised", "seconds", ""]
    lines = [" | ".join(head).strip(), "|" + " --- |" * (len(head) - 2)]
    all_kept = True
    for data in options.data or PROMISED:
        try:
            line, kept = row(data)
        except DataError as error:
            print(f"{data} left out: {error}", file=sys.stderr)
            continue
        lines.append(line)
        all_kept = all_kept and kept
    table = "\n".join(lines) + "\n"
    print(table, end="")
    if options.out:
        options.out.write_text(table, "utf-8")
    return 0 if all_kept else 1


if __name__ == "__main__":
    sys.exit(main())
