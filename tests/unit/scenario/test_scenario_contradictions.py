"""What a tariff, a contract or a section may not say beside another: refused at once, each by its dotted path."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import ScenarioError
from megawatt.inspection.studies import describe_study
from megawatt.scenario import load

EXAMPLES = Path(__file__).parents[3] / "examples"
TARIFF = 'tariff = "ercot-transmission"\n'
GRID = 'grid_mw = "@iren-childress.grid_mw"'
SERVICE = '[[services]]\nproduct = "ecrs"\nmw = 9\nusd_per_mw_hour = 1\n'
SOLAR = "[solar]\nmw = 9\ncapacity_factor_frac = 0.2\n"


def _written(tmp_path: Path, more: str, power: str = "", mining: str = "") -> Path:
    text = (EXAMPLES / "childress-bitcoin.toml").read_text(encoding="utf-8").replace(GRID, "grid_mw = 300")
    text = text.replace(TARIFF, power if power or "[tariff]" in more else TARIFF)
    text = text.replace("[mining]\n", f"[mining]\n{mining}")
    file = tmp_path / "site.toml"
    file.write_text(text + more, encoding="utf-8")
    return file


def _problems(file: Path) -> dict[str, str]:
    with pytest.raises(ScenarioError) as caught:
        load(file, load_catalogue())
    assert len({p.path for p in caught.value.problems}) == len(caught.value.problems)
    return {p.path: str(p) for p in caught.value.problems}


def test_contradictions_of_a_tariff_are_told_together(tmp_path: Path) -> None:
    found = _problems(
        _written(
            tmp_path,
            """
[export]
limit_mw = 50
[tariff]
bundled = true
loss_frac = 0.02
usd_per_currency = 1.1
contract_mw = 5000
minimum_per_month = 5
minimum_per_kw_month = 1
[[tariff.demand]]
per_kw_month = 3
ratchet_of = [6, 7]
ratchet_months = 12
minimum_mw = 3
minimum_frac = 0.2
months = []
[[tariff.coincident]]
per_kw_year = 40
months = [6]
peak_hours = ["07-23 16"]
[[tariff.fixed]]
per_month = -10
[[tariff.riders]]
frac = 0.1
on = ["enrgy"]
""",
        )
    )
    assert set(found) == {
        "export",
        "tariff.coincident.0.peak_hours",
        "tariff.contract_mw",
        "tariff.demand.0.minimum_frac",
        "tariff.demand.0.months",
        "tariff.demand.0.ratchet_months",
        "tariff.demand.0.ratchet_of",
        "tariff.energy",
        "tariff.fixed.0.per_month",
        "tariff.loss_frac",
        "tariff.minimum_per_kw_month",
        "tariff.riders.0.on.0",
        "tariff.usd_per_currency",
    }
    assert "5000 MW; allowed: at most site.grid_mw = 300 MW" in found["tariff.contract_mw"]


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ('[tariff]\ncontract_mw = "0.4 GW"\n', "tariff.contract_mw"),
        ("[tariff]\n[[tariff.demand]]\nper_kw_month = 1\nminimum_mw = 301\n", "tariff.demand.0.minimum_mw"),
        ('[[services]]\nproduct = "ecrs"\nmw = 9\nusd_per_mw_hour = 1\nhours = "14"\n', "services.0.hours"),
        ('[[services]]\nproduct = "ecrs"\nmw = 900\nusd_per_mw_hour = 1\n', "services.0.mw"),
        (SERVICE + 'price_column = "x"\n', "services.0.price_column"),
        (SERVICE + "call_usd_per_mwh = 50\n", "services.0.call_usd_per_mwh"),
        ("[curtailment]\nhours_per_year = 9\nusd_per_mwh = 9\nusd_per_mw_year = 9\n", "curtailment.usd_per_mw_year"),
        (SOLAR + "profile_mw = 80\n", "solar.profile_mw"),
        (SOLAR + 'profile_column = "x"\n', "solar.profile_column"),
        (
            SOLAR + "[export]\nlimit_mw = 9\nprice_usd_per_mwh = 9\nspread_usd_per_mwh = 1\n",
            "export.spread_usd_per_mwh",
        ),
    ],
)
def test_one_at_a_time(tmp_path: Path, more: str, path: str) -> None:
    assert list(_problems(_written(tmp_path, "\n" + more))) == [path]


@pytest.mark.parametrize("line", ['price_column = "x"', 'price_node = "x"', "price_hour_ending = true"])
def test_words_on_a_price_file_need_one(tmp_path: Path, line: str) -> None:
    name = line.split(" ", maxsplit=1)[0]
    assert list(_problems(_written(tmp_path, "", f"{TARIFF}{line}\n"))) == [f"power.{name}"]


def test_prices_of_no_month_of_the_project_are_said(tmp_path: Path) -> None:
    power = """blocks = [{ mw = 5, usd_per_mwh = 40, start = "2040-01" }, { mw = 5, usd_per_mwh = 40, end = "2024-12" },
{ mw = 5, usd_per_mwh = 40, start = "2024-01", end = "2026-12" }]
forward = [{ year = 2028, usd_per_mwh = 45 }, { year = 2026, usd_per_mwh = 45 }, { year = 2030, usd_per_mwh = 45 }]
"""
    told = describe_study(_written(tmp_path, "", TARIFF + power), load_catalogue(), seq_len=4096, settings=()).warnings
    assert len(told) == 3
    assert "power.blocks.0: starts in 2040-01, outside the project (2025-11 to 2031-07)" in told[0]
    assert "power.blocks.1: ends in 2024-12" in told[1]
    assert "power.forward: no prices of 2027, 2029, though" in told[2]
    early = TARIFF + "forward = [{ year = 2028, usd_per_mwh = 45 }]\n"
    (one,) = describe_study(_written(tmp_path, "", early), load_catalogue(), seq_len=4096, settings=()).warnings
    assert "no prices of 2026, 2027," in one


def test_a_shape_without_a_mean_is_refused_by_check(tmp_path: Path) -> None:
    stamps = np.arange("2023-01-01T00", "2024-01-01T00", dtype="datetime64[h]")
    usd = np.where(stamps < np.datetime64("2023-02-01"), -1.0, 30.0)
    rows = [f"{stamp},{price}" for stamp, price in zip(stamps, usd, strict=True)]
    (tmp_path / "p.csv").write_text("\n".join(["time,price (USD/MWh)", *rows]), encoding="utf-8")
    power = TARIFF + 'price_file = "p.csv"\nforward = [{ year = 2026, usd_per_mwh = 45 }]\n'
    found = _problems(_written(tmp_path, "", power))
    assert list(found) == ["power.forward"]
    assert "-1.00 USD/MWh in Jan" in found["power.forward"]


def test_hours_of_a_service_as_text(tmp_path: Path) -> None:
    service = '\n[[services]]\nproduct = "ecrs"\nmw = 9\nusd_per_mw_hour = 1\nhours = '
    for text, hours in (('"14-20"', (14, 20)), ('["22-6"]', (22, 6)), ("[14, 20]", (14, 20))):
        study = load(_written(tmp_path, service + text + "\n"), load_catalogue())
        assert study.uses[0].scenario.services[0].hours == hours


def test_a_grid_that_is_not_known_says_what_will_do_instead(tmp_path: Path) -> None:
    file = _written(tmp_path, "")
    file.write_text(file.read_text(encoding="utf-8").replace('grid = "ercot-hub"', 'grid = "no"'), encoding="utf-8")
    assert "power.carbon_g_per_kwh" in _problems(file)["power.grid"]


def test_what_is_far_beyond_the_connection_is_said_with_its_numbers(tmp_path: Path) -> None:
    power = TARIFF + "blocks = [{ mw = 500, usd_per_mwh = 40 }]\n"
    file = _written(tmp_path, "\n[battery]\nmw = 400\nmwh = 800\n[export]\nlimit_mw = 600\n", power, "it_mw = 3000\n")
    told = " ".join(describe_study(file, load_catalogue(), seq_len=4096, settings=()).warnings)
    for text in ("mining.it_mw: 3000 MW", "power.blocks.0.mw: 500 MW", "battery.mw: 400 MW", "export.limit_mw: 600 MW"):
        assert f"{text}, the connection (site.grid_mw) has 300 MW" in told


def test_what_the_engine_refuses_is_told_beside_other_problems(tmp_path: Path) -> None:
    more = """
[battery]
mw = 5
mwh = 0
[debt]
principal_usd = 1e6
rate = 0.1
payments = 90
[[services]]
product = "ecrs"
mw = 900
usd_per_mw_hour = 7
"""
    file = _written(tmp_path, more, mining="fees_frac = 0.1\nfees_btc_per_day = 1\n")
    text = file.read_text(encoding="utf-8").replace('design = "mining-air"', 'design = "no-such"')
    file.write_text(text.replace("build_months = 6", "build_months = -1"), encoding="utf-8")
    found = _problems(file)
    assert set(found) == {
        "battery.mwh",
        "capex.build_months",
        "hall.design",
        "services.0.mw",
    }


def test_correlations_that_no_factors_can_have_are_refused_with_the_nearest(tmp_path: Path) -> None:
    """Bitcoin with both and those against each other: as three alone they allow -0.62 at least, not -0.9."""
    three = "\n[risk]\ncorrelation_btc_power = 0.9\ncorrelation_btc_compute = 0.9\ncorrelation_power_compute = {}\n"
    found = _problems(_written(tmp_path, three.format(-0.9)))
    assert list(found) == ["risk.correlation"]
    assert "power and compute -0.49 (not -0.90)" in found["risk.correlation"]
    more = "correlation_btc_demand = 0.5\n"
    assert load(_written(tmp_path, three.format(0.8) + more), load_catalogue()).uses


def test_a_stress_moves_something_within_the_project_under_a_name_of_its_own(tmp_path: Path) -> None:
    """Also where the length of the project is the default."""
    stress = "\n[[risk.stress]]\nname = {}\nstart = {}\n{}\n"
    slump = "btc_change_frac = -0.5"
    three = stress.format('"a"', '"2028-10"', slump) + stress.format('"a"', '"2040-01"', slump)
    three += stress.format('"b"', '"2027-01"', "")
    file = _written(tmp_path, three)
    for text in (
        file.read_text(encoding="utf-8"),
        file.read_text(encoding="utf-8").replace("operating_months = 60", ""),
    ):
        file.write_text(text, encoding="utf-8")
        found = _problems(file)
        assert list(found) == ["risk.stress.1.name", "risk.stress.1.start", "risk.stress.2"]


@pytest.mark.parametrize(
    ("more", "path"),
    [('tenant_rating = "BB"', "risk.tenant_rating"), ("tenant_default_by_year = [0.1]", "risk.tenant_default_by_year"),
     ('[[risk.stress]]\nname = "a"\nstart = "2027-01"\ntenant_defaults = "2027-01"',
      "risk.stress.0.tenant_defaults")],
)  # fmt: skip
def test_nobody_defaults_where_nobody_rents(tmp_path: Path, more: str, path: str) -> None:
    assert list(_problems(_written(tmp_path, f"\n[risk]\n{more}\n"))) == [path]
