"""How long is a step under a parallel layout, does it fit, which layout is best?"""

from megawatt.training.choices import CHOICES, choices_of, is_short, parse_choices, parse_schedules, sharded, worded
from megawatt.training.confidence import Confidence, confidence, held_out, nearest_run, score_range
from megawatt.training.division import layout_reasons
from megawatt.training.explorer import LayoutCell, LayoutMap, layout_map
from megawatt.training.features import MODULES, Features, merge_features, read_features
from megawatt.training.fitting import Change, MemoryAnswer, memory_answer
from megawatt.training.layouts import (
    Space,
    enumerate_layouts,
    layouts_like,
    one_layout,
    search_space,
)
from megawatt.training.machines import Machine, chips_within, machine_within
from megawatt.training.multiplies import trained_precisions
from megawatt.training.other_layouts import Alternative, FrontStep, against, alternatives, front_steps
from megawatt.training.own_machines import open_machine, open_machines
from megawatt.training.planning import Objective, Prices, asked_space, describe_layout, evaluate, plan
from megawatt.training.practice import Practice, optimizer_states, practice_for
from megawatt.training.recompute import module_bits, module_names
from megawatt.training.records import Job, Layouts, StepCost, TrainingPlan
from megawatt.training.scaling import (
    Range,
    Scaled,
    best_within,
    doublings,
    per_chip_fracs,
    smallest_within,
    step_time_ranges,
    sweep,
)
from megawatt.training.schedules import CODES, SCHEDULES, schedule_name
from megawatt.training.setup import Setup
from megawatt.training.stacks import Stack, default_stack, read_stack, switched_text
from megawatt.training.step import micro_batches, step_cost, step_memory
from megawatt.training.timeline import chrome_trace, plan_timeline
from megawatt.training.units import cores_per_chip
from megawatt.training.usual import usual_job, usual_precision

__all__ = [
    "CHOICES",
    "CODES",
    "MODULES",
    "SCHEDULES",
    "Alternative",
    "Change",
    "Confidence",
    "Features",
    "FrontStep",
    "Job",
    "LayoutCell",
    "LayoutMap",
    "Layouts",
    "Machine",
    "MemoryAnswer",
    "Objective",
    "Practice",
    "Prices",
    "Range",
    "Scaled",
    "Setup",
    "Space",
    "Stack",
    "StepCost",
    "TrainingPlan",
    "against",
    "alternatives",
    "asked_space",
    "best_within",
    "chips_within",
    "choices_of",
    "chrome_trace",
    "confidence",
    "cores_per_chip",
    "default_stack",
    "describe_layout",
    "doublings",
    "enumerate_layouts",
    "evaluate",
    "front_steps",
    "held_out",
    "is_short",
    "layout_map",
    "layout_reasons",
    "layouts_like",
    "machine_within",
    "memory_answer",
    "merge_features",
    "micro_batches",
    "module_bits",
    "module_names",
    "nearest_run",
    "one_layout",
    "open_machine",
    "open_machines",
    "optimizer_states",
    "parse_choices",
    "parse_schedules",
    "per_chip_fracs",
    "plan",
    "plan_timeline",
    "practice_for",
    "read_features",
    "read_stack",
    "schedule_name",
    "score_range",
    "search_space",
    "sharded",
    "smallest_within",
    "step_cost",
    "step_memory",
    "step_time_ranges",
    "sweep",
    "switched_text",
    "trained_precisions",
    "usual_job",
    "usual_precision",
    "worded",
]
