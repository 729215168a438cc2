"""Partners' flows against the System Advisor Model's leveraged partnership flip, where it is installed."""

from __future__ import annotations

import numpy as np
import pytest

from megawatt.finance.partnership import PartnershipTerms, split
from tests.crosscheck.test_crosscheck_finance_pysam import FLIP, generated, ours, sam, with_a_bad_year

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
    assert found.investor.flow == pytest.approx(theirs, rel=1e-6, abs=1e-6 * np.abs(theirs).max())
    sponsor = np.array(out.cf_sponsor_aftertax)
    # the sponsor has its development fee at the close and its tax on it in the first year
    assert found.sponsor.flow[2:] == pytest.approx(sponsor[2:], rel=1e-6, abs=1e-6 * np.abs(theirs).max())
    reached = out.flip_actual_year
    assert (found.flip < 0) == bool(np.isnan(reached) or reached <= 0)
    if found.flip >= 0:
        assert found.flip == reached


@pytest.mark.parametrize("seed", range(12))
def test_partners_of_a_project_of_the_engine_are_sams(seed: int) -> None:
    """The whole way: sized debt, reserves, depreciation and tax of the engine, passed through to its partners."""
    rng = np.random.default_rng(900 + seed)
    case = with_a_bad_year(seed) if seed % 4 == 3 else generated(seed)
    if case["profile"] == "level" and case["moratorium"] == 0:
        # the model sizes this reserve by a loan of one payment less
        case["dsra_months"] = 0.0
    share, after, target = rng.uniform(0.4, 0.98), rng.uniform(0.02, 0.3), rng.uniform(0.04, 0.25)
    partners = {
        "cost_dev_fee_percent": 0, "cost_equity_closing": 0, "flip_target_percent": 100 * target,
        "tax_investor_equity_percent": 100 * share, "tax_investor_preflip_cash_percent": 100 * share,
        "tax_investor_preflip_tax_percent": 99, "tax_investor_postflip_cash_percent": 100 * after,
        "tax_investor_postflip_tax_percent": 5,
    }  # fmt: skip
    names = ("size_of_debt", "cf_tax_investor_aftertax", "cf_sponsor_aftertax", "cf_project_return_aftertax",
             "flip_actual_year")  # fmt: skip
    expected = sam(case, FLIP, partners, names)
    sized, done, _ = ours(case, owners_taxed=True)
    assert sized.size[0] == pytest.approx(expected["size_of_debt"], rel=1e-7, abs=0.01)
    assert done.owners_tax is not None
    assert not done.tax.any()
    close = {"rel": 1e-6, "abs": 0.01}
    assert done.owners_flow[0] == pytest.approx(np.array(expected["cf_project_return_aftertax"]), **close)
    terms = PartnershipTerms(share, share, 0.99, after, 0.05, target)
    found = split(terms, done.equity_in[0], done.distributions[0], done.owners_tax[0], done.terms.timing.years)
    assert found.investor.flow == pytest.approx(np.array(expected["cf_tax_investor_aftertax"]), **close)
    assert found.sponsor.flow == pytest.approx(np.array(expected["cf_sponsor_aftertax"]), **close)
    reached = expected["flip_actual_year"]
    assert int(found.flip) == (reached if np.isfinite(reached) and reached > 0 else -1)
