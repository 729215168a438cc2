"""Verdicts: a claim against the measure that it is about."""

from __future__ import annotations

from collections.abc import Mapping

from megawatt.cases.records import Claim, Measured, Verdict

__all__ = ["judge"]


def judge(claim: Claim, measures: Mapping[str, Measured]) -> Verdict:
    """Whether a claim holds: at the base and everywhere, only under some conditions, nowhere, or cannot be checked."""
    found = measures.get(claim.measure)
    if found is None:
        return Verdict(claim, "cannot be checked", f"nobody has published a {claim.measure}", "a published measurement")
    bound = claim.at_least if claim.at_least is not None else claim.at_most
    if bound is None:
        return Verdict(claim, "cannot be checked", "the claim names no bound", "a number")
    upward = claim.at_least is not None
    met = {at: value for at, value in found.values.items() if (value >= bound if upward else value <= bound)}
    (base_at, base), (low, high) = found.base, found.ends
    span = f", {low:.2f} to {high:.2f} over {len(found.values)} tried" if len(found.values) > 1 else ""
    figure = f"{base:.2f} with {base_at}{span}; claimed {bound:g}"
    if len(met) == len(found.values):
        return Verdict(claim, "holds", figure, found.turns)
    if met:
        at, value = next(iter(met.items()))
        where = f"{at}: {value:.2f}, and {len(met) - 1} more of {len(found.values)} tried"
        return Verdict(claim, "holds if", f"{where}; {figure}", found.turns)
    return Verdict(claim, "does not hold", figure, found.turns)
