"""``deals.csv`` and the company rows of ``miners.csv``: contracts and owners."""

from __future__ import annotations

import re
from collections.abc import Iterable

from derivation.rows import Row, joined, judged, split_range, tidy
from derivation.sources import SourceBook

# unit of the reference: (name ending, pint unit, scale)
_UNITS = {
    "usd": ("usd", "USD", "1"),
    "usd_bn": ("usd", "USD", "1e9"),
    "usd_max": ("usd", "USD", "1"),
    "usd_per_year": ("usd_per_year", "USD/year", "1"),
    "usd_m_per_MW": ("usd_per_mw", "USD/MW", "1e6"),
    "usd_per_kW_month": ("usd_per_kw_month", "USD/kW/month", "1"),
    "usd_per_gross_kW_month": ("usd_per_kw_month", "USD/kW/month", "1"),
    "usd_per_gpu_hour": ("usd_per_gpu_hour", "USD/hour", "1"),
    "usd_per_kWh": ("usd_per_kwh", "USD/kWh", "1"),
    "usd_per_btc": ("usd_per_btc", "USD/BTC", "1"),
    "usd_per_PH_day": ("usd_per_ph_day", "USD/(petahash/s)/day", "1"),
    "years": ("years", "year", "1"),
    "MW": ("mw", "MW", "1"),
    "GW": ("mw", "MW", "1000"),
    "kW_per_rack": ("kw_per_rack", "kW", "1"),
    "EH_per_s": ("eh_per_s", "exahash/s", "1"),
    "J_per_TH": ("j_per_th", "J/terahash", "1"),
    "btc": ("btc", "BTC", "1"),
    "acres": ("acres", "acre", "1"),
    "shares": ("shares", "", "1"),
    "fraction": ("frac", "", "1"),
    "fraction_min": ("frac", "", "1"),
    "fraction_max": ("frac", "", "1"),
    "fraction_over_SOFR": ("frac", "", "1"),
    "ratio": ("ratio", "", "1"),
    "ratio_max": ("ratio", "", "1"),
    "gpus": ("", "", "1"),
    "trainium2": ("", "", "1"),
    "date": ("date", "", "1"),
    "": ("", "", "1"),
}
_QUALIFIERS = {
    "fraction_min": "at least",
    "fraction_max": "at most",
    "ratio_max": "at most",
    "usd_max": "at most",
    "fraction_over_SOFR": "spread over SOFR",
    "usd_per_gross_kW_month": "per gross kW",
}
_RENAMED = {
    "btc_held": "held",
    "btc_mined": "mined",
    "gpus_now": "gpu_count",
    "cost_per_gw": "cost",
    "energisation": "energisation_schedule",
    "delivery": "delivery_schedule",
}
_DENOMINATOR = re.compile(r"_per_(?:it_)?(?:mw|kw_month|gpu_hour|btc|ph_day)(?=_|$)")

_ARITHMETIC = (
    ("implied_revenue_usd_per_gpu_hour", "contract value / term / GPUs / 8,760 hours"),
    ("implied_revenue_usd_per_kw_month", "contract value / term / 12 months / critical IT"),
    ("implied_rent_gross", "contract value / term / 12 months / gross power"),
    ("implied_rent_year1", "average rent over the term deflated by the escalator"),
    ("implied_rent", "contract value or average annual revenue over the term / 12 months / critical IT"),
    ("debt_usd_per_mw", "debt principal / critical IT"),
    ("capex_tenant_funded_share", "196.4m funded by the tenant / 244.5m"),
    ("capex_phase1", "(debt + equity) / critical IT of phase 1"),
    ("capex_usd_per_mw", "capex / power"),
    ("ltc", "debt / (debt + equity)"),
)

_COMPANIES = {
    "MARA": ("mara", "MARA Holdings", ""),
    "RIOT": ("riot", "Riot Platforms", ""),
    "CLSK": ("cleanspark", "CleanSpark", "clsk"),
    "CIFR": ("cipher", "Cipher Mining", "cifr"),
    "CORZ": ("core-scientific", "Core Scientific", "corz"),
    "WULF": ("terawulf", "TeraWulf", "wulf"),
    "BITF": ("bitfarms", "Keel Infrastructure (Bitfarms until April 2026)", "bitf,keel"),
    "IREN": ("iren", "IREN", ""),
    "HUT": ("hut-8", "Hut 8", "hut"),
    "INDUSTRY": ("listed-miners", "Listed bitcoin miners together", ""),
}
_WORDS = {"iren": "IREN", "amd": "AMD", "aws": "AWS", "pf1": "Polaris Forge 1", "pf2": "Polaris Forge 2", "jv": "JV"}
_PROPER = {"openai": "OpenAI", "coreweave": "CoreWeave", "terawulf": "TeraWulf", "corescientific": "Core Scientific"}
_MORE_PROPER = {"cleanspark": "CleanSpark", "hut8": "Hut 8", "core42": "Core42", "nvidia": "Nvidia"}


def deal_rows(reference: Iterable[dict[str, str]], book: SourceBook) -> list[Row]:
    """All deal facts in the order of the reference, a title before each deal's first."""
    rows: list[Row] = []
    for entry in reference:
        key = entry["deal_key"].replace("_", "-")
        if not rows or rows[-1].key != key:
            rows.append(Row(key, "title", _deal_title(entry["deal_key"])))
        rows.append(_venture_row(key, entry, book))
    return rows


def company_rows(reference: Iterable[dict[str, str]], book: SourceBook) -> list[Row]:
    """Company facts in the order of the reference; rows on mining machines are curated elsewhere."""
    rows: list[Row] = []
    for entry in reference:
        if entry["entity"] not in _COMPANIES:
            continue
        key, title, alias = _COMPANIES[entry["entity"]]
        if not rows or rows[-1].key != key:
            rows.append(Row(key, "title", title))
            rows += [Row(key, "aliases", alias)] if alias else []
        rows.append(_venture_row(key, entry, book))
    return rows


def _deal_title(key: str) -> str:
    names = _WORDS | _PROPER | _MORE_PROPER
    return " ".join(names.get(word, word.capitalize()) for word in key.split("_"))


def _venture_row(key: str, entry: dict[str, str], book: SourceBook) -> Row:
    ending, unit, scale = _UNITS[entry["unit"]]
    field = _RENAMED.get(entry["field"], entry["field"])
    if entry["field"] == "cost_per_gw":
        ending, unit = "usd_per_gw", "USD/GW"
    found = split_range(entry["value"], scale) if entry["unit"] else None  # without a unit, 2026-12 is a month
    if found is None or ending == "date":
        found, unit = (entry["value"], "", ""), ""
        ending = ending if ending == "date" else ""
    name = _named(field, ending)
    note = joined(_QUALIFIERS.get(entry["unit"], ""), tidy(entry["note"]))
    if entry["confidence"] == "derived":
        kind, note = "derived", joined(next(text for start, text in _ARITHMETIC if name.startswith(start)), note)
    else:
        kind, note = judged(entry["confidence"], entry["source_url"], note)
    source = book.key(entry["source_url"] if kind != "assumed" else "", entry["as_of"])
    return Row(key, name, found[0], unit, found[1], found[2], kind, source, entry["as_of"], note)


def _named(field: str, ending: str) -> str:
    """Field name with its unit at the end, once."""
    stem = _DENOMINATOR.sub("", field) if "per" in ending else field
    return stem if not ending or stem.endswith(ending) else f"{stem}_{ending}"
