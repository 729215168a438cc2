"""Launch files of training frameworks, read into questions and written from plans, and step times out of their logs."""

from megawatt.launch.asking import (
    FRAMEWORKS,
    asked,
    differing,
    is_launch,
    launch_alone,
    launch_of,
    read_launch,
    said_of,
    write_launch,
)
from megawatt.launch.comparing import compare_machines
from megawatt.launch.logs import StepTimes, read_log
from megawatt.launch.question import Question, ask, read_chips, read_precisions
from megawatt.launch.records import Launch

__all__ = [
    "FRAMEWORKS",
    "Launch",
    "Question",
    "StepTimes",
    "ask",
    "asked",
    "compare_machines",
    "differing",
    "is_launch",
    "launch_alone",
    "launch_of",
    "read_chips",
    "read_launch",
    "read_log",
    "read_precisions",
    "said_of",
    "write_launch",
]
