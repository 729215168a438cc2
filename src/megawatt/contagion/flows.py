"""Who pays whom, for what, from when: rows of a table of flows, and what falls due in a year."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from megawatt.catalogue import Catalogue
from megawatt.catalogue.records import Assumption
from megawatt.errors import Problem, ScenarioError
from megawatt.files import Row, read_table, refused

__all__ = ["CLASSES", "Flow", "catalogue_flows", "read_flows", "renamed"]

CLASSES: Final = ("secured debt", "contracts and purchases", "unsecured debt", "equity promised")
"""Order in which a node pays, the most senior first."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """How flows of a kind are paid: rank, years where the row has none, and whether the payee owes it back."""

    rank: int
    years: float
    owed_back: bool = False


_KINDS: Final[Mapping[str, _Kind]] = MappingProxyType(
    {
        "debt": _Kind(0, 5.0, owed_back=True),
        "convertible": _Kind(2, 6.0, owed_back=True),
        "colocation_lease": _Kind(1, 12.0),
        "cloud_contract": _Kind(1, 5.0),
        "gpu_cloud_contract": _Kind(1, 5.0),
        "compute_services": _Kind(1, 5.0),
        "gpu_purchase": _Kind(1, 1.0),
        "tenant_funded_capex": _Kind(1, 1.0),
        "equity": _Kind(3, 5.0),
        "preferred_equity": _Kind(3, 5.0),
        "backstop_contingent": _Kind(1, 5.0),
    }
)
_NO_CASH: Final = ("equity_warrants",)
"""Kinds that move no money."""
_COUPON: Final = MappingProxyType({"debt": 0.08, "convertible": 0.0})
"""Interest where the row says none: middle of the secured notes of 2025 (7.1 to 9.25 %); convertibles mostly none."""
_HIGHEST_COUPON: Final = 0.25
"""No note of the table pays more a year."""
_START: Final = re.compile(
    r"(20[0-9]{2})(?:-(?:(0[1-9]|1[0-2])(?:-(?:0[1-9]|[12][0-9]|3[01]))?|Q([1-4])|H([12])|(20[0-9]{2})))?"
)
_NEEDED: Final = ("payer", "payee", "kind", "amount_usd", "years", "start")


@dataclass(frozen=True, slots=True)
class Flow:
    """One line: ``payer`` hands ``amount_usd`` to ``payee`` over ``years`` from ``start`` (a year, with its part).

    Of debt the payer is the lender; what falls due runs the other way. ``assumed`` names what the row left open.
    """

    payer: str
    payee: str
    kind: str
    amount_usd: float
    start: float
    years: float
    coupon: float = 0.0
    assumed: tuple[str, ...] = ()
    note: str = ""

    @property
    def rank(self) -> int:
        """Place of its class among `CLASSES`."""
        return _KINDS[self.kind].rank

    @property
    def debtor(self) -> str:
        """Who owes."""
        return self.payee if _KINDS[self.kind].owed_back else self.payer

    @property
    def creditor(self) -> str:
        """Who is owed."""
        return self.payer if _KINDS[self.kind].owed_back else self.payee

    def share_of_year(self, year: int) -> float:
        """Part of the whole term that lies in a calendar year, 0 to 1."""
        return max(min(self.start + self.years, year + 1.0) - max(self.start, float(year)), 0.0) / self.years

    def due_usd(self, year: int) -> float:
        """What the debtor owes in a calendar year: its part of a contract; of debt interest, and all at maturity."""
        if not _KINDS[self.kind].owed_back:
            return self.amount_usd * self.share_of_year(year)
        end = self.start + self.years
        running = max(min(end, year + 1.0) - max(self.start, float(year)), 0.0)
        return self.amount_usd * (self.coupon * running + (1.0 if year < end <= year + 1.0 else 0.0))

    def lent_usd(self, year: int) -> float:
        """What a lender pays out in a year: the whole of a loan in the year of its start."""
        return self.amount_usd if _KINDS[self.kind].owed_back and year <= self.start < year + 1.0 else 0.0


def renamed(flows: Iterable[Flow], catalogue: Catalogue) -> tuple[Flow, ...]:
    """Flows with one name for each node: a key or alias of a counterparty in the catalogue stands for its title, and
    one spelling, the first, for all that differ in capitals alone.

    Raises
    ------
    ScenarioError
        If a flow runs from a node to itself.
    """
    spelt: dict[str, str] = {}
    out = []
    for flow in flows:
        ends = [_title(name, catalogue) for name in (flow.payer, flow.payee)]
        payer, payee = (spelt.setdefault(name.lower(), name) for name in ends)
        if payer == payee:
            found = f"{flow.payer} to {flow.payee}: both are {payer}"
            raise ScenarioError(f"contagion: {found}", [Problem("payee", found, "two different names")])
        out.append(replace(flow, payer=payer, payee=payee))
    return tuple(out)


def _title(name: str, catalogue: Catalogue) -> str:
    key = name.lower().replace(" ", "-")
    entry = catalogue.get(key) if catalogue.knows(key) else None
    return entry.title if entry is not None and entry.family == "counterparty" else name


def read_flows(path: Path) -> tuple[tuple[Flow, ...], tuple[str, ...]]:
    """Flows of a CSV file (payer, payee, kind, amount_usd, years, start; coupon, note where there are), and what of it
    cannot be used.

    Raises
    ------
    ScenarioError
        If a column is missing, a cell is no number, kind or date, or no row moves money.
    """
    flows, left = _flows(read_table(path, _NEEDED).rows)
    if not flows:
        raise refused(path, "no flow with an amount", "at least one row that moves money (docs/contagion.md)")
    return flows, left


def _flows(rows: Iterable[Row]) -> tuple[tuple[Flow, ...], tuple[str, ...]]:
    flows: list[Flow] = []
    left: list[str] = []
    for row in rows:
        kind = row["kind"].strip()
        if kind in _NO_CASH:
            left.append(f"{row['payer']} to {row['payee']}: {kind} move no money")
            continue
        if kind not in _KINDS:
            raise row.wrong("kind", f"one of {', '.join(_KINDS)}")
        if not row["amount_usd"].strip():
            left.append(f"{row['payer']} to {row['payee']} ({kind}): amount not public")
            continue
        flows.append(_flow(row, kind))
    return tuple(flows), tuple(left)


def _flow(row: Row, kind: str) -> Flow:
    payer, payee = row["payer"].strip(), row["payee"].strip()
    if not payer or not payee or payer == payee:
        raise row.wrong("payee" if payer else "payer", "two different names")
    if kind == "debt" and payer.lower().startswith("convertible"):
        kind = "convertible"
    start, end = _span(row)
    assumed = []
    years = row.number("years", low=0.01, high=100.0) if row["years"].strip() else None
    if years is None:
        years = _KINDS[kind].years if end is None else end - start
        assumed += [] if end else [f"{years:g} years"]
    coupon = 0.0
    if kind in _COUPON:
        said = row.get("coupon", "").strip()
        coupon = row.number("coupon", low=0.0, high=_HIGHEST_COUPON) if said else _coupon_of(row.get("note", ""), kind)
        assumed += [] if said else [f"interest {coupon:.4g}"]
    amount = row.number("amount_usd", low=0.0, high=1e14, unit="USD")
    return Flow(payer, payee, kind, amount, start, years, coupon, tuple(assumed), row.get("note", ""))


def _coupon_of(note: str, kind: str) -> float:
    """The first rate that a note opens with, such as ``7.25%`` or ``9.25% at 97``; else that of its kind."""
    found = re.match(r"([0-9]{1,2}(?:\.[0-9]{1,4})?) ?%(?! *(?:LTC|of))", note)
    rate = float(found[1]) / 100.0 if found else _COUPON[kind]
    return rate if rate <= _HIGHEST_COUPON else _COUPON[kind]


def _span(row: Row) -> tuple[float, float | None]:
    """Start as a year with its part, and the end where a range of years is given."""
    found = _START.fullmatch(row["start"].strip())
    if found is None:
        raise row.wrong("start", "a year, month, quarter or half: 2027, 2026-10, 2026-Q4, 2026-H2, 2019-2025")
    year, month, quarter, half, last = found.groups()
    if last and int(last) < int(year):
        raise row.wrong("start", "a range of years that ends no earlier than it starts")
    part = (int(month) - 1) / 12.0 if month else (int(quarter) - 1) / 4.0 if quarter else 0.5 if half == "2" else 0.0
    return int(year) + part, float(last) + 1.0 if last else None


_FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {name: name for name in ("payer", "payee", "amount_usd", "start")}
    | {"flow_kind": "kind", "term_years": "years", "coupon_frac": "coupon"}
)
"""Facts of a flow in the catalogue, and the columns of a file that say the same."""


def catalogue_flows(catalogue: Catalogue) -> tuple[tuple[Flow, ...], tuple[str, ...], tuple[Assumption, ...]]:
    """Flows of the catalogue's family ``flow``, what of them cannot be used, and the facts that they rest on."""
    rows: list[Row] = []
    facts: list[Assumption] = []
    for number, key in enumerate(catalogue.keys("flow"), start=1):
        found = {name: fact for name, fact in catalogue.get(key).facts.items() if name in _FIELDS}
        facts += [catalogue.assume(key, name, "contagion") for name in ("amount_usd", "coupon_frac") if name in found]
        cells = {_FIELDS[name]: _text(fact.value) for name, fact in found.items()}
        cells["note"] = next((fact.note for fact in found.values() if fact.note), "")
        rows.append(Row((dict.fromkeys(_NEEDED, "") | cells).items(), key, number, decimal_comma=False))
    flows, left = _flows(rows)
    return flows, left, tuple(facts)


def _text(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.15g}"
