"""Partners' flows against the System Advisor Model's leveraged partnership flip, where it is installed."""

from __future__ import annotations

import numpy as np
import pytest

from megawatt.finance.partnership import PartnershipTerms, split

flip_model = pytest.importorskip("PySAM.Levpartflip", reason="NREL-PySAM is not installed")

CASES = [
    (0.12, 98.0, 6.0),
    (0.18, 98.0, 12.0),
    (0.19, 90.0, 15.0),
    (0.20, 98.0, 20.0),
    (0.20, 98.0, 9.0),
    (0.22, 60.0, 30.0),
]


@pytest.mark.parametrize(("price", "share", "target"), CASES)
def test_flows_and_flip_are_sams(price: float, share: float, target: float) -> None:
    model = flip_model.default("PVWattsLeveragedPartnershipFlip")
    model.SystemOutput.gen = [20000.0 * (8 <= hour % 24 <= 17) for hour in range(8760)]
    model.Revenue.ppa_soln_mode = 1
    model.Revenue.ppa_price_input = [price]
    model.Revenue.flip_target_percent = target
    model.IRRTargets.tax_investor_equity_percent = share
    model.IRRTargets.tax_investor_preflip_cash_percent = share
    model.IRRTargets.tax_investor_preflip_tax_percent = 99.0
    model.IRRTargets.tax_investor_postflip_cash_percent = 10.0
    model.IRRTargets.tax_investor_postflip_tax_percent = 5.0
    model.execute(0)
    out = model.Outputs
    before, after = (np.array(getattr(out, f"cf_project_return_{name}")) for name in ("pretax", "aftertax"))
    put_in = np.where(np.arange(before.size) == 0, -before, 0.0)
    terms = PartnershipTerms(share / 100.0, share / 100.0, 0.99, 0.1, 0.05, target / 100.0)
    found = split(terms, put_in, before + put_in, before - after, np.arange(float(before.size)))
    theirs = np.array(out.cf_tax_investor_aftertax)
    assert found.investor == pytest.approx(theirs, rel=1e-6, abs=1e-6 * np.abs(theirs).max())
    sponsor = np.array(out.cf_sponsor_aftertax)
    # the sponsor has its development fee at the close and its tax on it in the first year
    assert found.sponsor[2:] == pytest.approx(sponsor[2:], rel=1e-6, abs=1e-6 * np.abs(theirs).max())
    reached = out.flip_actual_year
    assert (found.flip is None) == bool(np.isnan(reached) or reached <= 0)
    if found.flip is not None:
        assert found.flip == reached
