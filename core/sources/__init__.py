"""Where pixels come from: one door, `open_source`, for every kind of source, told apart by what it is.

A kind is a `Source`: its file, and one line in `SOURCES`. Whatever it stores, the bytes that are decoded are the bytes
whose digest the Dataset holds. The truth about a set, in a folder or a file of its own, is read in one place.
"""

from .base import DigestCache, Options, Source, check_usable, shown
from .decoding import decode
from .registry import SOURCES, open_source, source_identity, told_by
from .truth import read_truth
from .working_pixels import working_pixels, working_side

__all__ = [
    "SOURCES",
    "DigestCache",
    "Options",
    "Source",
    "check_usable",
    "decode",
    "open_source",
    "read_truth",
    "shown",
    "source_identity",
    "told_by",
    "working_pixels",
    "working_side",
]
