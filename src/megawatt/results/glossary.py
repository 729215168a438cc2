"""What the figures of every command mean, each in a sentence: read by `megawatt explain` and by the glossary page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["FIGURES", "TERMS"]

FIGURES: Final[Mapping[str, str]] = {
    "step_time_s": "time of one training step: the parts of its longest pipeline stage, exposed communication included",
    "tokens_per_s": "tokens of a step over its time (training), or tokens of answers a second (serving)",
    "tokens_per_s_per_chip": "the same over the chips in use",
    "mfu": "FLOPs of the model without recompute, attention for the causal half, over step time, chips and the data "
           "sheet's rate",
    "hfu": "as MFU, recomputed FLOPs counted too",
    "chip_power_w": "mean power of a chip over a step: what each operator draws, weighted by its time",
    "it_w_per_chip": "power of a chip with its share of host, network and rack, before cooling",
    "it_energy_j_per_token": "IT power of all chips over tokens a second",
    "days": "expected length of the whole run: work, interruptions, lost work, restarts, checkpoints, waits, planned "
            "stops",
    "goodput": "time of work that lasts over the time of the whole run",
    "energy_mwh": "critical IT energy of the whole run",
    "usd_per_million_tokens": "price of chip-hours and energy over tokens",
    "idle_chips": "chips that the limit allows and the best plan does not use",
    "ttft_s": "mean time from a request to the first token of its answer: queue and prompt",
    "tpot_s": "mean time of each token after the first",
    "it_j_per_token": "energy of a token of answers, hosts and network included, before cooling",
    "pue": "facility energy over IT energy of the year",
    "pue_worst_hour": "facility power over IT power in the hour in which it is highest",
    "facility_peak_mw": "highest power of the hall in any hour: machines, losses, cooling",
    "wue_l_per_kwh": "water of the hall over IT energy of the year",
    "water_m3": "water that the hall takes on site in the year",
    "trim_hours": "hours in which the liquid loop's trim chiller runs",
    "chiller_hours": "hours in which any chiller runs",
    "wet_hours": "hours in which pads or sprays are wet",
    "derated_hours": "hours in which the cooling carries less than the IT load",
    "derated_mwh": "IT energy that the cooling could not carry",
    "carried_it_mw": "IT power that the connection carries on the worst day too",
    "objective_usd": "what the solver minimises: cost less revenue of the year",
    "earned_usd": "revenue less cost of the year, line by line of the ledger",
    "usd_per_mwh": "the year's bill, or a mined MWh's revenue, over its energy",
    "strike_usd_per_mwh": "delivered price of power above which miners stop: what a MWh earns over the power that "
                          "stops with it",
    "all_in_usd_per_mwh": "the whole power bill over energy from the grid",
    "saved_usd": "power that was not bought in hours off, less what it would have earned",
    "curtailed_hours": "hours in which machines are off or slower",
    "value_usd": "worth of the site at its first month, after tax: NPV of its flows",
    "never_usd": "worth of mining to the end",
    "option_usd": "worth when each hall is converted, or not, on what is known at each date: a lower bound",
    "worth_of_waiting_usd": "the option less the best plan that is fixed today",
    "standard_error_usd": "error of the simulation",
    "tail_usd": "mean worth on the worst twentieth of the simulated paths",
    "capital_usd": "what is spent on halls and machines, at its worth at the first month",
    "idle_mw": "mean of the power of the connection that no part uses",
    "programme_usd": "worth by the linear programme that chose the sizes",
    "chain_usd": "worth of the same mix by the whole chain",
    "gap_usd": "the programme's worth less the chain's",
    "gap_frac": "that over the programme's worth",
    "distress": "share of paths on which the company cannot pay, or sells what it lives from",
    "npv_usd": "worth of the project's flows at the discount rate, after tax, before debt",
    "equity_irr": "rate at which owners' payments in and out are worth nothing",
    "llcr": "worth of cash over the loan's life, at the loan's rate, over the debt",
}  # fmt: skip
"""Figures of the commands' JSON beside those of `megawatt.results.METRICS`."""

TERMS: Final[Mapping[str, str]] = {
    "4CP": "four coincident peaks: ERCOT bills transmission by the power drawn in the peak quarter-hour of each month "
           "from June to September",
    "CFADS": "cash flow available for debt service: revenue less running cost, working capital and tax",
    "chip-hour": "one chip for one hour, on or idle; what a cloud rents",
    "critical IT": "power at the machines' plugs, before losses and cooling of the hall",
    "curtailment": "machines off or slower, because power is dear or the grid asks for it",
    "DSCR": "debt service cover ratio: CFADS of twelve months over interest and principal of the same months",
    "grid MW": "contracted power at the connection; headline values are per grid MW and year",
    "hashprice": "what a PH/s of mining earns in a day, in USD",
    "layout": "how a model is divided: tp (tensor), pp (pipeline), dp (data), cp (context), ep (experts), micro-batch, "
              "ZeRO level, recompute",
    "LLCR": "loan life cover ratio: worth of CFADS over the loan's life over the debt",
    "lock-up": "cover below which lenders stop payments to owners",
    "merit order": "each hour runs what earns more than it costs, the best first: exact where hours do not depend on "
                   "each other",
    "path": "one simulated future of bitcoin, power, compute prices and demand",
    "sculpted": "payments in proportion to cash, so that cover is even",
    "stand-in": "a place whose climate is used for another near it",
    "take-or-pay": "power that is paid whether used or not",
    "WUE": "water of the hall over its IT energy, in litres per kWh",
}  # fmt: skip
"""Words of the field, as the package uses them."""
