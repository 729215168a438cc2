"""The committee's page: every number of the paper stands in it as in the summary, in units, and fits a terminal."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from megawatt.chain.credit_records import CreditPaper, Tranche
from megawatt.cli.credit import print_credit
from megawatt.report import credit_tables, render, render_credit
from megawatt.results import summary_of
from tests.credit_sample import LEASE, credit_comparison, paper
from tests.report_sample import SOURCES, sample_comparison


def number(text: str) -> float:
    """The number of a cell: narrow spaces, minus signs and units aside."""
    return float(re.sub(r"[^0-9.\-]", "", text.replace("\u2212", "-")))


def test_the_years_are_those_of_the_summary() -> None:
    comparison = credit_comparison()
    summary = summary_of(comparison)["uses"][0]["credit"]
    rows = {row[0]: row[1:] for row in credit_tables(paper(*LEASE))["years"].rows}
    assert len(rows) > 4
    for year in summary["years"]:
        shown = rows[str(year["year"])]
        spent = (year["revenue_usd"], -year["opex_usd"], year["other_usd"], -year["tax_usd"], year["cfads_usd"],
                 -year["interest_usd"], -year["principal_usd"])  # fmt: skip
        for cell, usd in zip(shown[:7], spent, strict=True):
            assert number(cell) == pytest.approx(usd / 1e6, abs=0.0501), year["year"]
        assert number(shown[8]) == pytest.approx(year["balance_usd"] / 1e6, abs=0.0501)
        if year["dscr"] is not None:
            assert number(shown[7]) == pytest.approx(year["dscr"], abs=0.00501)


def test_the_summary_has_the_whole_paper_as_plain_json() -> None:
    credit = summary_of(credit_comparison())["uses"][0]["credit"]
    found = paper(*LEASE)
    assert credit["verdict"] == list(found.verdict)
    assert [row["test"] for row in credit["break_evens"]] == [row.test for row in found.break_evens]
    assert credit["risk"]["dscr"] == found.risk.dscr.tolist()
    assert len(credit["risk"]["dscr"]) == 5
    assert len(credit["tranches"][0]["balance_usd"]) == len(credit["years"])
    assert summary_of(sample_comparison())["uses"][0]["credit"] is None


def test_the_page_holds_every_table_and_asks_for_nothing() -> None:
    pages = render_credit(credit_comparison())
    assert list(pages) == ["credit.html"]
    html = pages["credit.html"]
    assert len(html) < 100_000, "no chart library where no chart is drawn"
    for table in credit_tables(paper(*LEASE)).values():
        for row in table.rows:
            assert f'<th scope="row">{row[0]}</th>'.replace("'", "&#39;") in html
    for line in paper(*LEASE).verdict:
        assert line.replace("'", "&#39;") in html
    assert "http" not in html.split("<main", 1)[1]


def test_uses_without_debt_have_no_page() -> None:
    assert render_credit(sample_comparison()) == {}
    both = credit_comparison()
    two = replace(both, uses=(both.uses[0], sample_comparison().uses[1]))
    assert list(render_credit(two)) == [f"credit-{both.uses[0].name}.html"]


def test_the_report_points_to_the_page() -> None:
    html = render(credit_comparison(), SOURCES)
    assert "credit.html in the same folder" in html
    assert paper(*LEASE).verdict[0].split(",")[0] in html


def test_none_set_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    case = (*LEASE[:-2],)
    rows = {row[0]: row for row in credit_tables(paper(*case))["tests"].rows}
    assert rows["lock-up"][1] == rows["covenant"][1] == "none set"
    assert any("No lock-up and no covenant is set" in line for line in paper(*case).verdict)


def three_tranches(found: CreditPaper) -> CreditPaper:
    """The same paper with its loan in three parts."""
    whole = found.tranches[0]
    parts = tuple(
        Tranche(name, whole.drawn_usd * share, whole.rate, whole.shape, whole.first_payment, whole.last_payment,
                tuple(share * usd for usd in whole.balance_usd), 0.0, whole.repaid)
        for name, share in (("senior", 0.6), ("mezzanine", 0.3), ("second lien", 0.1))
    )  # fmt: skip
    return replace(found, tranches=parts)


def test_balances_of_tranches_sum_to_the_debt() -> None:
    tables = credit_tables(three_tranches(paper(*LEASE)))
    debt = {row[0]: number(row[1]) for row in tables["debt"].rows}
    for year, *owed in tables["balances"].rows:
        assert sum(map(number, owed)) == pytest.approx(debt[year], abs=0.2)
    assert "balances" not in credit_tables(paper(*LEASE))


def test_money_behind_the_loan_stands_beside_it() -> None:
    junior = 'debt.junior=[{name="mezzanine", share_of_equity_frac=0.4, rate=0.1, payments=50}]'
    found, alone = paper(*LEASE, junior), paper(*LEASE)
    assert sum(a.usd for a in found.sources) == pytest.approx(sum(a.usd for a in found.uses), abs=0.01)
    owners = [{a.name: a.usd for a in p.sources}["owners"] for p in (found, alone)]
    mezzanine = {a.name: a.usd for a in found.sources}["mezzanine"]
    assert mezzanine == pytest.approx(0.4 * owners[1], rel=0.05)
    assert owners[0] + mezzanine == pytest.approx(owners[1], abs=0.01)
    assert [t.name for t in found.tranches] == ["loan", "mezzanine"]
    assert len(found.tranches[1].balance_usd) == len(found.years)
    assert credit_tables(found)["balances"].columns[1:] == ("loan", "mezzanine")


def test_text_fits_eighty_columns_in_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    print_credit(credit_comparison())
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= 80
    tables = credit_tables(paper(*LEASE))
    for name in ("years", "break_evens", "tests", "debt"):
        head = tables[name].columns
        assert any(all(word in line for word in head) for line in said.splitlines()), f"{name} is not in columns"
