"""One use of a site from chip to cash, and uses side by side. See README.md of this room."""

from megawatt.chain.compare import compare
from megawatt.chain.records import Comparison, Headline, Sensitivity, UseResult
from megawatt.chain.use import run_use

__all__ = ["Comparison", "Headline", "Sensitivity", "UseResult", "compare", "run_use"]
