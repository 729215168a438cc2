"""A leased site from rent to distributions in forty lines of numpy, against the chain to the cent."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.chain.test_chain_capital import linked

SITE = (
    "lease.rent_usd_per_kw_month=150", "lease.escalator_per_year=0.03", "lease.market_rent_usd_per_kw_month=200",
    "lease.market_utilisation_frac=0.95", "opex.site_usd_per_kw_month=20", "opex.growth_per_year=0.02",
    "debt.principal_usd=1.2e9", "debt.rate=0.08", "debt.payments=140", 'debt.shape="level"', "debt.reserve_months=0",
    "debt.upfront_fee_frac=0.01", "capex.shell_usd_per_mw=10e6", "capex.shell_life_years=30", "tax.state_rate=0.05",
    "capex.shell_obsolescence_per_year=0.02", "discount_rate=0.09", "capex.shell_tax_life_years=39",
)  # fmt: skip


def by_hand(start_month: int, live: int, months: int, build: int, draw: int) -> dict[str, np.ndarray]:
    kw, m = 168e3, np.arange(months)
    rent = kw * 150 * 1.03 ** ((m - live) // 12) * ((m >= live) & (m < live + 120))
    revenue = rent + kw * 200 * 0.95 * (m >= live + 120)
    opex = kw * 20 * 1.02 ** (m // 12) * (m >= live)
    capex = np.where((m >= live - build) & (m < live), 10e6 * 168 / build, 0.0)
    begin = np.maximum(m + 1, live)
    written = sum(c / 468 * ((m >= b) & (m < b + 468)) for c, b in zip(capex, begin, strict=True) if c)
    sale = float((capex * (1 - (months - begin) / 360)).sum()) * 0.98 ** ((months - live) / 12)
    gain = sale - (capex.sum() - written.sum())
    rate, last, owed = 0.08 / 12, live + 139, 1.2e9 * (1 + 0.08 / 12) ** (live - 1 - draw)
    payment = owed * rate / (1 - (1 + rate) ** -140)
    balance, cash, ytd, losses, tax_paid, kept = 0.0, 0.0, np.zeros(3), 0.0, 0.0, 0.0
    out = {name: np.zeros(months) for name in ("revenue", "opex", "tax", "debt", "equity", "paid_out", "cash")}
    for k in range(months):
        interest = balance * rate
        fee = 0.01 * 1.2e9 / (last - draw + 1) * (draw <= k <= last)
        end = k == months - 1
        plain = revenue[k] - opex[k] - fee + (gain if end else 0.0)
        ytd += [plain - written[k], interest, plain]
        allowed = min(ytd[1] + kept, 0.3 * max(ytd[2], 0.0))
        taxable = ytd[0] - allowed
        offset = min(losses, 0.8 * max(taxable, 0.0))
        owing = (0.05 + 0.21 * 0.95) * (max(taxable, 0.0) - offset) - tax_paid
        calendar = (start_month - 1 + k) % 12 + 1
        due = owing if calendar == 12 or end else max(owing, 0.0) if calendar in (4, 6, 9) else 0.0
        aside = max(owing - due, 0.0)
        tax_paid += due
        if calendar == 12:
            kept, losses = ytd[1] + kept - allowed, losses - offset + max(-taxable, 0.0)
            ytd, tax_paid = np.zeros(3), 0.0
        cash += revenue[k] - opex[k] - due - capex[k] + (1.2e9 - 12e6) * (k == draw) + sale * end
        service = payment if live <= k <= last else 0.0
        balance += interest * (k < live) + 1.2e9 * (k == draw) - (service - interest if service else 0.0)
        out["equity"][k] = max(service - cash, 0.0) if k < live else 0.0
        cash += out["equity"][k] - service
        out["paid_out"][k] = max(cash - aside, 0.0) if k >= live else 0.0
        cash -= out["paid_out"][k]
        out["revenue"][k], out["opex"][k], out["tax"][k], out["debt"][k], out["cash"][k] = (
            revenue[k], opex[k], due, balance, cash,
        )  # fmt: skip
    return out


def test_a_leased_site_by_hand_to_the_cent() -> None:
    links = linked("deals/cipher-barber-lake.toml", *SITE)
    run, calendar = links.base, links.model.calendar
    assert run.terms.loan is not None
    spine, live = calendar.spine, calendar.last_live
    build = links.scenario.capex.build_months
    assert build <= live
    hand = by_hand(spine.start_month, live, spine.months, build, run.terms.loan.draw_month)
    whole_tax = run.tax[0] + run.terms.residual["shell"][0] - run.residual_total[0]
    for name, found in (
        ("revenue", run.revenue_total[0]), ("opex", run.opex_total[0]), ("tax", whole_tax),
        ("debt", run.debt_balance[0]), ("equity", run.equity_in[0]), ("paid_out", run.distributions[0]),
        ("cash", run.closing_cash[0]),
    ):  # fmt: skip
        assert found == pytest.approx(hand[name], abs=0.005), name
