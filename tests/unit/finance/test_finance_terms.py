"""Capex schedules, residual values and running costs by hand."""

from __future__ import annotations

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import ScenarioError
from megawatt.finance import (
    Hall,
    capex_by_hall,
    chip_residual_share,
    even_capex,
    residual_of_chips,
    residual_straight_line,
    site_opex_cost,
)
from megawatt.finance.engine import EQUITY_CONTINGENCY_FRAC


def test_even_capex() -> None:
    assert even_capex(90.0, 1, 3, 5).tolist() == [0, 30, 30, 30, 0]


def test_capex_follows_the_halls() -> None:
    # hall in month 2 paid in months 0 and 1; hall in month 4 in months 2 and 3; each half of 100
    assert capex_by_hall(100.0, (Hall(2, 0.5), Hall(4, 0.5)), 2, 6).tolist() == [25, 25, 25, 25, 0, 0]
    # a hall that is there from the start is paid in month 0; shares that sum to 0.8 still spend it all
    assert capex_by_hall(100.0, (Hall(0, 0.2), Hall(1, 0.6)), 3, 3).tolist() == [100, 0, 0]


def test_residual_of_the_shell_is_its_unused_life() -> None:
    # 120 USD, ten years = 120 months, in service in months 2 to 13: 12 of 120 used
    left = residual_straight_line(np.array([120.0] + [0.0] * 13), 10.0, 2)
    assert left.shape == (1, 14)
    assert left[0, -1] == pytest.approx(108.0)
    assert residual_straight_line(np.array([120.0] + [0.0] * 13), 1.0, 1)[0, -1] == 0.0


def test_chips_lose_the_same_share_every_year() -> None:
    assert chip_residual_share(np.array([0.0, 2.5, 5.0]), 0.25).tolist() == pytest.approx([1.0, 0.5, 0.25])


def test_resale_follows_age_and_rental_price() -> None:
    # halves are 5 and 2.5 years old in the end; 1000 x (0.5 x 0.25 + 0.5 x 0.5) = 375, at 80 % of the expected price
    value = residual_of_chips(
        1000.0,
        (Hall(0, 0.5), Hall(30, 0.5)),
        60,
        share_at_five_years=0.25,
        price_to_expected=np.array([1.0, 0.8]),
    )
    assert value[:, -1].tolist() == pytest.approx([375.0, 300.0])
    assert not value[:, :-1].any()


def test_site_opex() -> None:
    # 2 MW x 1,000 x 20 USD/kW-month at half the site
    assert site_opex_cost(2.0, 20.0, np.array([0.5, 1.0])).tolist() == [[20_000.0, 40_000.0]]


def test_bad_input_is_refused() -> None:
    with pytest.raises(ScenarioError, match="after the end"):
        capex_by_hall(1.0, (Hall(6, 1.0),), 2, 6)
    with pytest.raises(ScenarioError, match="capex"):
        even_capex(-1.0, 0, 0, 1)
    with pytest.raises(ScenarioError, match="months"):
        even_capex(1.0, 2, 1, 4)
    with pytest.raises(ScenarioError, match="residual"):
        chip_residual_share(1.0, 0.0)
    with pytest.raises(ScenarioError, match="life"):
        residual_straight_line(np.ones(3), 0.0, 0)
    with pytest.raises(ScenarioError, match="opex"):
        site_opex_cost(-1.0, 1.0, np.ones(2))


def test_derived_practice_can_be_recomputed() -> None:
    number = load_catalogue().number
    assert number("finance-practice", "federal_tax_rate") == 0.21
    # 42.7m a year on 168 MW
    assert number("finance-practice", "colocation_opex_usd_per_kw_month") == pytest.approx(
        42.7e6 / 168e3 / 12, abs=0.05
    )
    # 15 % of 1,940m less energy, over 200 MW and 12 months
    energy = 200 * 0.9 * 1.3 * 8760 * 35
    assert number("finance-practice", "ai_cloud_opex_usd_per_kw_month") == pytest.approx(
        (0.15 * 1.94e9 - energy) / 200e3 / 12, abs=0.5
    )


def test_the_engines_contingency_is_the_catalogues() -> None:
    assert load_catalogue().number("finance-practice", "equity_contingency_frac") == EQUITY_CONTINGENCY_FRAC
