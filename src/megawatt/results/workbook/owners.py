"""Tranches behind the loan, and the partners behind them, in the cash flow workbook: on what the loan lets out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from megawatt.finance import CashFlow, net_present_value_usd
from megawatt.finance.measures import CENT
from megawatt.finance.partnership import Partners, PartnershipTerms, split
from megawatt.finance.records import JuniorTerms
from megawatt.finance.tranches import Stack
from megawatt.results.workbook.sheet import Book, Line, Scalar

__all__ = ["Behind", "add_behind", "check_behind"]


@dataclass(frozen=True, slots=True)
class Behind:
    """What stands behind the loan: tranches with what they get, and the owners' partnership."""

    stack: Stack | None = None
    partnership: PartnershipTerms | None = None

    def partners(self, cash: CashFlow) -> Partners | None:
        """Both partners of the first path; None where there is no partnership."""
        if self.partnership is None:
            return None
        flows, tax = self.stack or cash, cash.owners_tax
        put_in, paid = flows.equity_in[0], flows.distributions[0]
        return split(self.partnership, put_in, paid, 0.0 * paid if tax is None else tax[0], cash.terms.timing.years)


def add_behind(book: Book, cash: CashFlow, behind: Behind) -> None:
    """A sheet for the tranches in the order in which they are paid, and one for the partners."""
    terms = [tranche.terms for tranche in behind.stack.tranches] if behind.stack else []
    drawn, pool = "", "[distribution]"
    for number, one in enumerate(terms, 1):
        _tranche(book, f"j{number}", one, drawn, pool)
        drawn, pool = f"{drawn}-{{j{number}_drawn}}", f"[j{number}_left]"
    if not terms and behind.partnership is None:
        return
    draws = "".join(f"-[j{number}_draw]" for number in range(1, len(terms) + 1))
    book.add(
        "Behind",
        "Owners",
        Line("o_equity", "put in", f"=MAX([equity_in]{draws},0)", total=True),
        Line("o_received", "received", f"={pool}", total=True),
        Line("o_tax", "tax on the project's income, paid by its owners", "=[owners_tax]", total=True),
        Line("o_flow", "flow to owners after tax", "=[o_received]-[o_equity]-[o_tax]", total=True),
    )
    for number, tranche in enumerate(behind.stack.tranches if behind.stack else (), 1):
        book.add("Series", Line(f"run_j{number}", f"{tranche.terms.name}: balance", tranche.balance[0].tolist()))
    if behind.stack is not None:
        book.add("Series", Line("run_o_received", "received by owners", behind.stack.distributions[0].tolist()))
    if behind.partnership is not None:
        _partners(book, cash, behind.partnership, behind)


def _tranche(book: Book, key: str, terms: JuniorTerms, drawn: str, pool: str) -> None:
    """A tranche: what is due on its dates, what the pool pays, the rest added."""
    book.add(
        "Inputs",
        f"Tranche behind the loan: {terms.name}",
        Scalar(f"{key}_amount", "amount", terms.amount_usd, "USD"),
        Scalar(f"{key}_rate", "annual rate paid in cash", terms.rate),
        Scalar(f"{key}_pik", "annual rate that is added", terms.pik_rate),
        Scalar(f"{key}_first", "month of the first payment period", terms.first_payment_month, "month"),
        Scalar(f"{key}_last", "month of the last payment", terms.last_payment_month, "month"),
        Scalar(f"{key}_shape", "1 bullet, 2 equal principal", 1 + (terms.shape == "equal-principal"), choices=2),
        Scalar(f"{key}_sweep", "share of what is left that prepays it", terms.sweep_frac),
        Scalar(f"{key}_worth", "worth of the shares that a dollar converts into (0: cannot convert)",
               terms.converted_worth or 0.0),
    )  # fmt: skip
    x = key
    book.add(
        "Behind",
        terms.name,
        Scalar(f"{x}_drawn", "drawn in all", f"=MAX(0,MIN({{{x}_amount}},SUM([equity_built:]){drawn}))", "USD"),
        Line(f"{x}_draw", "draw, in place of the owners' money",
             f"=IF(SUM([equity_built:])>0,{{{x}_drawn}}*[equity_built]/SUM([equity_built:]),0)", total=True),
        Line(f"{x}_on_date", "a payment falls due",
             f"=IF([idx]>={{{x}_first}},IF(MOD([idx]-{{{x}_first}}+1,{{every}})=0,1,0),0)", "flag"),
        Line(f"{x}_waits", "interest since the last date", f"=[{x}_pending<]+0"),
        Line(f"{x}_owed", "principal and added interest", f"=[{x}_balance<]-[{x}_waits]"),
        Line(f"{x}_accrued", "interest as it accrues",
             f"=[{x}_owed]*({{{x}_rate}}+{{{x}_pik}})*[fraction]", total=True),
        Line(f"{x}_cash", "interest due in cash", f"=[{x}_waits]+[{x}_owed]*{{{x}_rate}}*[fraction]"),
        Line(f"{x}_at_first", "owed at the first payment period",
             f"=IF([idx]={{{x}_first}},[{x}_balance<]+0,[{x}_at_first<]+0)"),
        Line(f"{x}_closing", "owed before payment", f"=[{x}_balance<]+[{x}_draw]+[{x}_accrued]"),
        Line(f"{x}_converted", "repaid in shares",
             f"=IF(AND([idx]={{{x}_last}},{{{x}_worth}}>=1),[{x}_closing]-[{x}_cash],0)", total=True),
        Line(f"{x}_kept", "principal that is not due yet",
             f"=IF({{{x}_shape}}=2,[{x}_at_first]*({{{x}_last}}-[idx])/({{{x}_last}}-{{{x}_first}}+1),[{x}_owed])"),
        Line(f"{x}_due", "due",
             f"=IF([idx]>={{{x}_last}},[{x}_closing]-[{x}_converted],"
             f"[{x}_on_date]*([{x}_cash]+MAX([{x}_owed]-MAX([{x}_kept],0),0)))", total=True),
        Line(f"{x}_paid", "paid on demand", f"=MIN({pool},[{x}_due],[{x}_closing]-[{x}_converted])", total=True),
        Line(f"{x}_prepaid", "prepaid",
             f"=MIN({{{x}_sweep}}*({pool}-[{x}_paid]),[{x}_closing]-[{x}_converted]-[{x}_paid])", total=True),
        Line(f"{x}_interest", "of both, interest",
             f"=MIN([{x}_paid]+[{x}_prepaid],[{x}_waits]+[{x}_accrued])", total=True),
        Line(f"{x}_principal", "of both, principal", f"=[{x}_paid]+[{x}_prepaid]-[{x}_interest]", total=True),
        Line(f"{x}_balance", "closing balance", f"=[{x}_closing]-[{x}_converted]-[{x}_paid]-[{x}_prepaid]"),
        Line(f"{x}_pending", "of it interest that waits for its date",
             f"=IF(OR([idx]<{{{x}_first}},[{x}_on_date]=1),0,MAX([{x}_cash]-[{x}_paid]-[{x}_prepaid],0))"),
        Line(f"{x}_late", "due and unpaid",
             f"=IF(MIN([{x}_due]-[{x}_paid],[{x}_balance])>{CENT},MIN([{x}_due]-[{x}_paid],[{x}_balance]),0)"),
        Line(f"{x}_left", "left to who comes next", f"={pool}-[{x}_paid]-[{x}_prepaid]", total=True),
    )  # fmt: skip


_NEVER: Final = 1e6
"""Month of a flip that has no date."""


def _partners(book: Book, cash: CashFlow, terms: PartnershipTerms, behind: Behind) -> None:
    """Both partners' flows; shares change a month after the investor has its return, or at a date."""
    flips, found = terms.cash_after_frac is not None, behind.partners(cash)
    assert found is not None, "the caller has looked"
    book.add(
        "Inputs",
        "Partners (the sponsor has the rest)",
        Scalar("v_equity", "investor's share of what owners put in", terms.equity_frac),
        Scalar("v_cash", "its share of distributions", terms.cash_frac),
        Scalar("v_taxed", "its share of tax", terms.tax_frac),
        Scalar("v_cash_after", "its share of distributions after the flip", terms.cash_after_frac or 0.0),
        Scalar("v_tax_after", "its share of tax after the flip", terms.tax_after_frac or 0.0),
        Scalar("v_flips", "1: shares flip", float(flips)),
        Scalar("v_irr", "annual return of the flip", terms.flip_irr or 0.0),
        Scalar("v_month", "month from which on shares have changed (1e6: by return)",
               _NEVER if terms.flip_period is None else terms.flip_period, "month"),
    )  # fmt: skip
    book.add(
        "Behind",
        "Investor",
        Line("v_in", "puts in", "={v_equity}*[o_equity]", total=True),
        Line("v_got", "receives", "=IF([v_flipped<]=1,{v_cash_after},{v_cash})*[o_received]", total=True),
        Line("v_tax", "pays in tax", "=IF([v_flipped<]=1,{v_tax_after},{v_taxed})*[o_tax]", total=True),
        Line("v_flow", "flow after tax", "=[v_got]-[v_tax]-[v_in]", total=True),
        Line("v_factor", "discount factor at the return of the flip", "=(1+{v_irr})^(-([idx]+1)/12)", ""),
        Line("v_worth", "worth at that return so far", "=[v_worth<]+[v_flow]*[v_factor]"),
        Line("v_put", "of which put in", "=[v_put<]+[v_in]*[v_factor]"),
        Line("v_short", "out of pocket", "=IF([v_worth]<-0.000000000001*[v_put],1,0)", "flag"),
        Line("v_invested", "has been", "=MAX([v_invested<]+0,[v_short])", "flag"),
        Line("v_flipped", "shares change from the next month on",
             "=IF(OR([v_flipped<]=1,AND({v_flips}=1,IF({v_month}<1000000,[idx]+1>={v_month},"
             "AND([v_invested]=1,[v_short]=0)))),1,0)", "flag"),
        "Sponsor",
        Line("u_flow", "flow after tax", "=[o_flow]-[v_flow]", total=True),
        Scalar("v_npv", "investor's NPV", "=SUMPRODUCT([v_flow:],[discount:])", "USD"),
        Scalar("u_npv", "sponsor's NPV", "=SUMPRODUCT([u_flow:],[discount:])", "USD"),
    )  # fmt: skip
    rate, years = cash.terms.discount_rate, cash.terms.timing.years
    none = [0.0] * (cash.terms.months - 1)
    for name, partner in (("v", found.investor), ("u", found.sponsor)):
        worth = float(net_present_value_usd(partner.flow[None], rate, years)[0])
        book.add("Series", Line(f"run_{name}_npv", f"partners: NPV, {name}", [worth, *none]))


def check_behind(behind: Behind) -> tuple[list[Scalar], list[Scalar]]:
    """Identities of what stands behind the loan, and agreement with the run."""
    identities, agree = [], []
    keys = [f"j{number}" for number in range(1, 1 + len(behind.stack.tranches if behind.stack else ()))]
    same = "=SUMPRODUCT(ABS([{mine}:]-[{run}:]))<0.01*{{months}}+0.000000001*SUMPRODUCT(ABS([{run}:]))"
    for key in keys:
        identity = (
            f"=ABS(SUM([{key}_draw:])+SUM([{key}_accrued:])-SUM([{key}_interest:])-SUM([{key}_principal:])"
            f"-SUM([{key}_converted:])-[{key}_balance.last])<0.01"
        )
        identities.append(Scalar(f"check_{key}", f"tranche {key[1:]}: lent and accrued is repaid or owed", identity))
        run = same.format(mine=f"{key}_balance", run=f"run_{key}")
        agree.append(Scalar(f"check_{key}_run", f"tranche {key[1:]}: balance as in the run", run))
    if keys:
        paid = "".join(f"-SUM([{key}_paid:])-SUM([{key}_prepaid:])" for key in keys)
        identities.append(Scalar("check_let_out", "all that the loan lets out is paid to somebody",
                                 f"=ABS(SUM([distribution:]){paid}-SUM([o_received:]))<0.01"))  # fmt: skip
        agree.append(Scalar("check_owners_run", "received by owners as in the run",
                            same.format(mine="o_received", run="run_o_received")))  # fmt: skip
    if behind.partnership is not None:
        for name, whose in (("v", "investor's"), ("u", "sponsor's")):
            close = f"=ABS({{{name}_npv}}-[run_{name}_npv.first])<0.01+0.000000001*ABS([run_{name}_npv.first])"
            agree.append(Scalar(f"check_{name}_run", f"{whose} NPV as in the run", close))
    return identities, agree
