"""The published project finance answers, and what happens to options that nobody knows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import ScenarioError
from megawatt.validation.finance_case import score
from megawatt.validation.registry import validate


def tolerance(case: dict[str, Any], name: str, measured: float) -> float:
    """Allowed difference as the file states it."""
    rule = case["tolerance"]
    if name.endswith(("irr", "irr_aftertax", "irr_pretax")):
        return float(rule["rates_absolute"])
    ratios = ("dscr", "llcr", "plcr", "levelised", "debt_fraction", "equity_payback_period")
    floor = rule["ratio_floor"] if name.startswith(ratios) else rule["amount_floor"]
    return float(rule["relative"]) * max(floor, abs(measured))


@pytest.mark.reference
@pytest.mark.parametrize("name", ["fin-a1", "fin-a2", "fin-m1"])
def test_every_output_of_the_published_cases(reference_dir: Path, name: str) -> None:
    path = reference_dir / "finance_cases" / f"{name}.json"
    case = json.loads(path.read_text())
    entries = validate(path, load_catalogue())
    assert [e["quantity"] for e in entries] == ["outputs", "outputs_at_zero"]
    assert all(not entry["skipped"] for entry in entries)
    seen = set()
    for row in (row for entry in entries for row in entry["cases"]):
        output = row["id"].partition("[")[0]
        seen.add(output)
        assert abs(row["predicted"] - row["measured"]) <= tolerance(case, output, row["measured"]), row
    assert seen == set(case["outputs"])


def annual(**changes: Any) -> dict[str, Any]:
    """A three-year project whose answers are worked out below."""
    inputs: dict[str, Any] = {
        "n_years": 3, "capex_t0": 1000.0, "units": [10.0] * 3, "price": [60.0] * 3, "opex": [100.0] * 3,
        "federal_tax_rate": 0.0, "state_tax_rate": 0.0, "discount_rate_nominal": 0.1,
        "debt": {"kind": "constant_principal", "debt_fraction": 0.5, "interest_rate": 0.1, "tenor_years": 3,
                 "moratorium_years": 1},
    }  # fmt: skip
    return {"schema": "finance-case/1", "inputs": inputs | changes, "outputs": {"debt_size": 500.0}}


def scored(tmp_path: Path, case: dict[str, Any]) -> dict[str, float]:
    path = tmp_path / "case.json"
    path.write_text(json.dumps(case))
    return {row["id"]: row["predicted"] for entry in score(path, load_catalogue()) for row in entry["cases"]}


def test_constant_principal_with_a_moratorium_and_reserve(tmp_path: Path) -> None:
    # debt D = 0.5 x (1000 + 6/12 x first service); first service is interest only, 0.1 D
    # D = 500 + 0.025 D, so D = 512.8205; then interest 51.282, then D/2 each plus interest
    case = annual(dsra_months=6)
    case["outputs"] = {"debt_size": 1.0, "debt_service": [1.0] * 3, "dsra_initial": 1.0, "total_uses": 1.0}
    found = scored(tmp_path, case)
    debt = 500 / 0.975
    assert found["debt_size"] == pytest.approx(debt, rel=1e-12)
    assert found["dsra_initial"] == pytest.approx(0.05 * debt, rel=1e-12)
    assert found["total_uses"] == pytest.approx(2 * debt, rel=1e-12)
    service = [found[f"debt_service[{k}]"] for k in range(3)]
    assert service == pytest.approx([0.1 * debt, 0.6 * debt, 0.55 * debt], rel=1e-12)


def test_fee_on_the_debt_is_part_of_its_own_size(tmp_path: Path) -> None:
    # D = 0.5 (1000 + 0.04 D): D = 500 / 0.98
    case = annual()
    case["inputs"]["debt"]["upfront_fee_fraction"] = 0.04
    assert scored(tmp_path, case)["debt_size"] == pytest.approx(500 / 0.98, rel=1e-12)


def test_bonus_is_deducted_in_year_one(tmp_path: Path) -> None:
    # 60 % at once, the table on the rest: 600 + 400 x 0.2, then 400 x 0.32, 400 x 0.192
    case = annual(depreciation={"alloc": {"macrs_5": 1.0}, "bonus": {"macrs_5": 0.6}})
    case["outputs"] = {"depreciation_federal": [1.0] * 3, "depreciation_state": [1.0] * 3}
    found = scored(tmp_path, case)
    assert [found[f"depreciation_federal[{k}]"] for k in range(3)] == pytest.approx([680.0, 128.0, 76.8])
    assert [found[f"depreciation_state[{k}]"] for k in range(3)] == pytest.approx([200.0, 320.0, 192.0])


@pytest.mark.parametrize(
    ("section", "change", "names"),
    [
        ("inputs", {"carbon_price": 40}, "inputs.carbon_price"),
        ("debt", {"cash_sweep": 0.5}, "inputs.debt.cash_sweep"),
        ("debt", {"kind": "balloon"}, "inputs.debt.kind"),
        ("debt", {"tenor_years": 9}, "inputs.debt.tenor_years"),
        ("inputs", {"price": [1.0]}, "inputs.price"),
        ("inputs", {"opex_reserve_months": "two"}, "inputs.opex_reserve_months"),
    ],
)
def test_an_option_that_nobody_knows_is_refused(tmp_path: Path, section: str, change: Any, names: str) -> None:
    case = annual()
    target = case["inputs"] if section == "inputs" else case["inputs"]["debt"]
    target |= change
    with pytest.raises(ScenarioError, match=names.replace(".", r"\.")):
        scored(tmp_path, case)


def test_an_unknown_output_is_skipped_with_a_reason(tmp_path: Path) -> None:
    case = annual()
    case["outputs"]["goodwill"] = 3.0
    path = tmp_path / "case.json"
    path.write_text(json.dumps(case))
    entry = score(path, load_catalogue())[0]
    assert [s["id"] for s in entry["skipped"]] == ["goodwill"]
    assert entry["scored"] == 1


def dated(**changes: Any) -> dict[str, Any]:
    """Four quarters after one of construction; debt half of the spending, interest capitalised."""
    debt = {
        "advance_rate_on_capex": 0.5, "interest_rate": 0.08, "day_count": "30/360", "idc": "capitalised",
        "first_repayment_period": 2, "n_repayments": 4, "repayment": "equal principal",
    }  # fmt: skip
    inputs: dict[str, Any] = {
        "close_date": "2026-01-30", "dates": ["2026-04-30", "2026-07-30", "2026-10-30", "2027-01-30", "2027-04-30"],
        "construction_months": 1, "capex": [1000.0, 0, 0, 0, 0], "revenue": [0.0, 200, 200, 200, 200],
        "opex": [0.0] * 5, "units": [0.0, 1, 1, 1, 1], "discount_rate": 0.1, "debt": debt | changes,
    }  # fmt: skip
    return {"schema": "finance-case/1", "inputs": inputs, "outputs": {"principal": [1.0] * 5, "interest": [1.0] * 5}}


def flows_of(found: dict[str, float], name: str) -> list[float]:
    return [found[f"{name}[{k}]"] for k in range(5)]


def test_a_year_of_negative_cash_is_in_the_lowest_cover(tmp_path: Path) -> None:
    """Service sculpted on cash asks for nothing in that year; the cover is to the service of the other years."""
    case = annual(
        n_years=5, units=[100.0] * 5, price=[4.0] * 5, opex=[100.0, 100.0, 600.0, 100.0, 100.0],
        debt={"kind": "sculpted", "tenor_years": 5, "interest_rate": 0.06, "target_dscr": 1.3},
    )  # fmt: skip
    case["outputs"] = {"dscr_min": 1.0}
    assert scored(tmp_path, case)["dscr_min"] == pytest.approx(-200 / (300 / 1.3), rel=1e-9)


def test_no_cash_carries_no_debt(tmp_path: Path) -> None:
    case = annual(
        opex=[900.0] * 3, debt={"kind": "sculpted", "tenor_years": 3, "interest_rate": 0.06, "target_dscr": 1.3}
    )
    assert scored(tmp_path, case)["debt_size"] == 0.0


def test_quarters_with_a_balloon(tmp_path: Path) -> None:
    # 500 at the end of quarter 1; 40 % stays for the last quarter, 75 a quarter before; 2 % a quarter by 30/360
    found = scored(tmp_path, dated(balloon_fraction=0.4))
    assert flows_of(found, "principal") == pytest.approx([0, 75, 75, 75, 275])
    assert flows_of(found, "interest") == pytest.approx([0, 10, 8.5, 7, 5.5])


def test_a_reserve_of_three_months_is_one_quarters_service(tmp_path: Path) -> None:
    case = dated(dsra_months=3)
    case["outputs"] = {"dsra_balance_end": [1.0] * 5, "dscr_trailing12_min": 1.0}
    found = scored(tmp_path, case)
    assert flows_of(found, "dsra_balance_end") == pytest.approx([135, 132.5, 130, 127.5, 0])
    # four quarters are a year
    assert found["dscr_trailing12_min"] == pytest.approx(800 / 525)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({"repayment": "equal principal instalments"}, {}),
        ({"repayment": "Straight-line"}, {}),
        ({"day_count": "30U/360"}, {}),
        ({"day_count": "Actual/360"}, {"day_count": "ACT/360"}),
        ({"day_count": "act/365 fixed"}, {"day_count": "ACT/365"}),
        ({"repayment": "annuity"}, {"repayment": "level"}),
        ({"idc": "capitalised (added to the balance)"}, {}),
    ],
)
def test_other_words_for_the_same_option(tmp_path: Path, written: dict[str, Any], meant: dict[str, Any]) -> None:
    assert scored(tmp_path, dated(**written)) == scored(tmp_path, dated(**meant))


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"repayment": "level then bullet"}, "inputs.debt.repayment"),
        ({"repayment": "sum of digits"}, "inputs.debt.repayment"),
        ({"day_count": "BUS/252"}, "inputs.debt.day_count"),
        ({"day_count": None}, "inputs.debt.day_count"),
        ({"idc": "not capitalised"}, "inputs.debt.idc"),
        ({"commitment": "draws, interest included"}, "inputs.debt.commitment"),
        ({"cash_sweep": 0.5}, "inputs.debt.cash_sweep"),
        ({"pik_rate": 0.02}, "inputs.debt.pik_rate"),
        ({"gearing": 0.7}, "inputs.debt.gearing"),
        ({"first_repayment_period": 3}, "inputs.debt.first_repayment_period"),
    ],
)
def test_words_that_say_more_than_we_know_are_refused(tmp_path: Path, change: dict[str, Any], names: str) -> None:
    with pytest.raises(ScenarioError, match=names.replace(".", r"\.")):
        scored(tmp_path, dated(**change))


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"losses": "no carry-forward"}, "inputs.loss_treatment"),
        ({"depreciation": {"alloc": {"macrs_5": 0.7, "sl_39": 0.5}}}, "inputs.depreciation.alloc"),
        ({"depreciation": {"alloc": {"macrs_5": 1.0}, "bonus": 0.5}}, "inputs.depreciation.bonus"),
    ],
)
def test_tax_that_nobody_knows_is_refused(tmp_path: Path, change: dict[str, Any], names: str) -> None:
    with pytest.raises(ScenarioError, match=names.replace(".", r"\.")):
        scored(tmp_path, annual(**change))
