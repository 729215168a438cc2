"""Measure a machine, and fit kernel models to what was measured. See README.md of this room."""

from megawatt.calibration.catalogue_rows import render
from megawatt.calibration.tables import calibrate

__all__ = ["calibrate", "render"]
