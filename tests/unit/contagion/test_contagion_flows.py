"""Files of flows that cannot be used are refused with the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from megawatt.contagion.flows import read_flows
from megawatt.errors import ScenarioError

HEAD = "payer,payee,kind,amount_usd,years,start\n"


@pytest.mark.parametrize("rows", ["", "A,B,equity,,3,2027\n", "A,B,equity_warrants,1,3,2027\n"])
def test_a_file_that_moves_no_money_is_refused(tmp_path: Path, rows: str) -> None:
    file = tmp_path / "flows.csv"
    file.write_text(HEAD + rows)
    with pytest.raises(ScenarioError, match="no flow"):
        read_flows(file)


@pytest.mark.parametrize("start", ["2027-13", "2027-00", "2025-2019", "2027-10-32", "1999", "2027-Q5"])
def test_a_start_that_is_no_date_is_refused(tmp_path: Path, start: str) -> None:
    file = tmp_path / "flows.csv"
    file.write_text(HEAD + f"A,B,equity,1e9,,{start}\n")
    with pytest.raises(ScenarioError, match="start"):
        read_flows(file)
