"""How long a customer waits for a cluster: a queue for a pool of reserved machines."""

from __future__ import annotations

import math

from megawatt.errors import ScenarioError

__all__ = ["access_figures", "waits_frac"]


def waits_frac(clusters: int, used_frac: float) -> float:
    """Share of requests that find every cluster taken (Erlang's C: requests come at random, holding times vary as much
    as random ones).

    Parameters
    ----------
    clusters : int
        Clusters of the size asked for in the pool. >= 1
    used_frac : float
        Mean share of them in use. above 0 to below 1
    """
    load, blocked = clusters * used_frac, 1.0
    for n in range(1, clusters + 1):
        blocked = load * blocked / (n + load * blocked)
    return blocked / (1.0 - used_frac * (1.0 - blocked))


def access_figures(*, clusters: int, used_frac: float, hold_days: float, variation: float = 1.0) -> dict[str, float]:
    """Wait for a cluster from a pool that others hold, first come first served.

    Parameters
    ----------
    clusters : int
        Clusters of the size asked for in the pool. >= 1
    used_frac : float
        Mean share of them in use. above 0 to below 1
    hold_days : float
        Mean time that a customer keeps one. [days], > 0
    variation : float
        Standard deviation of that time over its mean. >= 0

    Returns
    -------
    dict
        ``waits_frac`` of requests that wait, ``wait_days`` mean over all, ``wait_if_days`` mean of those that wait.

    Raises
    ------
    ScenarioError
        If a value is out of range.

    Notes
    -----
    Mean wait of M/G/c after Lee and Longton (1959): that of M/M/c times (1 + variation^2) / 2; exact for one cluster
    and for a variation of 1.
    """
    if clusters < 1 or not 0.0 < used_frac < 1.0 or not hold_days > 0.0 or not 0.0 <= variation < math.inf:
        raise ScenarioError(
            f"access: clusters {clusters}, used_frac {used_frac:g}, hold_days {hold_days:g}, variation {variation:g}; "
            "allowed: 1 or more, above 0 to below 1, above 0, from 0 on"
        )
    share = waits_frac(clusters, used_frac)
    spread = 0.5 * (1.0 + variation**2)
    waiting = spread * hold_days / (clusters * (1.0 - used_frac))
    return {"waits_frac": share, "wait_days": share * waiting, "wait_if_days": waiting}
