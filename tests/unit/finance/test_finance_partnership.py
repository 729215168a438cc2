"""Partners of a joint venture by hand: shares add up, and the flip comes a period after the investor's return."""

from __future__ import annotations

import numpy as np
import pytest

from megawatt.errors import ScenarioError
from megawatt.finance.partnership import PartnershipTerms, split

YEARS = np.arange(5.0)
PUT_IN = np.array([100.0, 0.0, 0.0, 0.0, 0.0])
PAID = np.array([0.0, 60.0, 60.0, 60.0, 60.0])
TAX = np.array([0.0, -20.0, 10.0, 10.0, 10.0])


def test_a_plain_venture_shares_all() -> None:
    found = split(PartnershipTerms(0.501, 0.501, 0.501), PUT_IN, PAID, TAX, YEARS)
    assert found.investor.flow == pytest.approx(0.501 * (PAID - TAX - PUT_IN))
    assert found.investor.flow + found.sponsor.flow == pytest.approx(PAID - TAX - PUT_IN)
    assert found.flip == -1


def test_shares_flip_in_the_year_after_the_return() -> None:
    found = split(PartnershipTerms(0.9, 0.9, 0.99, 0.1, 0.05, 0.10), PUT_IN, PAID, TAX, YEARS)
    # -90, 54 + 19.8, 54 - 9.9: 73.8 / 1.1 + 44.1 / 1.21 is above 90, so year 3 is shared anew
    assert found.flip == 2
    assert found.investor.flow == pytest.approx([-90.0, 73.8, 44.1, 6.0 - 0.5, 6.0 - 0.5])


def test_shares_flip_at_a_date_and_by_path() -> None:
    terms = PartnershipTerms(0.9, 0.9, 0.99, 0.1, 0.05, flip_period=3)
    found = split(terms, PUT_IN, PAID, TAX, YEARS)
    assert found.flip == 2
    assert found.investor.flow == pytest.approx([-90.0, 73.8, 44.1, 6.0 - 0.5, 6.0 - 0.5])
    # a path that pays a quarter of it never gets there; nothing put in has no return
    rows = np.stack([PAID, 0.25 * PAID])
    by_path = split(PartnershipTerms(0.9, 0.9, 0.99, 0.1, 0.05, 0.10), np.stack([PUT_IN, PUT_IN]), rows, TAX, YEARS)
    assert by_path.flip.tolist() == [2, -1]
    assert split(PartnershipTerms(0.0, 0.9, 0.9, 0.1, 0.1, 0.1), PUT_IN, PAID, TAX, YEARS).flip == -1


@pytest.mark.parametrize("terms", [PartnershipTerms(1.2, 0.5, 0.5), PartnershipTerms(0.5, 0.5, 0.5, 0.1)])
def test_out_of_range_is_refused(terms: PartnershipTerms) -> None:
    with pytest.raises(ScenarioError, match="partnership"):
        split(terms, PUT_IN, PAID, TAX, YEARS)
