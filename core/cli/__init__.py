"""The command line: results on stdout, progress and errors on stderr. One file a command."""

import os

# two threads that wait for each other by spinning come to a standstill beside any other program on two cores;
# read by OpenMP when torch is first loaded, so it has to be said before any command runs
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from .program import main

__all__ = ["main"]
