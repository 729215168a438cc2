"""Terms of the factors as a scenario has them (its risk section, its tenant, the catalogue), and its stresses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from megawatt.catalogue import Catalogue
from megawatt.errors import Problem, shown
from megawatt.months import months_between
from megawatt.risk import FACTORS, FactorTerms, factor_terms
from megawatt.risk.ratings import defaults_of_rating
from megawatt.scenario.schema import Scenario

__all__ = ["factor_terms_of", "stress_problems"]


def factor_terms_of(scenario: Scenario, catalogue: Catalogue) -> FactorTerms:
    """Terms of the factors as the scenario's risk section and its tenant have them."""
    tenant = scenario.contract or scenario.lease
    risk = scenario.risk
    names = [name for name in type(risk).model_fields if name not in _NOT_FACTORS]
    given = {name: getattr(risk, name) for name in names if getattr(risk, name) is not None}
    by_year = tuple(fact.number() for fact in risk.tenant_default_by_year)
    if risk.tenant_rating is not None:
        by_year = defaults_of_rating(risk.tenant_rating, _YEARS_OF_RATING)
    terms = factor_terms(catalogue, payer=tenant.payer if tenant else None, given=given, default_by_year=by_year)
    return replace(
        terms,
        tenant_rating=risk.tenant_rating or "" if tenant else "",
        claim_recovery_frac=risk.claim_recovery_frac.number(),
        claim_lag_months=risk.claim_lag_months,
    )


_NOT_FACTORS: Final = (
    "paths", "stress", "tenant_default_by_year", "tenant_rating", "claim_recovery_frac", "claim_lag_months",
)  # fmt: skip
"""Fields of the section that are no parameter of the catalogue."""


_YEARS_OF_RATING: Final = 40
"""Years that a rating's defaults are worked out for; the last holds for all later ones."""


def stress_problems(scenario: Scenario, months: int) -> Iterator[Problem]:
    """Named stresses that move nothing, share a name, or lie outside the project of so many months."""
    start, names = scenario.timeline.start, [stress.name for stress in scenario.risk.stress]
    for i, stress in enumerate(scenario.risk.stress):
        for field in ("start", "tenant_defaults"):
            month = getattr(stress, field)
            if month is not None and not 0 <= months_between(start, month) < months:
                allowed = f"a month of the project: {months} from {start} on"
                yield Problem(f"risk.stress.{i}.{field}", month, allowed, "move it")
        moved = any(getattr(stress, f"{name}_change_frac") is not None for name in FACTORS)
        if not moved and stress.tenant_defaults is None:
            yield Problem(f"risk.stress.{i}", "nothing moves", "a change of a market, or tenant_defaults")
        if stress.name in names[:i]:
            yield Problem(f"risk.stress.{i}.name", f"a second {shown(stress.name)}", "each name once")
