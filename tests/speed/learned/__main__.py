"""One training, in a process of its own: `python -m tests.speed.learned CASE CONTENDER SEED`.

The last line that it prints is JSON: the result, and the CPU time of the process. With a fourth
word, `quick`, the training is too short to learn much.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict

from tests.speed.learned import CASES


def main(case: str, who: str, seed: str, quick: str = "") -> None:
    result = CASES[case].contenders[who](int(seed), bool(quick))
    print(json.dumps({"result": asdict(result), "cpu": time.process_time()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
