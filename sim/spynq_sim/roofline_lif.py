"""Least cycles of a run of the LIF engine: what bounds every layer, from its spikes and the build alone.

Four stages of an engine overlap, and none can be faster than its share of the work: two spikes per cycle
and stream, two neurons per cycle and column, one beat of memory per cycle read and one written.
Pipelines, turns from layer to layer and waits of one stage for another come on top and are not counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spynq.lif.codes import Output, Pool
from spynq.lif.image import Image, Task

__all__ = ["Floor", "roofline"]

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Floor:
    """Least cycles of a descriptor.

    Parameters
    ----------
    layer : str
    bound : str
        ``"spikes"``, ``"neurons"``, ``"input"`` or ``"output"``.
    cycles : int
    """

    layer: str
    bound: str
    cycles: int


def roofline(image: Image, memory: npt.NDArray[np.uint8]) -> list[Floor]:
    """Floors of all descriptors of a run of one sample.

    Parameters
    ----------
    image : Image
    memory : ndarray of uint8
        As a run left it; maps of spikes are read from it.
    """
    return [_floor(image, memory, task) for task in image.tasks[:-1]]


def _floor(image: Image, memory: npt.NDArray[np.uint8], task: Task) -> Floor:
    d, plan = task.descriptor, task.plan
    streams = plan.columns >> plan.log2_h
    reads = 1 if plan.static else d.steps
    met = np.sum([_events(image.maps.get(name, image.input), memory, task) for name in task.sources], axis=0)
    # Rounds of a pixel follow each other, and units go to streams in turn.
    units = met.reshape(len(met), -1)
    if not plan.slice:
        units = np.repeat(units, plan.rounds, axis=1)
    pairs = -(-units // 2)
    fullest = max(int(pairs[:, stream::streams].sum()) for stream in range(streams))
    if 2 * plan.units <= streams:
        # Two streams share every unit.
        fullest = -(-fullest // 2)
    written = plan.planes_out * plan.out_beats if d.output in (Output.SPIKES, Output.VALUE) else 0
    stages = {
        "spikes": fullest,
        "neurons": d.steps * -(-plan.units // streams) * plan.lif_cycles,
        "input": reads * (1 if plan.by_row else d.planes) * plan.in_beats,
        "output": d.steps * written,
    }
    bound = max(stages, key=lambda name: stages[name])
    return Floor(task.layer, bound, stages[bound])


def _events(area: Any, memory: npt.NDArray[np.uint8], task: Task) -> Integers:
    """Spikes of all planes that every window sees: shape (steps gathered, rows, pixels[, rounds])."""
    d, plan = task.descriptor, task.plan
    if (d.dilation_y, d.dilation_x) != (1, 1) or plan.in_bit:
        raise ValueError(f"layer {task.layer!r}: dilation and pieces have no roofline here")
    values = area.get(memory, 1)[0, d.t0 : d.t0 + (1 if plan.static else d.steps)]
    bits = np.sum([(values >> plane) & 1 for plane in range(d.planes)], axis=0)
    if plan.slice:
        # A round sees the channels of its own lane groups.
        groups = plan.out_lanes * (plan.slice // 16)
        parts = [bits[:, i : i + groups].sum(axis=1) for i in range(0, bits.shape[1], groups)]
    else:
        parts = [bits.sum(axis=1)]
    k = 1 << d.pool_log2 if d.pool_in == Pool.SUM else 1
    return np.stack([_windows(part, task, k) for part in parts], axis=-1)


def _windows(spikes: Integers, task: Task, k: int) -> Integers:
    """Sums over windows of maps, shape (steps, rows, pixels)."""
    d = task.descriptor
    steps, high, wide = spikes.shape
    pooled = spikes[:, : high // k * k, : wide // k * k]
    pooled = pooled.reshape(steps, high // k, k, wide // k, k).sum(axis=(2, 4))
    rows, pixels = (d.h_out - 1) * d.stride_y + d.kh, (d.w_out - 1) * d.stride_x + d.kw
    whole = np.zeros((steps, max(rows, d.pad_y + high // k), max(pixels, d.pad_x + wide // k)), np.int64)
    whole[:, d.pad_y : d.pad_y + high // k, d.pad_x : d.pad_x + wide // k] = pooled
    found = np.zeros((steps, d.h_out, d.w_out), np.int64)
    for y in range(d.kh):
        for x in range(d.kw):
            found += whole[:, y : y + rows - d.kh + 1 : d.stride_y, x : x + pixels - d.kw + 1 : d.stride_x]
    return found
