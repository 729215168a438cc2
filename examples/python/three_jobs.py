"""The jobs of an engineer, an operator and a lender in Python: ``python examples/python/three_jobs.py``.

Checked by mypy with its strictest settings, as a user's own script would be.
"""

from __future__ import annotations

import megawatt as mw


def engineer() -> float:
    """Days of a training run on the faster of two machines."""
    machines = mw.compare("llama-3.1-8b", ["hgx-h100", "hgx-h200"], chips=64, seq=8192, batch=512)
    best = max(machines.value, key=lambda one: 0.0 if one.plan is None else one.plan.tokens_per_s)
    run = mw.train("llama-3.1-8b", best.system.key, chips=64, seq=8192, batch=512, tokens=1e12)
    print(run.summary())
    return float(run["run.days"])


def operator() -> float:
    """What a battery adds to a year of mining. [USD]"""
    power = {"grid": "ercot-hub", "tariff": "ercot-transmission"}
    site = mw.Site.of("mining", place="childress-tx", grid_mw=50, power=power)
    without, stored = mw.dispatch(site), mw.dispatch(site, battery=(10.0, 40.0))
    print(stored.summary())
    earned = [float(year["uses.0.plans.perfect.earned_usd"]) for year in (without, stored)]
    return earned[1] - earned[0]


def lender() -> float:
    """Share of the revenue at which the debt is just covered."""
    loan = mw.Loan(700e6, rate=0.085, payments=60)
    deal = mw.cash(
        capex_usd=900e6, revenue_usd_per_month=28e6, opex_usd_per_month=5e6, months=60, loan=loan
    )  # fmt: skip
    print(deal.summary())
    return deal.revenue_share_at(1.0)


if __name__ == "__main__":
    engineer()
    operator()
    lender()
