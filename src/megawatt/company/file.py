"""The company file: what a company owns, owes and has promised, in TOML, strictly checked."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError, model_validator

from megawatt.catalogue import Catalogue
from megawatt.catalogue.quantity import Month, quantity, refusal
from megawatt.catalogue.records import Assumption, Fact
from megawatt.catalogue.section import Section, as_problems
from megawatt.company.records import Company, Cut, Debt, DebtKind, Lease, Mining
from megawatt.errors import Problem, ScenarioError, shown
from megawatt.files import read_toml
from megawatt.months import months_between

__all__ = ["CompanyFile", "company_keys", "load_company"]

_Usd = Annotated[Fact, *quantity("USD", ge=0, le=1e13)]
_Frac = Annotated[Fact, *quantity(ge=0, le=1)]


def _zero(unit: str = "") -> Fact:
    return Fact(0.0, unit, "assumed", "scenario")


class MiningPart(Section):
    """Machines at work and on order."""

    hash_rate_eh_per_s: Annotated[Fact, *quantity("exahash/s", ge=0, le=1e4)] = Field(description="at work, EH/s")
    efficiency_j_per_th: Annotated[Fact, *quantity("J/terahash", ge=5, le=200)] = Field(
        description="energy per hash at the plug, plant included, J/TH"
    )
    power_usd_per_mwh: Annotated[Fact, *quantity("USD/MWh", ge=0, le=500)] = Field(description="power price, USD/MWh")
    uptime_frac: _Frac = Field(
        Fact(0.92, "", "assumed", "scenario"), description="hours at work, curtailment taken off"
    )
    ordered_eh_per_s: Annotated[Fact, *quantity("exahash/s", ge=0, le=1e4)] = Field(
        _zero("exahash/s"), description="on order, EH/s"
    )
    order_months: int = Field(12, ge=1, le=60, description="months in which the order comes in")
    order_usd: _Usd = Field(_zero("USD"), description="still owed on the order, USD")
    hosted_eh_per_s: Annotated[Fact, *quantity("exahash/s", ge=0, le=1e4)] = Field(
        _zero("exahash/s"), description="other people's machines, EH/s"
    )
    hosting_usd_per_mwh: Annotated[Fact, *quantity("USD/MWh", ge=-100, le=500)] = Field(
        Fact(12.0, "USD/MWh", "assumed", "scenario"), description="what hosting pays above power, USD/MWh"
    )
    machine_usd_per_th: Annotated[Fact, *quantity("USD/(terahash/s)", ge=0, le=500)] = Field(
        Fact(8.0, "USD/(terahash/s)", "assumed", "scenario"), description="what its machines would sell for today"
    )


class LeasePart(Section):
    """A site let to a tenant."""

    name: str = Field(min_length=1, max_length=80, description="what results call it")
    it_mw: Annotated[Fact, *quantity("MW", ge=0.1, le=2e4)] = Field(description="critical IT, MW")
    rent_usd_per_kw_month: Annotated[Fact, *quantity("USD/kW/month", ge=0, le=2000)] = Field(
        description="rent per kW of critical IT and month"
    )
    margin_frac: _Frac = Field(
        Fact(0.85, "", "assumed", "scenario"), description="rent less the site's costs over rent"
    )
    share_frac: _Frac = Field(Fact(1.0, "", "assumed", "scenario"), description="part of it that the company owns")
    start: Month = Field(description="first month with rent, YYYY-MM")
    years: float = Field(ge=0.5, le=40, description="term of the lease, years")
    capex_usd: _Usd = Field(_zero("USD"), description="left to spend until then, USD")
    late_months: int = Field(0, ge=0, le=60, description="months that the start is taken to slip")
    tenant: Literal["hyperscaler", "investment-grade", "backstopped", "speculative"] = Field(
        description="class of the tenant, for its probability of default"
    )
    rent_at_risk_frac: _Frac = Field(
        Fact(0.6, "", "assumed", "scenario"), description="rent that is lost for good when the tenant fails"
    )


class DebtPart(Section):
    """One loan or note."""

    name: str = Field(min_length=1, max_length=80, description="what results call it")
    kind: DebtKind = Field(description="machines, coins, convertible, corporate or project")
    principal_usd: _Usd = Field(description="owed today, USD")
    rate_frac: Annotated[Fact, *quantity(ge=0, le=0.5)] = Field(description="interest paid in cash, a year")
    maturity: Month = Field(description="when it falls due, YYYY-MM")
    amortising: bool = Field(False, description="paid off evenly until then")
    recourse: bool = Field(True, description="false: can be left to its lender with what secures it")
    conversion_usd: Annotated[Fact, *quantity("USD", ge=0, le=1e6)] = Field(
        _zero("USD"),
        description="price of a share at which a note converts at maturity, USD; 0: it does not",
    )
    undrawn_usd: _Usd = Field(_zero("USD"), description="can still be drawn for sites under construction, USD")
    minimum_liquidity_usd: _Usd = Field(_zero("USD"), description="covenant: cash and free coins, USD")


class CompanyFile(Section):
    """A company at the end of a month."""

    format: Literal[1] = Field(description="version of the format: 1")
    title: str = Field(min_length=1, max_length=80, description="name of the company")
    date: Month = Field(description="month at whose end the position holds, YYYY-MM")
    cash_usd: _Usd = Field(description="cash, USD")
    coins_btc: Annotated[Fact, *quantity("BTC", ge=0, le=2.1e7)] = Field(_zero("BTC"), description="bitcoin held")
    overhead_usd_per_year: _Usd = Field(description="staff and other fixed costs paid in cash, USD a year")
    shares: float = Field(0.0, ge=0, le=1e12, description="shares outstanding")
    share_usd: Annotated[Fact, *quantity("USD", ge=0, le=1e6)] = Field(
        _zero("USD"), description="price of a share: a check of the value found, never an input"
    )
    commitments_usd: _Usd = Field(_zero("USD"), description="other capital promised and not funded, USD")
    commitment_months: int = Field(12, ge=1, le=120, description="months in which it is spent")
    other_assets_usd: _Usd = Field(_zero("USD"), description="stakes and other things of value, USD")
    minimum_cash_usd: _Usd = Field(_zero("USD"), description="cash below which it acts, USD")
    order: tuple[Cut, ...] = Field(("capex", "coins", "equity"), description="what it gives up first, then, last")
    note: str = Field("", max_length=2000, description="where the numbers come from")
    mining: tuple[MiningPart, ...] = Field((), description="fleets of machines")
    lease: tuple[LeasePart, ...] = Field((), description="sites let to tenants")
    debt: tuple[DebtPart, ...] = Field((), description="loans and notes")

    @model_validator(mode="after")
    def _each_once(self) -> CompanyFile:
        for what, parts in (("lease", self.lease), ("debt", self.debt)):
            names = [part.name for part in parts]
            twice = next((name for name in names if names.count(name) > 1), None)
            if twice is not None:
                raise refusal(f"two {what}s named {twice!r}", "each name once")
        if len(set(self.order)) < len(self.order):
            raise refusal(f"order {list(self.order)}", "each of capex, coins, equity at most once")
        late = [debt.name for debt in self.debt if months_between(self.date, debt.maturity) < 1]
        if late:
            raise refusal(f"debt {late[0]!r} falls due by {self.date}", "a maturity after the date of the position")
        ended = [
            lease.name for lease in self.lease if months_between(self.date, lease.start) + round(12 * lease.years) <= 1
        ]
        if ended:
            raise refusal(f"lease {ended[0]!r} has ended by {self.date}", "a start and years that reach beyond it")
        for debt in self.debt:
            if debt.conversion_usd.number() > 0.0 and (debt.kind != "convertible" or debt.amortising):
                raise refusal(
                    f"debt {debt.name!r} with conversion_usd", "kind = 'convertible' without amortising, or 0"
                )
            if debt.conversion_usd.number() > 0.0 and self.shares == 0.0:
                raise refusal(f"debt {debt.name!r} converts, shares = 0", "shares outstanding above 0")
        if not (self.mining or self.lease or self.debt):
            raise refusal("no mining, lease or debt", "at least one [[mining]], [[lease]] or [[debt]]")
        return self


_KNOWN: Final = "known"
"""Folder of the companies that come with the package."""


def _folder() -> Traversable:
    return files("megawatt.company") / _KNOWN


def company_keys() -> tuple[str, ...]:
    """Keys of the companies that come with the package, sorted."""
    return tuple(sorted(item.name.removesuffix(".toml") for item in _folder().iterdir() if item.name.endswith(".toml")))


def load_company(name: str, catalogue: Catalogue, settings: Mapping[str, Any] | None = None) -> Company:
    """A company by key or alias, or from a TOML file of one's own; ``settings`` replace numbers of it by dotted path
    (``cash_usd``, ``debt.0.principal_usd``).

    Raises
    ------
    ScenarioError
        If there is no such company, or the file is wrong: holds every problem.
    """
    if name.lower().endswith(".toml") or "/" in name or "\\" in name:
        path: Path | Traversable = Path(name)
        key = Path(name).stem
    else:
        key = name.strip().lower().replace(" ", "-")
        key = catalogue.get(key).key if catalogue.knows(key) else key
        if key not in company_keys():
            import difflib

            near = ", ".join(difflib.get_close_matches(key, company_keys(), 3)) or ", ".join(company_keys())
            raise ScenarioError(f"company: no company {name[:80]!r}; nearest: {near}; or a TOML file of your own")
        path = _folder() / f"{key}.toml"
    content, _ = read_toml(path, "a company file", ("company",))
    where = str(path) if isinstance(path, Path) else f"{key}.toml"
    for setting, value in (settings or {}).items():
        _replace(content, setting, value, where)
    try:
        read = CompanyFile.model_validate(content, context={"catalogue": catalogue, "source": key})
    except ValidationError as error:
        problems = as_problems(CompanyFile, error)
        raise ScenarioError(f"{where}: {_first(problems)}", problems, where) from None
    return _company(key, read, catalogue)


def _replace(content: dict[str, Any], setting: str, value: Any, where: str) -> None:
    """Put a value at a dotted path, places of a list by number."""
    *above, last = setting.split(".")
    at: Any = content
    for part in (*above, last):
        parent, step = at, int(part) if isinstance(at, list) and part.isdigit() else part
        known = isinstance(at, list) and isinstance(step, int) and step < len(at)
        if not known and not (isinstance(at, dict) and (part == last or part in at)):
            raise ScenarioError(f"{where}: {shown(setting)}; allowed: a dotted path, such as debt.0.principal_usd")
        at = at.get(step) if isinstance(at, dict) else at[step]
    parent[step] = value


def _first(problems: list[Problem]) -> str:
    return str(problems[0]) if len(problems) == 1 else f"{len(problems)} problems"


def _company(key: str, read: CompanyFile, catalogue: Catalogue) -> Company:
    default = {
        kind: catalogue.number("risk-base", f"tenant_default_{kind.replace('-', '_')}_frac_per_year")
        for kind in {lease.tenant for lease in read.lease}
    }
    return Company(
        key=key,
        title=read.title,
        year=int(read.date[:4]),
        month=int(read.date[5:]),
        cash_usd=read.cash_usd.number(),
        coins_btc=read.coins_btc.number(),
        overhead_usd_per_month=read.overhead_usd_per_year.number() / 12.0,
        shares=read.shares,
        share_usd=read.share_usd.number(),
        mining=tuple(_mining(part) for part in read.mining),
        leases=tuple(_lease(part, read.date, default[part.tenant]) for part in read.lease),
        debts=tuple(_debt(part, read.date) for part in read.debt),
        commitments_usd=read.commitments_usd.number(),
        commitment_months=read.commitment_months,
        other_assets_usd=read.other_assets_usd.number(),
        minimum_cash_usd=read.minimum_cash_usd.number(),
        order=read.order,
        assumptions=tuple(_assumptions(key, read)),
    )


def _mining(part: MiningPart) -> Mining:
    return Mining(
        hash_eh_per_s=part.hash_rate_eh_per_s.number(),
        efficiency_j_per_th=part.efficiency_j_per_th.number(),
        power_usd_per_mwh=part.power_usd_per_mwh.number(),
        uptime_frac=part.uptime_frac.number(),
        ordered_eh_per_s=part.ordered_eh_per_s.number(),
        order_months=part.order_months,
        order_usd=part.order_usd.number(),
        hosted_eh_per_s=part.hosted_eh_per_s.number(),
        hosting_usd_per_mwh=part.hosting_usd_per_mwh.number(),
        machine_usd_per_th=part.machine_usd_per_th.number(),
    )


def _lease(part: LeasePart, date: str, default_per_year: float) -> Lease:
    share, begins = part.share_frac.number(), months_between(date, part.start) - 1
    rent = part.it_mw.number() * 1000.0 * part.rent_usd_per_kw_month.number()
    return Lease(
        name=part.name,
        net_rent_usd_per_month=share * rent * part.margin_frac.number(),
        start_month=max(begins, 0),
        months=round(12 * part.years) + min(begins, 0),
        capex_usd=share * part.capex_usd.number(),
        default_per_year=default_per_year,
        rent_at_risk_frac=part.rent_at_risk_frac.number(),
        late_months=part.late_months,
    )


def _debt(part: DebtPart, date: str) -> Debt:
    return Debt(
        name=part.name,
        kind=part.kind,
        principal_usd=part.principal_usd.number(),
        rate=part.rate_frac.number(),
        maturity_month=months_between(date, part.maturity),
        amortising=part.amortising,
        recourse=part.recourse,
        conversion_usd=part.conversion_usd.number(),
        undrawn_usd=part.undrawn_usd.number(),
        minimum_liquidity_usd=part.minimum_liquidity_usd.number(),
    )


def _assumptions(key: str, read: CompanyFile) -> list[Assumption]:
    """Every number of the file, by its dotted path."""
    found: list[Assumption] = []

    def walk(path: str, part: Any) -> None:
        if isinstance(part, Fact):
            found.append(Assumption(path, "company", part))
        elif isinstance(part, Section):
            for name in type(part).model_fields:
                walk(f"{path}.{name}", getattr(part, name))
        elif isinstance(part, tuple):
            for number, item in enumerate(part):
                walk(f"{path}.{getattr(item, 'name', number)}", item)

    walk(key, read)
    return found
