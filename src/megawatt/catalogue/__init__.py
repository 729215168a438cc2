"""What is known of chips, systems, models, miners, climates, grids, deals and companies, and who says so."""

from megawatt.catalogue.describe import entry_rows, family_rows, source_rows
from megawatt.catalogue.records import (
    KINDS,
    Accelerator,
    Assumption,
    Entry,
    Fact,
    Kind,
    LinkLevel,
    Normals,
    PriceShape,
    Source,
    System,
)
from megawatt.catalogue.store import Catalogue, load_catalogue, read_catalogue

__all__ = [
    "KINDS",
    "Accelerator",
    "Assumption",
    "Catalogue",
    "Entry",
    "Fact",
    "Kind",
    "LinkLevel",
    "Normals",
    "PriceShape",
    "Source",
    "System",
    "entry_rows",
    "family_rows",
    "load_catalogue",
    "read_catalogue",
    "source_rows",
]
