"""The compiled loop against numpy, its normals, and the same answer for any number of threads."""

from __future__ import annotations

import math

import numpy as np
import pytest

from megawatt.risk.kernel import KERNEL_FACTORS, LeveredTerms, _cells, levered_compiled, levered_numpy


def terms(debt_usd: float = 1.3e9, volatility: float = 1.0) -> LeveredTerms:
    correlation = np.eye(len(KERNEL_FACTORS))
    correlation[2, 3] = correlation[3, 2] = 0.6
    return LeveredTerms(
        rent=45e6, elasticity=0.5, mined=3e6, power=9e6, fixed=5e6, debt_usd=debt_usd, rate=0.075, tenor=48, start=6,
        cash_usd=60e6, discount_rate=0.1, volatility=volatility * np.array([0.58, 0.74, 0.35, 0.2, 0.01, 0.012]),
        reversion=np.array([0.0, 1.0, 1.0, 0.5, 0.3, 0.7]), drift=np.array([0.0, 0.0, -0.02, 0.0, 0.0, 0.0]),
        root=np.linalg.cholesky(correlation), months=60,
    )  # fmt: skip


def test_compiled_and_numpy_agree() -> None:
    slow, slow_default = levered_numpy(terms(), 20_000, np.random.default_rng(1))
    fast, fast_default = levered_compiled(terms(), 40_000, 2)
    error = math.hypot(slow.std() / math.sqrt(20_000), fast.std() / math.sqrt(40_000))
    assert abs(slow.mean() - fast.mean()) < 4 * error
    p = float((fast_default >= 0).mean())
    assert 0.01 < p < 0.99
    assert abs((slow_default >= 0).mean() - p) < 4 * math.sqrt(p * (1 - p) * (1 / 20_000 + 2 / 40_000))


def test_without_noise_both_are_the_plain_sum() -> None:
    calm = terms(debt_usd=0.9e9, volatility=0.0)
    slow, _ = levered_numpy(calm, 2, np.random.default_rng(1))
    fast, default = levered_compiled(calm, 2, 1)
    assert fast == pytest.approx(slow, rel=1e-4)
    assert (default == -1).all()
    owed, cash, value = calm.debt_usd, calm.cash_usd, 0.0
    for month in range(60):
        net = 45e6 * math.exp(-0.02 * (month + 1) / 12) ** 0.5 + 3e6 - 9e6 - 5e6
        factor = 1.1 ** (-(month + 1) / 12)
        if 6 <= month < 54:
            due = owed * (0.075 / 12 + 1 / (54 - month))
            owed -= owed / (54 - month)
            net -= due
        value += net * factor
    assert fast[0] == pytest.approx(value + cash * 1.1**-5, rel=1e-3)


def test_any_number_of_threads_and_any_share_of_paths_give_the_same() -> None:
    one, one_default = levered_compiled(terms(), 4000, 3, threads=1)
    two, two_default = levered_compiled(terms(), 4000, 3, threads=2)
    assert (one == two).all()
    assert (one_default == two_default).all()
    later, _ = levered_compiled(terms(), 2000, 3, first=1000)
    assert (later == one[2000:]).all()
    assert (levered_compiled(terms(), 4000, 4)[0] != one).any()


def test_normals_by_cells_have_the_moments_of_normals() -> None:
    low, width = (array.astype(np.float64) for array in _cells())
    middle, spread = low + width / 2, width**2 / 12
    assert middle.mean() == pytest.approx(0.0, abs=1e-6)
    assert (middle**2 + spread).mean() == pytest.approx(1.0, abs=1e-5)
    assert (middle**4 + 6 * middle**2 * spread + width**4 / 80).mean() == pytest.approx(3.0, abs=0.02)


def test_more_debt_fails_more_often() -> None:
    shares = [(levered_compiled(terms(debt), 8000, 5)[1] >= 0).mean() for debt in (0.4e9, 0.9e9, 1.4e9)]
    assert shares[0] < shares[1] < shares[2]
