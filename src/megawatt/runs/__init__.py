"""How long is a whole training run, with everything that interrupts it, and what does it draw?"""

from megawatt.runs.access import access_figures, waits_frac
from megawatt.runs.around import Around, around_run
from megawatt.runs.bill import (
    Bill,
    BillPrices,
    MadeOrBought,
    RunCost,
    embodied_per_chip_hour,
    made_or_bought,
    owned_usd_per_chip_hour,
    run_bill,
)
from megawatt.runs.caps import Cap, best_caps, power_caps
from megawatt.runs.figures import training_figures
from megawatt.runs.phases import phase_problems, phases_of
from megawatt.runs.power import RunPower, checkpoint_chip_w, run_power
from megawatt.runs.process import (
    Expected,
    Interruption,
    Process,
    best_interval_s,
    elapsed_days,
    expected,
    optimal_interval_s,
    young_daly_interval_s,
)
from megawatt.runs.published import PublishedRun, others_rate, published_goodput, published_runs
from megawatt.runs.records import PhaseRun, TrainingRun
from megawatt.runs.reliability import (
    Checkpoint,
    Reclaimed,
    Reliability,
    checkpoint_of,
    reliability,
)
from megawatt.runs.settings import Phase, Ramp, RunSettings, wrong_settings
from megawatt.runs.simulation import Simulated, simulate
from megawatt.runs.swing import Battery, ConnectionRule, RuleAnswer, Swing, Wave, power_swing
from megawatt.runs.telling import phase_rows, run_dict, run_rows, run_sentences, run_title
from megawatt.runs.whole import PATHS, run

__all__ = [
    "PATHS",
    "Around",
    "Battery",
    "Bill",
    "BillPrices",
    "Cap",
    "Checkpoint",
    "ConnectionRule",
    "Expected",
    "Interruption",
    "MadeOrBought",
    "Phase",
    "PhaseRun",
    "Process",
    "PublishedRun",
    "Ramp",
    "Reclaimed",
    "Reliability",
    "RuleAnswer",
    "RunCost",
    "RunPower",
    "RunSettings",
    "Simulated",
    "Swing",
    "TrainingRun",
    "Wave",
    "access_figures",
    "around_run",
    "best_caps",
    "best_interval_s",
    "checkpoint_chip_w",
    "checkpoint_of",
    "elapsed_days",
    "embodied_per_chip_hour",
    "expected",
    "made_or_bought",
    "optimal_interval_s",
    "others_rate",
    "owned_usd_per_chip_hour",
    "phase_problems",
    "phase_rows",
    "phases_of",
    "power_caps",
    "power_swing",
    "published_goodput",
    "published_runs",
    "reliability",
    "run",
    "run_bill",
    "run_dict",
    "run_power",
    "run_rows",
    "run_sentences",
    "run_title",
    "simulate",
    "training_figures",
    "waits_frac",
    "wrong_settings",
    "young_daly_interval_s",
]
