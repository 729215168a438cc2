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
    assert found.investor == pytest.approx(0.501 * (PAID - TAX - PUT_IN))
    assert found.investor + found.sponsor == pytest.approx(PAID - TAX - PUT_IN)
    assert found.flip is None


def test_shares_flip_in_the_year_after_the_return() -> None:
    found = split(PartnershipTerms(0.9, 0.9, 0.99, 0.1, 0.05, 0.10), PUT_IN, PAID, TAX, YEARS)
    # -90, 54 + 19.8, 54 - 9.9: 73.8 / 1.1 + 44.1 / 1.21 is above 90, so year 3 is shared anew
    assert found.flip == 2
    assert found.investor == pytest.approx([-90.0, 73.8, 44.1, 6.0 - 0.5, 6.0 - 0.5])


@pytest.mark.parametrize("terms", [PartnershipTerms(1.2, 0.5, 0.5), PartnershipTerms(0.5, 0.5, 0.5, 0.1)])
def test_out_of_range_is_refused(terms: PartnershipTerms) -> None:
    with pytest.raises(ScenarioError, match="partnership"):
        split(terms, PUT_IN, PAID, TAX, YEARS)
