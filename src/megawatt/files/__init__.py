"""Every file that the package opens is read here, within limits: anything wrong with it is one clear error."""

from __future__ import annotations

from megawatt.files.guard import file_sha256, is_file, is_folder, read_bytes, refused
from megawatt.files.marks import TOML_MARKS
from megawatt.files.parquet import parquet_columns, parquet_names, parquet_units
from megawatt.files.structured import parse_json, parse_toml_value, read_json, read_toml, read_yaml, strict
from megawatt.files.table import Row, Table, column_name, parse_number, read_rows, read_table
from megawatt.files.text import decode, read_text

__all__ = [
    "TOML_MARKS",
    "Row",
    "Table",
    "column_name",
    "decode",
    "file_sha256",
    "is_file",
    "is_folder",
    "parquet_columns",
    "parquet_names",
    "parquet_units",
    "parse_json",
    "parse_number",
    "parse_toml_value",
    "read_bytes",
    "read_json",
    "read_rows",
    "read_table",
    "read_text",
    "read_toml",
    "read_yaml",
    "refused",
    "strict",
]
