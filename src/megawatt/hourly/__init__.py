"""What does an hourly file say: prices, weather, cases, meters? See README.md of this room."""

from __future__ import annotations

from megawatt.hourly.cases import read_case_columns
from megawatt.hourly.cells import QUANTITIES, Unit, price_unit
from megawatt.hourly.layouts import Layout, layout_table, layouts
from megawatt.hourly.picture import picture
from megawatt.hourly.reading import FilePart, HourlyFile, kind_of_rows, layout_of_rows, price_doubts, read_hourly
from megawatt.hourly.tables import table_rows
from megawatt.hourly.years import Years

__all__ = [
    "QUANTITIES",
    "FilePart",
    "HourlyFile",
    "Layout",
    "Unit",
    "Years",
    "kind_of_rows",
    "layout_of_rows",
    "layout_table",
    "layouts",
    "picture",
    "price_doubts",
    "price_unit",
    "read_case_columns",
    "read_hourly",
    "table_rows",
]
