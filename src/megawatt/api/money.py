"""Of money: a loan, the cash of a project, companies, who falls with whom, published claims, published answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import ArrayLike

from megawatt.api.result import Figure, Result, columns_of, figures_of
from megawatt.api.typed import check_kinds, numbers, typed
from megawatt.arrays import FloatArray
from megawatt.catalogue import load_catalogue
from megawatt.errors import ScenarioError, shown
from megawatt.picture import bars, lines

if TYPE_CHECKING:
    from megawatt.cases import CaseResult
    from megawatt.contagion import Study
    from megawatt.finance import CashFlow, OperatingFlows, ProjectTerms

__all__ = ["Cash", "Loan", "cases", "cash", "company", "contagion", "validate"]


@dataclass(frozen=True, slots=True)
class Loan:
    """A term loan, drawn as the project is built and repaid from its first month of operation on.

    Attributes
    ----------
    principal_usd : float
        Amount drawn. [USD]
    rate : float
        Annual nominal rate; interest while building is added to the loan.
    payments : int
        Monthly payments.
    shape : str
        ``level``, ``equal-principal`` or ``bullet``.
    upfront_fee_frac : float
        Fee on the principal.
    interest_only : int
        Payments at the start that repay nothing.
    balloon_frac : float
        Share that is left for the last payment.
    """

    principal_usd: float
    rate: float
    payments: int
    shape: str = "level"
    upfront_fee_frac: float = 0.0
    interest_only: int = 0
    balloon_frac: float = 0.0

    def __post_init__(self) -> None:
        check_kinds(Loan, ((name.name, getattr(self, name.name)) for name in fields(self)))


@dataclass(frozen=True)
class Cash(Result[Any]):
    """The cash of a project, with the terms that it rests on."""

    value: CashFlow
    terms: ProjectTerms | None = None
    flows: OperatingFlows | None = None

    __repr__ = Result.__str__

    def revenue_share_at(self, dscr: float) -> float:
        """Share of the revenue at which the lowest debt cover is this; what lenders ask first. [-]

        Raises
        ------
        ScenarioError
            If there is no loan, or no revenue up to ten times the base case's gives that cover.
        """
        from scipy.optimize import brentq

        from megawatt.finance import project

        if self.terms is None or self.flows is None or self.terms.loan is None:
            raise ScenarioError("revenue_share_at: there is no loan; allowed: cash(..., loan=Loan(...))")
        terms, flows = self.terms, self.flows

        def above(share: float) -> float:
            scaled = replace(flows, revenue={name: usd * share for name, usd in flows.revenue.items()})
            return float(project(terms, scaled).measures.min_dscr[0]) - dscr

        if not above(0.0) < 0.0 < above(_MOST_SHARE):
            raise ScenarioError(f"dscr = {dscr}: no share of the revenue up to {_MOST_SHARE:g} gives that cover")
        return float(brentq(above, 0.0, _MOST_SHARE, xtol=1e-6))


_MOST_MONTHS: Final = 720
"""Months of a project, at most, as in scenarios."""
_MOST_SHARE: Final = 10.0
"""Times the revenue of the base case at which a break-even is still looked for."""


@typed
def cash(
    *,
    capex_usd: float,
    revenue_usd_per_month: float | ArrayLike,
    opex_usd_per_month: float | ArrayLike,
    months: int,
    build_months: int = 12,
    loan: Loan | None = None,
    tax_rate: float = 0.21,
    tax_life_years: float = 5.0,
    discount_rate: float = 0.09,
    residual_usd: float = 0.0,
    start: str = "2026-01",
    grid_mw: float | None = None,
) -> Cash:
    """Statements by month, debt cover and returns of a project.

    Parameters
    ----------
    capex_usd : float
        Spent evenly while it is built. [USD]
    revenue_usd_per_month, opex_usd_per_month : float or array, shape (months,)
        Of the months of operation. [USD]
    months, build_months : int
        Months of operation, and of building before them.
    loan : Loan, optional
        Its draws follow the spending.
    tax_rate, tax_life_years : float
        Income tax, and the straight-line life of what was bought.
    discount_rate : float
        Annual, after tax.
    residual_usd : float
        Sale at the end. [USD]
    start : str
        Month 0, ``YYYY-MM``.
    grid_mw : float, optional
        For the value of a grid megawatt-year. [MW]

    Raises
    ------
    ScenarioError
        If a number is out of range.

    Examples
    --------
    >>> import megawatt as mw
    >>> deal = mw.cash(capex_usd=100e6, revenue_usd_per_month=4e6, opex_usd_per_month=1e6, months=60,
    ...                loan=mw.Loan(70e6, rate=0.08, payments=60))
    >>> round(deal["min_dscr"], 2)
    1.86
    """
    from megawatt.finance import LoanTerms, OperatingFlows, ProjectTerms, TaxTerms, project

    year, _, month = start.partition("-")
    if not (year.isdecimal() and month.isdecimal() and 1 <= int(month) <= 12):
        raise ScenarioError(f"start = {shown(start)}; allowed: a month, YYYY-MM")
    if months < 1 or build_months < 1 or build_months + months > _MOST_MONTHS:
        raise ScenarioError(
            f"months = {months}, build_months = {build_months}; allowed: 1 or more, {_MOST_MONTHS} together"
        )
    if not (np.isfinite(capex_usd) and capex_usd > 0.0):
        raise ScenarioError(f"capex_usd = {capex_usd} USD; allowed: a number above 0")
    count = build_months + months
    nothing = np.zeros((1, count))
    capex = np.where(np.arange(count) < build_months, capex_usd / build_months, 0.0)
    residual = nothing.copy()
    residual[0, -1] = residual_usd
    flows = OperatingFlows(
        {"revenue": _monthly(revenue_usd_per_month, build_months, months, "revenue_usd_per_month")},
        {"site": _monthly(opex_usd_per_month, build_months, months, "opex_usd_per_month")},
        nothing, nothing,
    )  # fmt: skip
    owed = None if loan is None else LoanTerms(
        loan.principal_usd, loan.rate, 0, build_months, build_months + loan.payments - 1, loan.shape,
        upfront_fee_frac=loan.upfront_fee_frac, draws=loan.principal_usd * capex / capex_usd,
        balloon_frac=loan.balloon_frac, interest_only=loan.interest_only,
    )  # fmt: skip
    terms = ProjectTerms(
        int(year), int(month), count, {"plant": capex}, {"plant": residual}, owed,
        TaxTerms(tax_rate, {"plant": tax_life_years}), discount_rate,
    )  # fmt: skip
    found = project(terms, flows, grid_mw=grid_mw)
    measures = found.measures
    names = ("npv_usd", "project_irr", "equity_irr", "min_dscr", "average_dscr", "llcr", "value_usd_per_grid_mw_year")
    plain: dict[str, Any] = {name: _one(getattr(measures, name)) for name in names}
    plain |= {
        "equity_usd": float(found.equity_in.sum()),
        "missed_month": int(found.missed[0]),
        "note": measures.irr_note,
    }
    shown_rows = ("cfads", "interest_paid", "principal_paid", "debt_balance", "distributions", "closing_cash", "tax")
    columns = {f"{name}_usd": getattr(found, name)[0] for name in shown_rows} | {"dscr": found.dscr[0]}
    wanted = {
        "npv_usd": ("value, after tax, before debt", "USD"), "project_irr": ("project IRR", "1/year"),
        "equity_irr": ("equity IRR", "1/year"), "min_dscr": ("lowest debt cover", ""),
        "llcr": ("loan life cover", ""), "equity_usd": ("owners put in", "USD"),
    }  # fmt: skip
    series = {name: columns[f"{name}_usd"].tolist() for name in ("cfads", "debt_balance")}
    drawn = partial(lines, "Cash by month", series, "months", "USD")
    figures = figures_of(plain, wanted)
    return Cash("Cash of the project", found, plain, figures, columns, drawn, terms=terms, flows=flows)


def _one(values: FloatArray) -> float | None:
    """The first path's measure; None where it is not defined."""
    return float(values[0]) if np.isfinite(values[0]) else None


def _monthly(values: ArrayLike, build: int, months: int, name: str) -> FloatArray:
    """Amounts of the months of operation on the project's months, (1, build + months)."""
    return np.concatenate([np.zeros(build), numbers(values, months, name)])[np.newaxis, :]


@typed
def company(
    names: str | Path | Sequence[str | Path] = (), *, months: int = 36, paths: int = 8192, seed: int = 0,
    workers: int = 1, btc_drift: float | None = None,
) -> Result[list[dict[str, Any]]]:  # fmt: skip
    """How long companies live, what they cut first, what their value moves with.

    Parameters
    ----------
    names : str, Path or sequence of them
        Keys or files (docs/company.md); none: all that come with the package.
    months, paths, seed, workers : int
        Months ahead and how they are simulated.
    btc_drift : float, optional
        Growth of the bitcoin price a year; None: the catalogue's.

    Raises
    ------
    CatalogueError
        If a key is not known.
    ScenarioError
        If a file is wrong.

    Examples
    --------
    >>> import megawatt as mw
    >>> 0 <= mw.company("iren", months=12, paths=256)["companies.0.distress.value"] <= 1
    True
    """
    from megawatt.company import company_keys, company_row, load_company, markets_today, practice, simulate_company

    known = load_catalogue()
    markets, terms = markets_today(known, btc_drift=btc_drift), practice(known)
    said = [names] if isinstance(names, str | Path) else list(names) or company_keys()
    how: dict[str, Any] = {"months": months, "paths": paths, "seed": seed, "workers": workers}
    rows = [
        company_row(simulate_company(load_company(str(name), known), markets, terms, **how), markets, terms)
        for name in said
    ]
    figures = [Figure(f"{row['title']}: distress in {months} months", row["distress"]["value"]) for row in rows]
    chances = {row["title"]: row["distress"]["value"] for row in rows}
    drawn = partial(bars, f"Probability of distress in {months} months", chances)
    title = rows[0]["title"] if len(rows) == 1 else f"{len(rows)} companies"
    return Result(title, rows, {"companies": rows}, tuple(figures), columns_of(rows), drawn)


@typed
def contagion(
    failing: str | Sequence[str] = (), *, year: int = 2027, loss: float = 1.0, closed: bool = False,
    fire_sales: bool = True, flows: str | Path | None = None,
) -> Result[Study]:  # fmt: skip
    """Who falls with whom, and how much of the money goes in a circle.

    Parameters
    ----------
    failing : str or sequence of str
        Nodes that fail; none: each in turn.
    year : int
        Year whose payments are cleared.
    loss : float
        Part of its own means that the failing node loses.
    closed : bool
        Nobody can raise money.
    fire_sales : bool
        Sales push prices down.
    flows : str or Path, optional
        CSV file of payments (docs/contagion.md); None: the catalogue's.

    Raises
    ------
    ScenarioError
        If a node is not known, or the file is wrong.

    Examples
    --------
    >>> import megawatt as mw
    >>> mw.contagion("OpenAI")["shocks.0.shock"]
    'OpenAI'
    """
    from megawatt.contagion import circle_rows, market_of, node_rows, shock_rows, study

    known = load_catalogue()
    market = market_of(known, fire_sales=fire_sales, closed=closed)
    said = (failing,) if isinstance(failing, str) else tuple(failing)
    found = study(known, year, file=None if flows is None else Path(flows), failing=said, market=market, loss=loss)
    shocks = shock_rows(found)
    plain: dict[str, Any] = {"year": year, "nodes": node_rows(found), "circles": circle_rows(found), "shocks": shocks,
             "left_out": list(found.left_out)}  # fmt: skip
    lost = {row["shock"]: row["lost_usd"] for row in shocks}
    figures = tuple(Figure(f"{name} fails: lost", usd, "USD") for name, usd in lost.items())
    drawn = partial(bars, "Lost if one fails", lost, "USD")
    return Result(f"Payments of {year}", found, plain, figures, columns_of(plain["nodes"]), drawn)


@typed
def cases(key: str | Path | None = None, values: Sequence[str] = ()) -> Result[CaseResult | None]:
    """Published claims, computed again: what holds, and what would change it.

    Parameters
    ----------
    key : str or Path, optional
        A case, or its folder; none: lists them.
    values : sequence of str
        ``name=value`` of inputs at another value.

    Raises
    ------
    ScenarioError
        If there is no such case.
    """
    from megawatt.cases import case_dict, case_keys, read_case, run_case, with_inputs

    if key is None:
        rows = [{"case": name, "question": read_case(name).title} for name in case_keys()]
        return Result("Cases", None, {"cases": rows}, columns=columns_of(rows))
    found = run_case(with_inputs(read_case(str(key)), values), load_catalogue())
    plain = case_dict(found)
    figures = tuple(Figure(v.claim.key, v.verdict) for v in found.verdicts)
    return Result(found.case.title, found, plain, figures, columns_of(plain["verdicts"]))


@typed
def validate(*paths: str | Path, scenario: str | Path | None = None) -> Result[list[dict[str, Any]]]:
    """How far the package is from published answers, or from your own measurements.

    Parameters
    ----------
    *paths : str or Path
        Files or folders, each of a kind that is read from its contents (docs/validation.md).
    scenario : str or Path, optional
        Site of an hourly meter among them.

    Raises
    ------
    ScenarioError
        If a file is of no kind, or wrong.

    Examples
    --------
    >>> import megawatt as mw
    >>> mw.validate("examples/miner-production.csv")["files.0.scored"] > 0
    True
    """
    from megawatt.validation import validate as score

    known = load_catalogue()
    rows = [row for path in paths for row in score(Path(path), known, None if scenario is None else Path(scenario))]
    figures = []
    for row in rows:
        stats = row["summary"]
        relative = row["error"] == "relative"
        figures.append(Figure(f"{row['file']}: {row['quantity']}", stats.get("mape" if relative else "mae"),
                              "of the measured" if relative else row.get("unit", "")))  # fmt: skip
    told = f"{len(rows)} quantities of {len(paths)} files"
    return Result(told, rows, {"files": rows}, tuple(figures), columns_of(rows))
