"""Company files and flows are known, shown and checked by the reader that their commands use."""

from __future__ import annotations

from pathlib import Path

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import ScenarioError
from megawatt.inspection.kinds import kind_of

OWN = """format = 1
title = "Own"
date = "2026-03"
cash_usd = 5e7
overhead_usd_per_year = 2e7
[[debt]]
name = "note"
kind = "corporate"
principal_usd = 3e7
rate_frac = 0.08
maturity = "2028-03"
"""


def test_a_company_is_described_and_its_problems_named(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(OWN)
    kind = kind_of(file)
    assert kind.name == "company"
    found = kind.describe(file, load_catalogue(), seq_len=4096, settings=())
    assert found.title == "Own, 2026-03"
    file.write_text(OWN.replace("rate_frac = 0.08", "rate_frac = 8").replace("3e7", "-1"))
    with pytest.raises(ScenarioError) as caught:
        kind_of(file).describe(file, load_catalogue(), seq_len=4096, settings=())
    assert {problem.path for problem in caught.value.problems} == {"debt.0.rate_frac", "debt.0.principal_usd"}


def test_flows_are_counted_by_rank(tmp_path: Path) -> None:
    file = tmp_path / "flows.csv"
    file.write_text("payer,payee,kind,amount_usd,years,start\nA,B,cloud_contract,100,5,2027\nN,B,debt,50,5,2027\n")
    found = kind_of(file).describe(file, load_catalogue(), seq_len=4096, settings=())
    assert found.title == "2 flows"
