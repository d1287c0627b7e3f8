"""Checks every store, like ``python -m gateway verify``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from gateway.cli import main

if __name__ == "__main__":
    sys.exit(main(["verify", *sys.argv[1:]]))
