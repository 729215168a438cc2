"""Covenant tests, income statement and balance sheet of the cash flow workbook."""

from __future__ import annotations

from typing import Final

from megawatt.finance.measures import CENT
from megawatt.results.workbook.sheet import Book, Line

__all__ = ["add_covenants", "add_statements"]

_RATE: Final = "({state_rate}+{federal_rate}*(1-{state_rate}))"
_NO_SERVICE: Final = "0.000001"


def add_covenants(book: Book, *, cures: bool) -> None:
    """Trailing-twelve-month cover at test dates, lock-up and breach; each looks back only, so nothing is circular."""
    year = "([idx^]>[idx]-12)*([idx^]>={first_payment})"
    put_in = "+SUMPRODUCT([cure_before^]*([idx^]>[idx]-11))" if cures else ""
    breach = "IF([t_cover]<{covenant},1,0)"
    book.add(
        "Covenants",
        Line("tests", "cover is tested",
             "=IF(AND({first_payment}>=0,[idx]>={first_payment}+11),IF(MOD([idx]-{first_payment}-11,{test_every})=0,1,0),0)",
             "flag"),
        Line("t_cash", "CFADS of twelve months, tax as it accrues", f"=SUMPRODUCT([cover_cash^]*{year}){put_in}"),
        Line("t_service", "service due in twelve months", f"=SUMPRODUCT([tested^]*{year})"),
        Line("t_cover", "cover (1E+99: nothing due or owed)",
             f"=IF(AND([t_service]>{_NO_SERVICE},[owed]+[due_interest]>{CENT}),[t_cash]/[t_service],1E+99)", ""),
        Line("low", "below the lock-up level", "=IF(AND([tests]=1,[t_cover]<{lockup}),1,0)", "flag"),
        Line("clean", "clean tests in a row", "=IF([tests]=0,[clean<],IF([low]=1,0,[clean<]+1))", "tests"),
        Line("locked", "locked up",
             "=IF([tests]=0,[locked<]+0,IF(OR([low]=1,AND([locked<]=1,[clean]<{release_tests})),1,0))", "flag"),
        Line("breached", "covenant breached",
             f"=IF([tests]=0,[breached<]+0,{f'({breach})*(1-[cures])' if cures else breach})", "flag"),
    )  # fmt: skip
    if cures:
        book.add(
            "Covenants",
            Line("cure_before", "put in a month before", "=[cure<]+0"),
            Line("cures_before", "cured a month before", "=[cures<]+0", "tests"),
            Line("recent", "cures of the eleven months before", "=SUMPRODUCT([cures_before^]*([idx^]>[idx]-11))",
                 "tests"),
            Line("so_far", "cures so far", "=[so_far<]+[cures_before]", "tests"),
            Line("cures", "owners cure it",
                 "=IF(AND([tests]=1,[t_cover]<{covenant},[arrears]=0,[so_far]<{cures_most},[recent]<{cures_per_year}),1,0)",
                 "flag"),
        )  # fmt: skip


def add_statements(book: Book) -> None:
    """Income statement and balance sheet; interest is expensed as it accrues, also during construction."""
    book.add(
        "Income",
        Line("i_revenue", "revenue as delivered", "=[revenue_total]", total=True),
        Line("i_opex", "running cost", "=-[opex_total]", total=True),
        Line("ebitda", "EBITDA", "=[i_revenue]+[i_opex]", total=True),
        Line("i_written", "depreciation", "=-[book_written]", total=True),
        Line("i_fee", "loan fee, over the loan's life", "=-[fee_deducted]", total=True),
        Line("i_interest", "interest as it accrues", "=-[interest_all]", total=True),
        Line("i_sale", "gain of the sale", "=[residual]+[ppe_sold]", total=True),
        Line("i_released", "prepayments never credited", "=[is_last]*[deferred]", total=True),
        Line("before_tax", "profit before tax",
             "=[ebitda]+[i_written]+[i_fee]+[i_interest]+[i_sale]+[i_released]", total=True),
        Line("current_tax", "current tax", "=-((1-{passes})*[tax]+[set_aside]-[set_aside<])", total=True),
        Line("deferred_tax", "deferred tax", "=-([deferred_net]-[deferred_net<])", total=True),
        Line("net_income", "net income", "=[before_tax]+[current_tax]+[deferred_tax]", total=True),
        "Deferred tax",
        Line("losses_now", "losses carried forward, year so far included",
             "=[losses_in]-[used]+MAX(-[ytd],0)"),
        Line("interest_now", "interest carried forward, year so far included",
             "=[ytd_interest]+[interest_in]-[allowed]"),
        Line("deferred_net", "deferred tax liability (asset below zero)",
             f"=IF([is_last]=1,0,(1-{{passes}})*{_RATE}*([ppe]-[tax_basis]-[losses_now]-[interest_now]))"),
    )  # fmt: skip
    book.add(
        "Balance",
        "Assets",
        Line("b_reserve", "cash in reserves", "=MAX(0,MIN([closing_cash],[reserve_target]))"),
        Line("b_cash", "other cash", "=[closing_cash]-[b_reserve]"),
        Line("b_receivable", "receivables", "=[receivable]"),
        Line("b_ppe", "property, plant and equipment", "=[ppe]"),
        Line("b_fee", "loan fee not yet expensed", "=[b_fee<]+[fees_paid]-[fee_deducted]"),
        Line("b_tax_asset", "deferred tax", "=MAX(-[deferred_net],0)"),
        Line("assets", "all assets", "=[b_reserve]+[b_cash]+[b_receivable]+[b_ppe]+[b_fee]+[b_tax_asset]"),
        "Liabilities",
        Line("b_debt", "debt", "=[debt_all]"),
        Line("b_payable", "payables", "=[payable]"),
        Line("b_tax", "tax accrued, not yet due", "=[set_aside]"),
        Line("b_deferred", "deferred revenue", "=[deferred]-[i_released]"),
        Line("b_tax_liability", "deferred tax", "=MAX([deferred_net],0)"),
        Line("liabilities", "all liabilities", "=[b_debt]+[b_payable]+[b_tax]+[b_deferred]+[b_tax_liability]"),
        "Equity",
        Line("b_paid_in", "paid in", "=[b_paid_in<]+[equity_in]"),
        Line("b_earned", "net income so far", "=[b_earned<]+[net_income]"),
        Line("b_paid_out", "distributions so far", "=[b_paid_out<]-[distribution]"),
        Line("equity", "equity", "=[b_paid_in]+[b_earned]+[b_paid_out]"),
        Line("gap", "assets less liabilities less equity", "=[assets]-[liabilities]-[equity]"),
    )
