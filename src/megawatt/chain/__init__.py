"""One use of a site from chip to cash, and uses side by side. See README.md of this room."""

from megawatt.chain.comparing import compare
from megawatt.chain.conversion import convert
from megawatt.chain.links import forge
from megawatt.chain.records import Comparison, ConversionResult, Headline, Sensitivity, UseResult
from megawatt.chain.risk_study import risk_study
from megawatt.chain.use import run_use

__all__ = [
    "Comparison",
    "ConversionResult",
    "Headline",
    "Sensitivity",
    "UseResult",
    "compare",
    "convert",
    "forge",
    "risk_study",
    "run_use",
]
