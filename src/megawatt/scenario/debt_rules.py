"""Rules of the section about debt: what goes with what, and dates that lie where they can."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from megawatt.errors import Problem
from megawatt.months import month_after, months_between
from megawatt.scenario.debt_sections import DatedAmount, Debt

__all__ = ["debt_between", "debt_dates"]

_LIMITS: Final = ("target_dscr", "gearing_frac", "minimum_llcr", "maximum_ltv", "advance_frac")
"""What sizes a loan."""


def _table(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = raw.get(name)
    return section if isinstance(section, dict) else {}


def _list(value: Any) -> list[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def debt_between(raw: Mapping[str, Any]) -> Iterator[Problem]:
    """Problems between fields of a raw scenario's debt."""
    for rule in (_floats, _one_amount, _clocks, _dated, _beside):
        yield from rule(raw)


def _floats(raw: Mapping[str, Any]) -> Iterator[Problem]:
    """A floating rate and what it needs; tranches behind the loan."""
    debt = _table(raw, "debt")
    years = [row.get("year") for row in _list(debt.get("forward_rates"))]
    given = [year for year in years if isinstance(year, int)]
    if debt.get("floating_frac") and not years:
        yield Problem("debt.forward_rates", "missing", "rates by year, because floating_frac is given")
    if given != sorted(set(given)):
        yield Problem("debt.forward_rates", ", ".join(map(str, given)), "years in order, each once")
    for i, row in enumerate(_list(debt.get("junior"))):
        amounts = [name for name in ("share_of_equity_frac", "principal_usd") if row.get(name) is not None]
        if len(amounts) != 1:
            yield Problem(
                f"debt.junior.{i}", " and ".join(amounts) or "no amount", "one of share_of_equity_frac, principal_usd"
            )
        months = _table(raw, "timeline").get("operating_months", 60)
        every = debt.get("payment_every_months", 1)
        numbers = all(isinstance(n, int) for n in (row.get("payments"), months, every))
        if numbers and row["payments"] * every > months:
            most = f"at most {months // max(every, 1)} in the {months} months of operation"
            yield Problem(f"debt.junior.{i}.payments", str(row["payments"]), most)
        yield from _converts(f"debt.junior.{i}", row)
    payments, only = debt.get("payments", 60), debt.get("interest_only_payments", 0)
    if isinstance(payments, int) and isinstance(only, int) and only >= max(payments, 1):
        yield Problem("debt.interest_only_payments", str(only), f"below payments = {payments}")
    shape = debt.get("shape", "level")
    if only and shape in ("sculpted", "bullet", "dated"):
        hint = "a bullet pays interest alone; repayments can start later"
        yield Problem("debt.interest_only_payments", str(only), f"0, because shape = {shape!r}", hint)


def _converts(path: str, row: Mapping[str, Any]) -> Iterator[Problem]:
    """What a convertible needs; conversion is worth something only at a price of the share that is put in."""
    given = [name for name in ("conversion_price_usd", "share_price_usd") if row.get(name) is not None]
    if given and row.get("kind") != "convertible":
        yield Problem(f"{path}.{given[0]}", "a price", "none, because kind is not 'convertible'", "leave it out")
    elif len(given) == 1:
        other = "share_price_usd" if given[0] == "conversion_price_usd" else "conversion_price_usd"
        hint = f"leave {given[0]} out too and it is debt with a coupon: the site's cash says nothing of the share"
        yield Problem(f"{path}.{other}", "missing", f"a price beside {given[0]}: no conversion is costed without", hint)


def _one_amount(raw: Mapping[str, Any]) -> Iterator[Problem]:
    debt = raw.get("debt")
    if isinstance(debt, dict):
        given = [name for name in ("principal_usd", "share_of_machines_frac") if name in debt]
        limits = [name for name in _LIMITS if name in debt]
        if len(given) > 1 or not (given or limits):
            found = " and ".join(given) or "no amount"
            allowed = "one of principal_usd, share_of_machines_frac"
            yield Problem("debt", found, allowed, f"or size it by {', '.join(_LIMITS)}")
        if limits and debt.get("clock_months") is not None:
            yield Problem("debt.clock_months", "draws on clocks of their own", f"none, because of debt.{limits[0]}")
        if "target_dscr" in limits and debt.get("shape") == "sculpted" and debt.get("balloon_frac", 0) != 0:
            yield Problem("debt.balloon_frac", "a balloon", "0, because service is sculpted to debt.target_dscr")


def _clocks(raw: Mapping[str, Any]) -> Iterator[Problem]:
    debt = _table(raw, "debt")
    if debt.get("clock_months") is None:
        return
    if debt.get("drawn", "at-once") == "at-once":
        yield Problem("debt.clock_months", "draws at once", "none, because drawn = 'at-once'")
    if debt.get("refinance_payments", 0):
        yield Problem("debt.refinance_payments", "draws on clocks of their own", "0, because of debt.clock_months")
    if debt.get("payment_every_months", 1) != 1:
        yield Problem("debt.payment_every_months", f"{debt['payment_every_months']}", "1, because of debt.clock_months")
    if debt.get("shape") in ("sculpted", "dated"):
        yield Problem(
            "debt.shape", repr(debt["shape"]), "level, equal-principal or bullet, because of debt.clock_months"
        )


_DATED: Final = ("repayments", "prepayments", "target_balance")
"""Lists of amounts of the loan by month."""


def _dated(raw: Mapping[str, Any]) -> Iterator[Problem]:
    """Amounts by month: what they need, in order, one amount each."""
    debt = _table(raw, "debt")
    shape = debt.get("shape", "level")
    if shape == "dated" and not debt.get("repayments"):
        yield Problem("debt.repayments", "missing", "principal by month, because shape = 'dated'")
    if debt.get("repayments") and shape != "dated":
        yield Problem("debt.shape", repr(shape), "'dated', because repayments are given", "or leave them out")
    if debt.get("balloon_frac") and shape in ("dated", "bullet"):
        why = "what repayments leave falls due last" if shape == "dated" else "all of it falls due last"
        yield Problem("debt.balloon_frac", str(debt["balloon_frac"]), f"0, because shape = {shape!r}", why)
    for name in (*_DATED, "call_prices"):
        months = [row.get("month") for row in _list(debt.get(name))]
        if all(isinstance(m, str) for m in months) and months != sorted({str(m) for m in months}):
            yield Problem(f"debt.{name}", ", ".join(map(str, months)), "months in order, each once")
    for name in _DATED:
        for i, row in enumerate(_list(debt.get(name))):
            yield from _one_of(f"debt.{name}.{i}", row, debt)


def _one_of(path: str, row: Mapping[str, Any], debt: Mapping[str, Any]) -> Iterator[Problem]:
    given = [key for key in ("frac", "usd") if row.get(key) is not None]
    if len(given) != 1:
        yield Problem(path, " and ".join(given) or "no amount", "one of frac, usd")
    elif given == ["usd"] and ("principal_usd" not in debt or any(key in debt for key in _LIMITS)):
        hint = "usd goes with principal_usd alone"
        yield Problem(f"{path}.usd", "an amount", "frac, because the loan's amount is found", hint)


def _beside(raw: Mapping[str, Any]) -> Iterator[Problem]:
    """What says nothing without something else."""
    debt = _table(raw, "debt")
    needs = (
        ("target_balance", "sweep_frac", "a share of what owners would get, because target_balance stops the sweep"),
        ("cures_most", "covenant_dscr", "a cover, because cures_most is given"),
        ("cures_per_year", "cures_most", "a number, because cures_per_year is given"),
        ("appraisal_usd", "maximum_ltv", "a share of the appraisal, because appraisal_usd is given"),
    )
    for given, needed, allowed in needs:
        if debt.get(given) and not debt.get(needed):
            yield Problem(f"debt.{needed}", "missing", allowed, f"or leave {given} out")
    breach, locked = debt.get("covenant_dscr"), debt.get("lockup_dscr")
    if isinstance(breach, int | float) and isinstance(locked, int | float) and breach > locked:
        why = f"at most lockup_dscr = {locked}: owners' payments stop before the covenant is breached"
        yield Problem("debt.covenant_dscr", str(breach), why)
    held = debt.get("reserve_held_as", "cash")
    if held == "cash":
        for name in ("letter_of_credit_fee_per_year", "letter_of_credit_rate"):
            if debt.get(name):
                yield Problem("debt.reserve_held_as", held, f"'letter-of-credit', because {name} is given")
    elif held == "letter-of-credit" and debt.get("reserve_months") == 0:
        yield Problem("debt.reserve_months", "0", "months that the letter of credit stands in for")


def debt_dates(debt: Debt, start: str, first: int, last: int) -> Iterator[Problem]:
    """Problems of dated amounts with the payments, which lie in months ``first`` to ``last`` of the project.

    Parameters
    ----------
    start : str
        The project's first month, ``YYYY-MM``.
    first : int
        First month of the first payment period.
    last : int
        Month of the last payment.
    """
    every = debt.payment_every_months
    due = first + every - 1
    allowed = f"a month with a payment, {month_after(start, due)} to {month_after(start, last)}"
    allowed += "" if every == 1 else f", every {every} months"
    for name in ("repayments", "prepayments"):
        for i, row in enumerate(getattr(debt, name)):
            at = months_between(start, row.month)
            if not due <= at <= last or (at - due) % every:
                yield Problem(f"debt.{name}.{i}.month", row.month, allowed)
        yield from _in_all(debt, name)
    for name in ("target_balance", "call_prices"):
        for i, row in enumerate(getattr(debt, name)):
            if not 0 <= months_between(start, row.month) <= last:
                yield Problem(
                    f"debt.{name}.{i}.month", row.month, f"a month from {start} to {month_after(start, last)}"
                )


def _in_all(debt: Debt, name: str) -> Iterator[Problem]:
    """No more than the loan."""
    rows: tuple[DatedAmount, ...] = getattr(debt, name)
    shares = sum(row.frac.number() for row in rows if row.frac)
    if shares > 1.0 + 1e-9:
        yield Problem(f"debt.{name}", f"{shares:.6g} of the debt in all", "at most 1")
    usd = sum(row.usd.number() for row in rows if row.usd)
    if debt.principal_usd is not None and usd > debt.principal_usd.number() * (1.0 + 1e-9):
        most = f"at most principal_usd = {debt.principal_usd.number():,.0f}"
        yield Problem(f"debt.{name}", f"{usd:,.0f} USD in all", most, "what is left falls due last")
