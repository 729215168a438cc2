"""Mixed sites: parts behind one connection, and what each of them adds."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from megawatt.catalogue import load_catalogue
from megawatt.chain.best import Best, find_best
from megawatt.chain.best_programme import solve_frontier, solve_programme
from megawatt.chain.best_records import Programme, Tail
from megawatt.chain.conversion import draw_plans
from megawatt.chain.mixed import MixedSite, forge_parts, mixed_site, site_of
from megawatt.chain.mixed_risk import simulate_mixed
from megawatt.chain.mixed_shared import load_site
from megawatt.chain.mixed_value import PLANTS_AND_SERVICES, contributions, shares_of
from megawatt.errors import InfeasibleError, ScenarioError
from megawatt.finance.option import value_option
from megawatt.hours import monthly_sum
from megawatt.results.mixed import best_summary, columns_as_csv, mixed_hours, mixed_months, mixed_summary
from megawatt.scenario.mixed import LoadedMix, load_mix

EXAMPLES = Path(__file__).parents[3] / "examples"
STANDS = (
    'values = { "timeline.halls" = [{ live = "2025-11", share = 1.0 }], "capex.shell_usd_per_mw" = 0, '
    '"mining.price_usd_per_th" = 0 }'
)
HALLS = f"[[parts]]\nscenario = '{EXAMPLES}/childress-gb300.toml'\n"
MINERS = f"[[parts]]\nscenario = '{EXAMPLES}/childress-bitcoin.toml'\nname = 'miners'\n{STANDS}\n"

AT_ONCE = '"timeline.halls" = [{ live = "2026-05", share = 1.0 }]'
OTHER_YEAR = MINERS.replace("values = {", 'values = { "power.price_year" = 2022,')


def _file(folder: Path, body: str, grid_mw: float = 300.0) -> Path:
    path = folder / "mix.toml"
    path.write_text(f"format = 1\nname = 'mix'\ntitle = 'a mix'\ngrid_mw = {grid_mw}\n{body}", encoding="utf-8")
    return path


def _load(folder: Path, body: str, *, candidates: bool = False, grid_mw: float = 300.0) -> LoadedMix:
    return load_mix(_file(folder, body, grid_mw), load_catalogue(), candidates=candidates)


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> tuple[LoadedMix, MixedSite]:
    """Chips and miners that together draw more than the connection carries."""
    loaded = _load(tmp_path_factory.mktemp("mix"), f"{HALLS}{MINERS}scale = 0.8\n")
    return loaded, mixed_site(loaded)


@given(st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=64), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_shares_sum_to_the_whole_whatever_the_values(values: list[float], count: int) -> None:
    names = [f"part {i}" for i in range(count)]
    none = frozenset[str]()

    def value(there: frozenset[str]) -> float:
        return 0.0 if there == none else values[sum(2 ** names.index(name) for name in there) % len(values)]

    assert math.fsum(shares_of(names, value)) == pytest.approx(value(frozenset(names)), abs=1e-3)
    many = [f"part {i}" for i in range(9)]
    additive = dict(zip(many, values * 9, strict=False))
    shares = shares_of(many, lambda there: math.fsum(additive[name] for name in there))
    assert shares == pytest.approx([additive[name] for name in many], abs=1e-3)


def test_parts_sum_to_the_site_and_a_part_alone_is_its_own_plan(crowded: tuple[LoadedMix, MixedSite]) -> None:
    loaded, site = crowded
    rows = contributions(loaded, site)
    assert sum(row.share_usd for row in rows) == pytest.approx(site.value_usd, rel=1e-12)
    halls, miners = site.parts
    assert rows[0].alone_usd == pytest.approx(float(halls.links.base.measures.npv_usd[0]), rel=1e-12)
    assert rows[1].last_usd < rows[1].alone_usd, "beside the chips miners have less of the connection"
    assert miners.left_mw
    assert not halls.left_mw


def test_what_miners_get_beside_the_chips_is_the_optimum_of_the_hours(crowded: tuple[LoadedMix, MixedSite]) -> None:
    _, site = crowded
    problem, plan = site.hours
    assert plan.mw["import"].max() <= 300.0 + 1e-6
    miners, mined = site.parts[1], site.parts[1].links.mined
    assert mined is not None
    spine, phase = miners.links.model.calendar.spine, site.full_phase
    months = spine.months
    value = mined.by_month_usd_per_mwh[spine.month]
    year = miners.model.response.mining(value, np.ones((1, months)), first_month=spine.start_month)
    at = np.flatnonzero(site.phase[:months] == phase)
    drawn = monthly_sum(plan.mw["miners"])
    idle = monthly_sum(np.asarray(miners.links.problem.mining_response.facility_mw[:, 0]))  # type: ignore[union-attr]
    plain = spine.hours[at] != 29 * 24
    expected = 0.8 * (year.facility_mwh[0, at] - idle[spine.month[at]])
    assert expected[plain] == pytest.approx(drawn[spine.month[at]][plain], rel=2e-3)
    assert problem.firm_mw.min() > 0.0


def test_the_site_is_the_sum_of_its_statements(crowded: tuple[LoadedMix, MixedSite]) -> None:
    loaded, site = crowded
    rows = mixed_months(site)
    part = np.array(rows["part"])
    for line in ("revenue_total", "cfads", "capex_total", "distributions"):
        values = np.array(rows[line])
        assert values[part == "site"] == pytest.approx(sum(values[part == p.name] for p in site.parts), rel=1e-12)
    risk = simulate_mixed(site, 128, 7)
    found = mixed_summary(site, contributions(loaded, site), risk)
    assert found["value_usd"] == pytest.approx(sum(row["adds_usd"] for row in found["adds"]))
    assert found["idle_mw"]["least"] == 0.0
    assert 0.0 <= found["risk"]["probability_missed"] <= 1.0
    again = simulate_mixed(site, 128, 7, workers=2)
    assert np.array_equal(risk.npv_usd["miners"], again.npv_usd["miners"])
    assert columns_as_csv(mixed_hours(site)).count("\n") == 8761


def test_miners_ramp_out_while_halls_ramp_in(tmp_path: Path) -> None:
    site = mixed_site(_load(tmp_path, f"{HALLS}{MINERS}until = '2026-07'\n"))
    halls, miners = site.parts
    assert miners.live.sum() == 9.0
    assert miners.base.terms.months == 9
    assert (halls.live[:6] == 0.0).all()
    assert halls.live[12] == 0.75
    assert site.peak_mw()[0] == pytest.approx(300.0, abs=0.1)
    assert site.idle_mw()[-1] == pytest.approx(300.0 - 145.5, abs=1.0), "what the page says of the halls alone"


def test_plants_and_load_held_back_are_shared(tmp_path: Path) -> None:
    body = f"{HALLS}values = {{ {AT_ONCE} }}\nfirm_frac = 0.8\nheld_back_usd_per_mwh = 60\n{MINERS}scale = 0.3\n"
    loaded = _load(tmp_path, f"{body}[battery]\nmw = 20\nmwh = 40\n")
    site = mixed_site(loaded)
    rows = {row.name: row for row in contributions(loaded, site)}
    assert sum(row.share_usd for row in rows.values()) == pytest.approx(site.value_usd, rel=1e-9)
    assert PLANTS_AND_SERVICES in rows
    none = mixed_site(_load(tmp_path, body))
    assert none.shared_usd > 0.0, "load that may be held back at 60 USD/MWh saves dear hours"
    dear = mixed_site(_load(tmp_path, body.replace("= 60", "= 100000")))
    assert dear.shared_usd == pytest.approx(0.0, abs=1.0)
    free = replace(site.parts[0], scale=0.0), replace(site.parts[1], scale=0.0)
    assert site_of(loaded, free, load_site(loaded)).shared_usd < 0.0, "a battery without load costs"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ("", "parts"),
        (f"{HALLS}{HALLS}", "parts"),
        (HALLS.replace("gb300", "none"), "parts.0.scenario"),
        (HALLS.replace("gb300", "compare"), "parts.0.scenario"),
        (f"{HALLS}[best]\nsolar_mw = 5\n", "best.solar_mw"),
        (f"{HALLS}firm_frac = 0.5\n", "parts.0.held_back_usd_per_mwh"),
        (f"{MINERS}firm_frac = 0.5\nheld_back_usd_per_mwh = 1\n", "parts.0.firm_frac"),
        (f"{MINERS}until = '2025-01'\n", "parts.0: until"),
        (HALLS + OTHER_YEAR, "parts.1: power"),
        (f"{HALLS}least = 2\n", "parts.0.least"),
        (f"{HALLS}until = '2028-01'\n", "parts.0: contract.term_months"),
        (f"{HALLS}values = {{ 'site.grid_mw' = 100 }}\n", "parts.0.values.site.grid_mw"),
        (f"{HALLS}either = {{ 'site.grid_mw' = [100] }}\n", "parts.0.either.site.grid_mw"),
        (f"{HALLS}either = {{ 'power.price_scale' = [1, 2] }}\n", "parts.0.either.power.price_scale"),
        (f"{HALLS}either = {{ 'battery.mw' = [1, 2] }}\n", "parts.0.either.battery.mw"),
        (f"{HALLS}either = {{ firm_frac = [1, 2] }}\n", "parts.0.either.firm_frac"),
    ],
)
def test_a_wrong_file_is_refused_by_its_path(tmp_path: Path, body: str, path: str) -> None:
    with pytest.raises(ScenarioError) as refusal:
        _load(tmp_path, body)
    assert path in {problem.path for problem in refusal.value.problems}


def test_a_part_behind_another_connection_is_told_and_scaled(tmp_path: Path) -> None:
    """A scenario of 300 MW at a third behind 100 MW is a third of it; what of its connection does not hold is said."""
    small = _load(tmp_path, f"{HALLS}scale = 0.25\n{MINERS}", grid_mw=100.0)
    assert ["fill" in text for text in small.remarks] == [False, True]
    assert [part.use.scenario.site.grid_mw.number() for part in small.parts] == [300.0, 100.0]
    halls, miners = mixed_site(small).parts
    assert halls.value_usd == pytest.approx(0.25 * float(halls.links.base.measures.npv_usd[0]), rel=1e-12)
    assert float(miners.draw_mw.max()) == pytest.approx(100.0, abs=0.01)
    assert not _load(tmp_path, HALLS + MINERS).remarks
    moved = load_mix(_file(tmp_path, MINERS), load_catalogue(), ["site.grid_mw=150"])
    assert moved.mix.grid_mw.number() == 150.0, "of a mixed site it is the site's"


def test_chips_that_do_not_fit_the_connection_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InfeasibleError, match="childress-gb300 cannot run"):
        mixed_site(_load(tmp_path, f"{HALLS}scale = 2.5\n"))


@pytest.fixture(scope="module")
def chosen(tmp_path_factory: pytest.TempPathFactory) -> Best:
    """Chips paid a tenth more, the miners that stand there, and new ones: more than the connection carries."""
    values = f'"contract.price_usd_per_chip_hour" = 3.2, {AT_ONCE}'
    halls = f"{HALLS}values = {{ {values} }}\neither = {{ shift_months = [0, 6] }}\n"
    body = f"{halls}most = 1.5\n{MINERS}[best]\npaths = 128\nfrontier = 3\n"
    return find_best(_load(tmp_path_factory.mktemp("best"), body, candidates=True), ranges=False)


def test_the_best_mix_is_never_worth_less_than_the_best_use_alone(chosen: Best) -> None:
    assert chosen.best.value_usd >= max(row.value_usd for row in chosen.single_use)
    assert len(chosen.single_use) == 2
    assert abs(chosen.gap_usd) < 0.02 * abs(chosen.programme_usd)
    halls = [scale for name, scale in chosen.best.scales.items() if name.startswith("childress")]
    assert sum(halls) == pytest.approx(1.5), "ways of one business share its largest size"
    assert 0.0 < chosen.best.scales["miners"] <= 1.0


def test_the_frontier_is_monotone_and_begins_at_the_best_mix(chosen: Best) -> None:
    value = [point.value_usd for point in chosen.frontier]
    tail = [point.tail_usd for point in chosen.frontier]
    assert len(value) > 1
    assert np.all(np.diff(value) <= 1.0)
    assert np.all(np.diff(tail) >= -1.0)
    assert value[0] == pytest.approx(chosen.programme_usd)
    told = best_summary(chosen)
    assert {"best", "single_use", "gap", "frontier", "shadow_prices", "robust"} <= set(told)


def test_shadow_prices_are_what_one_more_unit_is_worth(chosen: Best) -> None:
    found = solve_programme(chosen.programme)
    limits = chosen.programme.limits
    more = replace(chosen.programme, limits=replace(limits, grid_mw=limits.grid_mw + 0.01))
    assert found.shadow["grid_mw"] > 0.0
    assert (solve_programme(more).value_usd - found.value_usd) / 0.01 == pytest.approx(
        found.shadow["grid_mw"], rel=0.01
    )
    first = replace(chosen.programme.candidates[0], most=1.5 + 1e-4)
    wider = (first, replace(chosen.programme.candidates[1], most=first.most), *chosen.programme.candidates[2:])
    gained = (solve_programme(replace(chosen.programme, candidates=wider)).value_usd - found.value_usd) / 1e-4
    assert gained == pytest.approx(found.bounds["parts.0.most"], rel=0.01)
    assert [row.path for row in chosen.bounds] == ["parts.0.most"]
    assert chosen.bounds[0].usd_per_mw == pytest.approx(gained / chosen.programme.candidates[0].peak_mw, rel=0.01)
    half = replace(chosen.programme, limits=replace(limits, capital_usd=4e9))
    tight, one_more = solve_programme(half), replace(half, limits=replace(half.limits, capital_usd=4e9 + 1e6))
    gained = (solve_programme(one_more).value_usd - tight.value_usd) / 1e6
    assert gained == pytest.approx(tight.shadow["capital_usd"], rel=0.01)


def test_the_programme_has_the_best_of_a_grid_of_sizes(chosen: Best) -> None:
    """No sizes on a grid are worth more than the programme's, by its own hours."""
    programme: Programme = chosen.programme
    found = solve_programme(programme)
    for share in (0.0, 0.3, 0.7, 1.0):
        fixed = replace(
            programme,
            candidates=tuple(replace(c, least=share * c.most, most=share * c.most) for c in programme.candidates),
        )
        try:
            assert solve_programme(fixed).value_usd <= found.value_usd + 1.0
        except InfeasibleError:
            continue
    tail = Tail(np.array([[c.worth_usd for c in programme.candidates]] * 4), 0.25)
    assert solve_frontier(programme, tail, [1e15]) == [None]


def test_behind_a_small_connection_every_use_is_scaled_and_the_connection_has_its_price(tmp_path: Path) -> None:
    """A use alone that is larger than the site is told at the size that fits; what one more MW is worth is what the
    file with it says, miners that fill the connection included."""
    body = f"{HALLS}{MINERS}[best]\npaths = 64\nfrontier = 2\n"
    found = find_best(_load(tmp_path, body, candidates=True, grid_mw=100.0), ranges=False)
    halls, miners = found.single_use
    assert 0.5 < halls.scales["childress-gb300"] < 1.0
    assert "shown at the largest that fits" in halls.note
    assert "as grid_mw allows no more" in halls.note
    assert halls.idle_mw == pytest.approx(0.0, abs=3.0)
    assert miners.note == ""
    assert not found.left_out
    larger = find_best(_load(tmp_path, body, candidates=True, grid_mw=101.0), ranges=False)
    gained = larger.best.value_usd - found.best.value_usd
    assert gained > 1e5
    assert found.shadow_prices["grid_mw"] == pytest.approx(gained, rel=0.01)


def test_a_use_that_keeps_no_limit_is_left_out_with_its_reason(tmp_path: Path) -> None:
    body = f"{HALLS}{MINERS}[best]\npaths = 64\nfrontier = 2\n"
    none = find_best(_load(tmp_path, body + "capital_usd = 0\n", candidates=True), ranges=False)
    assert [(row.name, row.why) for row in none.left_out] == [
        ("childress-gb300", "best.capital_usd: no size of it fits")
    ]
    safe = find_best(_load(tmp_path, body + "lowest_dscr = 1.5\n", candidates=True), ranges=False)
    assert ["lowest DSCR is" in row.why for row in safe.left_out] == [True]
    poor = body.replace("[[parts]]", "[[parts]]\nvalues = { 'contract.price_usd_per_chip_hour' = 1.6 }", 1)
    never = find_best(_load(tmp_path, poor + "largest_probability_missed = 0.1\n", candidates=True), ranges=False)
    assert never.best.probability_missed is None
    assert all("misses a payment on" in row.why for row in never.left_out)
    assert [row.name for row in never.left_out] == ["childress-gb300"]
    assert [row.name for row in never.single_use] == ["miners"]


@pytest.mark.parametrize(
    ("body", "limit"),
    [
        (f"{MINERS}least = 1\n[best]\npaths = 64\ncarbon_t_per_year = 1000\n", "best.carbon_t_per_year:"),
        (f"{HALLS}least = 1\n[best]\npaths = 64\ncapital_usd = '1 MUSD'\n", "best.capital_usd:"),
        (f"{HALLS}least = 2.5\nmost = 3\n[best]\npaths = 64\n", "grid_mw:"),
    ],
)
def test_a_limit_that_the_least_sizes_exceed_is_named(tmp_path: Path, body: str, limit: str) -> None:
    with pytest.raises(InfeasibleError, match=f"^{limit} the least sizes"):
        find_best(_load(tmp_path, body, candidates=True), ranges=False)


def test_a_battery_that_is_given_stays_and_bounds_of_nothing_choose_nothing(tmp_path: Path) -> None:
    least = f"{HALLS}most = 0\n{MINERS}least = 0.25\nmost = 0.25\n"
    given = f"{least}[battery]\nmw = 10\nmwh = 40\n[best]\npaths = 64\nfrontier = 2\n"
    found = find_best(_load(tmp_path, given, candidates=True), ranges=False)
    assert found.best.scales == {"childress-gb300": 0.0, "miners": 0.25}
    assert found.best.plants == {"battery_mw": 10.0, "battery_mwh": 40.0}


def test_plans_over_time_are_those_of_convert_behind_one_connection(tmp_path: Path) -> None:
    """Behind a connection that both fill every hall displaces its miners: what `convert` says; behind a larger one the
    first halls take what is idle, and no plan is worth less."""
    terms = (
        "[best.conversion]\nmining = 'miners'\nai = 'childress-gb300'\nstart = '2025-11'\nmonths = 120\nhalls = 2\n"
        "dates = ['2025-11', '2026-11']\nmonths_without_income = 12\nlearned_cost_frac = 0.9\npaths = 128\n"
    )
    values = STANDS.replace("values = {", "values = { 'mining.it_mw' = 95,")
    miners = MINERS.replace(STANDS, values)
    body = f"{HALLS}{miners}[best]\npaths = 64\nfrontier = 2\n{terms}"
    found = find_best(_load(tmp_path, body, candidates=True, grid_mw=100.0), ranges=False)
    told = found.over_time
    assert told is not None
    plans = {plan.name: plan.value_usd for plan in (*told.fixed, *told.options)}
    loaded = _load(tmp_path, body, candidates=True, grid_mw=100.0)
    halls, mines = (part.links for part in forge_parts(loaded))
    asked = loaded.mix.best.conversion
    assert asked is not None
    drawn = draw_plans(asked, mines, halls, loaded.mix.seed)
    size = told.ai_mw / found.programme.candidates[0].peak_mw
    assert told.displaced_mw[-1] == pytest.approx(told.mining_mw + told.ai_mw - 100.0)
    assert plans["never"] == pytest.approx(float(drawn.never.mean()))
    gone = told.displaced_mw[-1] / told.mining_mw
    later = drawn.never + gone * (drawn.before[:, 1] - drawn.never) + size * drawn.first[:, 1]
    assert plans["all halls in 2026-11"] == pytest.approx(float(later.mean()))
    gained = size * drawn.first + gone * (drawn.before - drawn.never[:, np.newaxis])
    option = value_option(np.zeros(128), gained, drawn.state).option
    assert plans["all halls, as prices tell"] == pytest.approx(plans["never"] + option)
    assert told.waiting_usd == max(plans[p.name] for p in told.options) - max(plans[p.name] for p in told.fixed)
    assert max(plan.value_usd for plan in told.options) <= told.bound_usd
    wide = find_best(_load(tmp_path, body, candidates=True, grid_mw=175.0), ranges=False).over_time
    assert wide is not None
    assert wide.displaced_mw[0] < 0.5 * wide.displaced_mw[1], "the first hall takes what is idle"
    assert {"in steps", "hall by hall, as prices tell"} <= {p.name for p in (*wide.fixed, *wide.options)}
    assert best_summary(found)["over_time"]["best_fixed"] == told.best_fixed.name
    with pytest.raises(ScenarioError, match=r"best\.conversion\.mining"):
        _load(tmp_path, body.replace("mining = 'miners'", "mining = 'childress-gb300'"), candidates=True)
