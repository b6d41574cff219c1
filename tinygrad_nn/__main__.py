"""`python -m tinygrad_nn`: the same as the command `tinygrad-nn`."""

from __future__ import annotations

import sys

from tinygrad_nn.cli import main

if __name__ == "__main__":
    sys.exit(main())
