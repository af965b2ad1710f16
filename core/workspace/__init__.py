"""The workspace: where results are kept, one writer at a time, and how far a piece of work has come.

It knows which scans and proofs there are, not what is in them.
"""

from .jobs import Jobs, cancel
from .journal import logged
from .progress import STAGE_WORDS, STAGES, Progress, State, alive, ended, read_progress
from .workspace import Workspace, default_workspace

__all__ = [
    "STAGES",
    "STAGE_WORDS",
    "Jobs",
    "Progress",
    "State",
    "Workspace",
    "alive",
    "cancel",
    "default_workspace",
    "ended",
    "logged",
    "read_progress",
]
