"""What a day-ahead plan achieves of the flexible value under perfect foresight: built on ERCOT 2022, blind on 2023."""

from __future__ import annotations

import numpy as np

from megawatt.catalogue import load_catalogue
from megawatt.dispatch import Block, HourlyProblem, PeakCharge, Storage, price_year
from megawatt.dispatch.achieved import achieved
from megawatt.hours import HOURS_IN_YEAR

CASES = {
    "battery": (0.0, 0.0, 50.0, 0.0),
    "miners": (100.0, 0.0, 0.0, 0.0),
    "batch": (0.0, 40.0, 0.0, 0.0),
    "all": (100.0, 40.0, 50.0, 0.0),
    "all_with_peak": (100.0, 40.0, 50.0, 60_000.0),
}
"""MW of miners (60 USD/MWh), of load held back at 120 USD/MWh, of a four-hour battery; USD per MW of peak."""


def site(year: int, miners: float, batch: float, battery: float, peak_usd: float) -> HourlyProblem:
    """100 MW of firm load with flexible uses, at the hub's day-ahead prices of a year."""
    price = price_year(load_catalogue().price_shape("ercot-hub", year)) + 3.0

    def block(name: str, mw: float, usd: float | np.ndarray) -> Block:
        return Block(name, np.full((HOURS_IN_YEAR, 1), mw), np.broadcast_to(usd, HOURS_IN_YEAR)[:, np.newaxis])

    return HourlyProblem(
        firm_mw=np.full(HOURS_IN_YEAR, 100.0),
        imports=block("import", 300.0, price),
        uses=(block("miners", miners, 60.0), block("batch", batch, 120.0)),
        storages=(Storage("battery", battery, 4.0 * battery, 0.94, 0.94, 1e-5, 2.0),) if battery else (),
        peaks=(PeakCharge("year", np.ones(HOURS_IN_YEAR, dtype=bool), ((0.0, peak_usd),)),) if peak_usd else (),
    )


def main() -> dict[str, float]:
    """Shares of the flexible value that are achieved, by case and year."""
    figures = {}
    for year in (2022, 2023):
        for name, sizes in CASES.items():
            found = achieved(site(year, *sizes), seed=year)
            figures[f"{name}_{year}"] = found.share or np.nan
            figures[f"{name}_{year}_real_time"] = found.real_time_share or np.nan
    return figures


if __name__ == "__main__":
    for name, figure in main().items():
        print(f"{name:32s} {figure:8.4f}")
