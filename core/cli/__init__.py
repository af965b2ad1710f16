"""The command line: results on stdout, progress and errors on stderr. One file a command."""

from .program import main

__all__ = ["main"]
