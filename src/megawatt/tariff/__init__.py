"""What a supplier and a grid charge: tariffs of any structure, and the bill of a site's hours."""

from megawatt.tariff.bill import Bill, BillLine, bill_of
from megawatt.tariff.catalogued import catalogued_sheet
from megawatt.tariff.files import is_tariff_file, read_tariff_file
from megawatt.tariff.rates import resolve
from megawatt.tariff.records import Rate
from megawatt.tariff.sheet import TariffSheet
from megawatt.tariff.windows import Window, weekday_hours

__all__ = [
    "Bill",
    "BillLine",
    "Rate",
    "TariffSheet",
    "Window",
    "bill_of",
    "catalogued_sheet",
    "is_tariff_file",
    "read_tariff_file",
    "resolve",
    "weekday_hours",
]
