"""The pages of `megawatt best` and `megawatt mix`: several uses of one connection, and the best of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from megawatt.arrays import FloatArray
from megawatt.catalogue.records import KINDS, Assumption, Source
from megawatt.chain.inputs import scenario_assumptions
from megawatt.chain.mixed import MixedSite
from megawatt.report import listing
from megawatt.report.charts.mixed import (
    adds_chart,
    idle_chart,
    mix_table,
    mix_words,
    part_table,
    use_of_connection,
    worth_chart,
)
from megawatt.report.charts.mixed_choice import frontier_chart, map_chart, ranges_chart
from megawatt.report.charts.mixed_week import mixed_week_chart
from megawatt.report.figure import Chart, Table, use_colour
from megawatt.report.format import chance, count, fixed, money, percent, quantity
from megawatt.report.frame import fill
from megawatt.results.mixed import mixed_hours
from megawatt.scenario.plant_sections import PLANTS

__all__ = ["MixedYear", "render_best", "render_mix", "year_of"]

_SHADOWS = {
    "usd_per_grid_mw": "megawatt of connection",
    "usd_per_capital_usd": "dollar of capital",
    "usd_per_water_m3_per_year": "m³ of water a year",
    "usd_per_carbon_t_per_year": "tonne of carbon a year",
}


@dataclass(frozen=True)
class MixedYear:
    """What a page needs of a site beside its summary: the fullest year by the hour, and the inputs it rests on."""

    hours: Mapping[str, FloatArray]
    parts: tuple[str, ...]
    grid_mw: float
    assumptions: tuple[tuple[str, tuple[Assumption, ...]], ...] = ()


def year_of(site: MixedSite) -> MixedYear:
    """The fullest year of a site, and the inputs of its parts and plants."""
    rows = [(part.name, part.links.assumptions()) for part in site.parts]
    plants = tuple(a for a in scenario_assumptions(site.common.scenario) if a.name.split(".")[0] in PLANTS)
    rows += [("plants", plants)] if plants else []
    names = tuple(part.name for part in site.parts)
    return MixedYear(mixed_hours(site), names, site.grid_mw, tuple(rows))


@dataclass(frozen=True, slots=True)
class _Section:
    """A heading with sentences, a list, tables (caption first) and charts."""

    id: str
    title: str
    lines: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    tables: tuple[tuple[str, Table], ...] = ()
    charts: tuple[Chart, ...] = ()


@dataclass(frozen=True, slots=True)
class _Card:
    """A mix at the top of the page."""

    title: str
    colour: str
    worth: str
    negative: bool
    below: tuple[str, ...]


def render_best(
    title: str, question: str, told: Mapping[str, Any], year: MixedYear, sources: Mapping[str, Source]
) -> str:
    """One offline HTML file on the best mix.

    Parameters
    ----------
    title, question : str
        Of the mixed site.
    told : mapping
        `megawatt.results.mixed.best_summary` with ``adds`` (`adds_rows`).
    year : MixedYear
        Of the best mix.
    sources : mapping of str to Source
        What the source keys of the assumptions mean.
    """
    best, gap = told["best"], told["gap"]
    alone = max(told["single_use"], key=lambda row: float(row["value_usd"]), default=None)
    points = [f"Idle: {fixed(best['idle_mw'], 'MW', 0)} of {fixed(told['grid_mw'], 'MW', 0)} with the best mix."]
    points += [
        f"{row['name']} alone leaves {fixed(row['idle_mw'], 'MW', 0)} idle and is worth {money(row['value_usd'], 4)}"
        + (f" ({row['note']})." if row["note"] else ".")
        for row in told["single_use"]
    ]
    points += [f"Left out: {row['name']}: {row['why']}." for row in told["left_out"]]
    points += [f"{text}." for text in told["remarks"]]
    cards = [_card("best mix", best, 0)]
    cards += [_card(f"{row['name']} alone", row, place) for place, row in enumerate(told["single_use"], start=1)]
    chain = (
        f"The programme's proven optimum is {money(gap['programme_usd'], 4)}, the whole chain's own value of the mix "
        f"{money(gap['chain_usd'], 4)}: a gap of {percent(gap['gap_frac'])} ({gap['solver']})."
    )
    sections = (
        _Section("beside", "Beside each use alone", (), (), (("Mixes", mix_table(told)),),
                 (worth_chart(told), use_of_connection(told))),
        _Section("risk", "Value against risk", (chain,), (), (), (frontier_chart(told),)),
        _Section("robust", "What would change it", *_robust(told), (),
                 tuple(c for c in (ranges_chart(told), map_chart(told)) if c)),
        *_over_time(told["over_time"]),
        _Section("binds", "What binds", _binding(told), (), (("Shadow prices", _shadow(told)),)),
        _Section("adds", "What each part adds", (), (), (), (adds_chart(told["adds"]),) if told["adds"] else ()),
        _week(year, told["foresight"]),
    )  # fmt: skip
    rate = told["cost_of_equity"]
    per = "net present value, mean of the paths"
    per += "" if rate is None else f", to owners after debt at {percent(rate)} a year"
    return _filled(title, question, _best_answer(told, alone), points, cards, sections, year, sources, per)


def render_mix(
    title: str, question: str, told: Mapping[str, Any], year: MixedYear, sources: Mapping[str, Source]
) -> str:
    """One offline HTML file on a mixed site; ``told`` is `mixed_summary`, the rest as in `render_best`."""
    idle, risk = told["idle_mw"], told.get("risk")
    answer = (
        f"{mix_words({part['name']: part['scale'] for part in told['parts']}, sizes=True)} behind "
        f"{fixed(told['grid_mw'], 'MW', 0)}: worth {money(told['value_usd'], 4)} in the base case."
    )
    points = [
        f"Idle: {fixed(idle['mean'], 'MW', 0)} of {fixed(told['grid_mw'], 'MW', 0)} in the mean month, "
        f"{fixed(idle['least'], 'MW', 0)} at least."
    ]
    if risk:
        missed = risk["probability_missed"]
        points.append(
            f"Over {count(risk['paths'])} paths: mean {money(risk['mean_usd'], 4)}, worst 5\u202f% "
            f"{money(risk['tail_usd'], 4)}; some payment missed: {'no debt' if missed is None else chance(missed)}."
        )
    points += [f"{text}." for text in told["remarks"]]
    cards = [
        _Card(
            row["name"], use_colour(place), money(row["adds_usd"], 4), row["adds_usd"] < 0.0,
            (f"alone {money(row['alone_usd'], 4)}", f"site less the site without it {money(row['last_usd'], 4)}"),
        )
        for place, row in enumerate(told["adds"])
    ]  # fmt: skip
    sections = (
        _Section("parts", "Parts, and what each adds", (), (), (("Parts", part_table(told)),),
                 (adds_chart(told["adds"]), idle_chart(told))),
        _week(year, told["foresight"]),
    )  # fmt: skip
    return _filled(title, question, answer, points, cards, sections, year, sources, "added to the site, base case")


def _filled(
    title: str, question: str, answer: str, points: Iterable[str], cards: Iterable[_Card],
    sections: tuple[_Section, ...], year: MixedYear, sources: Mapping[str, Source], per: str,
) -> str:  # fmt: skip
    return fill(
        "mixed.html",
        [chart for section in sections for chart in section.charts],
        title=title,
        question=question,
        answer=answer,
        points=tuple(points),
        cards=tuple(cards),
        per=per,
        parts=sections,
        assumptions=listing.listed(list(year.assumptions), sources),
        warnings=(),
        kinds=KINDS,
    )


def _card(title: str, row: Mapping[str, Any], place: int) -> _Card:
    missed = row["probability_missed"]
    below = (
        f"{fixed(row['idle_mw'], 'MW', 0)} idle",
        f"mean of the worst paths {money(row['tail_usd'], 4)}",
        "no debt" if missed is None else f"some payment missed {chance(missed)}",
    )
    return _Card(title, use_colour(place), money(row["value_usd"], 4), row["value_usd"] < 0.0, below)


def _best_answer(told: Mapping[str, Any], alone: Mapping[str, Any] | None) -> str:
    best = told["best"]
    plants = ", ".join(f"{name} {fixed(size, '', 1).strip()}" for name, size in best["plants"].items())
    mix = mix_words(best["scales"], sizes=True) + (f", with {plants}" if plants else "")
    answer = f"Best behind {fixed(told['grid_mw'], 'MW', 0)}: {mix}, worth {money(best['value_usd'], 4)}"
    if alone is None:
        return f"{answer}."
    if mix_words(best["scales"]) == mix_words(alone["scales"]) and not plants:
        return f"{answer}: a single use, {alone['name']}, is best, and nothing beside it adds to it."
    more = best["value_usd"] - alone["value_usd"]
    return f"{answer}, {money(more, 3)} more than the best single use, {alone['name']}."


def _robust(told: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """How many ranges leave the choice as it is, and each that does not."""
    robust = told["robust"]
    if not robust["inputs"]:
        return ("The ranges of inputs were not looked at (--no-ranges).",), ()
    flips = [row for row in robust["flips"] if row["flips_at"] is not None]
    kept = robust["inputs"] - len(flips)
    lines = (f"In {kept} of the {robust['inputs']} widest ranges the same parts stay in the best mix.",)
    points = []
    for row in flips:
        low, base, high, at = (
            quantity(row[key], row["unit"], row["name"]) for key in ("low", "base", "high", "flips_at")
        )
        end = "low" if row["flips_at"] < row["base"] else "high"
        points.append(
            f"{row['title']}: another mix is best from {at} (base {base}, {low} to {high}); at the end "
            f"{mix_words(row[f'best_at_{end}'])}."
        )
    return lines, tuple(points)


def _over_time(told: Mapping[str, Any] | None) -> tuple[_Section, ...]:
    """Now, later, in steps, or as prices tell."""
    if told is None:
        return ()
    best = max(told["fixed"], key=lambda row: float(row["value_usd"]))
    lines = (
        f"{told['mining']} to {told['ai']}: of the plans that are fixed today the best is “{best['name']}”, "
        f"{money(best['value_usd'], 4)}. Deciding later ({told['best_option']}) is worth "
        f"{money(told['waiting_usd'], 3)} more; knowing every path beforehand, the whole would be "
        f"{money(told['bound_usd'], 4)} at most.",
        f"{fixed(told['ai_mw'], 'MW', 0)} of halls beside {fixed(told['mining_mw'], 'MW', 0)} of miners: hall by hall "
        f"they displace {', '.join(fixed(mw, 'MW', 0) for mw in told['displaced_mw'])} of them. After tax, before "
        f"debt, over {told['months']} months and {count(told['paths'])} paths, as megawatt convert has it.",
    )
    rows = tuple(
        (row["name"], money(row["value_usd"], 4), money(row["standard_error_usd"], 2))
        for row in (*told["fixed"], *told["options"])
    )
    return (
        _Section(
            "over-time",
            "Now, later, in steps",
            lines,
            (),
            (("Plans", Table(("Plan", "Value", "Standard error"), rows)),),
        ),
    )


def _binding(told: Mapping[str, Any]) -> tuple[str, ...]:
    bounds = told["bounds"]
    if not any(told["shadow_prices"].values()):
        more = ", but bounds of sizes do" if bounds else ": one more of any is worth nothing"
        return (f"No limit of the site binds{more}.",)
    return ("What one more of each limit is worth over the site's life: net present value of the programme.",)


def _shadow(told: Mapping[str, Any]) -> Table:
    rows = tuple((f"one more {_SHADOWS.get(name, name)}", money(usd, 4)) for name, usd in told["shadow_prices"].items())
    rows += tuple(
        (
            f"one more {row['path']} ({row['name']})",
            money(row["usd_per_unit"], 4)
            + ("" if row["usd_per_mw"] is None else f", {money(row['usd_per_mw'], 4)} a megawatt that it draws"),
        )
        for row in told["bounds"]
    )
    return Table(("Limit", "Worth"), rows)


def _week(year: MixedYear, known: Mapping[str, Any]) -> _Section:
    chart = mixed_week_chart(year.hours, year.parts, year.grid_mw)
    return _Section("week", "Hour by hour", (_foresight(known),), (), (), (chart,))


def _foresight(known: Mapping[str, Any]) -> str:
    """What of the flexible value an operator achieves without knowing prices beforehand."""
    if "why_not" in known:
        return f"What prices known only a day ahead cost is not told: {known['why_not']}."
    if known["achieved_frac"] is None:
        return "Nothing in the site follows prices."
    real = known["real_time_achieved_frac"]
    more = (
        ""
        if real is None
        else f"; {percent(real, 3)} of the bound at real-time prices that differ by "
        f"{percent(known['real_time_error_frac'])} in the mean (assumed)"
    )
    return (
        f"Foresight: in the fullest year uses that follow prices earn {money(known['flexible_usd'], 4)} with perfect "
        f"foresight (the bound), {money(known['achieved_usd'], 4)} of it ({percent(known['achieved_frac'], 3)}) "
        f"knowing prices a day ahead{more}."
    )
