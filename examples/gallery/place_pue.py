"""PUE of one hall in five climates."""

import sys
from pathlib import Path

import megawatt as mw
from megawatt.picture import bars

PLACES = {"Luleå": "65.58, 22.15, 12", "Dublin": "dublin", "Childress": "childress-tx", "Phoenix": "phoenix-az",
          "Singapore": "singapore"}  # fmt: skip


def main(folder: Path) -> None:
    """Draw it."""
    pue = {name: mw.hall(place, "liquid-dry-cooler", it_mw=100)["halls.0.pue"] - 1.0 for name, place in PLACES.items()}
    bars("Energy beside the machines, over theirs", pue).save(folder / "place_pue.svg", force=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
