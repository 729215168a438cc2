"""Run every benchmark and print its figures."""

import importlib
import pkgutil

import benchmarks

for module in sorted(m.name for m in pkgutil.iter_modules(benchmarks.__path__) if not m.name.startswith("__")):
    print(module)
    for name, value in importlib.import_module(f"benchmarks.{module}").main().items():
        print(f"  {name:32} {value:.4g}" if isinstance(value, float) else f"  {name:32} {value}")
