"""`python -m core …`."""

import os
import sys

# two threads that wait for each other by spinning come to a standstill beside any other program on two cores;
# read by OpenMP when torch is first loaded, so it has to be said here
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
