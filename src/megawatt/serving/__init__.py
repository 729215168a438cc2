"""What serving a model costs: steps of an engine, throughput and latency, search, simulation, launch settings."""

from megawatt.serving.engine import at_rate, burst_ttft_s, closed_loop, largest_concurrency, offline, prefill
from megawatt.serving.machine import (
    PRECISIONS,
    ServingMachine,
    cache_width,
    served_precisions,
    serving_machine,
)
from megawatt.serving.memory import sequences_that_fit, weight_bytes
from megawatt.serving.percentiles import Latencies, asked_traffic, simulated
from megawatt.serving.planning import ServingPlan, serve
from megawatt.serving.records import (
    Layout,
    Points,
    Service,
    ServingChoice,
    Targets,
    Traffic,
    check_traffic,
    parse_layout,
)
from megawatt.serving.search import Candidates, candidates, divided_pools, front_of, layouts_of, spread_over
from megawatt.serving.service import service_on, usual_precision
from megawatt.serving.settings import ENGINES, engine_settings
from megawatt.serving.simulation import Served, random_arrivals, simulate, simulate_closed_loop
from megawatt.serving.stacks import ServingStack, read_serving_stack
from megawatt.serving.steps import Spent, StepModel
from megawatt.serving.traces import Trace, read_trace

__all__ = [
    "ENGINES",
    "PRECISIONS",
    "Candidates",
    "Latencies",
    "Layout",
    "Points",
    "Served",
    "Service",
    "ServingChoice",
    "ServingMachine",
    "ServingPlan",
    "ServingStack",
    "Spent",
    "StepModel",
    "Targets",
    "Trace",
    "Traffic",
    "asked_traffic",
    "at_rate",
    "burst_ttft_s",
    "cache_width",
    "candidates",
    "check_traffic",
    "closed_loop",
    "divided_pools",
    "engine_settings",
    "front_of",
    "largest_concurrency",
    "layouts_of",
    "offline",
    "parse_layout",
    "prefill",
    "random_arrivals",
    "read_serving_stack",
    "read_trace",
    "sequences_that_fit",
    "serve",
    "served_precisions",
    "service_on",
    "serving_machine",
    "simulate",
    "simulate_closed_loop",
    "simulated",
    "spread_over",
    "usual_precision",
    "weight_bytes",
]
