"""Files of Taster's own: written whole or not at all, and tables and digests of files that others wrote.

Every writer of the house goes through here. Nothing here knows what is in a file.
"""

from .atomic import TEMPORARY, read_array, read_json, remove_temporaries, write_array, write_json
from .destinations import building, cannot_write, destination, move, refuse_taken
from .digests import FileDigests
from .names import safe_name, unique_names
from .regular import check_regular, open_regular, read_regular
from .sealed import file_record, read_sealed, verifies, write_sealed
from .tables import Table, column_sizes, parquet_values, read_table, text_lines

__all__ = [
    "TEMPORARY",
    "FileDigests",
    "Table",
    "building",
    "cannot_write",
    "check_regular",
    "column_sizes",
    "destination",
    "file_record",
    "move",
    "open_regular",
    "parquet_values",
    "read_array",
    "read_json",
    "read_regular",
    "read_sealed",
    "read_table",
    "refuse_taken",
    "remove_temporaries",
    "safe_name",
    "text_lines",
    "unique_names",
    "verifies",
    "write_array",
    "write_json",
    "write_sealed",
]
