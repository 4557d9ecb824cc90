"""`python -m transjet` is the command line."""

from __future__ import annotations

import sys

from transjet.cli import main

if __name__ == "__main__":
    sys.exit(main())
