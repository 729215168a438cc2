"""Makes the table of docs/models.md anew: ``python -m tests.model_families``."""

from __future__ import annotations

from tests.model_families.compare import write_table

if __name__ == "__main__":
    write_table()
