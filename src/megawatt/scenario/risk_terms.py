"""Terms of the factors as a scenario has them: of its risk section, of its tenant, of the catalogue."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from megawatt.catalogue import Catalogue
from megawatt.risk import FactorTerms, factor_terms
from megawatt.risk.ratings import defaults_of_rating
from megawatt.scenario.schema import Scenario

__all__ = ["factor_terms_of"]


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
