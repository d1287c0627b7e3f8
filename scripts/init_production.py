"""Initialises an installation, like ``python -m gateway init``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from gateway.cli import main

if __name__ == "__main__":
    sys.exit(main(["init", *sys.argv[1:]]))
