"""Files of Taster's own: written whole or not at all, and digests of files that others wrote.

Every writer of the house goes through here. Nothing here knows what is in a file.
"""

from .atomic import read_array, read_json, remove_temporaries, write_array, write_json
from .digests import FileDigests
from .regular import check_regular, open_regular, read_regular
from .sealed import file_record, read_sealed, verifies, write_sealed

__all__ = [
    "FileDigests",
    "check_regular",
    "file_record",
    "open_regular",
    "read_array",
    "read_json",
    "read_regular",
    "read_sealed",
    "remove_temporaries",
    "verifies",
    "write_array",
    "write_json",
    "write_sealed",
]
