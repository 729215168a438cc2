"""What did the user ask for, and is it valid? See README.md of this room."""

from megawatt.scenario.comparison import Comparison
from megawatt.scenario.loading import (
    LoadedComparison,
    LoadedScenario,
    json_schema,
    load,
    load_price_years,
    load_tables,
)
from megawatt.scenario.schema import Scenario

__all__ = [
    "Comparison",
    "LoadedComparison",
    "LoadedScenario",
    "Scenario",
    "json_schema",
    "load",
    "load_price_years",
    "load_tables",
]
