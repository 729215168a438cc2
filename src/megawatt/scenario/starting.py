"""Starter scenarios by use: the commented starter with the sections of that use alone, and what each needs in place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Final

from megawatt.files import read_text

__all__ = ["STARTERS", "starter_files", "starter_text"]

_HEADER: Final = re.compile(r"(?:# )?\[\[?(\w+)\]")
_LINE: Final = re.compile(r"(?P<off># )?(?P<key>\w+) = (?P<value>.*?)(?P<said> *# .*)?$")


@dataclass(frozen=True, slots=True)
class _Starter:
    """What of the starter a use has: sections beside those of every use, and fields with the values they start with.

    A field of ``values`` whose value is empty is commented out.
    """

    title: str
    sections: tuple[str, ...]
    values: Mapping[str, str] = field(default_factory=dict)


_OF_USES: Final = frozenset({"ai", "training", "contract", "serving", "lease", "mining"})
"""Sections that only some uses have."""
_NO_DEBT: Final = dict.fromkeys(("debt.principal_usd", "debt.rate", "debt.payments", "debt.shape"), "")

STARTERS: Final[Mapping[str, _Starter]] = {
    "ai-cloud": _Starter("200 MW of GB300 in Texas", ("ai", "training", "contract")),
    "ai-serving": _Starter(
        "Answers by the token from 200 MW of GB300 in Texas",
        ("ai", "serving"),
        {
            "serving.model": '"deepseek-v3"',
            "serving.precision": '"nvfp4"',
            "serving.chips": "72",
            "serving.input_tokens": "4096",
            "serving.output_tokens": "1024",
            "serving.usd_per_million_input_tokens": "0.28",
            "serving.usd_per_million_output_tokens": "0.42",
            **_NO_DEBT,
        },
    ),
    "ai-colocation": _Starter(
        "200 MW of leased halls in Texas",
        ("lease",),
        {
            "lease.rent_usd_per_kw_month": "150",
            "lease.escalator_per_year": "0.03",
            "lease.term_months": "120",
            "lease.power_paid_by": '"tenant"',
            "lease.payer": '"investment-grade"',
            "timeline.operating_months": "120",
            "capex.chips_usd_per_chip": "",
            "capex.chip_lead_months": "",
            "opex.site_usd_per_kw_month": '"@finance-practice.colocation_opex_usd_per_kw_month"',
            **_NO_DEBT,
        },
    ),
    "mining": _Starter(
        "Miners behind 300 MW in Texas",
        ("mining",),
        {
            "discount_rate": '"@finance-practice.discount_rate_mining"',
            "site.it_mw": "",
            "hall.design": '"mining-air"',
            "mining.miner": '"antminer-s21"',
            "mining.network": '"bitcoin-2025-11"',
            "capex.shell_usd_per_mw": '"@finance-practice.mining_shell_usd_per_mw"',
            "capex.chips_usd_per_chip": "",
            "capex.build_months": "6",
            "capex.chip_lead_months": "1",
            "opex.site_usd_per_kw_month": '"@finance-practice.mining_opex_usd_per_kw_month"',
            **_NO_DEBT,
        },
    ),
}  # fmt: skip
"""Uses of a scenario and what their starters hold."""

_MIXED: Final = """\
# A mixed site: several uses behind one connection, each in a scenario of its own (docs/mixed-sites.md).
#   megawatt mix FILE        its account, hour by hour and month by month
#   megawatt best FILE       the best sizes of its parts
# Connection, months, power and tariff are the site's: what is not given here is the first part's.

format = 1
name = "{name}"
title = "AI halls, and miners beside them, in Texas"
grid_mw = 300

[[parts]]
scenario = "{ai}"
# scale = 1.0                    # size over the scenario's own

[[parts]]
scenario = "{mining}"
scale = 0.25
# until = "2029-12"              # last month of the part
# values = {{ "mining.price_usd_per_th" = 0 }}   # what stands otherwise in its scenario

# [battery]                      # what all parts share: [solar], [wind], [gas], [battery], [export], [[services]]
# mw = 50
# mwh = 200
"""


def starter_text(use: str, name: str = "my-site") -> str:
    """The commented starter of one use.

    Parameters
    ----------
    use : str
        One of ``STARTERS``.
    name : str
        Name of the scenario: lower-case letters, digits, hyphens.
    """
    starter = STARTERS[use]
    values = {"name": f'"{name}"', "title": f'"{starter.title}"', "use": f'"{use}"', **starter.values}
    text = read_text(files(__package__).joinpath("starter.toml"))
    live = {path.partition(".")[0] for path, value in starter.values.items() if value}
    off = {path.partition(".")[0] for path, value in starter.values.items() if not value}
    lines: list[str] = []
    section = ""
    for line in text.splitlines():
        if header := _HEADER.match(line):
            section = header[1]
            if section in live:
                line = line.removeprefix("# ")
            elif section == "debt" and section in off:
                line = f"# {line}"
        if section in _OF_USES and section not in starter.sections:
            continue
        lines.append(_set(line, f"{section}.{_key(line)}".removeprefix("."), values))
    return "\n".join(lines) + "\n"


def _key(line: str) -> str:
    found = _LINE.match(line)
    return found["key"] if found else ""


def _set(line: str, path: str, values: Mapping[str, str]) -> str:
    """A line of the starter with the value that a use starts with; the first line of a field alone."""
    found = _LINE.match(line)
    if found is None or path not in values:
        return line
    value, said = values[path], (found["said"] or "").strip()
    if not value:
        return line if found["off"] else f"# {line}"
    column = line.index(said) if said else 0
    return f"{found['key']} = {value}".ljust(column - 1) + f" {said}" if said else f"{found['key']} = {value}"


def starter_files(use: str, path: Path) -> dict[Path, str]:
    """Paths and texts of the files of a use, the one that is run first.

    Parameters
    ----------
    use : str
        One of ``STARTERS``, or ``mixed``: a mixed site and a scenario for each of its parts.
    path : Path
        The first file; the others stand beside it.
    """
    stem = path.name.removesuffix(".toml")
    name = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")[:48].strip("-") or "my-site"
    if use != "mixed":
        return {path: starter_text(use, name)}
    ai, mining = path.with_name(f"{stem}-ai.toml"), path.with_name(f"{stem}-mining.toml")
    return {
        path: _MIXED.format(name=name, ai=ai.name, mining=mining.name),
        ai: starter_text("ai-cloud", f"{name}-ai"),
        mining: starter_text("mining", f"{name}-mining"),
    }
