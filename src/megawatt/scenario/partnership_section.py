"""The section of a scenario about its owners: a joint venture's shares, tax equity that flips."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from megawatt.catalogue.quantity import quantity
from megawatt.catalogue.records import Fact
from megawatt.catalogue.section import Section
from megawatt.errors import Problem
from megawatt.months import months_between
from megawatt.scenario.section import Month, ratio

__all__ = ["Partnership", "partnership_between", "partnership_dates"]


class Partnership(Section):
    """Two owners share what the project asks of them and pays out: an investor, and a sponsor who has the rest.

    Behind tranches of ``debt.junior`` where there are any. Without a flip it is a plain joint venture.
    """

    investor: str = Field("investor", min_length=1, max_length=40, description="what the investor is called")
    sponsor: str = Field("sponsor", min_length=1, max_length=40, description="what the sponsor is called")
    equity_frac: Annotated[Fact, *ratio] = Field(
        description="the investor's share of what owners put in", title="investor's share of the equity"
    )
    cash_frac: Annotated[Fact, *ratio] | None = Field(
        None,
        description="its share of distributions, until the flip; default: equity_frac",
        title="investor's share of the cash",
    )
    taxed: Literal["partners", "project"] = Field(
        "partners",
        description="partners: income, losses and credits pass through to the owners, who use losses and credits in "
        "the same year against other income (covers are before tax); project: it pays its own tax",
    )
    tax_frac: Annotated[Fact, *ratio] | None = Field(
        None,
        description="its share of income, losses and credits, until the flip; default: cash_frac",
        title="investor's share of the tax",
    )
    flip_irr: Annotated[Fact, *quantity(ge=0, le=1)] | None = Field(
        None,
        description="shares change in the month after the investor's annual return after tax has reached this",
        title="return of the flip",
    )
    flip_month: Month | None = Field(None, description="instead: the month from which on shares change, YYYY-MM")
    cash_after_frac: Annotated[Fact, *ratio] | None = Field(
        None, description="the investor's share of distributions after the flip", title="cash after the flip"
    )
    tax_after_frac: Annotated[Fact, *ratio] | None = Field(
        None,
        description="its share of income, losses and credits after the flip; default: cash_after_frac",
        title="tax after the flip",
    )


def partnership_between(raw: Mapping[str, Any]) -> Iterator[Problem]:
    """Problems between fields of a raw scenario's partnership, and with its tax."""
    section, tax = raw.get("partnership"), raw.get("tax")
    if not isinstance(section, dict):
        return
    flips = [name for name in ("flip_irr", "flip_month") if section.get(name) is not None]
    after = [name for name in ("cash_after_frac", "tax_after_frac") if section.get(name) is not None]
    if len(flips) > 1:
        yield Problem("partnership.flip_month", "beside flip_irr", "one of the two", "remove one")
    if flips and section.get("cash_after_frac") is None:
        yield Problem("partnership.cash_after_frac", "missing", f"a share, because {flips[0]} is given")
    if after and not flips:
        allowed = f"a return, or flip_month, because {after[0]} is given"
        yield Problem("partnership.flip_irr", "missing", allowed, f"or leave {after[0]} out")
    if section.get("flip_irr") is not None and section.get("equity_frac") == 0:
        yield Problem("partnership.equity_frac", "0", "above 0: who puts nothing in has no return that flips shares")
    if section.get("investor", "investor") == section.get("sponsor", "sponsor"):
        yield Problem("partnership.sponsor", repr(section.get("sponsor", "sponsor")), "a name of its own")
    passes = section.get("taxed", "partners") == "partners"
    for name in ("tax_frac", "tax_after_frac"):
        if section.get(name) is not None and not passes:
            yield Problem(f"partnership.{name}", "a share", "none, because taxed = 'project'", "leave it out")
    if passes and isinstance(tax, dict) and tax.get("loss_offset_limit_frac") is not None:
        why = "none: partners use losses against other income (partnership.taxed = 'partners')"
        yield Problem("tax.loss_offset_limit_frac", str(tax["loss_offset_limit_frac"]), why, "leave it out")


def partnership_dates(section: Partnership, start: str, months: int) -> Iterator[Problem]:
    """The flip's date lies within the project, after its first month."""
    if section.flip_month is None:
        return
    if not 0 < months_between(start, section.flip_month) < months:
        allowed = f"a month of the project, after its first ({start}), within its {months} months"
        yield Problem("partnership.flip_month", section.flip_month, allowed)
