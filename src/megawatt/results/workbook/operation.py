"""Revenue from contract terms, running cost, spending and sale as formulas; hourly results stay monthly inputs."""

from __future__ import annotations

from collections.abc import Mapping

from megawatt.finance.agreements import Agreement, CapitalPlan, OperatingTerms
from megawatt.results.workbook.sheet import Book, Line, Scalar

__all__ = ["Formulas", "add_blocks", "add_contract", "add_operation_inputs", "operation_formulas"]

Formulas = Mapping[str, Mapping[str, str]]
"""Formula of a row by kind (revenue, opex, capex, residual) and part; parts without one are monthly inputs."""


def add_operation_inputs(book: Book, terms: OperatingTerms) -> None:
    """Inputs of halls, contract, running cost and capital; monthly inputs of markets and energy."""
    book.add("Inputs", "Blocks of halls")
    for number, hall in enumerate(terms.halls, start=1):
        book.add(
            "Inputs",
            Scalar(f"planned_{number}", f"block {number}: planned first month", hall.month, "month"),
            Scalar(f"delay_{number}", f"block {number}: delay", terms.delay_months, "months"),
            Scalar(f"share_{number}", f"block {number}: share of the site", hall.share),
        )
    if terms.agreement is not None:
        _agreement_inputs(book, terms.agreement)
    book.add(
        "Inputs",
        "Running cost beside energy",
        Scalar("opex_kw", "power that it is charged on", terms.opex_kw, "kW"),
        Scalar("opex_rate", "running cost", terms.opex_usd_per_kw_month, "USD/kW/month"),
        Scalar("opex_growth", "growth a year", terms.opex_growth_frac),
        Scalar("energy_idle", "share of the energy bill that stays in empty halls", terms.energy_idle_frac),
        Scalar("energy_owner", "share of the energy bill that the owner pays", terms.energy_owner_frac),
        Scalar("shed_pay", "demand response, all halls live", terms.demand_response_usd_per_month, "USD/month"),
        "Capital",
        *_capital_inputs(terms.capital),
    )
    if terms.energy_let_usd is not None:
        bill = terms.energy_let_usd.tolist()
        book.add("Series", Line("in_energy_let", "energy bill with every hall let (from the hourly year)", bill))


def _agreement_inputs(book: Book, deal: Agreement) -> None:
    unit, price = ("chips", "USD/h") if deal.per_hour else ("kW", "USD/kW/month")
    book.add(
        "Inputs",
        "Contract",
        Scalar("per_hour", "1: price per chip-hour; 0: rent per kW and month", float(deal.per_hour)),
        Scalar("contract_units", "chips" if deal.per_hour else "critical IT power", deal.units, unit),
        Scalar("contract_price", "price", deal.price_usd, price),
        Scalar("escalator", "yearly step of the price from a block's start", deal.escalator_frac),
        Scalar("term", "months of the contract of each block", deal.term_months, "months"),
        Scalar("availability", "share of hours that is billable and served", deal.availability_frac),
        Scalar("take_or_pay", "take-or-pay: share paid in any case", deal.take_or_pay_frac),
        Scalar("tenant_use", "share that the tenant uses", deal.tenant_use_frac),
        Scalar("prepaid_frac", "share of the contract value paid ahead", deal.prepaid_frac),
        Scalar("prepaid_availability", "share of hours in the value that is prepaid", deal.prepaid_availability_frac),
        Scalar("prepay_lead", "months of the prepayment before delivery", deal.prepayment_lead_months, "months"),
        Scalar("credit_after", "months of service before the first credit", deal.credit_after_months, "months"),
        Scalar("market_price", "price at market terms, before its factor", deal.market_price_usd, price),
    )
    book.add(
        "Series",
        Line("in_market_price", "expected market price over today's", deal.market_price_factor.tolist(), ""),
        Line("in_market_use", "share sold at market terms", deal.market_use_frac.tolist(), ""),
    )


def _capital_inputs(plan: CapitalPlan) -> tuple[Scalar, ...]:
    return (
        Scalar("shell_usd", "cost of the shell: building, power, cooling", plan.shell_usd, "USD"),
        Scalar("machines_usd", "cost of the machines", plan.machines_usd, "USD"),
        Scalar("build_months", "months over which a block's shell is paid", plan.build_months, "months"),
        Scalar("lead_months", "months before a block is live that its machines are paid", plan.lead_months, "months"),
        Scalar(
            "shell_lost",
            "share of the shell's worth that the age of its design takes a year",
            plan.shell_obsolescence_per_year,
        ),
        Scalar("shell_life", "life of the shell, for its sale", plan.shell_life_years, "years"),
        Scalar("machines_left", "worth of machines after five years", plan.machines_residual_frac),
        Scalar(
            "replace_after",
            "months of service after which machines are replaced (0: never)",
            plan.replace_after_months,
            "months",
        ),
        Scalar("replace_cost", "cost of replacing them over the first", plan.replacement_cost_frac),
    )


def _each(terms: OperatingTerms, pattern: str, joined: str = "+") -> str:
    """A term per block, ``#`` its number."""
    return joined.join(pattern.replace("#", str(number)) for number in range(1, len(terms.halls) + 1))


def add_blocks(book: Book, terms: OperatingTerms) -> None:
    """First month of each block, delays included, and the months that follow from them."""
    months = [
        Scalar(f"live_{n}", f"block {n}: first month", f"={{planned_{n}}}+{{delay_{n}}}+{{x_late}}", "month")
        for n in range(1, len(terms.halls) + 1)
    ]
    blocks = _each(terms, "{live_#}", ",")
    book.add(
        "Timing",
        *months,
        Scalar("operation_start", "first month of operation", f"=MIN({blocks})", "month"),
        Scalar("construction_months", "months in which equity may come in", f"=MAX({blocks})", "months"),
        Scalar("shares", "all blocks", "=" + _each(terms, "{share_#}")),
    )


def add_contract(book: Book, terms: OperatingTerms) -> None:
    """Shares of the site by who pays, the prepayment and its balance (corkscrew)."""
    live = "=" + _each(terms, "IF([idx]>={live_#},{share_#},0)")
    book.add("Contract", Line("live", "share of the site that is live", live, ""))
    if terms.agreement is None:
        return
    during = "[idx]>={live_#},[idx]<{live_#}+{term}"
    step = "(1+{escalator})^INT(MAX([idx]-{live_#},0)/12)"
    credited = (
        "IF(AND([idx]>={live_#}+{credit_after},[idx]<{live_#}+{term}),"
        "{prepaid_#}/({term}-{credit_after}),0)"
        "+[is_last]*{prepaid_#}*MAX({live_#}+{term}-MAX({months},{live_#}+{credit_after}),0)/({term}-{credit_after})"
    )
    hours = "24*(DATE({start_year},{start_month}+{live_#}+{term},1)-DATE({start_year},{start_month}+{live_#},1))"
    value = f"={{prepaid_frac}}*{{contract_units}}*{{contract_price}}*{{prepaid_availability}}*{{share_#}}*{hours}"
    book.add(
        "Contract",
        *(
            Scalar(f"prepaid_{n}", f"block {n}: paid ahead", value.replace("#", str(n)), "USD")
            for n in range(1, len(terms.halls) + 1)
        ),
        Line("contracted", "share under contract", "=" + _each(terms, f"IF(AND({during}),{{share_#}},0)"), ""),
        Line("invoiced", "share times the price's steps", "=" + _each(terms, f"IF(AND({during}),{{share_#}}*{step},0)"),
             ""),
        Line("at_market", "share at market terms", "=" + _each(terms, "IF([idx]>={live_#}+{term},{share_#},0)"), ""),
        Line("occupied", "share occupied", "=[contracted]+[at_market]*[in_market_use]", ""),
        Line("billed", "units billed per unit of share",
             "=IF({per_hour}=1,[hours]*{availability}*MAX({take_or_pay},MIN({tenant_use},1)),1)*{contract_units}", ""),
    )  # fmt: skip
    book.add(
        "Contract",
        "Prepayment",
        Line("in_prepayment", "received ahead of delivery",
             "=" + _each(terms, "IF([idx]=MAX({live_#}-{prepay_lead},0),{prepaid_#},0)"), total=True),
        Line("in_credit", "credited against invoices", "=" + _each(terms, credited), total=True),
    )  # fmt: skip


def operation_formulas(terms: OperatingTerms) -> Formulas:
    """Formulas of the parts that follow from the terms."""
    first, last = "MAX({planned_#}-{build_months},0)", "MAX({planned_#}-1,{planned_#}-{build_months},0)"
    # a block's machines are replaced at live + k x replace_after while that is inside the project
    due = "MAX([idx]+{lead_months}-{live_#},0)"
    again = (
        f"IF({{replace_after}}=0,0,IF(AND({due}>0,[idx]+{{lead_months}}<{{months}}),"
        f"IF(MOD({due},MAX({{replace_after}},1))=0,{{machines_usd}}*{{share_#}}*{{replace_cost}},0),0))"
    )
    times = "IF({replace_after}=0,0,INT(MAX({months}-1-{live_#},0)/MAX({replace_after},1)))"
    shell = f"IF(AND([idx]>={first},[idx]<={last}),{{shell_usd}}*{{share_#}}/{{shares}}/({last}-{first}+1),0)"
    unused = "(1-({months}-[placed:])/(12*{shell_life}))"
    machines = f"IF([idx]=MAX({{planned_#}}-{{lead_months}},0),{{machines_usd}}*{{share_#}},0)+{again}"
    aged = (
        f"{{machines_usd}}*{{share_#}}*IF({times}>0,{{replace_cost}},1)"
        f"*{{machines_left}}^(MAX({{months}}-{{live_#}}-{times}*{{replace_after}},0)/60)"
    )
    formulas: dict[str, dict[str, str]] = {
        "revenue": {"demand_response": "={shed_pay}*[live]"},
        "opex": {"site": "={opex_kw}*{opex_rate}*[live]*(1+{opex_growth})^INT([idx]/12)"},
        "capex": {"shell": "=" + _each(terms, shell), "machines": "=" + _each(terms, machines)},
        "residual": {
            "shell": f"=[is_last]*SUMPRODUCT([capex_shell:]*({unused}>0)*{unused})"
            "/{x_capex}*(1-{shell_lost})^(({months}-{operation_start})/12)*{factor_residual}",
            "machines": f"=[is_last]*({_each(terms, aged)})*{{factor_residual}}",
        },
    }
    deal = terms.agreement
    if deal is None:
        return formulas
    formulas["revenue"] |= {
        "contract": "=[invoiced]*[billed]*{contract_price}",
        "market": "=[at_market]*[in_market_use]*[in_market_price]*{market_price}*{contract_units}"
        "*IF({per_hour}=1,[hours]*{availability},1)",
    }
    if terms.energy_let_usd is not None:
        formulas["opex"]["energy_ai"] = (
            "={energy_owner}*[in_energy_let]*(MIN([occupied]*{x_use},[live])"
            "+{energy_idle}*MAX([live]-[occupied]*{x_use},0))"
        )
    return formulas
