"""Whole runs: published ones, phases, checkpoints, settings that are refused."""

from __future__ import annotations

import math

import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import InfeasibleError, ScenarioError
from megawatt.run_options import SETTINGS
from megawatt.runs import (
    PATHS,
    RunSettings,
    TrainingRun,
    checkpoint_of,
    others_rate,
    published_goodput,
    published_runs,
    run,
    run_dict,
    run_title,
    wrong_settings,
)
from megawatt.training import Job, TrainingPlan, plan
from megawatt.workload import load_model, parameters

CATALOGUE = load_catalogue()
H100 = CATALOGUE.system("hgx-h100")


@pytest.fixture(scope="module")
def small() -> TrainingPlan:
    job = Job(load_model("llama-2-13b", CATALOGUE), seq_len=4096, global_batch=128)
    return plan(job, H100, 32, catalogue=CATALOGUE)


@pytest.fixture(scope="module")
def large() -> TrainingPlan:
    return plan(Job(load_model("llama-3.1-405b", CATALOGUE), 8192, 2048), H100, 16384, catalogue=CATALOGUE)


def of(found: TrainingPlan, tokens: float = 1e12, paths: int = 0, **said: object) -> TrainingRun:
    settings = RunSettings(**said)  # type: ignore[arg-type]
    return run(found, system=H100, tokens=tokens, catalogue=CATALOGUE, settings=settings, paths=paths)


def test_llama_3_at_the_rate_of_other_runs(large: TrainingPlan) -> None:
    """419 unexpected interruptions in 54 days on 16,384 H100, more than 90 % effective training time."""
    rate = others_rate("llama3-405b", published_runs())
    result = of(large, large.tokens_per_s * 49 * 86400, interruptions=rate)
    assert result.failures == pytest.approx(419, rel=0.15)
    assert result.goodput == pytest.approx(0.91, abs=0.02)
    assert sum(result.shares_s.values()) == pytest.approx(result.days * 86400)


def test_energy_is_power_times_time(large: TrainingPlan) -> None:
    result = of(large, 1e12)
    power = result.power
    assert result.energy_mwh == pytest.approx(result.average_it_mw * result.days * 24)
    assert power.idle_mw < power.saving_mw < result.average_it_mw < power.computing_mw < result.peak_it_mw
    assert power.node_average_w == pytest.approx(8 * large.it_w_per_chip)


def test_published_goodput_within_four_points_at_the_rate_of_the_others() -> None:
    runs = published_runs()
    scored = [r for r in runs if r.kind == "run" and not math.isnan(r.chips + r.effective_frac)]
    errors = [abs(published_goodput(r, runs, CATALOGUE) - r.effective_frac) for r in scored]
    assert len(scored) == 5
    assert sum(errors) / len(errors) < 0.03
    assert all(r.source.startswith("http") and r.read_at for r in runs)


def test_a_run_is_left_out_of_the_rate_that_it_is_checked_on() -> None:
    runs = published_runs()
    without = [r for r in runs if r.key != "opt-175b"]
    assert others_rate("opt-175b", runs) == pytest.approx(others_rate("", without))
    assert others_rate("opt-175b", runs) < others_rate("", runs)


def test_checkpoint_bytes_are_those_of_memory(small: TrainingPlan) -> None:
    arch = small.job.arch
    kept = checkpoint_of(small, H100, RunSettings(), CATALOGUE)
    # 16-bit weights, a 32-bit master and two moments
    assert kept.bytes_ == pytest.approx(14.0 * parameters(arch).total)
    frozen = plan(
        Job(load_model("llama-2-13b", CATALOGUE), 4096, 128), H100, 32, catalogue=CATALOGUE, optimizer="adam-8bit"
    )
    assert checkpoint_of(frozen, H100, RunSettings(), CATALOGUE).bytes_ < 0.6 * kept.bytes_
    slow = checkpoint_of(small, H100, RunSettings(checkpoint="sync", storage_gb_per_s=1.0), CATALOGUE)
    assert slow.stall_s == slow.write_s == pytest.approx(kept.bytes_ / 1e9)
    assert kept.stall_s < 0.05 * kept.write_s


def test_what_recovers_faster_takes_fewer_days(large: TrainingPlan) -> None:
    manual, automatic = of(large, recovery="manual"), of(large)
    standby = of(large, recovery="standby", checkpoint="memory")
    assert manual.days > automatic.days > standby.days
    waiting, elastic = of(large, spares=30), of(large, spares=30, shortage="elastic")
    assert waiting.parts.waiting_s > 0.0 == elastic.parts.waiting_s
    assert elastic.parts.slower_s > 0.0 == waiting.parts.slower_s
    assert elastic.days < waiting.days


def test_memory_saves_at_every_step_and_storage_seldom(large: TrainingPlan) -> None:
    kept = of(large, checkpoint="memory")
    assert kept.checkpoint_interval_s < 3 * large.step_time_s
    asked = of(large, interval_s=1800.0)
    assert asked.checkpoint_interval_s == 1800.0
    assert asked.goodput < of(large).goodput


def test_days_have_a_range_that_holds_the_mean(small: TrainingPlan) -> None:
    drawn = of(small, paths=PATHS)
    assert drawn.days_low < drawn.days < drawn.days_high
    assert drawn == of(small, paths=PATHS)
    assert math.isnan(of(small).days_low)


def test_phases_and_ramp_count_their_own_steps(small: TrainingPlan) -> None:
    plain = of(small)
    ramped = of(small, ramp="32:100e9")
    assert ramped.tokens == plain.tokens
    assert ramped.steps > plain.steps
    assert ramped.days > plain.days
    assert [p.global_batch for p in ramped.phases] == sorted(p.global_batch for p in ramped.phases)
    longer = of(small, phase=("tokens=50e9,seq=16384,batch=32", "tokens=1e9,layout='tp8 pp2'"))
    assert longer.tokens == pytest.approx(1.051e12)
    assert [p.name for p in longer.phases] == ["pre-training", "phase 2", "phase 3"]
    assert longer.phases[1].seq_len == 16384
    assert "tp 8, pp 2" in longer.phases[2].layout


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"ramp": "0:1e9"}, "BATCH:TOKENS"),
        ({"ramp": "16"}, "BATCH:TOKENS"),
        ({"ramp": "16:2e12"}, "over up to the run's 1e"),
        ({"ramp": "256:1e9"}, "from up to 128 sequences"),
        ({"phase": ("seq=4096",)}, "tokens=N"),
        ({"phase": ("tokens=1e9,tokens=2e9",)}, "tokens=N"),
        ({"phase": ("tokens=1e9,batch=1.5",)}, "tokens=N"),
        ({"phase": ("tokens=nan",)}, "tokens=N"),
        ({"phase": ("tokens=1e9,layout=px8",)}, "px8"),
        ({"recovery": "soon"}, "manual, automatic, standby"),
        ({"interval_s": 0.0}, "above 0"),
        ({"interruptions": -1.0}, "0 to 10000"),
        ({"storage_gb_per_s": math.nan}, "above 0"),
    ],
)
def test_wrong_settings_are_refused(small: TrainingPlan, said: dict[str, object], message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        of(small, **said)


def test_every_setting_is_checked() -> None:
    assert set(SETTINGS) == set(RunSettings.__slots__)
    assert [p.path for p in wrong_settings({"spares": -1, "checkpoint": "x"})] == ["spares", "checkpoint"]


def test_run_checks_its_inputs(small: TrainingPlan) -> None:
    with pytest.raises(ScenarioError, match="tokens"):
        of(small, tokens=0.0)
    with pytest.raises(ScenarioError, match="plan is of hgx-h100"):
        run(small, system=CATALOGUE.system("hgx-h200"), tokens=1e12, catalogue=CATALOGUE)
    hopeless = CATALOGUE.replace_fact("training-run", "start_s", 1e9)
    with pytest.raises(InfeasibleError, match="makes no progress"):
        run(small, system=H100, tokens=1e12, catalogue=hopeless)


def test_a_range_whose_upper_end_never_ends_is_said(small: TrainingPlan) -> None:
    """At five times a hopeless rate a run does not end though its mean does; such runs are not drawn."""
    worn = of(small, tokens=1e11, paths=20, interruptions=10_000.0, spares=2)
    assert 0.0 < worn.days_low < worn.days_high == math.inf
    assert run_dict(worn)["days_80"] == [worn.days_low, None]
    assert "to more than 100 times the work" in run_title(worn)


def test_a_machine_that_is_never_interrupted_is_all_useful(small: TrainingPlan) -> None:
    quiet = of(small, interruptions=0.0, planned_stops=0.0, checkpoint="sync")
    assert quiet.failures == 0.0
    assert quiet.goodput > 0.999
