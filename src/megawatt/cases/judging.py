"""Verdicts: a claim against the measure that it is about."""

from __future__ import annotations

from megawatt.cases.records import CaseResult, Claim, Computed, Measured, Verdict
from megawatt.cases.words import figure, rough

__all__ = ["claimed", "judge", "rests_on"]


def claimed(claim: Claim, unit: str = "") -> str:
    """The claim's bound in words, in the unit of its measure."""
    in_unit, own = f" {unit}" if unit else "", " (our bound)" if claim.ours else ""
    if claim.equals is not None:
        return f"{figure(claim.equals)}{in_unit}, within {figure(100 * claim.within_frac)} %{own}"
    if claim.at_least is not None:
        return f"at least {figure(claim.at_least)}{in_unit}{own}"
    return "no bound" if claim.at_most is None else f"at most {figure(claim.at_most)}{in_unit}{own}"


def judge(claim: Claim, computed: Computed) -> Verdict:
    """Whether a claim holds: at the base and everywhere, only under some conditions, nowhere, or cannot be checked."""
    found = computed.measures.get(claim.measure)
    if found is None:
        why = computed.missing.get(claim.measure, f"nobody has published a {claim.measure}")
        return Verdict(claim, "cannot be checked", why, "a published figure")
    if claim.at_least is None and claim.at_most is None and claim.equals is None:
        return Verdict(claim, "cannot be checked", "the claim names no bound", "a number")
    met = {at: value for at, value in found.values.items() if claim.met(value)}
    turns = computed.turns.get(claim.key, ())
    crossed = any(turn.published for turn in turns)
    kind = "holds" if len(met) == len(found.values) else "holds if" if met or crossed else "does not hold"
    because = _because(claim, found, met)
    if kind == "holds if":
        at_base = "met at the base: " if claim.met(found.base[1]) else "not met at the base: "
        because = (at_base if turns else _first_met(met, found)) + because
    return Verdict(claim, kind, because, _would_change(claim, found, computed), found.base[1], turns)


def _unit(found: Measured) -> str:
    return f" {found.unit}" if found.unit else ""


def _because(claim: Claim, found: Measured, met: dict[str, float]) -> str:
    (at, base), (low, high) = found.base, found.ends
    span = f", {figure(low)} to {figure(high)} over {len(found.values)} tried" if len(found.values) > 1 else ""
    with_ = "" if found.title else f" with {at}"
    what = f": {found.title}" if found.title else ""
    return f"{figure(base)}{_unit(found)}{with_}{what}{span}; claimed {claimed(claim, found.unit)}"


def _first_met(met: dict[str, float], found: Measured) -> str:
    at, value = next(iter(met.items()))
    return f"{at}: {figure(value)}, and {len(met) - 1} more of {len(found.values)} tried; "


def _would_change(claim: Claim, found: Measured, computed: Computed) -> str:
    """What turns the verdict: inputs within their range, all of them together, or one beyond its range."""
    turns = computed.turns.get(claim.key)
    if turns is None:
        return found.turns
    inside = [turn for turn in turns if turn.published]
    if inside:
        how = "fails" if claim.met(found.base[1]) else "holds"
        return f"{how} with " + "; ".join(
            f"{t.input} {'below' if t.upward == claim.met(found.base[1]) else 'above'} {rough(t.at)}"
            f"{' ' + t.unit if t.unit else ''} (base {figure(t.base)}, range {figure(t.low)} to {figure(t.high)})"
            for t in inside
        )
    said = [
        "no input alone turns it within its range" if len(found.values) > 1 else "no input to move: none has a range"
    ]
    value = computed.together.get(claim.key)
    if value is not None and _is_worst(claim, found, value):
        turned = "turns it" if claim.met(value) != claim.met(found.base[1]) else "does not turn it"
        said.append(f"all of them at the worst end for the verdict give {figure(value)}{_unit(found)}, which {turned}")
    said += [
        f"it would take {t.input} of {rough(t.at)}{' ' + t.unit if t.unit else ''}, beyond {figure(t.low)} to "
        f"{figure(t.high)}"
        for t in turns
    ]
    return "; ".join(said)


def _is_worst(claim: Claim, found: Measured, value: float) -> bool:
    """Whether no single end speaks more against the verdict than all inputs together: effects may cancel."""
    if claim.equals is not None or claim.met(value) != claim.met(found.base[1]):
        return True
    low, high = found.ends
    falls = (claim.at_least is not None) == claim.met(found.base[1])
    return value <= low + 1e-3 * abs(low) if falls else value >= high - 1e-3 * abs(high)


def rests_on(result: CaseResult) -> tuple[str, ...]:
    """Sentences on inputs that nobody's figure stands behind, and verdicts that they turn within their range."""
    said = []
    for what, inputs in (
        ("Assumed, without a source", [i.name for i in result.case.inputs if i.assumed]),
        ("From memory, not read again", [i.name for i in result.case.inputs if i.unread]),
    ):
        if inputs:
            turned = {
                name: [v.claim.text for v in result.verdicts if any(t.published and t.input == name for t in v.turns)]
                for name in inputs
            }
            deciding = "; ".join(f"{name} ({', '.join(texts)})" for name, texts in turned.items() if texts)
            said.append(f"{what}: {', '.join(inputs)}. Of these decide a verdict: {deciding or 'none'}.")
    return tuple(said)
