"""Two years of prices in Texas, the dearest hours first."""

import sys
from pathlib import Path

import numpy as np

import megawatt as mw
from megawatt.picture import lines

YEARS = (2022, 2023)


def main(folder: Path) -> None:
    """Draw it: hours above 200 USD/MWh are cut."""
    known = {str(year): mw.prices("ercot-hub", year).value.price_usd_per_mwh for year in YEARS}
    ordered = {year: np.minimum(np.sort(price)[::-1], 200.0).tolist() for year, price in known.items()}
    picture = lines("Prices of ERCOT, the dearest hours first", ordered, "hours", "USD/MWh")
    picture.save(folder / "price_duration.svg", force=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
