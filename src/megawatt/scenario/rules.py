"""Rules between sections: one named check each, all reported together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from megawatt.catalogue import Catalogue
from megawatt.errors import Problem
from megawatt.months import months_between
from megawatt.scenario.comparison import Conversion
from megawatt.scenario.debt_rules import debt_between
from megawatt.scenario.mining_rules import before_network
from megawatt.scenario.partnership_section import partnership_between
from megawatt.scenario.plant_sections import PLANTS
from megawatt.scenario.schema import Scenario

__all__ = ["between_conversion", "between_sections"]

_NEEDED = {
    "ai-cloud": ("ai", "training", "contract"),
    "ai-serving": ("ai", "serving"),
    "ai-colocation": ("lease",),
    "mining": ("mining",),
}
_FOREIGN = {
    "ai-cloud": ("serving", "lease", "mining"),
    "ai-serving": ("contract", "lease", "mining"),
    "ai-colocation": ("ai", "training", "serving", "contract", "mining"),
    "mining": ("ai", "training", "serving", "contract", "lease"),
}
_BASIS_FIELDS = {
    "published": ("price_usd_per_chip_hour",),
    "token-parity": ("parity_system", "parity_price_usd_per_chip_hour"),
    "predecessor": ("predecessor_system", "predecessor_price_usd_per_chip_hour"),
}


def _table(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = raw.get(name)
    return section if isinstance(section, dict) else {}


def _sections_of_use(raw: Mapping[str, Any]) -> Iterator[Problem]:
    use = raw.get("use")
    for name in _NEEDED.get(use if isinstance(use, str) else "", ()):
        if name not in raw:
            yield Problem(
                name, "missing section", f"[{name}], because use = {use!r}", "megawatt init shows every section"
            )
    for name in _FOREIGN.get(use if isinstance(use, str) else "", ()):
        if name in raw:
            yield Problem(name, "section of another use", f"no such section where use = {use!r}", "remove it")


def _it_power(raw: Mapping[str, Any]) -> Iterator[Problem]:
    use = raw.get("use")
    if (
        isinstance(use, str)
        and use.startswith("ai-")
        and isinstance(raw.get("site"), dict)
        and "it_mw" not in raw["site"]
    ):
        yield Problem("site.it_mw", "missing", f"a number > 0 in MW, because use = {use!r}")


def _place(raw: Mapping[str, Any]) -> Iterator[Problem]:
    site = raw.get("site")
    if isinstance(site, dict) and "place" not in site and "weather" not in site:
        hint = 'e.g. "-25.51, -54.61, 196"; a weather file alone (site.weather) will do'
        yield Problem(
            "site.place", "missing", "'latitude, longitude[, elevation]', a place file or a known place", hint
        )


def _grid(raw: Mapping[str, Any]) -> Iterator[Problem]:
    power = raw.get("power")
    if not isinstance(power, dict) or "grid" in power:
        return
    own = {"price_file", "mean_price_usd_per_mwh", "fixed_price_usd_per_mwh", "price_shape"} & set(power)
    if not own or power.get("price_shape") == "table":
        yield Problem("power.grid", "missing", "a grid in the catalogue, or prices of one's own (power.price_file)")
    if "carbon_g_per_kwh" not in power:
        hint = "look the grid's location-based factor up, with its year"
        yield Problem("power.carbon_g_per_kwh", "missing", "g/kWh, because no power.grid is given", hint)


def _price_basis(raw: Mapping[str, Any]) -> Iterator[Problem]:
    contract = _table(raw, "contract")
    if not contract:
        return
    basis = contract.get("basis", "published")
    for field in _BASIS_FIELDS.get(basis if isinstance(basis, str) else "", ()):
        if field not in contract:
            yield Problem(f"contract.{field}", "missing", f"a value, because basis = {basis!r}")


def _chip_cost(raw: Mapping[str, Any]) -> Iterator[Problem]:
    capex = _table(raw, "capex")
    use = raw.get("use")
    if use in ("ai-cloud", "ai-serving") and capex and "chips_usd_per_chip" not in capex:
        yield Problem("capex.chips_usd_per_chip", "missing", f"a number >= 0 in USD, because use = {use!r}")
    if capex.get("chips_basis") == "token-parity" and "parity_system" not in _table(raw, "contract"):
        yield Problem("contract.parity_system", "missing", "a system, because capex.chips_basis = 'token-parity'")


def _term(raw: Mapping[str, Any]) -> Iterator[Problem]:
    months = _table(raw, "timeline").get("operating_months", 60)
    lease = _table(raw, "lease").get("term_months", 120) if "lease" in raw else 0
    if isinstance(lease, int) and isinstance(months, int) and lease > months:
        yield Problem("lease.term_months", f"{lease}", f"at most timeline.operating_months = {months}")
    if "contract" not in raw:
        return
    term = _table(raw, "contract").get("term_months", 60)
    if isinstance(term, int) and isinstance(months, int) and term > months:
        yield Problem("contract.term_months", f"{term}", f"at most timeline.operating_months = {months}")
    credit = _table(raw, "contract").get("prepayment_credit_after_months", 0)
    if isinstance(term, int) and isinstance(credit, int) and credit >= term:
        yield Problem(
            "contract.prepayment_credit_after_months", f"{credit}", f"less than contract.term_months = {term}"
        )


def _guarantee(raw: Mapping[str, Any]) -> Iterator[Problem]:
    lease = _table(raw, "lease")
    steps, pays = lease.get("backstop_schedule"), lease.get("backstop_pays")
    amounts = [name for name in ("backstop_usd", "backstop_schedule") if lease.get(name) not in (None, [], ())]
    if len(amounts) > 1:
        yield Problem("lease.backstop_schedule", "beside backstop_usd", "one of the two", "give dated amounts alone")
    if amounts and pays == "step-in":
        yield Problem(f"lease.{amounts[0]}", "an amount", "none, because backstop_pays = 'step-in' is the whole rent")
    if pays == "fee" and (not amounts or lease.get("backstop_usd") == 0):
        yield Problem(
            "lease.backstop_usd",
            "0" if amounts else "missing",
            "an amount, or backstop_schedule, because backstop_pays = 'fee'",
        )
    if isinstance(steps, list | tuple):
        months = [str(step.get("month")) for step in steps if isinstance(step, dict)]
        if sorted(set(months)) != months:
            yield Problem("lease.backstop_schedule", ", ".join(months), "months in order, each once")


def _tenant(raw: Mapping[str, Any]) -> Iterator[Problem]:
    """How the tenant's default is given: once, and where there is a tenant."""
    risk = _table(raw, "risk")
    given = [f"risk.{name}" for name in ("tenant_rating", "tenant_default_by_year") if risk.get(name)]
    stresses = enumerate(_list(risk.get("stress")))
    given += [f"risk.stress.{i}.tenant_defaults" for i, stress in stresses if stress.get("tenant_defaults")]
    if not {"contract", "lease"} & set(raw):
        yield from (Problem(path, "of a tenant", "none: nobody rents here", "remove it") for path in given)
    if risk.get("tenant_rating") and risk.get("tenant_default_by_year"):
        yield Problem("risk.tenant_rating", "beside tenant_default_by_year", "one of the two", "remove one")


def _shed(raw: Mapping[str, Any]) -> Iterator[Problem]:
    programme = _table(raw, "demand_response")
    if not programme:
        return
    if raw.get("use") == "ai-colocation":
        yield Problem(
            "demand_response", "a landlord's section", "no such section: the load is the tenant's", "remove it"
        )
    use = raw.get("use")
    if use in ("ai-cloud", "ai-serving") and programme.get("called_hours_per_year", 0) != 0:
        hint = "chips at work ride through on back-up power"
        yield Problem("demand_response.called_hours_per_year", "hours of chips", f"0 where use = {use!r}", hint)


def _spare(raw: Mapping[str, Any]) -> Iterator[Problem]:
    """Chips that serve nobody train where their hours have a price, and idle where they have none."""
    serving = _table(raw, "serving")
    if not serving:
        return
    sold, job = "spare_usd_per_chip_hour" in serving, "training" in raw
    if sold and not job:
        yield Problem("training", "missing section", "a job, because serving.spare_usd_per_chip_hour is given")
    if job and not sold:
        hint = "leave [training] out where spare chips idle"
        yield Problem("serving.spare_usd_per_chip_hour", "missing", "a price, because there is a [training] job", hint)


def _outputs(raw: Mapping[str, Any]) -> Iterator[Problem]:
    """Solar and wind need to be told what they give, once."""
    for name in ("solar", "wind"):
        given = [key for key in ("profile", "capacity_factor_frac") if key in _table(raw, name)]
        if name in raw and len(given) != 1:
            found = " and ".join(given) or "neither"
            yield Problem(name, found, "one of profile (an hourly file) and capacity_factor_frac")


def _exports(raw: Mapping[str, Any]) -> Iterator[Problem]:
    """What is sold is the site's own: nothing without a plant."""
    if "export" in raw and not any(name in raw for name in PLANTS):
        plants = ", ".join(f"[{name}]" for name in PLANTS)
        yield Problem("export", "nothing to sell", f"a plant of the site's own: one of {plants}", "or leave it out")


_READ_WITH: dict[str, dict[str, str]] = {
    "power": dict.fromkeys(("price_column", "price_node", "price_hour_ending"), "price_file"),
    "solar": {"profile_column": "profile", "profile_mw": "profile"},
    "wind": {"profile_column": "profile", "profile_mw": "profile"},
    "services": {"price_column": "price_file", "call_usd_per_mwh": "called_frac"},
    "curtailment": {"penalty_usd_per_mwh": "committed_mw", "usd_per_mw_year": "committed_mw"},
}
"""Fields that say nothing without another one of their section."""


def _in_vain(raw: Mapping[str, Any]) -> Iterator[Problem]:
    """No number is written that nothing reads."""
    for section, needs in _READ_WITH.items():
        found = raw.get(section)
        rows = {section: found} if isinstance(found, dict) else {}
        rows |= {f"{section}.{i}": row for i, row in enumerate(found if isinstance(found, list) else ())}
        for where, row in rows.items():
            for name, other in needs.items() if isinstance(row, dict) else ():
                if name in row and other not in row:
                    yield Problem(f"{where}.{name}", f"{name} without {other}", f"{other} beside it", "or leave it out")
    export = _table(raw, "export")
    if "spread_usd_per_mwh" in export and "price_usd_per_mwh" in export:
        hint = "a fixed price has no spread"
        yield Problem("export.spread_usd_per_mwh", "a spread beside price_usd_per_mwh", "one of them", hint)


def _services(raw: Mapping[str, Any]) -> Iterator[Problem]:
    """A service has one price, and who holds it is there."""
    rows = raw.get("services")
    for index, row in enumerate(rows if isinstance(rows, list) else ()):
        if not isinstance(row, dict):
            continue
        prices = [key for key in ("usd_per_mw_hour", "price_file") if key in row]
        if len(prices) != 1:
            yield Problem(f"services.{index}", " and ".join(prices) or "no price", "one of usd_per_mw_hour, price_file")
        who = row.get("providers", ["machines"])
        for name in who if isinstance(who, list) else ():
            there = raw.get("use") == "mining" if name == "machines" else name in raw
            if isinstance(name, str) and not there and name in ("machines", "battery", "gas"):
                why = (
                    "use = 'mining': chips under contract hold nothing" if name == "machines" else f"a section [{name}]"
                )
                yield Problem(f"services.{index}.providers", repr(name), why, "name another, or leave it out")


def _retarget(raw: Mapping[str, Any]) -> Iterator[Problem]:
    mining = _table(raw, "mining")
    fields = ("retarget_blocks", "retarget_hours")
    for name, other in (fields, fields[::-1]):
        if name in mining and other not in mining:
            yield Problem(f"mining.{other}", "missing", f"a value, because mining.{name} is given")


_OTHER_PRICES = {
    "fixed_price_usd_per_mwh": (
        "price_file", "mean_price_usd_per_mwh", "price_shape", "forward", "floor_usd_per_mwh", "cap_usd_per_mwh",
        "basis_usd_per_mwh", "price_scale",
    ),
    "price_file": ("mean_price_usd_per_mwh", "price_shape"),
    "forward": ("mean_price_usd_per_mwh",),
}  # fmt: skip
"""What a price in the power section leaves no room for."""


def _prices(raw: Mapping[str, Any]) -> Iterator[Problem]:
    power = _table(raw, "power")
    for name, others in _OTHER_PRICES.items():
        for other in others:
            if name in power and other in power:
                yield Problem(f"power.{other}", f"another price beside {name}", "one of them", f"remove {other}")
    if power.get("price_shape") in ("flat", "made-up") and not {"mean_price_usd_per_mwh", "forward"} & set(power):
        hint = "or fixed_price_usd_per_mwh for a price that no market moves"
        yield Problem("power.mean_price_usd_per_mwh", "missing", "a mean or a forward curve for price_shape", hint)
    low, high = (power.get(name) for name in ("floor_usd_per_mwh", "cap_usd_per_mwh"))
    if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
        yield Problem("power.floor_usd_per_mwh", f"{low:g} above the cap of {high:g}", "at most cap_usd_per_mwh")
    yield from _curve(power.get("forward"))
    for index, block in enumerate(_list(power.get("blocks"))):
        start, end = block.get("start"), block.get("end")
        if isinstance(start, str) and isinstance(end, str) and start > end:
            yield Problem(f"power.blocks.{index}.end", f"{end} before start = {start}", "a month from start on")


def _curve(forward: Any) -> Iterator[Problem]:
    years = [row.get("year") for row in _list(forward)]
    twice = {year for year in years if years.count(year) > 1}
    for year in sorted(year for year in twice if isinstance(year, int)):
        yield Problem("power.forward", f"{year} given twice", "each year once")


def _list(value: Any) -> list[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def between_sections(raw: Mapping[str, Any]) -> list[Problem]:
    """Problems between sections of a raw scenario; wrong types are left to the schema."""
    rules = (
        _sections_of_use,
        _it_power,
        _place,
        _grid,
        _price_basis,
        _chip_cost,
        _term,
        _guarantee,
        _tenant,
        debt_between,
        partnership_between,
        _shed,
        _spare,
        _retarget,
        _prices,
        _outputs,
        _exports,
        _in_vain,
        _services,
    )
    return [problem for rule in rules for problem in rule(raw)]


def between_conversion(
    conversion: Conversion, scenarios: Mapping[str, Scenario], catalogue: Catalogue, kind: str = "compared scenario"
) -> list[Problem]:
    """Problems of a conversion with the scenarios that it joins, by name of what ``kind`` says."""
    uses = {name: scenario.use for name, scenario in scenarios.items()}
    problems = []
    for role, allowed in (("mining", ("mining",)), ("ai", ("ai-cloud", "ai-serving", "ai-colocation"))):
        name = getattr(conversion, role)
        if uses.get(name) not in allowed:
            fit = [n for n, use in uses.items() if use in allowed]
            problems.append(
                Problem(f"conversion.{role}", repr(name), f"a {kind} with use = {' or '.join(allowed)}",
                        f"of those: {', '.join(fit)}" if fit else "add one to compare")
            )  # fmt: skip
    mined = scenarios.get(conversion.mining)
    if mined is not None and mined.mining is not None:
        problems += before_network(conversion.start, "conversion.start", mined.mining, catalogue)
    first, last = conversion.dates[0], conversion.dates[-1]
    if first < conversion.start:
        problems.append(Problem("conversion.dates", first, f"months from start = {conversion.start} on"))
    latest = months_between(conversion.start, last) + conversion.months_without_income
    if latest >= conversion.months:
        problems.append(
            Problem("conversion.dates", last, f"AI revenue before the end: date + {conversion.months_without_income} "
                    f"months without income below {conversion.months} months", "raise conversion.months")
        )  # fmt: skip
    return problems
