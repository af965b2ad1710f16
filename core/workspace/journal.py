"""The log of a piece of work, in its own folder: what was warned of, how it ended, and the traceback where it failed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path

from ..errors import TasterError

MOST_BYTES = 1 << 20
ROOT = logging.getLogger(__name__.split(".")[0])
log = logging.getLogger(__name__)


@contextmanager
def logged(file: Path, what: str) -> Iterator[None]:
    """Everything that Taster logs inside the block goes to `file` too, with how the work called `what` began and ended."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(file, maxBytes=MOST_BYTES, backupCount=1, encoding="utf-8", errors="backslashreplace", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    level = ROOT.level
    ROOT.addHandler(handler)
    ROOT.setLevel(logging.INFO)
    try:
        log.info("%s begins", what)
        yield
        log.info("%s is done", what)
    except TasterError as error:
        log.info("%s stopped: %s", what, error)
        raise
    except BaseException:
        log.info("%s failed", what, exc_info=True)
        raise
    finally:
        ROOT.setLevel(level)
        ROOT.removeHandler(handler)
        handler.close()
