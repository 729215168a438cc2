"""Where the time of a training step goes."""

import sys
from pathlib import Path

import megawatt as mw


def main(folder: Path) -> None:
    """Draw it."""
    step = mw.train("llama-3.1-70b", "hgx-h100", chips=256, batch=512, seq=8192)
    step.chart().save(folder / "step_parts.svg", force=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
