"""The formulas of the cash flow workbook, sheet by sheet; their rules are those of the finance engine."""

from __future__ import annotations

from megawatt.finance import LoanTerms
from megawatt.results.workbook.sheet import Book, Line, Scalar

__all__ = ["add_debt", "add_deferred", "add_tax", "add_timing"]


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
        Line("pays", "payments can fall",
             "=IF(OR([is_last]=1,{every}=1,[idx]<{first_payment},MOD([idx]-{first_payment}+1,{every})=0),1,0)",
             "flag"),
        Line("fraction", "year fraction of the month's interest",
             "=CHOOSE({day_count},1/12,[hours]/24/360,[hours]/24/365,"
             "[hours]/24/(DATE([year]+1,1,1)-DATE([year],1,1)))", ""),
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


def _ahead(due: str, months: str) -> str:
    """What falls due in so many months after this one, the broken part of the last too."""
    whole = f"SUMPRODUCT([{due}:]*([idx:]>[idx])*([idx:]<=[idx]+INT({{{months}}})))"
    return f"{whole}+({{{months}}}-INT({{{months}}}))*SUMPRODUCT([{due}:]*([idx:]=[idx]+INT({{{months}}})+1))"


def add_debt(book: Book, loan: LoanTerms | None) -> None:
    """The loan as it runs when paid on time (corkscrew), and the reserve that its service asks for.

    Interest falls due where payments do, for all months since the last one; factors are of those rates.
    """
    since = "{first_payment}+INT(([idx]-{first_payment})/{every})*{every}"
    months = f"([idx:]>={since})*([idx:]<=[idx])"
    before = "SUMPRODUCT([growth:]*([idx:]={first_payment}-1))"
    amortised_from = "{first_payment}+{interest_only}*{every}"
    due = f"[repays:]*[pays:]*([idx:]>={amortised_from})"
    at_start = f"=IF({{capitalise}}=1,SUMPRODUCT([in_draw:]/[growth:])*{before},SUM([in_draw:]))"
    weighted = f"=SUMPRODUCT([in_weight:]*[repays:]/[growth:])*{before}"
    level = f"=1/SUMPRODUCT({due}/[growth:])/SUMPRODUCT([growth:]*([idx:]={amortised_from}-1))"
    book.add(
        "Debt",
        Scalar("payments", "number of payments", "=({last_payment}-{first_payment}+1)/{every}", "months"),
        Line("rate_month", "interest of the month, the scenario's added",
             "=(IF({floats}=1,[in_rate],{loan_rate_stated})+{x_rate})*[fraction]", ""),
        Line("rate", "interest that falls due",
             "=IF(OR({every}=1,[idx]<{first_payment}),[rate_month],"
             f"IF([pays]=1,SUMPRODUCT([rate_month:]*{months}),0))", ""),
        Line("growth", "a dollar with interest", "=IF([idx]=0,1,[growth<]*(1+[rate]))", ""),
        Scalar("at_start", "owed at the first payment", at_start if loan else "=0", "USD"),
        Scalar("amortising", "of which repaid by instalments", "={at_start}*(1-{balloon})", "USD"),
        Scalar("weights_worth", "worth of the sculpting weights", weighted if loan else "=0", ""),
        Scalar("level_payment", "level payment per dollar", level if loan else "=0", ""),
        "Schedule when paid on time",
        Line("s_opening", "opening balance", "=[s_balance<]"),
        Line("s_draw", "draw", "=[in_draw]", total=True),
        Line("s_interest", "interest that falls due", "=[s_opening]*[rate]", total=True),
        Line("s_own_interest", "interest on the instalments' part", "=[s_interest]-{at_start}*{balloon}*[rate]"),
        Line("s_instalment", "principal by the loan's shape",
             f"=IF([pays]*[repays]*([idx]>={amortised_from})=0,0,"
             "CHOOSE({loan_shape},{amortising}*{level_payment}-[s_own_interest],"
             "{amortising}/({payments}-{interest_only}),"
             "IF({weights_worth}=0,0,{amortising}*[in_weight]/{weights_worth})-[s_own_interest],0,"
             "{at_start}*[in_principal]))" if loan else "=0"),
        Line("s_capitalised", "interest added to the loan",
             "=IF([repays]=0,{capitalise}*[s_interest],IF([idx]={last_payment},0,MAX(-[s_instalment],0)))",
             total=True),
        Line("s_principal", "principal",
             "=IF([repays]=0,0,IF([idx]={last_payment},[s_opening],MAX([s_instalment],0)))", total=True),
        Line("s_balance", "closing balance", "=[s_opening]+[s_draw]+[s_capitalised]-[s_principal]"),
        Line("s_service", "service due in cash", "=[s_interest]-[s_capitalised]+[s_principal]", total=True),
        Line("s_held", "service that a reserve holds", "=IF([repays]=1,[s_service],0)", total=True),
        Line("s_balloon", "of which the balloon",
             "=IF([idx]={last_payment},{at_start}*IF({loan_shape}=4,1,IF({loan_shape}=5,MAX(1-SUM([in_principal:]),0),"
             "{balloon})),0)", total=True),
        Line("s_tested", "service in the cover tests, balloon left out",
             "=IF([repays]=1,[s_service]-[s_balloon],0)", total=True),
        Line("fee", "fees: upfront, and on what is not drawn yet",
             "=IF([idx]={draw_month},{upfront_fee}*SUM([in_draw:]),0)+IF(AND([idx]>={draw_month},[idx]<{first_payment}),"
             "{commitment_fee}*[fraction]*(SUM([in_draw:])-SUM([in_draw^])+[in_draw]),0)", total=True),
        Line("fee_tax", "fees deducted for tax",
             "=[drawn]*SUM([fee:])/({last_payment}-{draw_month}+1)", total=True),
        Line("interest_held", "reserve: interest before the first payment",
             "=IF(AND({interest_reserve}=1,[idx]>={draw_month}),"
             "SUMPRODUCT(([s_interest:]-[s_capitalised:])*([idx:]>[idx])*([idx:]<{first_payment})),0)"),
        Line("reserve_target", "reserve: service and running cost ahead, interest, other",
             f"=IF([is_last]=1,0,IF([idx]<{{first_payment}}-1,0,{_ahead('s_held', 'reserve_months')})"
             f"+IF([idx]<{{construction_months}}-1,0,{_ahead('opex_total', 'opex_reserve_months')})"
             "+[interest_held]+[in_other_reserve])"),
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
        Line(f"{p}accrued", "tax on the year so far",
             f"={rate}*IF({{passes}}=1,[{p}ytd],MAX([{p}ytd],0)-[{p}used])"),
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
        *_tax_block("", "[income]-[fee_deducted]", "[interest_all]", "[adjusted]-[fee_deducted]"),
        Line("profit_operation", "income of operation, year so far", f"=MAX([ytd_income]-[disposal]-{allowed},0)"),
        Line("accrued_operation", "tax on operation, year so far",
             "=({state_rate}+{federal_rate}*(1-{state_rate}))*([profit_operation]"
             "-MIN([losses_in],{loss_limit}*[profit_operation]))"),
        Line("tax_operation", "tax on operation, paid",
             "=(1-{passes})*IF([is_last]=1,[accrued_operation]-[paid_in],[tax])", total=True),
        Line("tax_month", "tax on operation, as it accrues",
             "=(1-{passes})*([accrued_operation]-IF([settles<]=1,0,[accrued_operation<]))", total=True),
        Line("tax_sale", "tax on the sale", "=(1-{passes})*([tax]-[tax_operation])", total=True),
        Line("owners_tax", "tax of the owners", "={passes}*[tax]", total=True),
        Line("set_aside", "tax accrued, not yet due", "=(1-{passes})*MAX([accrued]-[paid_in]-[tax],0)"),
        "Without the loan",
        *_tax_block("p_", "[income]", "0", "[adjusted]"),
    )  # fmt: skip
