"""Factor terms that tests change one at a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from megawatt.risk import FactorTerms

_CORRELATION = np.eye(7)
_CORRELATION[:4, :4] = [[1, 0, 0.2, 0.3], [0, 1, 0, 0.1], [0.2, 0, 1, 0.6], [0.3, 0.1, 0.6, 1.0]]
_CORRELATION[4:, 4:] = [[1, -0.3, 0], [-0.3, 1, -0.6], [0, -0.6, 1]]
_CORRELATION[3, 5] = _CORRELATION[5, 3] = -0.5


def sample_terms(**change: object) -> FactorTerms:
    """Terms of the size of the catalogue's, with a default probability high enough to be seen."""
    base = FactorTerms(
        btc_volatility=0.6,
        btc_drift=0.0,
        power_volatility=0.7,
        power_reversion=1.0,
        compute_volatility=0.35,
        compute_reversion=1.0,
        compute_drift=-0.15,
        demand_volatility=0.2,
        demand_reversion=0.5,
        correlation=_CORRELATION,
        tenant_annual_default=0.05,
        tenant_correlation=0.24,
        relet_lag_months=6,
        rate_volatility=0.24,
        rate_reversion=0.15,
        spread_volatility=0.57,
        spread_reversion=2.5,
        equity_volatility=0.2,
    )
    return replace(base, **change)  # type: ignore[arg-type]
