"""The waterfall of the cash flow workbook, facilities, prices of prepaying and cures with it, where a case has them."""

from __future__ import annotations

from typing import Final

from megawatt.finance import LenderTerms
from megawatt.finance.measures import CENT
from megawatt.results.workbook.sheet import Book, Line, Scalar

__all__ = ["FACILITIES", "add_cash", "add_lender_inputs"]


FACILITIES: Final = ("f1", "f2", "f3", "f4")
"""What the rows of facilities are called by, in the order in which they are drawn."""


def _keys(lender: LenderTerms) -> tuple[str, ...]:
    return FACILITIES[: len(lender.facilities)]


def _sum(keys: tuple[str, ...], row: str) -> str:
    """A row of every facility, added; nothing where there is none."""
    return "".join(f"+[{key}_{row}]" for key in keys)


def add_lender_inputs(book: Book, lender: LenderTerms) -> None:
    """Terms of facilities, cures and what makes whole, where there are any."""
    for key, line in zip(FACILITIES, lender.facilities, strict=False):
        book.add(
            "Inputs",
            f"Facility: {line.name}",
            Scalar(f"{key}_limit_usd", "most that is drawn", line.limit_usd, "USD"),
            Scalar(f"{key}_limit_months", "and months of mean service", line.limit_months, "months"),
            Scalar(f"{key}_rate", "annual rate on what is drawn", line.rate),
            Scalar(f"{key}_cost", "annual fee on what is not drawn", line.fee),
            Scalar(f"{key}_pays_bills", "1: it pays bills too", float(line.pays_bills)),
        )
    if lender.cures_most:
        book.add(
            "Inputs",
            "Cures",
            Scalar("cures_most", "breaches that owners cure, in all", lender.cures_most, "tests"),
            Scalar("cures_per_year", "of them in twelve months", lender.cures_per_year, "tests"),
        )
    if lender.make_whole_rate is not None:
        par = 1e6 if lender.par_month is None else lender.par_month
        book.add(
            "Inputs",
            "Make-whole",
            Scalar("make_whole", "annual rate that makes whole", lender.make_whole_rate),
            Scalar("par_month", "first month with a call price (1e6: the last payment)", par, "month"),
        )


def add_cash(book: Book, lender: LenderTerms) -> None:
    """The waterfall: operation, service, facilities, cures, reserves, prepayments, distributions."""
    keys = _keys(lender)
    _operation(book)
    _limits(book, keys, lender)
    _costs(book, keys, lender)
    _service(book, keys)
    _cures(book, keys, cures=lender.cures_most > 0)
    _owners(book, keys, lender)


def _operation(book: Book) -> None:
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
        Line("c_fee", "fees", "=-[fee_before]", total=True),
        Line("c_draw", "loan draws", "=[in_draw]", total=True),
        Line("before", "cash before service", "=[opening_cash]+[cfads]+[c_sale]+[c_capex]+[c_fee]+[c_draw]"),
    )  # fmt: skip


def _limits(book: Book, keys: tuple[str, ...], lender: LenderTerms) -> None:
    """What is known before the waterfall: limits of facilities, worth of the instalments for the make-whole."""
    mean = "SUMPRODUCT(([s_service:]-[s_balloon:])*[repays:])/({last_payment}-{first_payment}+1)"
    for key, line in zip(keys, lender.facilities, strict=True):
        limit = f"={{{key}_limit_usd}}+{{{key}_limit_months}}*{mean}"
        book.add("Debt", Scalar(f"{key}_limit", f"{line.name}: most that is drawn", limit, "USD"))
    if lender.make_whole_rate is None:
        return
    since = "{first_payment}+INT(([idx]-{first_payment})/{every})*{every}"
    month = "{make_whole}*[fraction]"
    called = "SUMPRODUCT([{row}:]*([idx:]={{par}}))"
    at_par = f"({called.format(row='w_interest')}+{called.format(row='w_worth')}*(1+{called.format(row='in_call')}))"
    book.add(
        "Debt",
        "What makes the lender whole",
        Scalar("par", "month of the first call price", "=MIN({par_month},{last_payment})", "month"),
        Line("w_month", "rate of the month", f"={month}", ""),
        Line("w_rate", "rate by payment",
             "=IF(OR({every}=1,[idx]<{first_payment}),[w_month],"
             f"IF([pays]=1,SUMPRODUCT([w_month:]*([idx:]>={since})*([idx:]<=[idx])),0))", ""),
        Line("w_worth", "worth of a dollar at that rate", "=IF([idx]=0,1,[w_worth<])/(1+[w_rate])", ""),
        Line("w_interest", "worth of interest so far", "=[w_interest<]+[rate]*[w_worth]", ""),
        Line("w_due", "worth of an instalment due now, or called before",
             f"=IF([idx]<={{par}},[w_interest]+[w_worth],{at_par.replace('{{par}}', '{par}')})", ""),
    )  # fmt: skip


def _costs(book: Book, keys: tuple[str, ...], lender: LenderTerms) -> None:
    """Interest and fees of facilities, what is deducted; premiums of the month before."""
    premium = "+[premium<]" if _charges(lender) else ""
    for key, line in zip(keys, lender.facilities, strict=True):
        begins = "{first_payment}" if line.limit_months > 0.0 else "{draw_month}"
        book.add(
            "Debt",
            line.name,
            Line(f"{key}_open", "opening balance", f"=[{key}_balance<]"),
            Line(f"{key}_interest", "interest, added", f"=[{key}_open]*{{{key}_rate}}*[fraction]", total=True),
            Line(f"{key}_fee", "fee on what is not drawn",
                 f"=IF(AND([idx]>={begins},[idx]<={{last_payment}}),"
                 f"MAX({{{key}_limit}}-[{key}_open],0)*{{{key}_cost}}*[fraction],0)", total=True),
        )  # fmt: skip
    book.add(
        "Debt",
        "Fees and interest in all",
        Line("fee_before", "fees before service", f"=[fee]{_sum(keys, 'fee')}", total=True),
        Line(
            "fee_deducted", "fees and premiums deducted for tax", f"=[fee_tax]{_sum(keys, 'fee')}{premium}", total=True
        ),
        Line("interest_all", "interest as it falls due", f"=[accrued_interest]{_sum(keys, 'interest')}", total=True),
    )


def _charges(lender: LenderTerms) -> bool:
    return lender.premium_frac is not None or lender.make_whole_rate is not None


def _service(book: Book, keys: tuple[str, ...]) -> None:
    built = (
        "=IF([builds]=1,MAX(0,MIN([demand]-[before]"
        "+IF(AND({reserve_at_close}=1,[idx]={construction_months}-1),[reserve_target],[interest_held]),"
        "{committed_equity}-[equity_so_far<])),0)"
    )
    book.add(
        "Cashflow",
        "Service",
        Line("open_debt", "opening debt", "=[debt<]"),
        Line("accrued_interest", "interest that falls due", "=[open_debt]*[rate]", total=True),
        Line("added", "interest added to the loan", "=MIN([s_capitalised],[accrued_interest])"),
        Line("due_interest", "interest due in cash", "=[accrued_interest]-[added]", total=True),
        Line("target", "balance that the loan should have", "=MAX([s_balance]-[prepaid<],0)"),
        Line("owed", "owed before payment", "=[open_debt]+[added]+[in_draw]"),
        Line("demand", "interest, principal and arrears",
             f"=[due_interest]+IF([owed]-[target]>{CENT},[owed]-[target],0)"),
        Line("on_date", "of which on a date of payment", "=[pays]*[demand]"),
        Line("tested", "service in the cover tests: due, balloon left out, and no more than is owed",
             f"=IF([owed]+[due_interest]>{CENT},MIN([s_tested],[owed]+[due_interest]),0)", total=True),
        Line("equity_built", "equity for construction", built, total=True),
        Line("equity_so_far", "of it so far", "=[equity_so_far<]+[equity_built]"),
        Line("funds", "cash for service", "=[before]+[equity_built]"),
    )  # fmt: skip
    if keys:
        book.add(
            "Cashflow",
            Line("balloon_due", "balloon in it",
                 "=IF([idx]<{last_payment},0,IF([idx]={last_payment},"
                 "MAX(0,MIN([s_balloon]-[prepaid<],[demand]-[due_interest])),[balloon_left<]*(1+[rate])))"),
            Line(f"{keys[0]}_bills", "bills that cash does not pay", "=[repays]*MAX(-[funds],0)"),
            Line(f"{keys[0]}_short", "service that it does not pay",
                 "=[repays]*MAX([on_date]-[balloon_due]-MAX([funds],0),0)"),
        )  # fmt: skip
    for key, after in zip(keys, [*keys[1:], ""][: len(keys)], strict=True):
        left = f"MAX({{{key}_limit}}-[{key}_open]-[{key}_interest],0)"
        book.add(
            "Cashflow",
            Line(f"{key}_for_bills", f"{key}: drawn for bills", f"={{{key}_pays_bills}}*MIN([{key}_bills],{left})"),
            Line(f"{key}_for_service", f"{key}: drawn for service",
                 f"=IF([{key}_bills]-[{key}_for_bills]>0,0,MIN([{key}_short],{left}-[{key}_for_bills]))"),
            Line(f"{key}_draw", f"{key}: drawn", f"=[{key}_for_bills]+[{key}_for_service]", total=True),
        )  # fmt: skip
        if after:
            book.add(
                "Cashflow",
                Line(f"{after}_bills", "bills still unpaid", f"=[{key}_bills]-[{key}_for_bills]"),
                Line(f"{after}_short", "service still unpaid", f"=[{key}_short]-[{key}_for_service]"),
            )
    drawn, pool = f"[funds]{_sum(keys, 'draw')}", "[facility_cash]"
    if keys:
        book.add("Cashflow", Line("facility_cash", "cash that repays facilities",
                                  f"=[pays]*MAX({drawn}-([on_date]-[balloon_due]),0)"))  # fmt: skip
    for key in keys:
        repaid = f"=MIN({pool},[{key}_open]+[{key}_interest]+[{key}_draw])"
        book.add("Cashflow", Line(f"{key}_served", f"{key}: repaid", repaid, total=True))
        pool = f"MAX({pool}-[{key}_served],0)"
    served = drawn + _sum(keys, "served").replace("+", "-")
    late = "".join(f"+[{key}_open]+[{key}_interest]+[{key}_draw]-[{key}_served]" for key in keys).removeprefix("+")
    unpaid = f"+IF([idx]<{{last_payment}},0,IF({late}>{CENT},{late},0))" if keys else ""
    book.add(
        "Cashflow",
        Line("paid", "paid to lenders on demand", f"=MAX(0,MIN({served},[on_date]))", total=True),
        Line("interest_paid", "interest paid", "=MIN([paid],[due_interest])", total=True),
        Line("principal_served", "principal paid on demand", "=[paid]-[interest_paid]", total=True),
        Line("unswept", "debt before prepayments",
             "=[owed]+[due_interest]-[interest_paid]-[principal_served]"),
        Line("arrears", "owed and unpaid (a default while above zero)",
             f"=IF([demand]-[paid]>{CENT},[demand]-[paid],0){unpaid}"),
        Line("served", "cash after service", f"={served}-[paid]"),
    )  # fmt: skip
    if keys:
        book.add("Cashflow", Line("balloon_left", "balloon unpaid", "=MIN([balloon_due],[demand]-[paid])"))


def _cures(book: Book, keys: tuple[str, ...], *, cures: bool) -> None:
    """What owners put in where the covenant is breached; it repays facilities first."""
    if not cures:
        for key in keys:
            book.add("Cashflow", _balance(key, ""))
        book.add("Cashflow", Line("in_hand", "cash in hand", "=[served]"))
        return
    pool = "([pays]*MAX([served]+[cure],0))"
    book.add("Cashflow", "Cures", Line("cure", "put in to cure the covenant",
                                       "=IF([cures]=1,{covenant}*[t_service]-[t_cash],0)", total=True))  # fmt: skip
    for key in keys:
        owed = f"[{key}_open]+[{key}_interest]+[{key}_draw]-[{key}_served]"
        book.add("Cashflow", Line(f"{key}_cured", f"{key}: repaid of it", f"=MIN({pool},{owed})", total=True))
        book.add("Cashflow", _balance(key, f"-[{key}_cured]"))
        pool = f"MAX({pool}-[{key}_cured],0)"
    book.add("Cashflow", Line("in_hand", "cash in hand", f"=[served]+[cure]{_sum(keys, 'cured').replace('+', '-')}"))


def _balance(key: str, cured: str) -> Line:
    return Line(f"{key}_balance", f"{key}: closing balance",
                f"=[{key}_open]+[{key}_interest]+[{key}_draw]-[{key}_served]{cured}")  # fmt: skip


def _owners(book: Book, keys: tuple[str, ...], lender: LenderTerms) -> None:
    """Reserves, prepayments with their prices, the lock-up, owners."""
    costs, target = _charges(lender), lender.target_frac is not None
    price = "/(1+[in_call])" if costs else ""
    swept = f"MIN({{sweep}}*[free]{price},[unswept]{',MAX([unswept]-[in_target]*{at_start},0)' if target else ''})"
    paying = "AND([pays_out]=1,[pays]=1,[arrears]=0)"
    shut = "OR([locked]=1,[recent]+[cures]>0)" if lender.cures_most else "[locked]=1"
    book.add(
        "Cashflow",
        "Reserves, prepayments, distributions",
        Line("floor", "cash that stays",
             f"=[set_aside]+[reserve_target]+IF(AND([is_last]=0,OR([unswept]>{CENT},[idx]<{{first_payment}},{{first_payment}}<0)),{{minimum_cash}},0)"),
        Line("free", "excess cash", f"=IF({paying},MAX([in_hand]-[floor],0),0)"),
        Line("swept", "swept", f"=IF([idx]>={{first_payment}},{swept},0)", total=True),
    )  # fmt: skip
    ahead, premium, put_in = "", "", ""
    if costs:
        book.add("Cashflow", Line("sweep_premium", "premium on it", "=[swept]*[in_call]", total=True))
        premium = "-[premium]"
    if lender.prepaid_frac is not None:
        wanted = f"IF(AND({paying},[idx]>={{first_payment}}),MIN([in_prepaid]*{{at_start}},[unswept]-[swept]),0)"
        book.add("Cashflow", Line("at_will", "prepaid as owners decided", f"=IF({shut},0,{wanted})", total=True))
        ahead = "-[at_will]"
    if costs:
        on_will = f"+{_premium(lender)}" if ahead else ""
        book.add("Cashflow", Line("premium", "premiums on prepayments", f"=[sweep_premium]{on_will}", total=True))
    rest = f"[free]-[swept]{ahead}{premium}"
    if ahead:
        book.add("Cashflow", Line("will_equity", "owners' own money for it", f"=MAX(-({rest}),0)", total=True))
        put_in = "+[will_equity]"
    cure = "+[cure]" if lender.cures_most else ""
    book.add(
        "Cashflow",
        Line("equity_in", "equity in, all", f"=[equity_built]{cure}{put_in}", total=True),
        Line("prepaid_now", "prepaid", f"=[swept]{ahead.replace('-', '+')}", total=True),
        Line("prepaid", "prepaid so far", "=[prepaid<]+[prepaid_now]"),
        Line("debt", "closing debt", f"=[unswept]-[swept]{ahead}"),
        Line("distribution", "distributions",
             f"=IF(AND([is_last]=0,{shut},[debt]>{CENT}),0,MAX({rest},0))", total=True),
        Line("closing_cash", "closing cash", f"=[in_hand]{put_in}-[swept]{ahead}{premium}-[distribution]"),
        Line("fees_paid", "fees and premiums in all", f"=[fee_before]{premium.replace('-', '+')}", total=True),
        Line("lines_net", "facilities drawn less repaid",
             "=0" + "".join(f"+[{key}_balance]-[{key}_open]-[{key}_interest]" for key in keys), total=True),
        Line("debt_all", "debt and facilities", f"=[debt]{_sum(keys, 'balance')}"),
    )  # fmt: skip


def _premium(lender: LenderTerms) -> str:
    """On what owners prepay: the call price, or what makes whole the instalments that it takes, last ones first."""
    if lender.make_whole_rate is None:
        return "[at_will]*[in_call]"
    low, high = "[prepaid<]", "([prepaid<]+[at_will])"
    # the part of each instalment between two amounts prepaid; a+b less and plus |a-b| are twice the least and greatest
    least = f"([s_opening:]+{high}-ABS([s_opening:]-{high}))/2"
    most = f"([s_balance:]+{low}+ABS([s_balance:]-{low}))/2"
    part = f"(({least}-{most})+ABS({least}-{most}))/2"
    whole = f"MAX(0,SUMPRODUCT(([idx:]>[idx])*[repays:]*{part}*(([w_due:]-[w_interest])/[w_worth]-1)))"
    return f"IF([idx]<{{par}},{whole},[at_will]*[in_call])"
