"""Install the wheel of a folder outside the source tree and ask it something: ``python -m tools.wheel dist``."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path

MOST_BYTES = 5_000_000
"""Largest wheel."""


def main(folder: Path) -> None:
    """Install the newest wheel without its dependencies beside those of this Python; fails where anything does."""
    wheel = max(folder.resolve().glob("megawatt-*.whl"), key=lambda path: path.stat().st_mtime)
    assert wheel.stat().st_size < MOST_BYTES, f"{wheel}: {wheel.stat().st_size:,} bytes, more than {MOST_BYTES:,}"
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        venv.create(place / "venv", with_pip=True)
        python = place / "venv" / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel], check=True)
        # Dependencies of this Python come after the wheel's own folder; an editable install of the source does not.
        env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        env["PYTHONPATH"] = sysconfig.get_paths()["purelib"]
        where = subprocess.run(
            [python, "-c", "import megawatt; print(megawatt.__file__)"], cwd=place, env=env, capture_output=True,
            text=True, check=True,
        ).stdout  # fmt: skip
        assert str(place) in where, f"imported from {where}"
        for words in (
            ["--version"],
            ["hall", "dublin", "--design", "liquid-dry-cooler"],
            ["init"],
            ["check", "site.toml"],
        ):
            subprocess.run(
                [python, "-m", "megawatt", *words], cwd=place, env=env, check=True, stdout=subprocess.DEVNULL
            )
    print(f"{wheel.name}: {wheel.stat().st_size:,} bytes, installed and asked outside the source tree")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
