"""A miner's position at a date, put together from rows of a table of facts (company, field, value, unit, as_of)."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from megawatt.catalogue import Catalogue
from megawatt.company.records import Company, Debt, Mining

__all__ = ["PositionFact", "company_of", "day_of", "known_by"]

_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")

_SCALES: Final = {"%": 0.01, "k": 1e3, "m": 1e6, "bn": 1e9}
_CURRENCIES: Final = {"cad": "usd_per_cad", "gbp": "usd_per_gbp", "aud": "usd_per_aud", "eur": "usd_per_eur"}
"""Currencies of filings, and what the catalogue calls their rates."""


@dataclass(frozen=True, slots=True)
class PositionFact:
    """One row: a field of a company at a date; ``value`` as written."""

    field: str
    value: str
    unit: str
    as_of: str
    confidence: str = ""
    note: str = ""

    @property
    def number(self) -> float | None:
        """The first number of the value; "8.75 %" is 0.0875, "97m" 97 million, "49,000" 49 thousand."""
        text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", self.value)
        found = _NUMBER.search(text)
        if found is None:
            return None
        scale = re.match(r"\s*(%|bn|m|k)(?![a-z])", text[found.end() :].lower())
        return float(found[0]) * (_SCALES[scale[1]] if scale else 1.0)


def day_of(as_of: str) -> tuple[int, int, int] | None:
    """Last day that a date as written may mean: 2021, 2021-Q4, 2021-H2, 2021-11, 2021-12-15; FY2022 its year."""
    found = re.fullmatch(r"(?:FY)?(\d{4})(?:-(?:Q([1-4])|H([12])|(\d{1,2})(?:-(\d{1,2}))?))?", as_of.strip())
    if found is None:
        return None
    year, quarter, half, month, day = (int(part) if part else 0 for part in found.groups())
    last = 3 * quarter or 6 * half or month or 12
    if not 1 <= last <= 12:
        return None
    return year, last, day or calendar.monthrange(year, last)[1]


def known_by(facts: Iterable[PositionFact], year: int, month: int) -> dict[str, PositionFact]:
    """The latest fact of each field that describes a day up to the end of a month."""
    end = (year, month, 31)
    kept: dict[str, PositionFact] = {}
    for fact in facts:
        day = day_of(fact.as_of)
        if day is None or day > end:
            continue
        before = kept.get(fact.field)
        if before is None or (day_of(before.as_of) or end) <= day:
            kept[fact.field] = fact
    return kept


@dataclass(slots=True)
class _Reader:
    """Numbers of a position, and what had to be assumed."""

    facts: Mapping[str, PositionFact]
    catalogue: Catalogue
    key: str
    assumed: list[str]

    def first(self, *patterns: str) -> float | None:
        """Value in USD, coins or EH/s of the first field that a pattern matches whole."""
        for pattern in patterns:
            for name, fact in self.facts.items():
                if re.fullmatch(pattern, name) and fact.number is not None:
                    return self._scaled(fact)
        return None

    def total(self, pattern: str) -> float:
        """Sum of the fields that a pattern matches whole."""
        found = [f for name, f in self.facts.items() if re.fullmatch(pattern, name) and f.number is not None]
        return sum(self._scaled(fact) for fact in found)

    def usual(self, name: str) -> float:
        """A number of the catalogue in place of one that the position does not hold."""
        self.assumed.append(name)
        return self.catalogue.number(self.key, name)

    def _scaled(self, fact: PositionFact) -> float:
        value = fact.number or 0.0
        rate = _CURRENCIES.get(fact.unit.lower()[:3])
        if rate is not None:
            value *= self.catalogue.number(self.key, rate)
        if fact.confidence == "memory":
            self.assumed.append(f"{fact.field} from memory")
        return value * (1e-3 if fact.unit.lower().startswith("ph") else 1.0)


def company_of(
    name: str, facts: Sequence[PositionFact], year: int, month: int, catalogue: Catalogue, key: str = "position-usual"
) -> Company:
    """A company from what was known of it at the end of a month.

    Fields are known by their names (cash, btc_held, hashrate_self, debt, ..._loan..., guidance_hashrate..., power_price
    and the like); what is missing takes the usual of the catalogue's ``key`` and is listed in ``assumed``.
    """
    assumed: list[str] = []
    read = _Reader(known_by(facts, year, month), catalogue, key, assumed)
    hash_eh = _hash_rate(read)
    hosted = read.first(r"hashrate_hosted.*") or 0.0
    coins = read.first(r"btc_held", r"held_btc", r"bitcoin_held") or 0.0
    cash = read.first(r"cash", r"cash_.*", r"unrestricted_cash")
    if cash is None:
        liquidity = read.first(r"liquidity.*")
        per_eh = read.usual("cash_usd_per_eh") if liquidity is None else 0.0
        cash = liquidity if liquidity is not None else per_eh * hash_eh
    power = read.first(r"power_price.*", r"power_cost.*", r"electricity_.*per_kwh")
    ordered, order_usd = _orders(read, hash_eh)
    overhead = read.usual("overhead_usd_per_year") + read.usual("overhead_usd_per_eh_year") * (hash_eh + hosted)
    return Company(
        key=name,
        title=name,
        year=year,
        month=month,
        cash_usd=cash,
        coins_btc=coins,
        overhead_usd_per_month=overhead / 12.0,
        mining=(
            Mining(
                hash_eh_per_s=hash_eh,
                efficiency_j_per_th=read.first(r"(fleet_)?efficiency.*") or read.usual("efficiency_j_per_th"),
                power_usd_per_mwh=1000.0 * power if power else read.usual("power_usd_per_mwh"),
                hosted_eh_per_s=hosted,
                machine_usd_per_th=read.usual("machine_usd_per_th"),
                ordered_eh_per_s=ordered,
                order_usd=order_usd,
            ),
        ),
        debts=_debts(read, hash_eh),
        assumed=tuple(dict.fromkeys(assumed)),
    )


def _hash_rate(read: _Reader) -> float:
    found = read.first(r"hashrate_self", r"hashrate", r"hashrate_(operating|installed|energi[sz]ed|average|[ept]h_).*")
    if found:
        return found
    for pattern, months in ((r"revenue_q4.*", 3.0), (r"revenue_.*", 12.0)):
        revenue = read.first(pattern)
        if revenue:
            return revenue / months * 12.0 / read.usual("revenue_usd_per_eh_year")
    return read.usual("hash_eh_per_s")


def _orders(read: _Reader, hash_eh: float) -> tuple[float, float]:
    """Machines on order [EH/s] and what is still owed on them [USD]: from guidance, machines, or money."""
    per_th, prepaid = read.usual("order_usd_per_th"), read.usual("order_prepaid_frac")
    target = read.first(r"(guidance_hashrate|hashrate_guidance|hashrate_contracted|hashrate_target).*")
    asked = read.facts.get("machine_orders") or read.facts.get("machine_orders_self")
    number = asked.number if asked is not None else None
    ordered = 0.0
    if target:
        ordered = max(target - hash_eh, 0.0)
    elif number and asked is not None and asked.unit.startswith("miner"):
        ordered = number * read.usual("machine_th_per_s") / 1e6
    elif number and asked is not None and asked.unit.lower().startswith("usd"):
        ordered = number / (per_th * 1e6)
    else:
        ordered = read.usual("ordered_over_hash") * hash_eh
    left = ordered * 1e6 * per_th * (1.0 - prepaid)
    if number and asked is not None and asked.unit.lower().startswith("usd"):
        left = max(left, number * (1.0 - prepaid))
    return ordered, max(left - read.total(r"prepayments?.*"), 0.25 * left)


_CONVERTIBLE: Final = r".*convert.*"
_ON_COINS: Final = r"(?!.*convert).*(credit_line|credit_facility|revolver|(btc|bitcoin|coin)_?(loan|backed)).*"
_NOTES: Final = r"(?!.*convert)(senior_|unsecured_)?(notes(?!_payable)|bonds?).*"
_TOTAL: Final = r"(total_|net_)?debt|notes_payable.*|borrowings.*|loans_payable.*|secured_debt.*"
_ON_MACHINES: Final = (
    rf"(?!{_ON_COINS})(?!{_NOTES})(?!.*convert)(?!loans_payable).*(loan|equipment_financ|machine_financ|spv_debt).*"
)


def _debts(read: _Reader, hash_eh: float) -> tuple[Debt, ...]:
    """Loans by what secures them; a total beyond the named ones is taken to be secured by machines, and where nothing
    is known of debts the usual is."""
    coupon = read.first(r"coupon.*", r"interest_rate.*")
    rate = coupon if coupon and coupon < 1.0 else None
    convertible, on_coins, notes = read.total(_CONVERTIBLE), read.total(_ON_COINS), read.total(_NOTES)
    on_machines, debt = read.total(_ON_MACHINES), read.first(_TOTAL)
    known = convertible + on_coins + notes + on_machines
    if debt is None and known == 0.0:
        debt = read.usual("debt_over_machines") * hash_eh * 1e6 * read.usual("machine_usd_per_th")
    rest = max((debt or 0.0) - known, 0.0)
    made = []
    amounts = {"machines": on_machines + rest, "coins": on_coins, "convertible": convertible, "corporate": notes}
    for kind, usd in amounts.items():
        if usd <= 0.0 and kind != "machines":
            continue
        stem = {"machines": "machine_loan", "coins": "coin_loan", "convertible": "convertible", "corporate": "notes"}[
            kind
        ]
        own = rate if kind != "convertible" else None
        made.append(
            Debt(
                name=kind,
                kind=kind,  # type: ignore[arg-type]
                principal_usd=usd,
                rate=own or read.usual(f"{stem}_rate"),
                maturity_month=round(read.usual(f"{stem}_months")),
                amortising=kind == "machines",
                recourse=not re.search("non-?recourse|spv", " ".join(f.note + f.field for f in read.facts.values())),
            )
        )
    return tuple(made)
