"""Conversions that several rooms use."""

from __future__ import annotations

from typing import Final

__all__ = ["J_PER_MWH", "LITRE_PER_M3", "S_PER_DAY", "S_PER_HOUR", "ZERO_C_IN_K"]

J_PER_MWH: Final = 3.6e9
"""Joules of a MWh."""
LITRE_PER_M3: Final = 1e3
"""Litres of a cubic metre."""
S_PER_DAY: Final = 86_400.0
"""Seconds of a day."""
S_PER_HOUR: Final = 3600.0
"""Seconds of an hour."""
ZERO_C_IN_K: Final = 273.15
"""0 degC. [K]"""
