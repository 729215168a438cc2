"""How a person runs it from the shell. Imports only the standard library and click at start-up."""

from megawatt.cli.entry import main

__all__ = ["main"]
