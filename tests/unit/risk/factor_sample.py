"""Factor terms that tests change one at a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from megawatt.risk import FactorTerms


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
        correlation=np.array([[1, 0, 0.2, 0.3], [0, 1, 0, 0.1], [0.2, 0, 1, 0.6], [0.3, 0.1, 0.6, 1.0]]),
        tenant_annual_default=0.05,
        tenant_correlation=0.24,
        relet_lag_months=6,
    )
    return replace(base, **change)  # type: ignore[arg-type]
