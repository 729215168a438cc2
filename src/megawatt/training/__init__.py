"""How long is a step under a parallel layout, does it fit, which layout is best, how long is the run with failures."""

from megawatt.training.layouts import Space, enumerate_layouts, layout_reasons, one_layout, search_space
from megawatt.training.multiplies import trained_precisions
from megawatt.training.plan import Objective, Prices, describe_layout, evaluate, plan
from megawatt.training.practice import Practice, Stack, default_stack, practice_for
from megawatt.training.records import Job, Layouts, StepCost, TrainingPlan, TrainingRun
from megawatt.training.run import checkpoint_interval_s, expected_wall_s, run
from megawatt.training.scaling import Range, Scaled, best_within, smallest_within, step_time_ranges, sweep
from megawatt.training.step import micro_batches, step_cost, step_memory

__all__ = [
    "Job",
    "Layouts",
    "Objective",
    "Practice",
    "Prices",
    "Range",
    "Scaled",
    "Space",
    "Stack",
    "StepCost",
    "TrainingPlan",
    "TrainingRun",
    "best_within",
    "checkpoint_interval_s",
    "default_stack",
    "describe_layout",
    "enumerate_layouts",
    "evaluate",
    "expected_wall_s",
    "layout_reasons",
    "micro_batches",
    "one_layout",
    "plan",
    "practice_for",
    "run",
    "search_space",
    "smallest_within",
    "step_cost",
    "step_memory",
    "step_time_ranges",
    "sweep",
    "trained_precisions",
]
