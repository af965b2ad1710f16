"""Files of Taster's own: written whole or not at all, and tables and digests of files that others wrote.

Every writer of the house goes through here. Nothing here knows what is in a file.
"""

from .atomic import TEMPORARY, read_array, read_json, remove_temporaries, write_array, write_json
from .digests import FileDigests
from .regular import check_regular, open_regular, read_regular
from .sealed import file_record, read_sealed, verifies, write_sealed
from .tables import Table, column_sizes, parquet_values, read_table, text_lines

__all__ = [
    "TEMPORARY",
    "FileDigests",
    "Table",
    "check_regular",
    "column_sizes",
    "file_record",
    "open_regular",
    "parquet_values",
    "read_array",
    "read_json",
    "read_regular",
    "read_sealed",
    "read_table",
    "remove_temporaries",
    "text_lines",
    "verifies",
    "write_array",
    "write_json",
    "write_sealed",
]
