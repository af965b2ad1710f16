"""Files of Taster's own: written whole or not at all, and tables and digests of files that others wrote.

Every writer of the house goes through here. Nothing here knows what is in a file.
"""

from .atomic import TEMPORARY, read_array, read_json, remove_temporaries, write_array, write_json
from .cells import FORMULA, QUOTED_FORMULA, has_quoted_cells, quoted_cell, unquoted_cell
from .destinations import checked_place, free_folder, refuse_existing, written_beside, written_folder
from .digests import FileDigests
from .names import safe_name, unique_names
from .regular import check_regular, open_regular, read_regular
from .sealed import file_record, read_sealed, verifies, write_sealed
from .tables import Table, column_sizes, parquet_values, read_table, text_lines

__all__ = [
    "FORMULA",
    "QUOTED_FORMULA",
    "TEMPORARY",
    "FileDigests",
    "Table",
    "check_regular",
    "checked_place",
    "column_sizes",
    "file_record",
    "free_folder",
    "has_quoted_cells",
    "open_regular",
    "parquet_values",
    "quoted_cell",
    "read_array",
    "read_json",
    "read_regular",
    "read_sealed",
    "read_table",
    "refuse_existing",
    "remove_temporaries",
    "safe_name",
    "text_lines",
    "unique_names",
    "unquoted_cell",
    "verifies",
    "write_array",
    "write_json",
    "write_sealed",
    "written_beside",
    "written_folder",
]
