"""Named stresses of a scenario, through to cash; the claim on a tenant that is not guaranteed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.chain.links import Links, forge
from megawatt.chain.stress import stress_results
from megawatt.errors import ScenarioError
from megawatt.finance.backstop import claim_payments
from megawatt.scenario import load

DEAL = Path(__file__).parents[3] / "examples" / "deals" / "cipher-barber-lake.toml"
CATALOGUE = load_catalogue()
GLUT = (
    'risk.stress=[{name="glut", start="2030-01", compute_change_frac=-0.5, back_months=36},'
    ' {name="glut and default", start="2030-01", compute_change_frac=-0.5, tenant_defaults="2030-06"}]'
)


def links(*settings: str) -> Links:
    use = load(DEAL, CATALOGUE, settings).uses[0]
    return forge(use.scenario, CATALOGUE, use.folder)


def test_a_slump_alone_does_not_reach_a_lease_and_with_the_default_it_does() -> None:
    stressed = links(GLUT)
    slump, default = stress_results(stressed)
    base = stressed.base.measures
    # back at its trend before the lease ends: nothing is let at market terms meanwhile
    assert slump.npv_usd == pytest.approx(base.npv_usd[0])
    assert slump.changes["compute"] == -0.5
    assert -0.5 < slump.changes["btc"] < 0.0
    assert default.npv_usd < slump.npv_usd
    assert default.source == "assumed"
    assert (slump.tenant_defaults, default.tenant_defaults) == (None, "2030-06")


@pytest.mark.parametrize(
    ("stress", "said"),
    [
        ('[{name="x", start="2020-01", compute_change_frac=-0.5}]', "risk.stress.0.start"),
        ('[{name="x", start="2030-01"}]', "risk.stress.0"),
        ('[{name="x", start="2030-01", tenant_defaults="2099-01"}]', "tenant_defaults"),
        ('[{name="x", start="2030-01", compute_change_frac=-1.5}]', "compute_change_frac"),
    ],
)
def test_what_cannot_be_is_refused_at_the_start(stress: str, said: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        load(DEAL, CATALOGUE, [f"risk.stress={stress}"])
    assert said in str(refused.value.problems[0])


def test_a_rating_replaces_the_class_of_the_tenant() -> None:
    assert links('risk.tenant_rating="BBB"').terms.tenant_default_by_year[0] == pytest.approx(0.0022, rel=1e-3)
    with pytest.raises(ScenarioError) as refused:
        load(DEAL, CATALOGUE, ['risk.tenant_rating="BBB"', "risk.tenant_default_by_year=[0.01]"])
    assert refused.value.problems[0].path == "risk.tenant_rating"


def test_a_claim_is_what_the_law_allows_and_no_more_than_is_lost() -> None:
    months = 300
    rent = np.where(np.arange(months) < 240, 100.0, 0.0)[None, :]
    default = np.array([40, -1, 200])
    lost = np.where(np.arange(months) >= default[:, None], rent, 0.0) * (default >= 0)[:, None]
    paid = claim_payments(lost, rent, default, 0.4, 24)
    # 200 months are left: 15 % of them are 30 months of rent; 40 are left: a year's
    assert paid[0, 64] == pytest.approx(0.4 * 30 * 100.0)
    assert paid[2, 224] == pytest.approx(0.4 * 12 * 100.0)
    assert np.count_nonzero(paid) == 2
    # re-let at once: five months are lost
    short = np.where(np.arange(months) < 45, lost, 0.0)
    assert claim_payments(short, rent, default, 1.0, 0)[0, 40] == pytest.approx(500.0)
