"""A joint venture or tax equity as a scenario says it, through to what each partner has."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.chain.links import Links, forge
from megawatt.chain.partners import partners, venture
from megawatt.errors import ScenarioError
from megawatt.scenario import load

DEAL = Path(__file__).parents[3] / "examples" / "deals" / "cipher-barber-lake.toml"
CATALOGUE = load_catalogue()
SHARES = ("partnership.equity_frac=0.4", "partnership.cash_frac=0.6", "partnership.tax_frac=0.5")
FLIP = ("partnership.flip_irr=0.09", "partnership.cash_after_frac=0.05")


def links(*settings: str) -> Links:
    use = load(DEAL, CATALOGUE, settings).uses[0]
    return forge(use.scenario, CATALOGUE, use.folder)


PLAIN, SHARED = links(), links(*SHARES, *FLIP, "tax.law='plain'")


def test_partners_share_all_that_owners_have() -> None:
    section = SHARED.scenario.partnership
    assert section is not None
    found = partners(SHARED, section)
    assert found.investor.flow + found.sponsor.flow == pytest.approx(SHARED.base.owners_flow[0])
    assert found.investor.equity_in == pytest.approx(0.4 * SHARED.base.equity_in[0])
    before = slice(0, int(found.flip) + 1 if found.flip >= 0 else None)
    assert found.investor.distributions[before] == pytest.approx(0.6 * SHARED.base.distributions[0, before])


def test_tax_passes_to_the_owners_and_losses_are_used_at_once() -> None:
    cash = SHARED.base
    assert cash.owners_tax is not None
    assert not cash.tax.any()
    assert not cash.tax_accrued.any()
    assert cash.cover_cash == pytest.approx(cash.cfads)
    tax = cash.terms.tax
    assert tax is not None
    # all that was earned less all that was spent, whenever it was written off
    earned = (cash.revenue_total + cash.residual_total - cash.opex_total - cash.capex_total)[0].sum()
    opening = np.concatenate([[0.0], cash.debt_balance[0, :-1]])
    assert cash.terms.loan is not None
    interest = opening @ cash.terms.loan.period_rates(cash.terms.timing)
    assert cash.owners_tax.sum() == pytest.approx(tax.combined_rate * (earned - interest - cash.fees.sum()), rel=1e-9)
    assert cash.owners_tax.min() < 0.0
    # covers are before tax: those of the project that pays its own are lower
    assert cash.measures.min_dscr[0] > PLAIN.base.measures.min_dscr[0]


def test_the_flip_comes_the_month_after_the_return() -> None:
    section = SHARED.scenario.partnership
    assert section is not None
    found, told = partners(SHARED, section), venture(SHARED)
    assert told is not None
    assert found.flip > 0
    spine, years = SHARED.model.calendar.spine, SHARED.base.terms.timing.years
    assert told.flip == spine.label(int(found.flip) + 1)
    worth = np.cumsum(found.investor.flow * 1.09**-years)
    assert worth[found.flip - 1] < 0.0 <= worth[found.flip]
    after = slice(int(found.flip) + 1, None)
    assert found.investor.distributions[after] == pytest.approx(0.05 * SHARED.base.distributions[0, after])
    # what is not said of tax after it follows the cash
    assert found.investor.tax[after] == pytest.approx(0.05 * np.atleast_2d(SHARED.base.owners_tax)[0, after])


def test_a_venture_that_pays_its_own_tax_is_the_project_shared() -> None:
    found = links("partnership.equity_frac=0.501", "partnership.taxed='project'", "partnership.investor='a utility'")
    assert found.base.distributions == pytest.approx(PLAIN.base.distributions)
    told = venture(found)
    assert told is not None
    one, other = told.partners
    assert (one.name, other.name, told.flip, one.tax_usd) == ("a utility", "sponsor", None, 0.0)
    assert one.npv_usd / 0.501 == pytest.approx(other.npv_usd / 0.499)
    assert one.irr == pytest.approx(float(PLAIN.base.measures.equity_irr[0]))
    assert asdict(told)["partners"][0]["equity_usd"] == pytest.approx(0.501 * PLAIN.base.equity_in.sum())
    assert venture(PLAIN) is None


def test_shares_change_at_a_date_behind_what_stands_before_the_owners() -> None:
    date = ("partnership.flip_month='2030-01'", "partnership.cash_after_frac=0.1")
    note = 'debt.junior=[{name="notes", share_of_equity_frac=0.3, rate=0.1, payments=24}]'
    found = links(*SHARES, *date, note)
    told, stack = venture(found), found.stack
    assert told is not None
    assert stack is not None
    assert told.flip == "2030-01"
    assert told.partners[0].equity_usd == pytest.approx(0.4 * stack.equity_in.sum())
    assert sum(one.received_usd for one in told.partners) == pytest.approx(stack.distributions.sum())


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        (("partnership.cash_frac=0.3",), "partnership.equity_frac"),
        (("partnership.equity_frac=1.2",), "partnership.equity_frac"),
        ((*SHARES, "partnership.flip_irr=0.08"), "partnership.cash_after_frac"),
        ((*SHARES, "partnership.tax_after_frac=0.05"), "partnership.flip_irr"),
        ((*SHARES, *FLIP, "partnership.flip_month='2030-01'"), "partnership.flip_month"),
        ((*SHARES, "partnership.flip_month='2090-01'", "partnership.cash_after_frac=0.1"), "partnership.flip_month"),
        (("partnership.equity_frac=0", *FLIP), "partnership.equity_frac"),
        (("partnership.equity_frac=0.4", "partnership.sponsor='investor'"), "partnership.sponsor"),
        ((*SHARES, "partnership.taxed='project'"), "partnership.tax_frac"),
        ((*SHARES, "tax.loss_offset_limit_frac=0.8"), "tax.loss_offset_limit_frac"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_with_its_place(settings: tuple[str, ...], path: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load(DEAL, CATALOGUE, settings)
    assert path in [problem.path for problem in caught.value.problems]
