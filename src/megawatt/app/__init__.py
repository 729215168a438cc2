"""The live page: a scenario kept in memory, its inputs on sliders, its figures at once."""

from megawatt.app.server import run_app

__all__ = ["run_app"]
