"""What keeps firm load from being served: the hour and the limits that bind in it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from megawatt.dispatch.halls import TOLERANCE_MW
from megawatt.dispatch.hourly import HourlyProblem
from megawatt.errors import InfeasibleError
from megawatt.hours import HOURS_IN_YEAR, hour_name

__all__ = ["shortfall_error"]


def shortfall_error(problem: HourlyProblem, short_mw: NDArray[np.float64]) -> InfeasibleError:
    """The error of a problem whose least shortfall of firm load is ``short_mw`` (hours,): names the worst hour.

    Parameters
    ----------
    problem : HourlyProblem
        The problem.
    short_mw : array, shape (hours,)
        Firm load that cannot be served. [MW]
    """
    hour = int(short_mw.argmax())
    count = int(np.count_nonzero(short_mw > TOLERANCE_MW))
    block = float(problem.imports.mw[hour].sum())
    limit = min(block, problem.import_limit_mw)
    what = "connection limit" if problem.import_limit_mw < block else f"{problem.imports.name} limit of the hour"
    parts = [f"{what} {limit:.3f} MW"]
    parts += [f"{s.name} {s.mw[hour].sum():.3f} MW" for s in problem.supplies]
    parts += [f"{s.name} {s.power_mw:.3f} MW for at most {s.energy_mwh:.3f} MWh" for s in problem.storages]
    name = hour_name(hour) if problem.hours == HOURS_IN_YEAR else f"hour {hour}"
    return InfeasibleError(
        f"site: {name}: firm load {problem.firm_mw[hour]:.3f} MW is short by {short_mw[hour]:.3f} MW "
        f"({count} such hours); binding: {', '.join(parts)}; raise a limit, or let load be curtailed"
    )
