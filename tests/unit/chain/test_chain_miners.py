"""A miner's own numbers in a scenario: through the year, the months and cash, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.chain.links import Links, forge, reforge
from megawatt.chain.sensitivity import moved_input
from megawatt.chain.use import cooling_notes
from megawatt.dispatch import optimise, site_hours, solve, solve_merit
from megawatt.errors import ScenarioError
from megawatt.results import mined_summary
from megawatt.scenario import load

EXAMPLE = Path(__file__).parents[3] / "examples" / "childress-bitcoin.toml"
MIX = 'fleets = [{miner = "antminer-s21", share = 0.5}, {miner = "antminer-s19j-pro", share = 0.5, age_months = 36}]'
OWN = "efficiency_j_per_th = 20\nhashrate_th_per_s = 150\nprice_usd_per_th = 3"


def forged(folder: Path, extra: str, *, without: str = "", settings: tuple[str, ...] = ()) -> Links:
    lines = [line for line in EXAMPLE.read_text("utf-8").splitlines() if not (without and line.startswith(without))]
    file = folder / "site.toml"
    file.write_text("\n".join(lines).replace("[capex]", f"{extra}\n[capex]"), encoding="utf-8")
    catalogue = load_catalogue()
    use = load(file, catalogue, settings).uses[0]
    return forge(use.scenario, catalogue, use.folder)


def problems(folder: Path, extra: str, *, without: str = "", settings: tuple[str, ...] = ()) -> str:
    with pytest.raises(ScenarioError) as raised:
        forged(folder, extra, without=without, settings=settings)
    return "\n".join(map(str, raised.value.problems))


def earned(links: Links) -> dict[str, float]:
    return {name: float(part[0].sum()) for name, part in links.base.flows.revenue.items()}


def value(links: Links) -> float:
    return float(links.base.measures.value_usd_per_grid_mw_year[0])


@pytest.mark.parametrize(
    "extra",
    [
        f"{MIX}\nmodes = ['eco']\nhash_loss_per_year = 0.03",
        "hosting = {share = 0.4, usd_per_mwh = 70, btc_share_frac = 0.05}\n"
        "own_modes = [{power_frac = 0.6, hash_frac = 0.72}]",
        "derating = {from_c = 25, per_k_frac = 0.03}",
    ],
)
def test_the_months_are_the_year_and_the_solvers_agree(tmp_path: Path, extra: str) -> None:
    links = forged(tmp_path, extra, without="miner =" if "fleets" in extra else "")
    year, mined = solve_merit(links.problem), links.mined
    assert mined is not None
    theirs = mined.hosted_by_month_usd_per_mwh
    months = links.response.mining(
        mined.by_month_usd_per_mwh[None], np.ones((1, 12)), hosted_usd_per_mwh=0.0 if theirs is None else theirs[None]
    )
    assert months.margin_usd.sum() == pytest.approx(year.objective_usd, rel=1e-9)
    assert months.facility_mwh.sum() == pytest.approx(year.mining_facility_mw.sum(), rel=1e-9)
    assert solve(links.problem).objective_usd == pytest.approx(year.objective_usd, rel=1e-9)
    assert -optimise(site_hours(links.problem)).objective_usd == pytest.approx(year.objective_usd, rel=1e-6)


def test_price_fees_and_practice_scale_what_is_earned(tmp_path: Path) -> None:
    whole = "price_usd_per_th = 0\nfees_btc_per_day = 0\nuptime_frac = 1\npool_fee_frac = 0"
    base, half = forged(tmp_path, whole), forged(tmp_path, whole.replace("uptime_frac = 1", "uptime_frac = 0.5"))
    assert base.mined is not None
    assert half.mined is not None
    assert half.mined.usd_per_mwh == pytest.approx(0.5 * base.mined.usd_per_mwh)
    dearer = forged(tmp_path, f"{whole}\nbtc_price_usd = 193064")
    assert dearer.mined is not None
    assert dearer.mined.usd_per_mwh == pytest.approx(2.0 * base.mined.usd_per_mwh)
    assert base.model.capital.machines_cost_usd == 0.0


def test_fees_in_any_of_three_ways_are_one_number(tmp_path: Path) -> None:
    # 450 BTC of subsidy a day: 50 of fees are 10 % of the reward and 0.3472 a block
    ways = ("fees_btc_per_day = 50", "fees_frac = 0.1", f"fees_btc_per_block = {50 / 144}")
    found = [forged(tmp_path, way).miners for way in ways]
    assert [m.state.fees_btc_per_day for m in found if m] == pytest.approx([50.0] * 3)


def test_own_machines_stand_without_a_catalogue_entry(tmp_path: Path) -> None:
    links = forged(tmp_path, OWN, without="miner =")
    assert links.miners is not None
    assert links.miners.fleet.efficiency_j_per_th == 20.0
    assert links.model.capital.machines_cost_usd == pytest.approx(links.miners.fleet.hashrate_eh_per_s * 3e6)


def test_coins_kept_earn_the_price_of_then_and_a_hedge_the_difference(tmp_path: Path) -> None:
    plain = earned(forged(tmp_path, ""))
    kept = earned(forged(tmp_path, "treasury = {held_frac = 0.25}"))
    assert kept["mining"] == pytest.approx(0.75 * plain["mining"])
    assert kept["treasury"] == pytest.approx(0.25 * plain["mining"])  # the base case's price is flat
    links = forged(tmp_path, "hedge = {share = 0.5, usd_per_ph_day = 45, months = 24}")
    hedged = links.base.flows.revenue["hash_hedge"][0]
    assert earned(links)["mining"] == pytest.approx(plain["mining"])
    assert (hedged[:6] == 0.0).all()
    assert (hedged[6:30] > 0.0).all()
    assert (hedged[30:] == 0.0).all()


def test_hosting_sells_power_and_buys_no_machines(tmp_path: Path) -> None:
    plain, links = forged(tmp_path, ""), forged(tmp_path, "hosting = {share = 0.4, usd_per_mwh = 60}")
    assert links.model.capital.machines_cost_usd == pytest.approx(0.6 * plain.model.capital.machines_cost_usd)
    assert earned(links)["mining"] == pytest.approx(0.6 * earned(plain)["mining"])
    assert earned(links)["hosting"] > 0.0
    assert links.mined is not None
    assert links.mined.hosted_strike_usd_per_mwh is not None
    assert links.mined.hosted_strike_usd_per_mwh <= 60.0 / links.mined.facility_per_it + 1e-9
    month = links.mined.months[0]
    assert month.own_energy_usd < month.energy_usd
    all_hosted = forged(tmp_path, "hosting = {share = 1, usd_per_mwh = 45, btc_share_frac = 0.1}")
    assert earned(all_hosted)["mining"] == 0.0
    assert all_hosted.mined is not None
    assert all_hosted.mined.months[-1].cash_usd_per_btc is None
    assert all_hosted.mined.machines == ()
    assert all_hosted.mined.strike_usd_per_mwh == all_hosted.mined.hosted_strike_usd_per_mwh


def test_what_an_operator_reads_adds_up(tmp_path: Path) -> None:
    links = forged(tmp_path, "", settings=("mining.btc_price_usd=100000",))
    mined = links.mined
    assert mined is not None
    month = mined.months[12]
    assert month.hashprice_btc_per_ph_day * 100_000.0 == pytest.approx(month.hashprice_usd_per_ph_day)
    assert month.mined_btc == pytest.approx(month.ph_days * month.hashprice_btc_per_ph_day * (1.0 - 0.007))
    assert month.energy_usd_per_btc == pytest.approx(month.energy_usd / month.mined_btc)
    assert sum(m.mined_btc for m in mined.months) * 100_000.0 == pytest.approx(earned(links)["mining"])
    assert mined.year_btc == pytest.approx(sum(m.mined_btc for m in mined.months if "2026-08" <= m.month <= "2027-07"))
    assert mined.cash_usd_per_btc is not None
    assert mined.cash_usd_per_btc * mined.year_btc == pytest.approx(
        sum(m.energy_usd + m.own_site_usd for m in mined.year)
    )
    step = mined.machines[0]
    assert step.strike_usd_per_mwh == pytest.approx(mined.strike_usd_per_mwh)
    json.dumps(mined_summary(mined), allow_nan=False)


def test_no_uptime_mines_nothing_and_divides_by_nothing(tmp_path: Path) -> None:
    links = forged(tmp_path, "uptime_frac = 0")
    assert links.mined is not None
    assert (links.mined.strike_usd_per_mwh, links.mined.months[-1].cash_usd_per_btc) == (0.0, None)
    assert np.isfinite(value(links))
    json.dumps(mined_summary(links.mined), allow_nan=False)


def test_own_numbers_with_a_range_move_the_value(tmp_path: Path) -> None:
    extra = "btc_price_usd = {value = 90000, low = 60000, high = 120000}\nfleets = [{share = 1, miner = 's21', "
    links = forged(tmp_path, extra + "efficiency_j_per_th = {value = 17, low = 16, high = 18}}]", without="miner =")
    ends = {}
    for name, low in (("mining.btc_price_usd", 60000.0), ("mining.fleets.0.efficiency_j_per_th", 18.0)):
        ends[name] = value(reforge(links, *moved_input(links, name, low)))
    assert all(end < value(links) for end in ends.values())


def test_as_of_takes_the_state_of_a_month(tmp_path: Path) -> None:
    links = forged(tmp_path, 'as_of = "2022-11"', without="network =", settings=("timeline.start=2022-12",))
    assert links.miners is not None
    assert links.miners.state.key == "bitcoin-2022-11"


@pytest.mark.parametrize(
    ("extra", "without", "said"),
    [
        ('as_of = "2025-11"', "", "mining.network: given beside mining.as_of"),
        ("", "network =", "mining.network: missing"),
        ('as_of = "2020-12"', "network =", "mining.as_of: 2020-12; allowed: a month of 2021-01 to"),
        ('as_of = "2025-07"', "network =", "nearest: 2025-05"),
        ("", "miner =", "mining.miner: missing"),
        ("efficiency_j_per_th = 20", "miner =", "hashrate_th_per_s, price_usd_per_th"),
        (MIX, "", "mining.miner: given beside mining.fleets"),
        (MIX.replace("0.5", "0.6"), "miner =", "shares sum to 1.2"),
        ("fleets = [{miner = 's21', share = 1}, {miner = 's21', share = 0}]", "miner =", "fleets.1.share: 0"),
        ("fleets = [{share = 1}]", "miner =", "mining.fleets.0.miner: missing"),
        ("difficulty = 1e14\nnetwork_eh_per_s = 900", "", "mining.network_eh_per_s: given beside mining.difficulty"),
        ("fees_frac = 0.1\nfees_btc_per_day = 3", "", "mining.fees_frac: given beside mining.fees_btc_per_day"),
        ("hedge = {share = 1.5, usd_per_ph_day = 40}", "", "mining.hedge.share: 1.5"),
        ('hedge = {share = 1, usd_per_ph_day = 40, start = "2025-01"}', "", "mining.hedge.start: 2025-01"),
        ('hedge = {share = 1, usd_per_ph_day = 40, start = "2031-08"}', "", "2025-11 to 2031-07"),
        ("hosting = {share = 0.5, usd_per_mwh = 50, btc_share_frac = 1}", "", "customers would never run"),
        ("own_modes = [{power_frac = 0.6, hash_frac = 1.2}]", "", "mining.own_modes"),
        ("uptime_frac = nan", "", "mining.uptime_frac: nan"),
        ("btc_price_usd = 0", "", "mining.btc_price_usd: 0"),
        ("miner = 'whatsminer-m66s'", "miner =", "price_usd_per_th"),
    ],
)
def test_wrong_numbers_are_refused_where_they_stand(tmp_path: Path, extra: str, without: str, said: str) -> None:
    assert said in problems(tmp_path, extra, without=without)


def test_used_machines_that_are_replaced_are_refused(tmp_path: Path) -> None:
    found = problems(tmp_path, MIX, without="miner =", settings=("capex.replace_after_months=36",))
    assert "mining.fleets.1.age_months: 36" in found


def test_customers_beside_a_battery_are_in_what_it_adds(tmp_path: Path) -> None:
    battery = "[battery]\nmw = 20\nmwh = 40\ncapex_usd_per_mwh = 200000\n"
    hosting = "hosting = {share = 0.5, usd_per_mwh = 60}"
    links = forged(tmp_path, f"{hosting}\n{battery}")
    flows = links.base.flows.revenue
    assert flows["hosting"].sum() > 0.0
    assert flows["own_power"].sum() > 0.0


def test_a_machine_for_water_in_halls_of_air_is_said(tmp_path: Path) -> None:
    hydro = forged(
        tmp_path, "fleets = [{miner = 's23-hydro', share = 0.5}, {miner = 's21', share = 0.5}]", without="miner ="
    )
    assert cooling_notes(hydro) == [
        "antminer-s23-hydro is cooled by hydro; these halls (mining-air) blow outside air through machines."
    ]
    assert cooling_notes(forged(tmp_path, "", settings=("hall.design=mining-immersion",))) == []
