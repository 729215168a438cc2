"""Published and third-party measurements, read and made complete. See README.md of this room."""

from megawatt.evidence.kernel_tables import KernelTable, read_kernels
from megawatt.evidence.training_recipes import features_of, with_recipes
from megawatt.evidence.training_rows import Run, read_run
from megawatt.evidence.training_tables import RunTable, read_runs

__all__ = ["KernelTable", "Run", "RunTable", "features_of", "read_kernels", "read_run", "read_runs", "with_recipes"]
