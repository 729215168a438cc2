"""A credit paper of a small lease, for tests of the page, the terminal and the summary."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

from megawatt.catalogue import load_catalogue
from megawatt.chain.committee import credit_paper
from megawatt.chain.credit_records import CreditPaper
from megawatt.chain.links import Links, forge
from megawatt.chain.records import Comparison
from megawatt.risk import simulate
from megawatt.scenario import load
from tests.report_sample import sample_comparison

EXAMPLES = Path(__file__).parents[1] / "examples"
LEASE = (
    "deals/cipher-barber-lake.toml", "timeline.operating_months=60", "lease.term_months=60", "debt.payments=50",
    "debt.principal_usd=5e8", "debt.lockup_dscr=1.15", "debt.covenant_dscr=1.05",
)  # fmt: skip


@functools.cache
def linked(name: str, *settings: str) -> Links:
    """Links of an example with settings."""
    catalogue = load_catalogue()
    use = load(EXAMPLES / name, catalogue, settings).uses[0]
    return forge(use.scenario, catalogue, use.folder)


@functools.cache
def paper(*case: str) -> CreditPaper:
    """The paper of an example over 256 paths."""
    links = linked(*case)
    months = links.model.calendar.spine.months
    risk = simulate(links.model.committed(links.base), links.terms, months=months, paths=256, seed=1, grid_mw=100.0)
    found = credit_paper(links, risk)
    assert found is not None
    return found


def credit_comparison(*case: str) -> Comparison:
    """One use of the report's sample with that paper."""
    sample = sample_comparison()
    use = replace(sample.uses[0], credit=paper(*(case or LEASE)))
    return replace(sample, uses=(use,))
