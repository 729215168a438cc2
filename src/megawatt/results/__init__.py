"""What came out, with which inputs and versions? See README.md of this room."""

from megawatt.results.manifest import make_manifest
from megawatt.results.saving import save, verify
from megawatt.results.view import METRICS, conversion_summary, mined_summary, summary_of
from megawatt.results.workbook.coverage import without_formulas

__all__ = [
    "METRICS",
    "conversion_summary",
    "make_manifest",
    "mined_summary",
    "save",
    "summary_of",
    "verify",
    "without_formulas",
]
