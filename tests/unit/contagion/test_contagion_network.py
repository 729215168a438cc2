"""A year of flows by hand: dues, what must be raised, guarantees, fire sales, circles, files that are wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.contagion import Flow, Market, Means, build_network, circular_flows, read_flows, shock, shock_rows, study
from megawatt.errors import ScenarioError

HEAD = "payer,payee,kind,amount_usd,years,start,note\n"
YEAR = 2027


def contract(payer: str, payee: str, usd: float, kind: str = "cloud_contract", years: float = 1.0) -> Flow:
    return Flow(payer, payee, kind, usd * years, float(YEAR), years)


@pytest.mark.parametrize(
    ("start", "years", "due"),
    [("2027", "5", 20.0), ("2027-H2", "5", 10.0), ("2026-10", "1", 75.0), ("2026-Q4", "1", 75.0), ("2028", "5", 0.0),
     ("2020-2027", "", 12.5), ("2027-07-01", "0.5", 100.0)],
)  # fmt: skip
def test_a_contract_falls_due_evenly(tmp_path: Path, start: str, years: str, due: float) -> None:
    file = tmp_path / "flows.csv"
    file.write_text(f"{HEAD}A,B,cloud_contract,100,{years},{start},\n")
    ((flow,), _) = read_flows(file)
    assert flow.due_usd(YEAR) == pytest.approx(due)


def test_debt_runs_back_with_interest_and_at_maturity(tmp_path: Path) -> None:
    file = tmp_path / "flows.csv"
    file.write_text(
        f"{HEAD}Noteholders,B,debt,100,5,2024-07,7.25% at par\nConvertible noteholders,B,debt,50,3,2024-07,0%\n"
    )
    (note, convertible), left = read_flows(file)
    assert (note.debtor, note.creditor, note.rank, convertible.rank) == ("B", "Noteholders", 0, 2)
    assert note.due_usd(YEAR) == pytest.approx(7.25)
    assert note.due_usd(2029) == pytest.approx(100.0 + 7.25 / 2)
    assert convertible.due_usd(YEAR) == pytest.approx(50.0)
    assert note.lent_usd(2024) == 100.0
    assert not left


def test_what_a_node_lacks_it_must_raise_and_without_a_market_it_fails() -> None:
    flows = [contract("Lab", "Cloud", 60.0), contract("Cloud", "Chips", 50.0)]
    network = build_network(flows, YEAR, {"Lab": Means(cash_usd=20.0), "Cloud": Means(), "Chips": Means()})
    lab = network.index("lab")
    assert network.raised_usd[lab] == pytest.approx(40.0)
    assert network.raised_usd.sum() == pytest.approx(40.0)
    calm = shock(network, "Chips")
    assert calm.clearing.rounds == ()
    closed = shock(network, "Chips", Market(open_to_others=False, alpha=1.0, beta=1.0))
    assert [network.names[i] for wave in closed.clearing.rounds for i in wave] == ["Lab", "Cloud"]
    assert closed.lost_usd[network.index("Chips")] == pytest.approx(30.0)


def test_a_guarantee_pays_what_the_tenant_leaves_unpaid() -> None:
    flows = [
        contract("Tenant", "Landlord", 30.0, "colocation_lease"),
        contract("Google", "Landlord", 25.0, "backstop_contingent"),
    ]
    flows.append(Flow("Bank", "Landlord", "debt", 200.0, 2025.0, 9.0, 0.1))
    means = {"Google": Means(cash_usd=100.0), "Tenant": Means(), "Landlord": Means(cash_usd=1.0)}
    found = shock(build_network(flows, YEAR, means), "Tenant", Market(alpha=1.0, beta=1.0))
    assert found.guaranteed_usd.sum() == pytest.approx(25.0)
    assert len(found.clearing.rounds) == 1  # the landlord has 26 for 20 of interest


def test_a_guarantor_that_fails_pays_in_part_and_nobody_stands_in_for_itself() -> None:
    flows = [contract("Tenant", "Landlord", 10.0), contract("Landlord", "Builder", 4.0)]
    backed = [*flows, contract("Backer", "Landlord", 6.0, "backstop_contingent")]
    closed = Market(open_to_others=False, alpha=0.8, beta=0.9)
    means = {"Tenant": Means(cash_usd=20.0), "Landlord": Means(), "Builder": Means(), "Backer": Means(cash_usd=2.0)}
    network = build_network(backed, YEAR, means)
    found = shock(network, "Tenant", closed)
    paid = dict(zip(network.names, found.guaranteed_usd, strict=True))
    lost = dict(zip(network.names, found.lost_usd, strict=True))
    # of 6 called the backer, failed, has 0.8 x 2; the landlord, failed too, hands on 0.9 x 1.6
    assert paid == pytest.approx({"Backer": 1.6, "Builder": 0.0, "Landlord": 0.0, "Tenant": 0.0})
    assert lost == pytest.approx({"Backer": 1.6, "Builder": 4.0 - 1.44, "Landlord": 10.0 - 1.6, "Tenant": 0.0})
    own = [*flows, contract("Tenant", "Landlord", 6.0, "backstop_contingent")]
    assert not shock(build_network(own, YEAR, means), "Tenant", closed).guaranteed_usd.any()


def test_what_a_business_burns_beyond_its_cash_is_owed_outside() -> None:
    flows = [contract("Lab", "Cloud", 10.0), contract("Cloud", "Chips", 4.0)]
    means = {"Lab": Means(cash_usd=1.0, cash_flow_usd_per_year=-6.0), "Cloud": Means(), "Chips": Means()}
    network = build_network(flows, YEAR, means)
    lab = network.index("Lab")
    assert (network.own_usd[lab], network.external[1, lab], network.raised_usd[lab]) == pytest.approx((0.0, 5.0, 15.0))
    assert circular_flows(network).passed_on[lab] == pytest.approx(10.0 / 15.0)
    closed = shock(network, "Chips", Market(open_to_others=False))
    assert [network.names[i] for wave in closed.clearing.rounds for i in wave] == ["Lab", "Cloud"]
    assert closed.lost_usd.sum() == pytest.approx(14.0)


def test_capitals_make_no_other_node_and_nobody_pays_itself(tmp_path: Path) -> None:
    file = tmp_path / "flows.csv"
    file.write_text(f"{HEAD}Lab,Cloud,cloud_contract,10,1,2027,\ncloud,Chips,cloud_contract,4,1,2027,\n")
    found = study(load_catalogue(), YEAR, file=file, failing=("LAB", "lab"))
    assert found.network.names == ("Chips", "Cloud", "Lab")
    (row,) = shock_rows(found)
    assert row["waves"] == [["Lab"], ["Cloud"]]
    file.write_text(f"{HEAD}Google,google,cloud_contract,10,1,2027,\n")
    with pytest.raises(ScenarioError, match="both are Google"):
        study(load_catalogue(), YEAR, file=file)


def test_fire_sales_lower_prices_for_all() -> None:
    flows = [contract("A", "B", 10.0), contract("C", "B", 5.0)]
    means = {"A": Means(cash_usd=2.0, coins_usd=9.0), "C": Means(coins_usd=5.5), "B": Means()}
    network = build_network(flows, YEAR, means)
    still = shock(network, "B", Market(open_to_others=False))
    assert not still.clearing.rounds
    assert still.prices == pytest.approx(1.0)
    thin = shock(network, "B", Market(open_to_others=False, alpha=1.0, beta=1.0, depth_usd=(60.0, np.inf, np.inf)))
    assert thin.prices[0] < 0.85
    assert {network.names[i] for wave in thin.clearing.rounds for i in wave} == {"A", "C"}
    assert shock(network, "B", Market(open_to_others=False, depth_usd=(1e6, np.inf, np.inf))).clearing.rounds == ()


def test_of_a_dollar_that_goes_round_all_comes_back_and_of_a_leaking_one_less() -> None:
    ring = [contract("A", "B", 10.0), contract("B", "A", 10.0)]
    assert circular_flows(build_network(ring, YEAR, {"A": Means(), "B": Means()})).by_node == pytest.approx(1.0)
    leak = build_network(ring, YEAR, {"A": Means(), "B": Means(cash_usd=10.0)})
    assert circular_flows(leak).by_edge[0, 1] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("line", "where"),
    [("A,B,gift,1,1,2027,", "kind"), ("A,A,debt,1,1,2027,", "payee"), (",B,debt,1,1,2027,", "payer"),
     ("A,B,debt,-1,1,2027,", "amount_usd"), ("A,B,debt,x,1,2027,", "amount_usd"), ("A,B,debt,1,0,2027,", "years"),
     ("A,B,debt,1,1,soon,", "start")],
)  # fmt: skip
def test_a_wrong_cell_is_named(tmp_path: Path, line: str, where: str) -> None:
    file = tmp_path / "flows.csv"
    file.write_text(HEAD + line + "\n")
    with pytest.raises(ScenarioError, match=where):
        read_flows(file)


def test_the_catalogues_year_tells_who_fails_with_openai() -> None:
    found = study(load_catalogue(), YEAR, failing=("openai",))
    (row,) = shock_rows(found)
    assert row["waves"][0] == ["OpenAI"]
    assert "Oracle" in row["waves"][1]
    nvidia, openai = found.network.index("Nvidia"), found.network.index("OpenAI")
    assert 0.1 < found.circle.by_edge[nvidia, openai] < 0.6
    with pytest.raises(ScenarioError, match="nearest: OpenAI"):
        study(load_catalogue(), YEAR, failing=("opnai",))


def test_the_page_holds_every_failure(tmp_path: Path) -> None:
    from megawatt.report.contagion_page import render_contagion

    catalogue = load_catalogue()
    page = render_contagion(study(catalogue, YEAR), catalogue.sources)
    assert "If OpenAI fails" in page
    assert "http-equiv" in page
