"""What came out, with which inputs and versions? See README.md of this room."""

from megawatt.results.manifest import make_manifest
from megawatt.results.save import save, verify
from megawatt.results.view import METRICS, conversion_summary, summary_of

__all__ = ["METRICS", "conversion_summary", "make_manifest", "save", "summary_of", "verify"]
