"""The year's account of a plan: facility power, bill, revenue, water, carbon and which limits bind."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.catalogue.records import Assumption
from megawatt.dispatch.halls import TOLERANCE_MW, HallSegments, hourly_response
from megawatt.dispatch.rates import other_usd
from megawatt.dispatch.records import Dispatch, SiteProblem
from megawatt.facility.records import FacilityResponse
from megawatt.hours import HOURS_IN_YEAR, hour_name

__all__ = ["account", "overloads"]


def account(
    problem: SiteProblem,
    ai_it_mw: FloatArray,
    mining: HallSegments,
    mining_mw: FloatArray,
    solver: str,
    import_mw: FloatArray | None = None,
) -> Dispatch:
    """Account of a year in which the halls run at the given IT power.

    Parameters
    ----------
    problem : SiteProblem
        The site year.
    ai_it_mw : array, shape (8760,)
        IT power of the AI halls. [MW]
    mining : HallSegments
        The mining halls.
    mining_mw : array, shape (8760, k)
        IT power of their segments. [MW]
    solver : str
        Who made the plan.
    import_mw : array, shape (8760,), optional
        Power from the grid, where it is not all that the halls draw.

    Returns
    -------
    Dispatch
        ``energy_cost_usd`` by part: ``market`` (energy at the market price) and ``delivery`` (adders),
        and where the tariff has them ``charges`` (demand, tiers, fixed, minimum);
        ``revenue_usd``: ``ai`` and ``mining``. ``binding``: hours in which the connection is full (``import``), cooling
        holds IT power below what is offered (``ai_cooling``, ``mining_cooling``), AI load is curtailed for whatever
        reason (``ai_curtailed``), or miners are off or throttled (``mining_curtailed``). In hours of ``ai_space`` and
        ``mining_space`` all racks, or all miners, run beside a connection that has room: space binds, not power.
    """
    ai_facility, ai_water = _hall(problem.ai_response, ai_it_mw)
    mining_it_mw = np.asarray(np.clip(mining_mw.sum(axis=1), 0.0, mining.cap_it_mw))
    _, mining_water = _hall(problem.mining_response, mining_it_mw)
    mining_facility = mining.idle_mw + (mining_mw * mining.slope).sum(axis=1)
    mining_usd = np.asarray((mining_mw * mining.usd_per_mwh).sum(axis=1))
    drawn = ai_facility + mining_facility if import_mw is None else import_mw
    revenue = {
        "ai": float(problem.ai_value_usd_per_mwh * ai_it_mw.sum()),
        "mining": float(mining_usd.sum()),
    }
    cost = {"market": float(problem.price_usd_per_mwh @ drawn), "delivery": float(problem.adder_usd_per_mwh @ drawn)}
    if problem.rate is not None and (other := other_usd(problem.rate, drawn)):
        cost["charges"] = other
    curtailed = problem.ai_it_mw - ai_it_mw
    room = drawn < problem.import_limit_mw - TOLERANCE_MW
    binding = {
        "import": _hours(drawn >= problem.import_limit_mw - TOLERANCE_MW),
        "ai_cooling": _hours(_cooling(problem.ai_response, problem.ai_it_mw)),
        "mining_cooling": _hours(_cooling(problem.mining_response, np.full(HOURS_IN_YEAR, problem.mining_it_mw))),
        "ai_curtailed": _hours(curtailed > TOLERANCE_MW),
        "mining_curtailed": _hours(mining_it_mw < problem.mining_it_mw - TOLERANCE_MW),
        "ai_space": _hours(_full(problem.ai_response, ai_it_mw, problem.ai_it_mw) & room),
        "mining_space": _hours(_full(problem.mining_response, mining_it_mw, problem.mining_it_mw) & room),
    }
    return Dispatch(
        import_mw=drawn,
        ai_it_mw=ai_it_mw,
        ai_facility_mw=ai_facility,
        mining_it_mw=mining_it_mw,
        mining_facility_mw=mining_facility,
        mining_usd=mining_usd,
        ai_curtailed_mw=curtailed,
        water_l=ai_water + mining_water,
        carbon_t=float(problem.carbon_kg_per_mwh @ drawn) / 1000.0,
        peak_mw=float(drawn.max()),
        energy_cost_usd=MappingProxyType(cost),
        revenue_usd=MappingProxyType(revenue),
        objective_usd=sum(revenue.values()) - sum(cost.values()),
        binding=MappingProxyType(binding),
        solver=solver,
        assumptions=_assumptions(problem),
    )


def overloads(problem: SiteProblem) -> tuple[str, ...]:
    """What keeps the offered AI load from running whatever it is worth: one line per limit, naming its worst hour.

    The import limit is compared with the AI halls at full load beside idle mining halls (miners can be switched off).
    """
    lines = []
    if problem.ai_response is None:
        return ()
    excess = problem.ai_it_mw - problem.ai_response.it_limit_mw
    if excess.max() > TOLERANCE_MW:
        hour = int(excess.argmax())
        lines.append(
            f"AI cooling limit at {hour_name(hour)}: load {problem.ai_it_mw[hour]:.3f} MW IT, cooling carries "
            f"{problem.ai_response.it_limit_mw[hour]:.3f} MW ({_hours(excess > TOLERANCE_MW)} such hours)"
        )
    idle = 0.0 if problem.mining_response is None else problem.mining_response.facility_mw[:, 0]
    needed = hourly_response(problem.ai_response, problem.ai_response.facility_mw, problem.ai_it_mw) + idle
    excess = needed - problem.import_limit_mw
    if excess.max() > TOLERANCE_MW:
        hour = int(excess.argmax())
        lines.append(
            f"import limit at {hour_name(hour)}: AI halls need {needed[hour]:.3f} MW at the connection, limit "
            f"{problem.import_limit_mw[hour]:.3f} MW ({_hours(excess > TOLERANCE_MW)} such hours)"
        )
    return tuple(lines)


def _hall(response: FacilityResponse | None, it_mw: FloatArray) -> tuple[FloatArray, FloatArray]:
    if response is None:
        return np.zeros(HOURS_IN_YEAR), np.zeros(HOURS_IN_YEAR)
    return (
        hourly_response(response, response.facility_mw, it_mw),
        hourly_response(response, response.water_l_per_h, it_mw),
    )


def _full(response: FacilityResponse | None, it_mw: FloatArray, offered_mw: FloatArray | float) -> NDArray[np.bool_]:
    """Hours in which all that is offered runs."""
    if response is None:
        return np.zeros(HOURS_IN_YEAR, dtype=np.bool_)
    return np.asarray((it_mw >= offered_mw - TOLERANCE_MW) & (it_mw > TOLERANCE_MW))


def _cooling(response: FacilityResponse | None, offered_mw: FloatArray) -> NDArray[np.bool_]:
    if response is None:
        return np.zeros(HOURS_IN_YEAR, dtype=np.bool_)
    return np.asarray(response.it_limit_mw < offered_mw - TOLERANCE_MW)


def _hours(mask: NDArray[np.bool_]) -> int:
    return int(np.count_nonzero(mask))


def _assumptions(problem: SiteProblem) -> tuple[Assumption, ...]:
    """The problem's and its halls' assumptions, each once."""
    parts = [problem.assumptions]
    parts += [r.assumptions for r in (problem.ai_response, problem.mining_response) if r is not None]
    seen: dict[tuple[str, str], Assumption] = {}
    for assumption in (a for part in parts for a in part):
        seen.setdefault((assumption.name, assumption.room), assumption)
    return tuple(seen.values())
