"""Company files: those that come with the package, one's own, everything wrong named at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.company import company_keys, company_row, load_company, markets_today, practice, simulate_company
from megawatt.errors import ScenarioError

CATALOGUE = load_catalogue()
OWN = """
format = 1
title = "Own"
date = "2026-03"
cash_usd = "50 MUSD"
overhead_usd_per_year = 2e7
[[mining]]
hash_rate_eh_per_s = "900 PH/s"
efficiency_j_per_th = 20
power_usd_per_mwh = "0.05 USD/kWh"
[[debt]]
name = "note"
kind = "corporate"
principal_usd = "30 MUSD"
rate_frac = "8 %"
maturity = "2028-03"
"""


def own(tmp_path: Path, text: str) -> str:
    file = tmp_path / "own.toml"
    file.write_text(text)
    return str(file)


@pytest.mark.parametrize("key", company_keys())
def test_companies_of_the_package_are_simulated(key: str) -> None:
    markets, terms = markets_today(CATALOGUE), practice(CATALOGUE)
    company = load_company(key, CATALOGUE)
    row = company_row(simulate_company(company, markets, terms, months=12, paths=256), markets, terms)
    assert 0.0 <= row["distress_12_months"] <= 0.5
    assert row["value"]["bitcoin_share_after"] <= row["value"]["bitcoin_share_before"]
    assert company.assumptions


def test_ten_companies_by_key_and_alias() -> None:
    assert len(company_keys()) == 10
    assert load_company("CORZ", CATALOGUE).key == "core-scientific"
    with pytest.raises(ScenarioError, match="nearest: "):
        load_company("terawolf", CATALOGUE)


def test_units_and_dates_of_an_own_file(tmp_path: Path) -> None:
    company = load_company(own(tmp_path, OWN), CATALOGUE)
    assert company.cash_usd == 5e7
    assert company.mining[0].hash_eh_per_s == pytest.approx(0.9)
    assert company.mining[0].power_usd_per_mwh == pytest.approx(50.0)
    assert (company.debts[0].maturity_month, company.debts[0].rate) == (24, 0.08)


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [('cash_usd = "50 MUSD"', "cash_usd = -1", "cash_usd"), ('maturity = "2028-03"', 'maturity = "2026-03"', "note"),
     ('date = "2026-03"', 'date = "March"', "date"), ("format = 1", "format = 2", "format"),
     ('kind = "corporate"', 'kind = "friendly"', "debt.0.kind"), ('title = "Own"', 'titel = "Own"', "titel"),
     ('rate_frac = "8 %"', "rate_frac = 8", "debt.0.rate_frac"),
     ('maturity = "2028-03"', 'maturity = "2028-13"', 'a month as "YYYY-MM"'),
     ('kind = "corporate"', 'kind = "corporate"\nconversion_usd = 5', "kind = 'convertible'"),
     ('kind = "corporate"', 'kind = "convertible"\namortising = true\nconversion_usd = 5', "without amortising"),
     ('kind = "corporate"', 'kind = "convertible"\nconversion_usd = 5', "shares outstanding above 0")],
)  # fmt: skip
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, where: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load_company(own(tmp_path, OWN.replace(old, new)), CATALOGUE)
    assert where in str(caught.value) + " ".join(map(str, caught.value.problems))


@pytest.mark.parametrize(
    ("start", "years", "month", "months"), [("2026-04", 10, 0, 120), ("2026-05", 1, 1, 12), ("2025-04", 10, 0, 108)]
)
def test_a_lease_that_began_before_the_date_has_its_rest_left(
    tmp_path: Path, start: str, years: int, month: int, months: int
) -> None:
    lease = f'''
[[lease]]
name = "hall"
it_mw = 10
rent_usd_per_kw_month = 100
start = "{start}"
years = {years}
tenant = "hyperscaler"
'''
    (read,) = load_company(own(tmp_path, OWN + lease), CATALOGUE).leases
    assert (read.start_month, read.months) == (month, months)
    with pytest.raises(ScenarioError, match="has ended by 2026-03"):
        load_company(own(tmp_path, OWN + lease.replace(f'"{start}"', '"2015-01"')), CATALOGUE)


def test_the_result_is_the_same_for_one_and_two_workers() -> None:
    markets, terms = markets_today(CATALOGUE), practice(CATALOGUE)
    company = load_company("hut-8", CATALOGUE)
    one, two = (
        simulate_company(company, markets, terms, months=6, paths=4100, seed=5, workers=workers) for workers in (1, 2)
    )
    assert one.distress == two.distress
    assert (one.liquidity == two.liquidity).all()
