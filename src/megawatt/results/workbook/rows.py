"""The formulas of the cash flow workbook, sheet by sheet; their rules are those of the finance engine."""

from __future__ import annotations

from typing import Final

from megawatt.finance import LoanTerms
from megawatt.results.workbook.sheet import Book, Line, Scalar

__all__ = ["add_cash", "add_debt", "add_deferred", "add_tax", "add_timing"]

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
        Line("instalment", "an instalment of tax is due",
             "=IF(AND({quarterly}=1,[settles]=0,OR([calendar]=4,[calendar]=6,[calendar]=9)),1,0)", "flag"),
        Line("builds", "equity may come in", "=IF([idx]<{construction_months},1,0)", "flag"),
        Line("pays_out", "distributions are possible", "=IF(OR([builds]=0,[is_last]=1),1,0)", "flag"),
        Line("repays", "loan is repaid", "=IF(AND([idx]>={first_payment},[idx]<={last_payment}),1,0)", "flag"),
        Line("drawn", "loan runs", "=IF(AND([idx]>={draw_month},[idx]<={last_payment}),1,0)", "flag"),
        Line("operates", "operation", "=IF([idx]>={operation_start},1,0)", "flag"),
        Line("placed", "month in which this month's spending is placed in service",
             "=MAX([idx]+1,{operation_start})", "month"),
        Line("placed_year", "its calendar year", "={start_year}+INT(([placed]+{start_month}-1)/12)", "year"),
        Line("placed_calendar", "its calendar month", "=MOD([placed]+{start_month}-1,12)+1", "month"),
        Line("date", "last day of the month", "=DATE([year],[calendar]+1,1)-1", "date"),
        Line("discount", "discount factor", "=(1+{discount_rate})^(-([idx]+1)/12)", ""),
    )  # fmt: skip


def add_deferred(book: Book) -> None:
    """Balance of prepayments received and not yet credited (corkscrew)."""
    book.add(
        "Contract",
        "Deferred revenue",
        Line("deferred_opening", "opening balance", "=[deferred<]"),
        Line("deferred_in", "received", "=[in_prepayment]", total=True),
        Line("deferred_out", "credited", "=-[in_credit]", total=True),
        Line("deferred", "closing balance", "=[deferred_opening]+[deferred_in]+[deferred_out]"),
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
        Scalar("loan_rate", "nominal annual rate, the scenario's added", "={loan_rate_stated}+{x_rate}"),
        Scalar("payments", "number of payments", "={last_payment}-{first_payment}+1", "months"),
        Scalar("at_start", "owed at the first payment", at_start, "USD"),
        Scalar("amortising", "of which repaid by instalments", "={at_start}*(1-{balloon})", "USD"),
        Scalar("weights_worth", "worth of the sculpting weights", weighted, ""),
        Scalar("level_payment", "level payment per dollar", level if loan else "=0", ""),
        "Schedule when paid on time",
        Line("s_opening", "opening balance", "=[s_balance<]"),
        Line("s_draw", "draw", "=[in_draw]", total=True),
        Line("s_interest", "interest accrued", "=[s_opening]*{loan_rate}/12", total=True),
        Line("s_own_interest", "interest on the instalments' part",
             "=[s_interest]-{at_start}*{balloon}*{loan_rate}/12"),
        Line("s_instalment", "principal by the loan's shape",
             "=CHOOSE({loan_shape},{amortising}*{level_payment}-[s_own_interest],{amortising}/{payments},"
             "IF({weights_worth}=0,0,{amortising}*[in_weight]/{weights_worth})-[s_own_interest],0)"
             if loan else "=0"),
        Line("s_capitalised", "interest added to the loan",
             "=IF([repays]=0,{capitalise}*[s_interest],IF([idx]={last_payment},0,MAX(-[s_instalment],0)))",
             total=True),
        Line("s_principal", "principal",
             "=IF([repays]=0,0,IF([idx]={last_payment},[s_opening],MAX([s_instalment],0)))", total=True),
        Line("s_balance", "closing balance", "=[s_opening]+[s_draw]+[s_capitalised]-[s_principal]"),
        Line("s_service", "service due in cash", "=[s_interest]-[s_capitalised]+[s_principal]", total=True),
        Line("s_held", "service that a reserve holds", "=IF([repays]=1,[s_service],0)", total=True),
        Line("s_balloon", "of which the balloon",
             "=IF([idx]={last_payment},{at_start}*IF({loan_shape}=4,1,{balloon}),0)", total=True),
        Line("s_tested", "service in the cover tests, balloon left out",
             "=IF([repays]=1,[s_service]-[s_balloon],0)", total=True),
        Line("fee", "upfront fee", "=IF([idx]={draw_month},{upfront_fee}*SUM([in_draw:]),0)", total=True),
        Line("fee_tax", "fee deducted for tax",
             "=[drawn]*{upfront_fee}*SUM([in_draw:])/({last_payment}-{draw_month}+1)", total=True),
        Line("reserve_target", "reserve: service ahead and other",
             "=IF([is_last]=1,0,IF([idx]<{first_payment}-1,0,"
             "SUMPRODUCT([s_held:]*([idx:]>[idx])*([idx:]<=[idx]+INT({reserve_months})))"
             "+({reserve_months}-INT({reserve_months}))*SUMPRODUCT([s_held:]*([idx:]=[idx]+INT({reserve_months})+1)))"
             "+[in_other_reserve])"),
    )  # fmt: skip


def _tax_block(prefix: str, income: str, interest: str, adjusted: str) -> tuple[Line, ...]:
    """Year to date, interest and losses, tax accrued and tax paid of one stream of income."""
    rate = "({state_rate}+{federal_rate}*(1-{state_rate}))"
    p = prefix

    def so_far(name: str, amount: str) -> str:
        return f"=IF([settles<]=1,0,[{p}{name}<])+{amount}"

    return (
        Line(f"{p}ytd_income", "income before interest, year so far", so_far("ytd_income", income)),
        Line(f"{p}ytd_interest", "interest, year so far", so_far("ytd_interest", interest)),
        Line(f"{p}ytd_adjusted", "income before depreciation too, year so far", so_far("ytd_adjusted", adjusted)),
        Line(f"{p}interest_in", "interest carried in", f"=[{p}interest_kept<]"),
        Line(f"{p}allowed", "interest deducted",
             f"=MIN([{p}ytd_interest]+[{p}interest_in],{{interest_limit}}*MAX([{p}ytd_adjusted],0))"),
        Line(f"{p}interest_kept", "interest carried on",
             f"=IF([settles]=1,[{p}ytd_interest]+[{p}interest_in]-[{p}allowed],[{p}interest_in])"),
        Line(f"{p}ytd", "income of the tax year so far", f"=[{p}ytd_income]-[{p}allowed]"),
        Line(f"{p}losses_in", "losses carried in", f"=[{p}losses<]"),
        Line(f"{p}used", "losses that this year's income would use",
             f"=MIN([{p}losses_in],{{loss_limit}}*MAX([{p}ytd],0))"),
        Line(f"{p}accrued", "tax on the year so far", f"={rate}*(MAX([{p}ytd],0)-[{p}used])"),
        Line(f"{p}paid_in", "of which paid before", f"=IF([settles<]=1,0,[{p}paid_in<]+[{p}tax<])"),
        Line(f"{p}tax", "tax paid",
             f"=IF([settles]=1,[{p}accrued]-[{p}paid_in],[instalment]*MAX([{p}accrued]-[{p}paid_in],0))", total=True),
        Line(f"{p}losses", "losses carried on",
             f"=IF([settles]=1,[{p}losses_in]-[{p}used]+MAX(-[{p}ytd],0),[{p}losses_in])"),
    )  # fmt: skip


def add_tax(book: Book) -> None:
    """Taxable income and its tax as it accrues and as it is paid, with and without the loan."""
    allowed = "MIN([ytd_interest]+[interest_in],{interest_limit}*MAX([ytd_adjusted]-[disposal],0))"
    book.add(
        "Tax",
        Line("disposal", "gain of the sale, uncredited prepayments included",
             "=[is_last]*(SUM([residual:])-(SUM([capex_total:])-SUM([written:]))+SUM([in_prepayment:])-SUM([in_credit:]))"),
        Line("income", "income before interest", "=[revenue_total]-[opex_total]-[written]+[disposal]", total=True),
        Line("adjusted", "income before depreciation too", "=[income]+[written]", total=True),
        "With the loan",
        *_tax_block("", "[income]-[fee_tax]", "[accrued_interest]", "[adjusted]-[fee_tax]"),
        Line("profit_operation", "income of operation, year so far", f"=MAX([ytd_income]-[disposal]-{allowed},0)"),
        Line("accrued_operation", "tax on operation, year so far",
             "=({state_rate}+{federal_rate}*(1-{state_rate}))*([profit_operation]"
             "-MIN([losses_in],{loss_limit}*[profit_operation]))"),
        Line("tax_operation", "tax on operation, paid",
             "=IF([is_last]=1,[accrued_operation]-[paid_in],[tax])", total=True),
        Line("tax_month", "tax on operation, as it accrues",
             "=[accrued_operation]-IF([settles<]=1,0,[accrued_operation<])", total=True),
        Line("tax_sale", "tax on the sale", "=[tax]-[tax_operation]", total=True),
        Line("set_aside", "tax accrued, not yet due", "=MAX([accrued]-[paid_in]-[tax],0)"),
        "Without the loan",
        *_tax_block("p_", "[income]", "0", "[adjusted]"),
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
        Line("receivable", "receivables",
             "=IF([is_last]=1,0,([revenue_total]-[in_credit])*{receivable_days}*24/[hours])"),
        Line("payable", "payables", "=IF([is_last]=1,0,[opex_total]*{payable_days}*24/[hours])"),
        Line("c_working", "working capital", "=-([receivable]-[payable]-([receivable<]-[payable<]))", total=True),
        Line("cfads", "CFADS", "=[c_revenue]+[c_credit]+[c_prepayment]+[c_opex]+[c_working]+[c_tax]", total=True),
        Line("cover_cash", "CFADS with tax as it accrues", "=[cfads]+[tax_operation]-[tax_month]", total=True),
        Line("c_sale", "proceeds of the sale, after tax", "=[residual]-[tax_sale]", total=True),
        Line("c_capex", "capital spending", "=-[capex_total]", total=True),
        Line("c_fee", "loan fee", "=-[fee]", total=True),
        Line("c_draw", "loan draws", "=[in_draw]", total=True),
        Line("before", "cash before service",
             "=[opening_cash]+[cfads]+[c_sale]+[c_capex]+[c_fee]+[c_draw]"),
        "Service",
        Line("open_debt", "opening debt", "=[debt<]"),
        Line("accrued_interest", "interest accrued", "=[open_debt]*{loan_rate}/12", total=True),
        Line("added", "interest added to the loan", "=MIN([s_capitalised],[accrued_interest])"),
        Line("due_interest", "interest due in cash", "=[accrued_interest]-[added]", total=True),
        Line("target", "balance that the loan should have", "=MAX([s_balance]-[prepaid<],0)"),
        Line("owed", "owed before payment", "=[open_debt]+[added]+[in_draw]"),
        Line("demand", "interest, principal and arrears",
             f"=[due_interest]+IF([owed]-[target]>{_CENT},[owed]-[target],0)"),
        Line("tested", "service in the cover tests: due, balloon left out, and no more than is owed",
             f"=IF([owed]+[due_interest]>{_CENT},MIN([s_tested],[owed]+[due_interest]),0)", total=True),
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
        Line("arrears", "owed and unpaid (a default while above zero)",
             f"=IF([demand]-[paid]>{_CENT},[demand]-[paid],0)"),
        "Reserves, sweep, distributions",
        Line("floor", "cash that stays",
             f"=[set_aside]+[reserve_target]+IF(AND([is_last]=0,OR([unswept]>{_CENT},[idx]<{{first_payment}},{{first_payment}}<0)),{{minimum_cash}},0)"),
        Line("free", "excess cash",
             "=IF(AND([pays_out]=1,[arrears]=0),"
             "MAX([before]+[equity_in]-[paid]-[floor],0),0)"),
        Line("swept", "swept", "=IF([idx]>={first_payment},MIN({sweep}*[free],[unswept]),0)", total=True),
        Line("prepaid", "prepaid so far", "=[prepaid<]+[swept]"),
        Line("debt", "closing debt", "=[unswept]-[swept]"),
        Line("distribution", "distributions",
             f"=IF(AND([is_last]=0,[locked]=1,[debt]>{_CENT}),0,[free]-[swept])", total=True),
        Line("closing_cash", "closing cash",
             "=[before]+[equity_in]-[paid]-[swept]-[distribution]"),
    )  # fmt: skip
