"""The program: it parses one command, runs it, and says in one line how it failed.

Exit codes: 0 done, 1 internal fault, 2 something the user can fix (one line that says how).
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from types import FrameType
from typing import NoReturn

from ..errors import Cancelled, TasterError, UserError
from . import cleanse, evaluate, export, info, learn, poison, prove, scan, sensitivity
from .common import PROGRAM

# in the order in which --help lists them
COMMANDS = (scan, learn, sensitivity, poison, evaluate, cleanse, prove, export, info)

DONE, FAULT, USER = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    signal.signal(signal.SIGTERM, _cancel)
    _hear_warnings()
    try:
        chosen = parser().parse_args(arguments)
        command: Callable[[argparse.Namespace], None] = chosen.command
        command(chosen)
        sys.stdout.flush()
        return DONE
    except (Cancelled, KeyboardInterrupt):
        return _say("cancelled; what is finished is kept, the same command goes on from there", USER)
    except TasterError as error:
        return _say(str(error), USER)
    except BrokenPipeError:
        # the reader of stdout has gone; python would complain again when it closes it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except (MemoryError, OSError) as error:
        return _say(f"{type(error).__name__}: {error}", FAULT)
    except Exception as error:  # noqa: BLE001 - the last resort: whatever it was, the user gets one line
        if os.environ.get("TASTER_DEBUG"):
            traceback.print_exc()
        return _say(f"internal fault: {type(error).__name__}: {error} – set TASTER_DEBUG=1 for the traceback", FAULT)


def _hear_warnings() -> None:
    """What Taster warns of goes to stderr, a line each; libraries' own warnings do not."""
    logger = logging.getLogger(__name__.split(".")[0])
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(logging.WARNING)
    handler.setFormatter(logging.Formatter("taster: %(message)s"))
    # one only, however often a program calls `main`
    logger.handlers = [other for other in logger.handlers if type(other) is not logging.StreamHandler] + [handler]
    if not os.environ.get("TASTER_DEBUG"):
        warnings.simplefilter("ignore")


def _say(text: str, code: int) -> int:
    sys.stderr.write(f"\rtaster: {' '.join(text.split())}\n")
    return code


def _cancel(number: int, frame: FrameType | None) -> NoReturn:
    raise Cancelled


class _Parser(argparse.ArgumentParser):
    """Errors as one line: what is wrong – the way out."""

    def error(self, message: str) -> NoReturn:
        raise UserError(message, f"see: {self.prog} --help")


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    found = _Parser(prog=PROGRAM, description="Find, see and fix poisoned images in a training set.")
    commands = found.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return found
