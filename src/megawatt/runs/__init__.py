"""How long is a whole training run, with everything that interrupts it, and what does it draw?"""

from megawatt.runs.phases import phase_problems, phases_of
from megawatt.runs.power import RunPower, checkpoint_chip_w, run_power
from megawatt.runs.process import (
    Expected,
    Interruption,
    Process,
    best_interval_s,
    expected,
    optimal_interval_s,
    young_daly_interval_s,
)
from megawatt.runs.published import PublishedRun, others_rate, published_goodput, published_runs
from megawatt.runs.records import PhaseRun, TrainingRun
from megawatt.runs.reliability import (
    Checkpoint,
    Reliability,
    checkpoint_of,
    reliability,
)
from megawatt.runs.settings import Phase, Ramp, RunSettings, wrong_settings
from megawatt.runs.simulation import Simulated, simulate
from megawatt.runs.telling import phase_rows, run_dict, run_rows, run_sentences, run_title
from megawatt.runs.whole import PATHS, run

__all__ = [
    "PATHS",
    "Checkpoint",
    "Expected",
    "Interruption",
    "Phase",
    "PhaseRun",
    "Process",
    "PublishedRun",
    "Ramp",
    "Reliability",
    "RunPower",
    "RunSettings",
    "Simulated",
    "TrainingRun",
    "best_interval_s",
    "checkpoint_chip_w",
    "checkpoint_of",
    "expected",
    "optimal_interval_s",
    "others_rate",
    "phase_problems",
    "phase_rows",
    "phases_of",
    "published_goodput",
    "published_runs",
    "reliability",
    "run",
    "run_dict",
    "run_power",
    "run_rows",
    "run_sentences",
    "run_title",
    "simulate",
    "wrong_settings",
    "young_daly_interval_s",
]
