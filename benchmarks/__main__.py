"""Run every benchmark and print its figures: ``python -m benchmarks [NAME...]``.

With ``KEEP=1`` in the environment the figures go to history.csv too, each with its ratio to the one before.
"""

import datetime
import importlib
import os
import pkgutil
import sys
from pathlib import Path

import benchmarks
from benchmarks.history import FILE, appended
from megawatt import __version__

names = sys.argv[1:] or sorted(m.name for m in pkgutil.iter_modules(benchmarks.__path__))
found: dict[tuple[str, str], float] = {}
for module in (name for name in names if name not in ("__main__", "history")):
    print(module)
    for name, value in importlib.import_module(f"benchmarks.{module}").main().items():
        print(f"  {name:32} {value:.4g}" if isinstance(value, float) else f"  {name:32} {value}")
        if isinstance(value, int | float):
            found[module, name] = float(value)
if os.environ.get("KEEP"):
    path = Path(__file__).with_name(FILE)
    path.write_text(appended(path.read_text("utf-8"), found, datetime.date.today().isoformat(), __version__), "utf-8")
