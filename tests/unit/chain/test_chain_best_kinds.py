"""Every kind of candidate and of limit that `megawatt best` takes, from the file to the answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from megawatt.catalogue import load_catalogue
from megawatt.chain.best import Best, find_best
from megawatt.chain.mixed import MixedSite, forge_parts, site_of
from megawatt.chain.mixed_shared import load_site
from megawatt.chain.mixed_value import contributions
from megawatt.errors import InfeasibleError
from megawatt.scenario.mixed import LoadedMix, load_mix
from tests.unit.chain.test_chain_mixed import AT_ONCE, HALLS, MINERS

PAID = f"values = {{ {AT_ONCE}, 'contract.price_usd_per_chip_hour' = 3.5 }}\n"
LENT = (
    "values = { 'contract.price_usd_per_chip_hour' = 3.5, debt = { rate = 0.08, payments = 60, "
    "share_of_machines_frac = 0.1 } }\n"
)
CHEAP = "mw = 0\ncapex_usd_per_mw = 100000\n"
BATTERY = "[battery]\nmw = 0\nmwh = 0\ncapex_usd_per_mw = 20000\ncapex_usd_per_mwh = 20000\n"
LIMITS = "[best]\npaths = 64\nfrontier = 2\n"


def _load(folder: Path, body: str, grid_mw: float = 150.0) -> LoadedMix:
    path = folder / "mix.toml"
    path.write_text(f"format = 1\nname = 'mix'\ntitle = 'a mix'\ngrid_mw = {grid_mw}\n{body}", encoding="utf-8")
    return load_mix(path, load_catalogue(), candidates=True)


def _best(folder: Path, body: str, limits: str = "", grid_mw: float = 150.0) -> Best:
    return find_best(_load(folder, f"{body}{LIMITS}{limits}", grid_mw), ranges=False)


def _in_the_mix(found: Best) -> dict[str, float]:
    return {name: size for name, size in found.best.scales.items() if size > 1e-6}


@pytest.mark.parametrize(
    ("body", "sizes"),
    [
        (f"{MINERS}{BATTERY}", {"battery_mw": 20.0, "battery_mwh": 80.0}),
        (f"{HALLS}{PAID}most = 0.2\n{BATTERY}", {"battery_mw": 20.0, "battery_mwh": 80.0}),
        (f"{MINERS}[solar]\ncapacity_factor_frac = 0.25\n{CHEAP}", {"solar_mw": 30.0}),
        (f"{MINERS}[wind]\ncapacity_factor_frac = 0.35\n{CHEAP}", {"wind_mw": 30.0}),
        (f"{MINERS}[gas]\nfuel_usd_per_mmbtu = 2\nheat_rate_mmbtu_per_mwh = 8.5\n{CHEAP}", {"gas_mw": 30.0}),
    ],
    ids=["battery beside miners", "battery beside chips", "solar", "wind", "gas"],
)
def test_plants_that_are_cheap_are_built_within_their_bounds(
    tmp_path: Path, body: str, sizes: dict[str, float]
) -> None:
    """The whole chain says that they gain; a bound that binds has its price, and no use is dropped for them."""
    found = _best(tmp_path, body, "".join(f"{name} = {size}\n" for name, size in sizes.items()))
    assert found.best.value_usd > max(row.value_usd for row in found.single_use)
    assert set(found.best.plants) == set(sizes)
    for name, size in sizes.items():
        assert 0.0 < found.best.plants[name] <= size + 1e-6
    full = {f"best.{name}" for name, size in sizes.items() if found.best.plants[name] > size - 1e-6}
    assert {row.path for row in found.bounds if row.path.startswith("best.")} == full
    assert abs(found.gap_usd) < 0.02 * found.programme_usd


@pytest.mark.parametrize(
    ("body", "chosen"),
    [
        (
            f"{HALLS}{PAID}either = {{ 'ai.system' = ['gb300-nvl72', 'gb200-nvl72'] }}\n",
            "system=gb200-nvl72",
        ),  # paid alike, it draws less
        (f"{MINERS}either = {{ 'hall.design' = ['mining-immersion', 'mining-air'] }}\n", "design=mining-air"),
        (f"{MINERS}either = {{ until = ['2026-10', '2029-10'] }}\n", "until=2029-10"),
        (f"{HALLS}{PAID}either = {{ shift_months = [12, 0] }}\n", "shift_months=0"),
    ],
    ids=["chips by system", "hall design", "year in which miners leave", "year in which halls come"],
)
def test_the_way_of_most_value_is_chosen(tmp_path: Path, body: str, chosen: str) -> None:
    loaded = _load(tmp_path, f"{body}{LIMITS}")
    found = find_best(loaded, ranges=False)
    assert [name.partition(" ")[2] for name in _in_the_mix(found)] == [chosen]
    worth = {c.name: c.worth_usd / c.peak_mw for c in found.programme.candidates}
    assert max(worth, key=lambda name: worth[name]).endswith(chosen)


def test_load_that_may_be_held_back_is_chosen_where_dear_hours_are_saved(tmp_path: Path) -> None:
    """A fifth of the load that may wait for 50 USD/MWh saves the dear hours; all of it fits the connection."""
    body = f"{HALLS}{PAID}held_back_usd_per_mwh = 50\neither = {{ firm_frac = [1, 0.8] }}\n"
    found = _best(tmp_path, body, grid_mw=100.0)
    assert [name.partition(" ")[2] for name in _in_the_mix(found)] == ["firm_frac=0.8"]
    assert found.shadow_prices["grid_mw"] > 0.0
    firm = _best(tmp_path, f"{HALLS}{PAID}", grid_mw=100.0)
    assert firm.best.scales["childress-gb300"] == pytest.approx(0.73, abs=0.02)
    assert firm.best.value_usd < found.best.value_usd


def test_debt_is_chosen_by_what_owners_get_within_what_it_may_miss(tmp_path: Path) -> None:
    """Before debt a loan is worth nothing by itself; at a cost of equity above the loan's rate more of it is, until
    cover, or the probability of a missed payment, forbids it."""
    body = f"{HALLS}{LENT}either = {{ 'debt.share_of_machines_frac' = [0.2, 0.6] }}\n{MINERS}most = 0.1\n"
    owners = _best(tmp_path, body, "cost_of_equity = 0.15\n")
    assert owners.cost_of_equity == 0.15
    assert "childress-gb300 share_of_machines_frac=0.6" in _in_the_mix(owners)
    worth = [c.worth_usd for c in owners.programme.candidates[:2]]
    assert worth[1] > 1.05 * worth[0]
    project = _best(tmp_path, body)
    before = [c.worth_usd for c in project.programme.candidates[:2]]
    assert before[0] == pytest.approx(before[1], rel=1e-6)


def test_capital_and_carbon_bind_with_the_price_of_what_they_hold_back(tmp_path: Path) -> None:
    body = f"{HALLS}{PAID}{MINERS}most = 0.2\n"
    free = _best(tmp_path, body)
    spent, programme = free.best.capital_usd, free.programme
    carbon = sum(programme.carbon_t(c) * free.best.scales[c.name] for c in programme.candidates)
    for limit, name in (
        (f"capital_usd = {0.5 * spent}", "capital_usd"),
        (f"carbon_t_per_year = {0.5 * carbon}", "carbon_t"),
    ):
        tight = _best(tmp_path, body, f"{limit}\n")
        assert tight.best.value_usd < free.best.value_usd
        assert tight.shadow_prices[name] > 0.0
    assert tight.best.capital_usd < free.best.capital_usd


def test_water_binds_at_what_a_cubic_metre_of_chips_is_worth(tmp_path: Path) -> None:
    """Chips are cooled by pads, miners by dry air: half the chips' water is half of the chips, miners as before.

    Behind a connection with room for both, a m3 is worth what chips are worth over what they evaporate, by hand.
    """
    body = f"{HALLS}{PAID}{MINERS}most = 0.2\n"
    chips, miners = _best(tmp_path, body, grid_mw=400.0).programme.candidates
    assert chips.water_m3 > 1000.0
    assert miners.water_m3 == 0.0
    water = 0.5 * chips.water_m3
    held = _best(tmp_path, f"water_m3_per_year = {water}\n{body}", grid_mw=400.0)
    assert held.best.scales == pytest.approx({chips.name: 0.5, miners.name: 0.2}, rel=1e-6)
    assert held.shadow_prices["water_m3"] == pytest.approx(chips.worth_usd / chips.water_m3, rel=1e-5)
    assert held.shadow_prices["grid_mw"] == pytest.approx(0.2 * miners.worth_usd / 400.0, rel=1e-5), "miners fill it"
    alone = next(row for row in held.single_use if row.name == chips.name)
    assert alone.note == "0.5 of 1, as water_m3_per_year allows no more"
    dry = _best(tmp_path, f"water_m3_per_year = 0\n{body}", grid_mw=400.0)
    assert _in_the_mix(dry) == pytest.approx({miners.name: 0.2}, rel=1e-6)
    with pytest.raises(InfeasibleError, match=r"water_m3_per_year: the least sizes \(parts.least\) exceed it"):
        _best(tmp_path, f"water_m3_per_year = {water}\n{HALLS}{PAID}least = 0.6\n", grid_mw=400.0)


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> tuple[tuple[LoadedMix, tuple[object, ...]], ...]:
    """Chips beside miners, miners beside miners that leave, chips of which a part may wait."""
    bodies = (
        f"{HALLS}{PAID}{MINERS}",
        f"{MINERS}{MINERS.replace(chr(39) + 'miners' + chr(39), chr(39) + 'others' + chr(39))}until = '2027-10'\n",
        f"{HALLS}{PAID}firm_frac = 0.8\nheld_back_usd_per_mwh = 60\n{MINERS}",
    )
    made = []
    for place, body in enumerate(bodies):
        loaded = _load(tmp_path_factory.mktemp(f"site{place}"), f"{body}{LIMITS}")
        made.append((loaded, forge_parts(loaded)))
    return tuple(made)


@given(st.integers(0, 2), st.floats(0.05, 0.45), st.floats(0.05, 0.5))
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_parts_of_any_site_sum_to_it(
    sites: tuple[tuple[LoadedMix, tuple[object, ...]], ...], kind: int, a: float, b: float
) -> None:
    from dataclasses import replace

    loaded, parts = sites[kind]
    sized = [replace(part, scale=scale) for part, scale in zip(parts, (a, b), strict=True)]  # type: ignore[type-var]
    site: MixedSite = site_of(loaded, sized, load_site(loaded))  # type: ignore[arg-type]
    rows = contributions(loaded, site)
    assert sum(row.share_usd for row in rows) == pytest.approx(site.value_usd, rel=1e-9, abs=1.0)
    assert sum(part.value_usd for part in site.parts) + site.shared_usd == pytest.approx(site.value_usd, rel=1e-12)
    assert float(site.peak_mw().max()) <= site.grid_mw + 1e-9
    assert np.all(site.idle_mw() >= 0.0)
