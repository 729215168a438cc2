"""Positions read from rows, no look ahead, probabilities that fall with cash and rise with debt, scores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.company import (
    Company,
    Debt,
    PositionFact,
    company_of,
    day_of,
    distress_probability,
    known_by,
    markets_of,
    practice,
    simulate_company,
)
from megawatt.validation.miner_backtest import auc, distress_class, score

HEAD = "company,field,value,unit,as_of,source_url,confidence,note\n"
CATALOGUE = load_catalogue()
MARKETS = markets_of(CATALOGUE, "markets-2021", "bitcoin-2021-12")


def miner(**fields: str) -> Company:
    units = {"hashrate_self": "EH_per_s", "machine_orders": "usd"}
    facts = [PositionFact(n, v, units.get(n, "usd"), "2021-12-31") for n, v in fields.items()]
    return company_of("a", facts, 2021, 12, CATALOGUE)


def probability(company: Company) -> float:
    found = simulate_company(company, MARKETS, practice(CATALOGUE), months=12, paths=1024, seed=3)
    return distress_probability(found)


@pytest.mark.parametrize(
    ("text", "day"),
    [("2021", (2021, 12, 31)), ("2021-Q4", (2021, 12, 31)), ("2021-11", (2021, 11, 30)), ("2021-12-15", (2021, 12, 15)),
     ("FY2022", (2022, 12, 31)), ("2021-H1", (2021, 6, 30)), ("soon", None), ("2021-13", None)],
)  # fmt: skip
def test_dates_as_people_write_them(text: str, day: tuple[int, int, int] | None) -> None:
    assert day_of(text) == day


def test_nothing_later_than_the_date_is_seen() -> None:
    facts = [PositionFact("cash", "1e8", "usd", "2021-12-31"), PositionFact("cash", "1", "usd", "2022-03-31"),
             PositionFact("debt", "9e8", "usd", "2022-06-30"),
             PositionFact("hashrate_self", "1.5", "EH_per_s", "2021")]  # fmt: skip
    assert set(known_by(facts, 2021, 12)) == {"cash", "hashrate_self"}
    company = company_of("a", facts, 2021, 12, CATALOGUE)
    assert company.cash_usd == 1e8
    assert "debt_over_machines" in company.assumed


def test_debts_by_what_secures_them() -> None:
    company = miner(hashrate_self="2", cash="5e7", convertible_debt="3e8", rig_loan_x="4e7", credit_line_drawn="6e7",
                    senior_notes="1e8", debt="6e8", coupon="12% cash")  # fmt: skip
    usd = {debt.kind: debt.principal_usd for debt in company.debts}
    assert usd == {"machines": 1.4e8, "coins": 6e7, "convertible": 3e8, "corporate": 1e8}
    assert {debt.rate for debt in company.debts if debt.kind != "convertible"} == {0.12}


def test_canadian_dollars_and_petahashes_are_converted() -> None:
    facts = [
        PositionFact("cash", "1e8", "cad", "2021-12-31"),
        PositionFact("hashrate_self", "1500", "PH_per_s", "2021"),
    ]
    company = company_of("a", facts, 2021, 12, CATALOGUE)
    assert company.cash_usd == pytest.approx(0.79e8)
    assert company.mining[0].hash_eh_per_s == pytest.approx(1.5)


@pytest.mark.parametrize(
    "fields",
    [{}, {"debt": "0"}, {"cash": "0", "hashrate_self": "0.5", "debt": "0", "btc_held": "0"}, {"cash": "n/a"},
     {"hashrate_eh_per_s": "3"}, {"btc_held": "1e4"}, {"convertible_debt": "1e9"}, {"machine_orders": "5e8"}],
)  # fmt: skip
def test_positions_with_gaps_zeros_and_one_thing_alone_have_a_probability(fields: dict[str, str]) -> None:
    company = miner(**fields)
    assert company.mining[0].hash_eh_per_s > 0.0
    assert min(debt.principal_usd for debt in company.debts) >= 0.0
    assert 0.0 <= probability(company) <= 1.0


def test_a_hash_rate_named_with_its_unit_is_read() -> None:
    facts = [PositionFact("hashrate_eh_per_s", "0.685", "exahash/s", "2021-12-31"),
             PositionFact("cash", "1e8", "usd", "2021-12-31")]  # fmt: skip
    assert company_of("a", facts, 2021, 12, CATALOGUE).mining[0].hash_eh_per_s == 0.685


BASES = {
    "borrower": miner(hashrate_self="6.6", cash="1.3e8", debt="6.5e8", btc_held="5000"),
    "grower": miner(hashrate_self="1.3", cash="4e7", equipment_loan="5.4e7", guidance_hashrate_2022="8"),
    "plain": miner(hashrate_self="2", cash="3e7", debt="5e7"),
    "hodler": miner(hashrate_self="2.2", cash="2e7", credit_line="1e8", btc_held="3300"),
}


@pytest.mark.parametrize("name", BASES)
def test_the_probability_falls_with_cash(name: str) -> None:
    base = BASES[name]
    found = [probability(replace(base, cash_usd=base.cash_usd * scale)) for scale in (0.0, 0.5, 1.0, 2.0, 4.0)]
    assert np.all(np.diff(found) <= 0.004)
    assert found[-1] < found[0]


@pytest.mark.parametrize("name", BASES)
def test_the_probability_rises_with_debt(name: str) -> None:
    base = BASES[name]

    def owing(scale: float) -> tuple[Debt, ...]:
        return tuple(replace(debt, principal_usd=max(debt.principal_usd, 1e7) * scale) for debt in base.debts)

    found = [probability(replace(base, debts=owing(scale))) for scale in (0.0, 0.5, 1.0, 2.0, 4.0)]
    assert np.all(np.diff(found) >= -0.004)
    assert found[-1] > found[0]


@pytest.mark.parametrize(
    ("word", "value"),
    [("chapter11", 1.0), ("lender_takeback", 1.0), ("spv_default", 0.5), ("survived", 0.0), ("restructured", 1.0),
     ("deleveraged_survivor", 0.0), ("Chapter 7 liquidation", 1.0), ("merged", None)],
)  # fmt: skip
def test_outcomes_in_words(word: str, value: float | None) -> None:
    assert distress_class(word) == value


def test_auc_by_hand() -> None:
    assert auc(np.array([1.0, 0.0, 0.0]), np.array([0.5, 0.2, 0.7])) == pytest.approx(0.5)
    assert auc(np.array([1.0, 0.5, 0.0]), np.array([0.9, 0.5, 0.1])) == pytest.approx(1.0)
    assert np.isnan(auc(np.array([0.0, 0.0]), np.array([0.5, 0.2])))


def test_a_file_is_scored_company_by_company(tmp_path: Path) -> None:
    file = tmp_path / "crisis.csv"
    rows = ["A,hashrate_self,6,EH_per_s,2021-12-31,u,high,", "A,debt,9e8,usd,2021-12-31,u,high,",
            "A,outcome,chapter11,class,2022-12-01,u,high,", "B,hashrate_self,3,EH_per_s,2021-12-31,u,high,",
            "B,cash,3e8,usd,2021-12-31,u,high,", "B,debt,0,usd,2021-12-31,u,high,",
            "B,outcome,survived,class,2022-12-31,u,high,", "C,outcome,survived,class,2022-12-31,u,memory,",
            "D,cash,1,usd,2021-12-31,u,high,"]  # fmt: skip
    file.write_text(HEAD + "\n".join(rows) + "\n")
    (entry,) = score(file, CATALOGUE)
    by_id = {case["id"]: case["predicted"] for case in entry["cases"]}
    assert set(by_id) == {"A", "B"}
    assert by_id["A"] > 0.3 > by_id["B"]
    assert entry["auc"]["value"] == 1.0
    assert {row["id"] for row in entry["skipped"]} == {"C", "D"}
    assert entry["brier"]["value"] < entry["brier"]["base_rate"]


@pytest.mark.parametrize(
    ("text", "value"),
    [("97m", 97e6), ("about 49,000", 49_000.0), ("8.75% cash", 0.0875), ("1.2 bn", 1.2e9), ("n/a", None)],
)
def test_numbers_as_people_write_them(text: str, value: float | None) -> None:
    assert PositionFact("x", text, "usd", "2021").number == (None if value is None else pytest.approx(value))


def test_companies_of_one_side_have_no_auc(tmp_path: Path) -> None:
    file = tmp_path / "crisis.csv"
    file.write_text(
        HEAD + "A,hashrate_self,6,EH_per_s,2021-12-31,u,high,\nA,outcome,survived,class,2022-12-31,u,high,\n"
    )
    (entry,) = score(file, CATALOGUE)
    assert "auc" not in entry
    assert entry["brier"]["value"] >= 0.0
