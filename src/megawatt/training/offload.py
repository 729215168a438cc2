"""Optimizer states and activations in the host's memory: what the way there and back costs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.training.activations import activation_bytes
from megawatt.training.exchange import optimizer_traffic_bytes
from megawatt.training.pipeline import Pace
from megawatt.training.practice import Host, Practice
from megawatt.training.records import Job, Layouts
from megawatt.training.tables import LayerTables

__all__ = ["offload_s"]


def offload_s(
    job: Job,
    layouts: Layouts,
    host: Host,
    practice: Practice,
    pace: Pace,
    tables: LayerTables,
    parts: Mapping[str, FloatArray],
    *,
    count: FloatArray,
) -> dict[str, FloatArray]:
    """Parts of a step that change with what the host holds. [s], arrays (n,)

    Optimizer: gradients go down while updated weights come up, bucket by bucket, and the host's own memory traffic
    runs beside both; the slowest of the three takes the place of the chip's optimizer, and nothing hides it.
    Activations: what a layer keeps travels out behind the forward pass and back behind the backward pass; what is
    longer than those is exposed, for every micro-batch of the slowest stage.

    Parameters
    ----------
    job, layouts, practice, tables
        What is trained, layouts (n,), machine and stack, layer costs.
    host : Host
        What is offloaded, and the rates.
    pace : Pace
        The slowest stage.
    parts : mapping of str to array
        Parts of the step so far; ``optimizer`` is the chip's own.
    count : (n,)
        Micro-batches per replica.

    Notes
    -----
    Sources: Ren 2021, ZeRO-Offload (arXiv 2101.06840, section 4), Rajbhandari 2021, ZeRO-Infinity (2104.07857, section
    6.2). Limits: the link is the chip's own; a host whose processors are slower than its memory is not modelled.
    """
    changed: dict[str, FloatArray] = {}
    if "optimizer" in host.offloaded:
        # The chip's optimizer streams so many bytes per parameter through its memory.
        traffic = optimizer_traffic_bytes(practice, job.precision)
        trained = parts["optimizer"] * practice.kernels.hbm_flow_bytes_per_s / traffic
        width = max(practice.stack.gradient_exchange_bytes, activation_bytes(job.precision))
        slowest = max(width / host.link_bytes_per_s, traffic / host.memory_bytes_per_s)
        changed["optimizer"] = trained * slowest
    if "activations" in host.offloaded:
        kept = (pace.load.layers * tables.activations(job, practice.stack).at(tables.entry).kept).sum(axis=0)
        share = min(host.layers / job.arch.layers, 1.0) if host.layers else 1.0
        way_s = share * kept / host.link_bytes_per_s
        forward_s = pace.forward_s
        exposed = np.maximum(way_s - forward_s, 0.0) + np.maximum(way_s - (pace.stage_s - forward_s), 0.0)
        changed["offload"] = count * exposed
    return changed
