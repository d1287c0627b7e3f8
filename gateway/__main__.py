"""``python -m gateway``: everything beside the scripts of the first minute."""

import sys

from gateway.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
