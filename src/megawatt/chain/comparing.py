"""Uses of a site side by side, with the manifest of the run."""

from __future__ import annotations

from collections.abc import Callable

from megawatt.catalogue import Catalogue
from megawatt.chain.conversion import convert
from megawatt.chain.records import Comparison
from megawatt.chain.use import run_use
from megawatt.risk import start_workers
from megawatt.scenario import LoadedComparison

__all__ = ["compare"]


def compare(
    loaded: LoadedComparison,
    catalogue: Catalogue,
    *,
    workers: int = 1,
    progress: Callable[[str], None] = lambda text: None,
) -> Comparison:
    """Run every use of a comparison in order.

    Parameters
    ----------
    loaded : LoadedComparison
        Valid scenarios.
    catalogue : Catalogue
        Facts.
    workers : int
        Processes for the simulations; results do not depend on it.
    progress : callable
        Called with a line for people before each use.

    Returns
    -------
    Comparison
        Its manifest holds what identifies the inputs: scenario files and seeds, catalogue, solver.
    """
    # Processes load for seconds: the base case of the first use is worked out meanwhile.
    start_workers(workers, "megawatt.chain.sensitivity", "scipy.stats")
    uses = []
    for use in loaded.uses:
        progress(f"{use.scenario.name}: {use.scenario.title}")
        uses.append(run_use(use, catalogue, workers))
    manifest = {
        "scenarios": {loaded.file: loaded.sha256} | {u.file: u.sha256 for u in loaded.uses},
        "catalogue_sha256": catalogue.content_hash(),
        "seeds": {u.scenario.name: u.scenario.seed for u in loaded.uses},
        "solvers": sorted({u.dispatch.solver for u in uses}),
    }
    if catalogue.files:
        manifest["own_files"] = dict(catalogue.files)
    conversion = None
    if loaded.conversion is not None:
        progress("conversion")
        conversion = convert(loaded, catalogue, workers=workers)
    return Comparison(loaded.name, loaded.title, loaded.question, tuple(uses), manifest, conversion)
