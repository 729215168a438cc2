"""A dispatched year as lines and tables of a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from megawatt.cli.output import console
from megawatt.cli.tables import print_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from megawatt.chain.hours import SiteYear
    from megawatt.chain.mined_records import MinedYear
    from megawatt.dispatch import HourlyPlan, HourlyProblem, WaterPlan
    from megawatt.dispatch.operator import OperatorYear
    from megawatt.tariff import Bill

__all__ = ["kusd", "operator_lines", "print_beside", "print_year"]


def _mined_lines(mined: MinedYear) -> str:
    """What a mined MWh earns and the price of power at which miners stop, this year and in the project's years."""
    from megawatt.results.operator import coins, first_year

    later = ", ".join(f"{y.year} {y.usd_per_mwh:,.2f} ({y.strike_usd_per_mwh:,.2f})" for y in mined.outlook)
    slower = "".join(f", slow down above {strike:,.2f}" for strike in mined.strikes_usd_per_mwh[:0:-1])
    lines = [
        f"mined MWh: {mined.usd_per_mwh:,.2f} USD at the plug ({mined.first_month} to {mined.last_month})",
        f"miners stop above {mined.strike_usd_per_mwh:,.2f} USD/MWh delivered{slower}",
        f"outlook, USD/MWh (stop): {later}",
    ]
    if mined.cash_usd_per_btc is None:
        why = "customers own all machines" if mined.hosted_strike_usd_per_mwh is not None else "nothing pays its power"
        lines.insert(1, f"mined: no coins of one's own in these months ({why})")
    else:
        per_day = coins(first_year(mined).values())["cash_usd_per_ph_day"]
        cost = f"cash cost {mined.cash_usd_per_btc:,.0f} USD/BTC, {per_day:,.2f} USD/PH/day"
        lines.insert(1, f"mined: {mined.year_btc:,.1f} BTC in these months, {cost}")
    if len(mined.machines) > 1:
        lines += [
            f"{m.machine}, {m.it_mw:,.1f} MW at {m.j_per_th:.1f} J/TH: stops above {m.strike_usd_per_mwh:,.2f} USD/MWh"
            f", breaks even at {m.break_even_usd_per_ph_day:,.2f} USD/PH/day"
            for m in mined.machines
        ]
    if mined.hosted_strike_usd_per_mwh is not None:
        lines.append(f"customers' machines stop above {mined.hosted_strike_usd_per_mwh:,.2f} USD/MWh delivered")
    if mined.next_difficulty_ratio is not None:
        lines.append(f"next difficulty: {mined.next_difficulty_ratio:.3f} times the present one expected")
    return "\n".join(lines)


def operator_lines(year: OperatorYear) -> str:
    """What a MWh from the grid costs, hours switched off and what they saved, heat, carbon."""
    total = year.over_the_year()
    split = (
        f"energy {total.energy_usd_per_mwh:,.2f}, charges per MWh {total.adders_usd_per_mwh:,.2f}, "
        f"charges on peaks {total.charges_usd_per_mwh:,.2f}"
    )
    return "\n".join(
        [
            f"a MWh from the grid: {total.all_in_usd_per_mwh:,.2f} USD all in ({split})",
            f"machines off or slower in {total.curtailed_hours:,.0f} hours: {kusd(total.avoided_usd)} kUSD "
            f"of power avoided, {kusd(total.forgone_usd)} not earned, {kusd(total.saved_usd)} saved",
            *(
                [f"customers' machines off: {total.hosted_off_mwh:,.0f} MWh, in none of these"]
                if total.hosted_off_mwh
                else []
            ),
            f"heat, losses and cooling: {total.heat_mwh:,.0f} MWh; carbon: {total.carbon_t:,.0f} t",
        ]
    )


def _water_line(plan: WaterPlan) -> str:
    return (
        f"water: {plan.wet_hours:,} hours with pads, {plan.water_m3:,.0f} m3 a year; one more cubic metre "
        f"would be worth {plan.marginal_usd_per_m3:,.2f} USD beyond its price"
    )


def print_beside(year: SiteYear, bill: Bill | None) -> None:
    """What stands beside the account: water, what a mined MWh earns, the power bill."""
    if year.water is not None:
        console().print(_water_line(year.water))
    if year.mined is not None:
        console().print(_mined_lines(year.mined))
    if bill is not None:
        _print_bill(bill)


def _print_bill(bill: Bill) -> None:
    """The year's power bill: lines with their year, the least and the dearest month."""
    from megawatt.results.operator import peak_lines

    rows = [[name, *(kusd(usd) for usd in amounts)] for name, *amounts in bill.yearly()]
    print_table((f"power bill, {bill.usd_per_mwh:,.2f} USD/MWh", "year kUSD", "least month", "dearest"), rows)
    for line in peak_lines(bill):
        console().print(line)


def print_year(name: str, problem: HourlyProblem, plans: Mapping[str, HourlyPlan]) -> None:
    from megawatt.dispatch import earned_usd, ledger, lost_usd

    books = {key: ledger(problem, plan) for key, plan in plans.items()}
    rows = [
        [f"{lines[0].name} [{lines[0].unit}]", *(c for e in lines for c in (_number(e.amount), kusd(e.usd)))]
        for lines in zip(*books.values(), strict=True)
    ]
    earned = {key: earned_usd(book) for key, book in books.items()}
    rows.append(["revenue less cost", *(c for usd in earned.values() for c in ("", kusd(usd)))])
    if len(plans) > 1:
        lost = lost_usd(earned).values()
        rows.append(["lost for want of foresight", *(c for usd in lost for c in ("", kusd(usd)))])
    to = console()
    to.print(name, style="bold")
    head = "revenue positive"
    print_table((head, *(column for key in plans for column in (key, "kUSD"))), rows, fold=head)
    for key, plan in plans.items():
        to.print(f"{key}: {plan.solver}, {plan.solve_s:.2f} s; {_duration(problem, plan)}", style="dim")


def _number(amount: float) -> str:
    return f"{amount:,.0f}" if not -100.0 < amount < 100.0 else f"{amount:,.1f}"


def kusd(usd: float) -> str:
    return f"{usd / 1e3:,.0f}" if usd else "0"


def _duration(problem: HourlyProblem, plan: HourlyPlan) -> str:
    """Load duration in words: import exceeded in a tenth, half and nine tenths of the hours, and hours uses are off."""
    from megawatt.dispatch import load_duration

    found = load_duration(problem, plan)
    text = "import at most {:,.1f} MW; at least {:,.1f} MW in 10 % of hours, {:,.1f} in 50 %, {:,.1f} in 90 %"
    return "; ".join(
        [text.format(*found.import_mw), *(f"{name} off in {hours:,} hours" for name, hours in found.off_hours.items())]
    )
