"""A study of a year's payments as plain named figures."""

from __future__ import annotations

import re

from megawatt.contagion.study import Study, circle_rows, node_rows, shock_rows

__all__ = ["study_figures"]


def _word(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def study_figures(found: Study) -> dict[str, float]:
    """What each name owes, has, must raise; what comes back; what the first failure does.

    Returns
    -------
    dict
        By name (lower case, underscores): ``NAME_owed_usd``, ``NAME_own_usd``, ``NAME_receives_usd``,
        ``NAME_to_raise_usd``, ``NAME_comes_back_frac``, and by payment ``PAYER_to_PAYEE_usd`` and
        ``PAYER_to_PAYEE_comes_back_frac``; over all: ``owed_usd``, ``to_raise_usd``; of the failure: ``failed``
        names in all waves, ``waves``, ``lost_usd``, ``NAME_wave`` (0: it does not fail), ``NAME_lost_usd``.
    """
    told: dict[str, float] = {}
    for row in node_rows(found):
        name = _word(str(row["node"]))
        for field in ("owed_usd", "own_usd", "receives_usd"):
            told[f"{name}_{field}"] = row[field]
        told[f"{name}_to_raise_usd"] = row["to_raise_usd"]
        told[f"{name}_comes_back_frac"] = row["comes_back_of_a_dollar"]
        told[f"{name}_wave"] = told[f"{name}_lost_usd"] = 0.0
    told["owed_usd"] = sum(float(row["owed_in_network_usd"]) for row in node_rows(found))
    told["to_raise_usd"] = sum(float(row["to_raise_usd"]) for row in node_rows(found) if not row["lender"])
    for row in circle_rows(found, 0.0):
        edge = f"{_word(row['payer'])}_to_{_word(row['payee'])}"
        told[f"{edge}_usd"], told[f"{edge}_comes_back_frac"] = row["paid_usd"], row["comes_back_of_a_dollar"]
    for row in shock_rows(found)[:1]:
        told["failed"] = float(sum(len(wave) for wave in row["waves"]))
        told["waves"] = float(len(row["waves"]))
        told["lost_usd"] = row["lost_usd"]
        for node in row["nodes"]:
            told[f"{_word(node['node'])}_wave"] = float(node["wave"])
            told[f"{_word(node['node'])}_lost_usd"] = node["lost_usd"]
    return told
