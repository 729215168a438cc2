"""Capacity auctions: curves that cross by hand, more load, caps, tables that are refused."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from megawatt.errors import ScenarioError
from megawatt.tariff.auction import CapacityAuction, auction_figures, read_auctions

HEAD = (
    "delivery_year,price_usd_per_mw_day,cleared_mw,offered_mw,requirement_mw,pool_requirement,cap_usd,floor_usd,"
    "a_mw,a_usd,b_mw,b_usd,c_mw,c_usd,d_mw,d_usd,source"
)
ROW = "2030/2031,100,1000,1000,1000,0.9,,,950,200,1050,0,1100,0,,,hand"


def auction(**changed: float) -> CapacityAuction:
    told = {
        "delivery_year": "2030/2031",
        "price_usd": 100.0,
        "cleared_mw": 1000.0,
        "offered_mw": 1000.0,
        "requirement_mw": 1000.0,
        "pool_requirement": 0.9,
        "demand_mw": np.array([950.0, 1050.0, 1100.0]),
        "demand_usd": np.array([200.0, 0.0, 0.0]),
    }
    return CapacityAuction(**{**told, **changed})  # type: ignore[arg-type]


def test_a_fixed_supply_is_priced_on_the_curve() -> None:
    price, mw = auction().clear()
    assert (price, mw) == (pytest.approx(100.0), pytest.approx(1000.0))


def test_offers_above_the_price_soften_it() -> None:
    # Supply 1,000 + (p - 100) MW against 2 USD/MW: 10 MW more of demand raise the price by 10 / (1 / 2 + 1).
    soft = auction(offered_mw=1100.0)
    moved = soft.with_load(10.0 / 0.9)
    assert moved.requirement_mw == pytest.approx(1010.0)
    stiff, loose = (one.with_load(10.0 / 0.9).clear()[0] - 100.0 for one in (auction(), soft))
    assert stiff == pytest.approx(20.0, rel=0.05)
    assert loose == pytest.approx(10.0 / 1.5, rel=0.05)


def test_a_cap_holds_the_price_and_leaves_a_shortage() -> None:
    capped = auction(cap_usd=100.0)
    figures = auction_figures({"y": capped}, "y", extra_mw=100.0)
    assert figures["price_usd_per_mw_day"] == pytest.approx(100.0)
    assert figures["short_mw"] == pytest.approx(90.0)
    assert auction_figures({"y": capped}, "y", extra_mw=100.0, capped=False)["price_usd_per_mw_day"] == 200.0


@given(st.floats(0.0, 200.0), st.floats(0.0, 300.0))
def test_more_load_never_lowers_the_price(load: float, more: float) -> None:
    one = auction(offered_mw=1100.0)
    here, there = (one.with_load(mw).clear()[0] for mw in (load, load + more))
    assert there >= here - 1e-6


def test_a_part_of_the_cost_is_laid_to_load() -> None:
    figures = auction_figures({"y": auction()}, "y", laid_usd=100.0 * 1000.0 * 365.0 / 2.0)
    assert figures["laid_mw"] > 0.0
    less = auction_figures({"y": auction()}, "y", extra_mw=-figures["laid_mw"])
    assert less["cost_usd"] == pytest.approx(figures["cost_usd"] / 2.0, rel=1e-6)
    assert math.isnan(auction_figures({"y": auction()}, "y", laid_usd=1e12)["laid_mw"])


def test_no_more_load_is_taken_off_than_there_is() -> None:
    with pytest.raises(ScenarioError, match="above -1,111"):
        auction_figures({"y": auction()}, "y", extra_mw=-1200.0)


def test_offers_of_another_year_are_shares_by_price(tmp_path: Path) -> None:
    file = tmp_path / "auctions.csv"
    file.write_text(f"{HEAD}\n{ROW}\n{ROW.replace('2030/2031,100,1000', '2031/2032,150,900')}\n", encoding="utf-8")
    auctions = read_auctions(file)
    assert auctions["2031/2032"].with_offers_of(auctions["2030/2031"]).cleared_mw == 1000.0
    with pytest.raises(ScenarioError, match="allowed: 2030/2031, 2031/2032"):
        auction_figures(auctions, "2032/2033")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("950,200", "950,x", "a_usd"),
        ("950,200", "1060,200", "MW that rise"),
        ("100,1000,1000", "100,1200,1000", "cleared 1200"),
        ("100,1000,1000", "-1,1000,1000", "from 0 on"),
    ],
)
def test_tables_that_are_none_are_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    file = tmp_path / "auctions.csv"
    file.write_text(f"{HEAD}\n{ROW.replace(old, new, 1)}\n", encoding="utf-8")
    with pytest.raises(ScenarioError, match=said):
        read_auctions(file)
