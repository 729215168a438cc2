"""What simulated paths say to lenders: events, losses, cover by year, and how much of it was put in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray, IntArray
from megawatt.catalogue.records import Assumption
from megawatt.finance.committee import default_losses_usd, periods_of_year, yearly_dscr
from megawatt.finance.records import CashFlow
from megawatt.finance.tranches import tranche_losses
from megawatt.risk.records import Chance, CreditRisk, FactorTerms, TrancheRisk
from megawatt.risk.summary import FAN_PERCENTILES, wilson_interval

__all__ = ["TRANCHE", "YEARLY_DSCR", "credit_risk", "credit_samples"]

YEARLY_DSCR: Final = "yearly dscr"
"""Name of the block result that is (paths, years)."""

TRANCHE: Final = "tranche:"
"""Prefix of what a tranche behind the loan, or a facility beside it, suffers: its place, name and part follow."""

_EVENTS: Final = ("lockup", "breach", "insolvency")
_HANDED_BACK: Final = 0.8
"""Share of missed paths on which the tenant failed, and of failed tenants on which service was missed; assumed."""


def credit_samples(cash: CashFlow) -> dict[str, NDArray[Any]]:
    """Per-path results of a cash flow with a loan: months of events (-1: never), losses, cover by year."""
    owed, lost, today = default_losses_usd(cash)
    months = {f"{name}_month": getattr(cash.events, name) for name in _EVENTS} if cash.events is not None else {}
    tranches = {
        f"{TRANCHE}{i}:{one.name}:{part}": getattr(one, part)
        for i, one in enumerate(tranche_losses(cash))
        for part in ("late", "owed", "lost", "lost_today")
    }
    losses = {"exposure_usd": owed, "loss_usd": lost, "loss_today_usd": today}
    return months | losses | tranches | {YEARLY_DSCR: yearly_dscr(cash)}


def credit_risk(
    base: CashFlow, terms: FactorTerms, samples: Mapping[str, NDArray[Any]], yearly: FloatArray
) -> CreditRisk:
    """Summary of the paths for lenders.

    Parameters
    ----------
    base : CashFlow
        The base case, for its years.
    terms : FactorTerms
        For the tenant's default probability and the range of it.
    samples : mapping
        Of `credit_samples`, with ``missed_month``, ``balloon_month`` and ``tenant_default_month``, (paths,) each.
    yearly : (paths, years)
        Cover of each calendar year.
    """
    missed, failed = samples["missed_month"] >= 0, samples["tenant_default_month"] >= 0
    events = {name: _chance(samples[f"{name}_month"] >= 0) for name in _EVENTS}
    hit = bool(missed.any())
    defaults = missed | (samples["balloon_month"] >= 0)
    owed, lost = (float(samples[n][defaults].mean()) if defaults.any() else None for n in ("exposure_usd", "loss_usd"))
    today = samples["loss_today_usd"]
    error = float(today.std(ddof=1) / math.sqrt(today.size)) if today.size > 1 else math.nan
    served = np.isfinite(yearly).any(axis=0)
    cover = yearly[:, served]
    rate, ends = _input(terms)
    tenant = float(failed.mean()) if failed.any() or rate else None
    return CreditRisk(
        **events,
        payment_default=_chance(missed),
        balloon_default=_chance(samples["balloon_month"] >= 0),
        exposure_usd=owed,
        loss_usd=lost,
        loss_given_default_frac=lost / owed if owed and lost is not None else None,
        expected_loss_usd=float(today.mean()),
        expected_loss_error_usd=error,
        years=tuple(int(y) for y in periods_of_year(base)[0][served]),
        dscr=np.nanpercentile(cover, FAN_PERCENTILES, axis=0),
        below_one=np.mean(cover < 1.0, axis=0),
        tenant_default=tenant,
        missed_with=float(missed[failed].mean()) if failed.any() else None,
        missed_without=float(missed[~failed].mean()) if not failed.all() else None,
        handed_back=hit and bool((missed & failed).sum() >= _HANDED_BACK * max(missed.sum(), failed.sum())),
        input_per_year=rate,
        input_range=ends,
        probability_at_range=None
        if ends is None or rate is None or not failed.any()
        else _reweighted(missed, samples["tenant_default_month"], base.terms.months, rate, ends),
        tranches=_tranches(samples),
    )


def _tranches(samples: Mapping[str, NDArray[Any]]) -> tuple[TrancheRisk, ...]:
    """What tranches and facilities suffer, in their order."""
    heads = dict.fromkeys(name.rpartition(":")[0] for name in samples if name.startswith(TRANCHE))
    return tuple(_tranche(samples, head) for head in heads)


def _tranche(samples: Mapping[str, NDArray[Any]], head: str) -> TrancheRisk:
    late, owed, lost, today = (samples[f"{head}:{part}"] for part in ("late", "owed", "lost", "lost_today"))
    unpaid = owed > 0.0
    return TrancheRisk(
        name=head.partition(":")[2].partition(":")[2],
        late=_chance(late),
        unpaid=_chance(unpaid),
        expected_loss_usd=float(today.mean()),
        loss_given_frac=float(lost[unpaid].mean() / owed[unpaid].mean()) if unpaid.any() else None,
    )


def _chance(happens: NDArray[np.bool_]) -> Chance:
    count = int(np.count_nonzero(happens))
    return Chance(count / happens.size, *wilson_interval(count, happens.size))


def _input(terms: FactorTerms) -> tuple[float | None, tuple[float, float] | None]:
    """The tenant's yearly default probability and the range that it is stated with."""
    rate = terms.tenant_annual_default
    if rate == 0.0 or terms.tenant_default_by_year:
        return None, None
    facts = [a.fact for a in terms.assumptions if _is_default(a)]
    fact = facts[0] if facts else None
    if fact is None or (fact.low is None and fact.high is None):
        return rate, None
    return rate, (rate if fact.low is None else fact.low, rate if fact.high is None else fact.high)


def _is_default(row: Assumption) -> bool:
    return row.name.rpartition(".")[2].startswith("tenant_default_")


def _reweighted(
    missed: NDArray[np.bool_], failed_month: IntArray, months: int, rate: float, ends: tuple[float, float]
) -> tuple[float, float]:
    """Probability of a missed payment at other default probabilities a year, from the same paths.

    Each path counts by how likely its tenant's year of default is at the other probability over the one that was
    simulated; that it fails at all, or survives, has the exact probability: a handful of defaults sets no total.
    """
    low, high = (_weighted(missed, failed_month, months, rate, other) for other in ends)
    return low, high


def _weighted(missed: NDArray[np.bool_], failed_month: IntArray, months: int, rate: float, other: float) -> float:
    if other == 0.0:
        return float(missed[failed_month < 0].mean()) if (failed_month < 0).any() else 0.0

    def likelihood(q: float) -> FloatArray:
        year = failed_month // 12
        length = np.minimum(months - 12 * year, 12)
        fails = -np.expm1(np.log1p(-q) * length / 12.0) * (1.0 - q) ** year
        return np.asarray(np.where(failed_month >= 0, fails, (1.0 - q) ** (months / 12.0)))

    weights = likelihood(other) / likelihood(rate)
    fails = failed_month >= 0
    survives = (1.0 - other) ** (months / 12.0)
    parts = [(fails, 1.0 - survives), (~fails, survives)]
    found = [share * np.average(missed[group], weights=weights[group]) for group, share in parts if group.any()]
    return float(sum(found))
