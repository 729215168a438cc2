"""Derive the generated part of the catalogue from the reference tables.

Usage: ``python tools/derive_catalogue.py --reference DIR [--check]``. Runs are deterministic: the same reference and
the same curated files give the same bytes. ``--check`` writes nothing and fails if a file would change.

Generated here (do not edit by hand), in ``src/megawatt/catalogue/data``:

- ``accelerator-published.csv``: data-sheet facts of ``accelerators.csv`` that ``accelerator.csv`` does not hold;
- ``deal.csv``, ``company.csv``: ``deals.csv``, less what ``deal-2026.csv`` corrects, and the companies of
  ``miners.csv``;
- ``flow.csv``: ``counterparty_flows.csv``;
- ``place.csv``, ``table-normals.csv``: ``climate_normals.csv``, less the remembered places that
  ``derive_climates.py`` has read from a station;
- ``grid.csv``, ``table-price-*.csv``, ``table-dayrank-*.csv``: ``grid_carbon.csv`` and the hourly prices;
- ``network-months.csv``: the Bitcoin network by month, from ``bitcoin_daily.csv``;
- ``model.csv``: ``tools/derivation/model_dimensions.csv``, the curated table of one model per line;
- ``sources-reference.toml``: addresses cited by the above that no curated file names.

Curated by hand: ``accelerator.csv`` (ranges, conflicts between sources, power, what had to be assumed), ``system.csv``,
``miner.csv``, ``market.csv``, ``energy.csv`` and ``sources.toml``. Files of other families belong to their rooms.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from derivation.chips import chip_rows
from derivation.climate import COLUMNS, climate
from derivation.flows import flow_rows
from derivation.grids import HUB_YEARS, day_ranks, grid_rows, hub_series, price_bins, rank_table, shape_table
from derivation.models import model_rows
from derivation.networks import network_rows
from derivation.rows import read_reference, write_rows, write_table
from derivation.sources import SourceBook
from derivation.ventures import company_rows, deal_rows

TOOLS = Path(__file__).resolve().parent
DATA = TOOLS.parent / "src" / "megawatt" / "catalogue" / "data"


def derive(reference: Path, target: Path) -> None:
    """Write all generated files into ``target``; curated files are read from the catalogue's own folder."""
    book = SourceBook(DATA / "sources.toml")
    curated = {(row["key"], row["field"]) for row in read_reference(DATA / "accelerator.csv")}
    chips = chip_rows(read_reference(reference / "accelerators.csv"), curated, book)
    write_rows(target / "accelerator-published.csv", chips)
    corrected = {(row["key"], row["field"]) for row in read_reference(DATA / "deal-2026.csv")}
    deals = deal_rows(read_reference(reference / "deals.csv"), book)
    write_rows(target / "deal.csv", [row for row in deals if (row.key, row.field) not in corrected])
    write_rows(target / "company.csv", company_rows(read_reference(reference / "miners.csv"), book))
    write_rows(target / "flow.csv", flow_rows(read_reference(reference / "counterparty_flows.csv"), book))
    places, normals = climate(read_reference(reference / "climate_normals.csv"), book, _station_keys())
    write_rows(target / "place.csv", places)
    write_table(target / "table-normals.csv", ["key", "month", *(column[0] for column in COLUMNS)], normals)
    means = _derive_prices(reference, target)
    write_rows(target / "grid.csv", grid_rows(read_reference(reference / "grid_carbon.csv"), means, book))
    write_rows(target / "network-months.csv", network_rows(read_reference(reference / "bitcoin_daily.csv")))
    write_rows(target / "model.csv", model_rows(read_reference(TOOLS / "derivation" / "model_dimensions.csv")))
    book.write(target / "sources-reference.toml")


def _station_keys() -> set[str]:
    """Keys and aliases of the places that `derive_climates` gives."""
    named = [row for row in read_reference(DATA / "place-stations.csv") if row["field"] in ("title", "aliases")]
    return {row["key"] for row in named} | {
        a for row in named if row["field"] == "aliases" for a in row["value"].split(",")
    }


def _derive_prices(reference: Path, target: Path) -> dict[int, float]:
    """Write the shape and day-rank tables of each price year; returns the years' means. [USD/MWh]"""
    means = {}
    for year in HUB_YEARS:
        hourly = hub_series(reference / "prices" / f"ERCOT_HB_HUBAVG_DAM_{year}.csv", year)
        write_table(target / f"table-price-ercot-hub-{year}.csv", *shape_table(price_bins(hourly)))
        write_table(target / f"table-dayrank-ercot-hub-{year}.csv", *rank_table(day_ranks(hourly)))
        means[year] = float(hourly.mean())
    return means


def differing(reference: Path) -> list[str]:
    """Names of generated files that differ from what the reference gives."""
    with tempfile.TemporaryDirectory() as folder:
        derive(reference, Path(folder))
        fresh = sorted(Path(folder).iterdir())
        committed = {path.name: path.read_bytes() for path in DATA.iterdir() if path.is_file()}
        return [path.name for path in fresh if committed.get(path.name) != path.read_bytes()]


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="Derive the generated part of the catalogue.")
    parser.add_argument("--reference", type=Path, required=True, help="folder of the reference tables")
    parser.add_argument("--check", action="store_true", help="write nothing, fail if a file would change")
    options = parser.parse_args()
    if not options.check:
        derive(options.reference, DATA)
        return 0
    changed = differing(options.reference)
    if changed:
        print("would change: " + ", ".join(changed), file=sys.stderr)
    return 1 if changed else 0


if __name__ == "__main__":
    raise SystemExit(main())
