"""The formulas of the cash flow workbook, sheet by sheet; their rules are those of the finance engine."""

from __future__ import annotations

from typing import Final

from megawatt.finance import LoanTerms
from megawatt.results.workbook_sheet import Book, Line, Scalar

__all__ = ["add_cash", "add_checks", "add_debt", "add_ratios", "add_tax", "add_timing"]

_CENT: Final = "0.005"


def add_timing(book: Book) -> None:
    """Month numbers, calendar and flags."""
    book.add(
        "Timing",
        Line("idx", "month", "=COLUMN()-5", "month"),
        Line("year", "calendar year", "={start_year}+INT(([idx]+{start_month}-1)/12)", "year"),
        Line("calendar", "calendar month", "=MOD([idx]+{start_month}-1,12)+1", "month"),
        Line(
            "hours",
            "hours of the month",
            "=24*(DATE([year],[calendar]+1,1)-DATE([year],[calendar],1))",
            "h",
        ),
        Line("is_last", "last month", "=IF([idx]={months}-1,1,0)", "flag"),
        Line("settles", "tax is settled", "=IF(OR([calendar]=12,[is_last]=1),1,0)", "flag"),
        Line("builds", "equity may come in", "=IF([idx]<{construction_months},1,0)", "flag"),
        Line("pays_out", "distributions are possible", "=IF(OR([builds]=0,[is_last]=1),1,0)", "flag"),
        Line("repays", "loan is repaid", "=IF(AND([idx]>={first_payment},[idx]<={last_payment}),1,0)", "flag"),
        Line("drawn", "loan runs", "=IF(AND([idx]>={draw_month},[idx]<={last_payment}),1,0)", "flag"),
        Line("operates", "operation", "=IF([idx]>={operation_start},1,0)", "flag"),
        Line("discount", "discount factor", "=(1+{discount_rate})^(-([idx]+1)/12)", ""),
    )


def add_debt(book: Book, loan: LoanTerms | None) -> None:
    """The loan as it runs when paid on time (corkscrew), and the reserve that its service asks for."""
    growth = "(1+{loan_rate}/12)^({first_payment}-1-[idx:])"
    factors = "(1+{loan_rate}/12)^-([idx:]-{first_payment}+1)"
    at_start = f"=IF({{capitalise}}=1,SUMPRODUCT([in_draw:],{growth}),SUM([in_draw:]))" if loan else "=0"
    weighted = f"=SUMPRODUCT([in_weight:]*[repays:]*{factors})" if loan else "=0"
    level = "=IF({loan_rate}=0,1/{payments},{loan_rate}/12/(1-(1+{loan_rate}/12)^-{payments}))"
    book.add(
        "Debt",
        Scalar("payments", "number of payments", "={last_payment}-{first_payment}+1", "months"),
        Scalar("at_start", "owed at the first payment", at_start, "USD"),
        Scalar("amortising", "of which repaid by instalments", "={at_start}*(1-{balloon})", "USD"),
        Scalar("weights_worth", "worth of the sculpting weights", weighted, ""),
        Scalar("level_payment", "level payment per dollar", level if loan else "=0", ""),
        "Schedule when paid on time",
        Line("s_opening", "opening balance", "=[s_balance<]"),
        Line("s_draw", "draw", "=[in_draw]", total=True),
        Line("s_interest", "interest accrued", "=[s_opening]*{loan_rate}/12", total=True),
        Line("s_capitalised", "capitalised", "=IF([repays]=1,0,{capitalise}*[s_interest])", total=True),
        Line("s_own_interest", "interest on the instalments' part",
             "=[s_interest]-{at_start}*{balloon}*{loan_rate}/12"),
        Line("s_instalment", "principal by the loan's shape",
             "=CHOOSE({loan_shape},{amortising}*{level_payment}-[s_own_interest],{amortising}/{payments},"
             "IF({weights_worth}=0,0,{amortising}*[in_weight]/{weights_worth})-[s_own_interest],0)"
             if loan else "=0"),
        Line("s_principal", "principal",
             "=IF([repays]=0,0,IF([idx]={last_payment},[s_opening],[s_instalment]))", total=True),
        Line("s_balance", "closing balance", "=[s_opening]+[s_draw]+[s_capitalised]-[s_principal]"),
        Line("s_service", "service due in cash", "=[s_interest]-[s_capitalised]+[s_principal]", total=True),
        Line("s_tested", "service in the cover tests", "=IF([repays]=1,[s_service],0)", total=True),
        Line("fee", "upfront fee", "=IF([idx]={draw_month},{upfront_fee}*SUM([in_draw:]),0)", total=True),
        Line("fee_tax", "fee deducted for tax",
             "=[drawn]*{upfront_fee}*SUM([in_draw:])/({last_payment}-{draw_month}+1)", total=True),
        Line("reserve_target", "reserve: service ahead and other",
             "=IF([is_last]=1,0,IF([idx]<{first_payment}-1,0,"
             "SUMPRODUCT([s_tested:]*([idx:]>[idx])*([idx:]<=[idx]+INT({reserve_months})))"
             "+({reserve_months}-INT({reserve_months}))*SUMPRODUCT([s_tested:]*([idx:]=[idx]+INT({reserve_months})+1)))"
             "+[in_other_reserve])"),
    )  # fmt: skip


def _tax_block(prefix: str, income: str) -> tuple[Line, ...]:
    """Year to date, losses, tax paid and tax accrued of one income row."""
    rate = "({state_rate}+{federal_rate}*(1-{state_rate}))"
    profit = f"MAX([{prefix}ytd],0)"
    return (
        Line(f"{prefix}ytd", "income of the tax year so far", f"=IF([settles<]=1,0,[{prefix}ytd<])+{income}"),
        Line(f"{prefix}losses_in", "losses carried in", f"=[{prefix}losses<]"),
        Line(f"{prefix}used", "losses that this year's income would use",
             f"=MIN([{prefix}losses_in],{{loss_limit}}*{profit})"),
        Line(f"{prefix}accrued", "tax on the year so far", f"={rate}*({profit}-[{prefix}used])"),
        Line(f"{prefix}tax", "tax settled", f"=[settles]*[{prefix}accrued]", total=True),
        Line(f"{prefix}losses", "losses carried on",
             f"=IF([settles]=1,[{prefix}losses_in]-[{prefix}used]+MAX(-[{prefix}ytd],0),[{prefix}losses_in])"),
    )  # fmt: skip


def add_tax(book: Book, capex: list[str]) -> None:
    """Taxable income, settled once a year, with and without the loan."""
    for name in capex:
        book.add("Tax", Line(f"written_{name}", f"depreciation: {name}",
                             f"=[in_written_{name}]*{{factor_capex_{name}}}", total=True))  # fmt: skip
    written = "+".join(f"[written_{name}]" for name in capex) or "0"
    book.add(
        "Tax",
        Line("written", "depreciation", f"={written}", total=True),
        Line("disposal", "gain of the sale, uncredited prepayments included",
             "=[is_last]*(SUM([residual:])-(SUM([capex_total:])-SUM([written:]))+SUM([in_prepayment:])-SUM([in_credit:]))"),
        Line("income", "income before interest", "=[revenue_total]-[opex_total]-[written]+[disposal]", total=True),
        "With the loan",
        *_tax_block("", "[income]-[accrued_interest]-[fee_tax]"),
        Line("profit_operation", "income of operation, year so far", "=MAX([ytd]-[disposal],0)"),
        Line("tax_operation", "tax on operation",
             "=[settles]*({state_rate}+{federal_rate}*(1-{state_rate}))*([profit_operation]"
             "-MIN([losses_in],{loss_limit}*[profit_operation]))", total=True),
        Line("tax_sale", "tax on the sale", "=[tax]-[tax_operation]", total=True),
        Line("set_aside", "tax accrued, not yet due", "=[accrued]-[tax]"),
        "Without the loan",
        *_tax_block("p_", "[income]"),
    )  # fmt: skip


def add_cash(book: Book) -> None:
    """The waterfall: operation, service, reserves, sweep, distributions."""
    book.add(
        "Cashflow",
        Line("opening_cash", "opening cash", "=[closing_cash<]"),
        Line("c_revenue", "revenue", "=[revenue_total]", total=True),
        Line("c_credit", "less prepayments credited", "=-[in_credit]", total=True),
        Line("c_prepayment", "prepayments received", "=[in_prepayment]", total=True),
        Line("c_opex", "operating cost", "=-[opex_total]", total=True),
        Line("c_tax", "tax on operation", "=-[tax_operation]", total=True),
        Line("cfads", "CFADS", "=[c_revenue]+[c_credit]+[c_prepayment]+[c_opex]+[c_tax]", total=True),
        Line("residual", "proceeds of the sale, before tax", "=[in_residual]*{factor_residual}", total=True),
        Line("c_sale", "proceeds of the sale, after tax", "=[residual]-[tax_sale]", total=True),
        Line("c_capex", "capital spending", "=-[capex_total]", total=True),
        Line("c_fee", "loan fee", "=-[fee]", total=True),
        Line("c_draw", "loan draws", "=[in_draw]", total=True),
        Line("before", "cash before service",
             "=[opening_cash]+[cfads]+[c_sale]+[c_capex]+[c_fee]+[c_draw]"),
        "Service",
        Line("open_debt", "opening debt", "=[debt<]"),
        Line("accrued_interest", "interest accrued", "=[open_debt]*{loan_rate}/12", total=True),
        Line("due_interest", "interest due in cash", "=MAX([accrued_interest]-[s_capitalised],0)", total=True),
        Line("target", "balance that the loan should have", "=MAX([s_balance]-[prepaid<],0)"),
        Line("owed", "owed before payment", "=[open_debt]+[s_capitalised]+[in_draw]"),
        Line("demand", "interest, principal and arrears",
             f"=[due_interest]+IF([owed]-[target]>{_CENT},[owed]-[target],0)"),
        Line("equity_in", "equity in",
             "=IF([builds]=1,MAX(0,MIN([demand]-[before]"
             "+IF(AND({reserve_at_close}=1,[idx]={construction_months}-1),[reserve_target],0),"
             "{committed_equity}-[equity_so_far<])),0)", total=True),
        Line("equity_so_far", "equity so far", "=[equity_so_far<]+[equity_in]"),
        Line("paid", "paid to lenders on demand", "=MAX(0,MIN([before]+[equity_in],[demand]))", total=True),
        Line("interest_paid", "interest paid", "=MIN([paid],[due_interest])", total=True),
        Line("principal_served", "principal paid on demand", "=[paid]-[interest_paid]", total=True),
        Line("unswept", "debt before the sweep",
             "=[owed]+[due_interest]-[interest_paid]-[principal_served]"),
        Line("on_time", "service of the loan on schedule",
             "=MAX([due_balance<]*{loan_rate}/12-[s_capitalised],0)+[due_balance<]+[s_capitalised]+[in_draw]-[target]"),
        Line("shortfall", "scheduled service not paid",
             f"=IF([on_time]-[paid]>{_CENT},[on_time]-[paid],0)", total=True),
        "Reserves, sweep, distributions",
        Line("floor", "cash that stays",
             "=[set_aside]+[reserve_target]+IF([is_last]=1,0,{minimum_cash})"),
        Line("free", "excess cash",
             f"=IF(AND([pays_out]=1,[unswept]-[target]<={_CENT}),"
             "MAX([before]+[equity_in]-[paid]-[floor],0),0)"),
        Line("swept", "swept", "=IF([idx]>={first_payment},MIN({sweep}*[free],[unswept]),0)", total=True),
        Line("prepaid", "prepaid so far", "=[prepaid<]+[swept]"),
        Line("due_balance", "balance on schedule, after the sweep", "=MAX([target]-[swept],0)"),
        Line("debt", "closing debt", "=[unswept]-[swept]"),
        Line("distribution", "distributions",
             f"=IF(AND([is_last]=0,[in_locked]=1,[debt]>{_CENT}),0,[free]-[swept])", total=True),
        Line("closing_cash", "closing cash",
             "=[before]+[equity_in]-[paid]-[swept]-[distribution]"),
    )  # fmt: skip


def add_ratios(book: Book, *, with_debt: bool, with_grid: bool) -> None:
    """Cover and returns, with their definitions in the label."""
    book.add(
        "Ratios",
        Line("project_flow", "project flow after tax, before debt",
             "=[revenue_total]-[in_credit]+[in_prepayment]-[opex_total]+[residual]-[capex_total]-[p_tax]", total=True),
        Line("equity_flow", "flow to owners", "=[distribution]-[equity_in]", total=True),
        Scalar("npv", "project NPV after tax, start of month 0", "=SUMPRODUCT([project_flow:],[discount:])", "USD"),
        Scalar("equity_npv", "equity NPV", "=SUMPRODUCT([equity_flow:],[discount:])", "USD"),
    )  # fmt: skip
    if with_grid:
        value = "=12*{npv}/SUMPRODUCT([discount:],[operates:])/{grid_mw}"
        book.add("Ratios", Scalar("value_per_mw", "value per grid MW and year", value, "USD/MW/year"))
    if not with_debt:
        return
    year = "([idx:]>[idx]-{window})*([idx:]<=[idx])"
    book.add(
        "Ratios",
        Scalar("window", "months of the trailing cover", "=MIN(12,{payments})", "months"),
        Line("dscr_month", "DSCR of the month: CFADS / service due",
             '=IF([s_tested]>0.000001,[cfads]/[s_tested],"")', ""),
        Line("dscr", "DSCR, trailing months",
             "=IF(AND([s_tested]>0.000001,[idx]>={first_payment}+{window}-1),"
             f'SUMPRODUCT([cfads:]*{year})/SUMPRODUCT([s_tested:]*{year}),"")', ""),
        Scalar("min_dscr", "lowest trailing DSCR", "=MIN([dscr:])", ""),
        Scalar("average_dscr", "average DSCR of the months", "=AVERAGE([dscr_month:])", ""),
        Scalar("llcr", "LLCR: worth of CFADS over the loan's life at its rate / owed at the first payment",
               "=SUMPRODUCT([cfads:]*[repays:]*(1+{loan_rate}/12)^-([idx:]-{first_payment}+1))/{at_start}", ""),
    )  # fmt: skip


def add_checks(book: Book, *, with_debt: bool) -> None:
    """Identities that must hold, and agreement with the run while every factor is 1."""
    same = "=SUMPRODUCT(ABS([{mine}:]-[run_{run}:]))<0.01*{{months}}+0.000000001*SUMPRODUCT(ABS([run_{run}:]))"
    pairs = {
        "tax": "tax_operation",
        "cfads": "cfads",
        "debt_balance": "debt",
        "equity_in": "equity_in",
        "distributions": "distribution",
        "closing_cash": "closing_cash",
        "shortfall": "shortfall",
    }
    identities = [
        Scalar("check_cash", "all cash in and out is in the closing cash",
               "=ABS(SUM([cfads:])+SUM([c_sale:])+SUM([equity_in:])+SUM([in_draw:])-SUM([capex_total:])-SUM([fee:])"
               "-SUM([paid:])-SUM([swept:])-SUM([distribution:])-[closing_cash.last])<0.01"),
        Scalar("check_debt", "what was lent and accrued is repaid or owed",
               "=ABS(SUM([in_draw:])+SUM([accrued_interest:])-SUM([paid:])-SUM([swept:])-[debt.last])<0.01"),
        Scalar("check_schedule", "the schedule ends at zero", "=ABS([s_balance.last])<0.01"),
        Scalar("check_written", "no more is written off than spent", "=SUM([written:])<=SUM([capex_total:])+0.01"),
        Scalar("check_payouts", "nothing is paid out of cash that is not there", "=MIN([distribution:])>=0"),
    ]  # fmt: skip
    book.add("Checks", "Identities", *identities, "Agreement with the run (while every factor is 1)")
    names = [item.name for item in identities]
    for run, mine in pairs.items():
        name = f"check_{run}_run"
        names.append(name)
        book.add("Checks", Scalar(name, f"{run} as in the run", same.format(mine=mine, run=run)))
    names.append("check_npv")
    book.add(
        "Checks",
        Scalar("check_npv", "NPV as in the run", "=ABS({npv}-[run_npv.first])<0.01+0.000000001*ABS([run_npv.first])"),
        "All checks",
        Scalar("master", "every check holds", "=AND(" + ",".join(f"{{{name}}}" for name in names) + ")"),
    )
