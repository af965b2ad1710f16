"""Files of Taster's own: written whole or not at all, and digests of files that others wrote.

Every writer of the house goes through here. Nothing here knows what is in a file.
"""

from .atomic import read_array, read_json, remove_temporaries, write_array, write_json
from .destinations import building, cannot_write, destination, move, refuse_taken
from .digests import FileDigests
from .names import safe_name, unique_names
from .regular import check_regular, open_regular, read_regular
from .sealed import file_record, read_sealed, verifies, write_sealed

__all__ = [
    "FileDigests",
    "building",
    "cannot_write",
    "check_regular",
    "destination",
    "file_record",
    "move",
    "open_regular",
    "read_array",
    "read_json",
    "read_regular",
    "read_sealed",
    "refuse_taken",
    "remove_temporaries",
    "safe_name",
    "unique_names",
    "verifies",
    "write_array",
    "write_json",
    "write_sealed",
]
