"""What named stresses of the scenario do to a use and its loan."""

from __future__ import annotations

import math

from megawatt.chain.links import Links
from megawatt.chain.records import StressResult
from megawatt.finance.credit import credit_measures
from megawatt.months import months_between
from megawatt.risk import FACTORS
from megawatt.risk.stresses import Stress, moved_together, stressed_factors
from megawatt.scenario.risk_sections import Stress as StressSection

__all__ = ["stress_results"]


def _stress(section: StressSection, start: str) -> Stress:
    """The section with its dates as months of the project."""
    given = {name: getattr(section, f"{name}_change_frac") for name in FACTORS}
    return Stress(
        name=section.name,
        start_month=months_between(start, section.start),
        over_months=section.over_months,
        hold_months=section.hold_months,
        back_months=section.back_months,
        changes={name: fact.number() for name, fact in given.items() if fact is not None},
        default_month=-1 if section.tenant_defaults is None else months_between(start, section.tenant_defaults),
        source=section.source,
    )


def stress_results(links: Links) -> tuple[StressResult, ...]:
    """Each stress of the scenario on the base case, the owners' commitment and the loan held.

    Raises
    ------
    ScenarioError
        If a stress lies outside the project.
    """
    months, start = links.model.calendar.spine.months, links.model.calendar.spine.label(0)
    model = links.model.committed(links.base)
    out = []
    for section in links.scenario.risk.stress:
        stress = _stress(section, start)
        cash = model(stressed_factors(links.terms, months, stress))
        credit, dscr = credit_measures(cash), float(cash.measures.min_dscr[0])
        out.append(
            StressResult(
                name=stress.name,
                source=stress.source,
                changes=moved_together(links.terms, stress.changes),
                tenant_defaults=section.tenant_defaults,
                value_usd_per_grid_mw_year=float(cash.measures.value_usd_per_grid_mw_year[0]),
                npv_usd=float(cash.measures.npv_usd[0]),
                min_dscr=None if math.isnan(dscr) else dscr,
                llcr=credit.llcr,
                lockup=credit.lockup,
                breach=credit.breach,
                payment_default=credit.payment_default,
                balloon_default=credit.balloon_default,
                unpaid_usd=float(cash.arrears[0].max()),
                lowest_cash_usd=float(cash.closing_cash[0].min()),
            )
        )
    return tuple(out)
