"""Draw predicted against measured of published answers: ``python -m tools.measured_plots REFERENCE_DIR``.

One picture for each file into docs/img/measured; the validation page of the documentation shows them.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

from megawatt.catalogue import load_catalogue
from megawatt.errors import MegawattError
from megawatt.picture import points
from megawatt.validation import validate

FOLDER = Path(__file__).parents[1] / "docs" / "img" / "measured"
FILES = (
    "measured_runs_tpu_trn.csv", "memory_published.csv", "memory_measured.csv", "facility_pue_wue.csv",
    "measured_inference.csv", "collectives_published.csv", "measured_runs_single_node.csv", "measured_runs.csv",
)  # fmt: skip
"""Files of the reference folder, short ones first."""


def dots(entry: dict[str, Any]) -> list[tuple[float, float]]:
    """Measured and predicted of every scored row, as powers of ten where all are positive."""
    pairs = [(row.get("measured"), row.get("predicted")) for row in entry.get("cases") or ()]
    known = [(float(a), float(b)) for a, b in pairs if isinstance(a, int | float) and isinstance(b, int | float)]
    return [(math.log10(a), math.log10(b)) for a, b in known if a > 0.0 and b > 0.0]


def main(reference: Path) -> None:
    """Draw every file that is there."""
    known = load_catalogue()
    for name in FILES:
        try:
            entries = validate(reference / name, known)
        except MegawattError as error:
            print(error)
            continue
        for entry in entries:
            found = dots(entry)
            if len(found) < 5:
                continue
            title = f"{name}: {entry['quantity']}, {len(found)} rows"
            picture = points(title, {"": found}, "measured, power of ten", "predicted, power of ten", diagonal=True)
            FOLDER.mkdir(parents=True, exist_ok=True)
            picture.save(FOLDER / f"{Path(name).stem}-{entry['quantity'].replace(' ', '-')}.svg", force=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
