"""Ratios, returns and checks of the cash flow workbook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from megawatt.finance import CashFlow
from megawatt.results.workbook.owners import Behind, check_behind
from megawatt.results.workbook.sheet import Book, Line, Scalar

__all__ = ["add_checks", "add_ratios"]

_YEAR_AHEAD: Final = "([idx:]>=[idx])*([idx:]<=[idx]+11)"


def add_ratios(book: Book, cash: CashFlow, *, with_grid: bool) -> None:
    """Returns and cover, with their definitions in the label; an IRR only where the run found exactly one."""
    book.add(
        "Ratios",
        Line("project_flow", "project flow after tax, before debt",
             "=[revenue_total]-[in_credit]+[in_prepayment]-[opex_total]+[c_working]+[residual]-[capex_total]-[p_tax]",
             total=True),
        Line("equity_flow", "flow to owners", "=[distribution]-[equity_in]-[owners_tax]", total=True),
        Scalar("npv", "project NPV after tax, start of month 0", "=SUMPRODUCT([project_flow:],[discount:])", "USD"),
        Scalar("equity_npv", "equity NPV", "=SUMPRODUCT([equity_flow:],[discount:])", "USD"),
    )  # fmt: skip
    for name, flow, rate in (
        ("project_irr", "project_flow", cash.measures.project_irr[0]),
        ("equity_irr", "equity_flow", cash.measures.equity_irr[0]),
    ):
        if np.isfinite(rate):
            guess = round((1.0 + float(rate)) ** (1.0 / 12.0) - 1.0, 3)
            label = name.replace("_irr", " IRR after tax, annual effective")
            book.add("Ratios", Scalar(name, label, f"=(1+IRR([{flow}:],{guess}))^12-1"))
    if with_grid:
        value = "=12*{npv}/SUMPRODUCT([discount:],[operates:])/{grid_mw}"
        book.add("Ratios", Scalar("value_per_mw", "value per grid MW and year", value, "USD/MW/year"))
    if cash.terms.loan is not None:
        _add_cover(book)


def _add_cover(book: Book) -> None:
    year = "([idx:]>[idx]-{window})*([idx:]<=[idx])"
    worth = "1/[growth:]*SUMPRODUCT([growth:]*([idx:]={first_payment}-1))/{at_start}"
    since_then = "([idx^]>[idx]-{icr_window})"
    since = "{first_payment}+INT(([idx]-{first_payment})/{every})*{every}"
    book.add(
        "Ratios",
        Scalar("window", "months of the trailing cover",
               "=MIN(12,SUMPRODUCT(MAX(([tested:]>0.000001)*[idx:]))-{first_payment}+1)", "months"),
        Line("cash_due", "CFADS of the payment period, at its payment",
             "=IF(OR({every}=1,[idx]<{first_payment}),[cover_cash],"
             f"IF([pays]=1,SUMPRODUCT([cover_cash^]*([idx^]>={since})),0))"),
        Line("dscr_month", "DSCR of a payment: CFADS / service due",
             '=IF([tested]>0.000001,[cash_due]/[tested],"")', ""),
        Line("dscr_counted", "the same, the rest of an instalment left out",
             '=IF(AND([tested]>0.000001,[tested]>=0.999999999*[s_tested]),[dscr_month],"")', ""),
        Line("dscr", "DSCR, trailing months",
             "=IF(AND([tested]>0.000001,[idx]>={first_payment}+{window}-1),"
             f'SUMPRODUCT([cover_cash:]*{year})/SUMPRODUCT([tested:]*{year}),"")', ""),
        Line("dscr_ahead", "DSCR, forward 12 months",
             "=IF(AND([tested]>0.000001,[idx]<={last_payment}-11),"
             f'SUMPRODUCT([cover_cash:]*{_YEAR_AHEAD})/SUMPRODUCT([tested:]*{_YEAR_AHEAD}),"")', ""),
        Scalar("icr_window", "months of the trailing interest cover",
               "=MIN(12,{last_payment}-{first_payment}+1)", "months"),
        Line("icr", "ICR: EBITDA / interest paid, trailing 12 months",
             f"=IF(AND([idx]>={{first_payment}}+{{icr_window}}-1,SUMPRODUCT([interest_paid^]*{since_then})>0.000001),"
             f'SUMPRODUCT([ebitda^]*{since_then})/SUMPRODUCT([interest_paid^]*{since_then}),"")', ""),
        Scalar("min_dscr", "lowest trailing DSCR", "=MIN([dscr:])"),
        Scalar("average_dscr", "average DSCR of the payments", "=AVERAGE([dscr_counted:])"),
        Scalar("llcr", "LLCR: worth of CFADS over the loan's life at its rate / owed at the first payment",
               f"=SUMPRODUCT([cash_due:]*[repays:]*{worth})"),
        Scalar("plcr", "PLCR: the same to the end of the project",
               f"=SUMPRODUCT([cash_due:]*([idx:]>={{first_payment}})*{worth})"),
        Scalar("gearing", "debt at the first payment / spending, fees and interest before it",
               "={at_start}/(SUMPRODUCT(([capex_total:]+[s_interest:])*([idx:]<{first_payment}))+SUM([fees_paid:]))"),
    )  # fmt: skip


def _all(names: Sequence[str]) -> str:
    return "=AND(" + ",".join(f"{{{name}}}" for name in names) + ")"


def add_checks(book: Book, cash: CashFlow, behind: Behind) -> None:
    """Identities that must hold, and agreement with the run while no input is changed."""
    same = "=SUMPRODUCT(ABS([{mine}:]-[run_{run}:]))<0.01*{{months}}+0.000000001*SUMPRODUCT(ABS([run_{run}:]))"
    pairs = {
        "tax": "tax_operation",
        "tax_accrued": "tax_month",
        "cfads": "cfads",
        "debt_balance": "debt",
        "equity_in": "equity_in",
        "distributions": "distribution",
        "closing_cash": "closing_cash",
        "arrears": "arrears",
        "locked": "locked",
    }
    identities = [
        Scalar("check_balance", "the balance sheet balances in every month",
               "=MAX([gap:])-MIN([gap:])<0.01+0.000000000001*MAX([assets:])"),
        Scalar("check_earned", "all net income is paid out or kept", "=ABS([equity.last]-[b_cash.last]-[b_reserve.last]"
               "+[liabilities.last])<0.01+0.000000000001*MAX([assets:])"),
        Scalar("check_cash", "all cash in and out is in the closing cash",
               "=ABS(SUM([cfads:])+SUM([c_sale:])+SUM([equity_in:])+SUM([in_draw:])-SUM([capex_total:])-SUM([fees_paid:])+SUM([lines_net:])"
               "-SUM([paid:])-[prepaid.last]-SUM([distribution:])-[closing_cash.last])<0.01"),
        Scalar("check_debt", "what was lent and accrued is repaid or owed",
               "=ABS(SUM([in_draw:])+SUM([accrued_interest:])-SUM([paid:])-[prepaid.last]-[debt.last])<0.01"),
        Scalar("check_schedule", "the schedule ends at zero", "=ABS([s_balance.last])<0.01"),
        Scalar("check_deferred", "every prepayment is credited, none twice",
               "=AND(ABS([deferred.last])<0.01,MIN([deferred:])>-0.01)"),
        Scalar("check_written", "no more is written off than spent",
               "=AND(SUM([written:])<=SUM([capex_total:])+0.01,MIN([tax_basis:])>-0.01,MIN([ppe:])>-0.01)"),
        Scalar("check_annual", "the years sum to the months",
               "=ABS(SUM([a_change:])-[closing_cash.last])<0.01+0.000000000001*MAX([assets:])"),
        Scalar("check_payouts", "nothing is paid out of cash that is not there", "=MIN([distribution:])>=0"),
        Scalar("check_locked", "nothing is distributed while locked up, the last month aside",
               "=SUMPRODUCT([distribution:]*[locked:]*(1-[is_last:])*([debt:]>0.005))=0"),
    ]  # fmt: skip
    if cash.flows.prepayment.sum() - cash.flows.prepayment_credit.sum() > 0.01:
        # a case may leave a prepayment uncredited: the balance sheet releases it in the last month
        identities = [item for item in identities if item.name != "check_deferred"]
    of_tranches, as_run = check_behind(behind)
    identities += of_tranches
    book.add("Checks", "Identities", *identities, "Agreement with the run (while no input is changed)")
    names = [item.name for item in identities]
    agree = []
    for run, mine in pairs.items():
        name = f"check_{run}_run"
        agree.append(name)
        book.add("Checks", Scalar(name, f"{run} as in the run", same.format(mine=mine, run=run)))
    agree += ["check_npv", *(item.name for item in as_run)]
    book.add(
        "Checks",
        Scalar("check_npv", "NPV as in the run", "=ABS({npv}-[run_npv.first])<0.01+0.000000001*ABS([run_npv.first])"),
        *as_run,
        "All checks",
        Scalar("identities", "every identity holds, whatever the inputs", _all(names)),
        Scalar("agrees", "every figure as in the run (base case, no input changed)", _all(agree)),
        Scalar(
            "master",
            "every check holds",
            "=AND({identities},OR({scenario}>1,{agrees}))",
        ),
    )
