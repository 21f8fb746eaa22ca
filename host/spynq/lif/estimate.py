"""Cycles of a compiled network from a model of the engine, before anything runs.

A unit (pixel and round) takes as long as the slowest of three stages that overlap: looking at beats of
128 bits, a cycle for each of their 32-bit words that hold spikes, feeding spikes in pairs, and updating two
neurons per cycle. A step takes as long as its fullest stream, or as loading the map of the next step or
writing that of the last if that is more. Of an input that stays the same the first two stages serve one
step, and neurons serve others meanwhile.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from spynq.lif.codes import Output, Pool
from spynq.lif.descriptor import Descriptor, Plan
from spynq.lif.geometry import cover
from spynq.lif.image import Image, Task
from spynq.lif.tasks import PLAN_BYTES

__all__ = ["Estimate", "LayerCycles", "estimate", "together"]

_WORD = 32
_BEAT = 128
_LAYER_CYCLES = 36
"""Beginning and end of a descriptor: filling and emptying the pipeline. Reading it and its first maps and
settling overlap the layers before and after; 20 more where the first maps cannot be read ahead."""
_DUMP_CYCLES = 4
"""Cycles in which four membranes or sums are read out."""
_UNIT_CYCLES = 1
"""Least cycles between units of a stream."""
_SLOTS = 8
"""Steps whose spikes a column holds until they are written."""
_REVISIT = 8
"""Cycles from a neuron's update to its next one, at least."""


@dataclass(frozen=True)
class LayerCycles:
    """Cycles of a layer for all samples of an image.

    Parameters
    ----------
    name : str
    cycles : int
        Of all its descriptors.
    load : int
        Cycles in which its weights are loaded, unless they are resident; hidden if less than the layer
        before takes.
    events, sop : int
        Spikes fed to streams, and synaptic additions, expected.
    bound : str
        What a unit waits for: ``"words"``, ``"spikes"``, ``"neurons"``, or a step: ``"input"``, ``"output"``.
    """

    name: str
    cycles: int
    load: int
    events: int
    sop: int
    bound: str


@dataclass(frozen=True)
class Estimate:
    """Cycles of a run.

    Parameters
    ----------
    layers : tuple of LayerCycles
    cycles : int
        Of one sample (a share of the run), weights loaded behind the layers before where that is possible.
    resident_cycles : int
        The same with all weights in the weight memory; equal to ``cycles`` in later runs of an image whose
        weights are resident.
    """

    layers: tuple[LayerCycles, ...]
    cycles: int
    resident_cycles: int


def estimate(image: Image, density: float = 0.1, densities: Mapping[str, float] | None = None) -> Estimate:
    """Expected cycles of an image.

    Parameters
    ----------
    image : Image
    density : float
        Share of bits set in every map, 0 to 1.
    densities : mapping of str to float, optional
        The same for single maps by name of the layer that writes them, or ``"input"``.

    Raises
    ------
    ValueError
        A density is not from 0 to 1.
    """
    known = dict(densities or {})
    for name, value in {"density": density, **known}.items():
        if not 0 <= value <= 1:
            raise ValueError(f"{name} must be 0 to 1, not {value:g}; it is a share of bits set")
    found: dict[str, LayerCycles] = {}
    total = run = 0
    before = 0
    for task in image.tasks[:-1]:
        # A map without spikes has a name of its own and no density.
        shares = [0 if name.endswith(":zeros") else known.get(name, density) for name in task.sources]
        made = _task(task, sum(shares) / len(shares))
        load = 0 if task.descriptor.resident else made.load
        total += made.cycles + max(0, load - before)
        run += made.cycles
        before = made.cycles
        held = found.get(task.layer)
        if held is not None:
            made = LayerCycles(
                task.layer, held.cycles + made.cycles, held.load + load, held.events + made.events,
                held.sop + made.sop, held.bound,
            )  # fmt: skip
        found[task.layer] = made
    return Estimate(tuple(found.values()), -(-total // image.samples), -(-run // image.samples))


def together(d: Descriptor, plan: Plan) -> int:
    """Steps of an input that stays the same whose neurons are served while its spikes are met.

    1, the first one alone, where words of memory come unit by unit, where a step takes several slots of
    output, where two streams share their units, where a pixel takes several rounds, and where units of so
    few steps would meet the same neurons too soon.

    Parameters
    ----------
    d : Descriptor
    plan : Plan
    """
    streams, most = plan.columns >> plan.log2_h, min(_SLOTS, d.steps)
    shared = streams % 2 == 0 and plan.units <= streams // 2
    alone = d.bias or d.output == Output.SUMS or plan.planes_out > 1 or shared or plan.rounds > 1
    return 1 if not plan.static or alone or most * plan.lif_cycles < _REVISIT else most


def _joined(stages: Mapping[str, float], steps: int, units: int) -> tuple[str, float]:
    """What steps that go together wait for, and their cycles: a unit's spikes with as many units' neurons."""
    slowest = max(("words", "spikes"), key=lambda name: stages[name])
    gather, neurons = stages[slowest], stages["neurons"]
    groups = sum(max(gather, min(steps, place + 1) * neurons) for place in range(units))
    left = neurons * sum(min(step, units) for step in range(steps))
    return "neurons" if steps * neurons > gather else slowest, groups + left


def _task(task: Task, density: float) -> LayerCycles:
    d, plan = task.descriptor, task.plan
    runs = d.samples * d.steps
    # Of an input that stays the same all but the first step of a sample are updates of neurons alone.
    met = d.samples if plan.static else runs
    planes = d.planes + (plan.planes_second if d.second else 0)
    # A plane begins with a doubling, and ends with an odd spike every other time.
    parted = 1.5 * (max(d.planes, plan.planes_second if d.second else 0) - 1)
    written = plan.planes_out * plan.out_beats if d.output in (Output.SPIKES, Output.VALUE) else 0
    events = _events(task, density) * planes
    units, streams = plan.units, plan.columns >> plan.log2_h
    per_unit = events / (units if plan.slice else units // plan.rounds)
    words = _words(task, density) * planes
    stages = {
        "words": words,
        "spikes": per_unit / 2 + parted,
        "neurons": float(plan.lif_cycles),
    }
    longest = max(stages, key=lambda name: stages[name])
    full, joined = -(-units // streams), together(d, plan)
    cycles = full * max(stages[longest], _UNIT_CYCLES)
    if joined > 1:
        longest, cycles = _joined(stages, joined, full)
    beats = plan.units << plan.log2_h + 2
    step = {
        longest: cycles,
        "input": float((1 if plan.by_row else planes) * plan.in_beats + beats * _words_read(task)),
        "output": joined * float(written + beats * _DUMP_CYCLES * (d.output == Output.SUMS)),
    }
    bound = max(step, key=lambda name: step[name])
    updates = max(full * plan.lif_cycles, step["output"] / joined)
    constants = plan.weight_beats + plan.out_channels + PLAN_BYTES // 16 + 4
    per_step = events if plan.slice else events * plan.rounds
    sop = events if plan.slice else events * d.c_out
    return LayerCycles(
        task.layer,
        int(met * step[bound] + (runs - met * joined) * updates) + _LAYER_CYCLES,
        constants,
        int(met * per_step),
        int(met * sop),
        bound,
    )


def _words_read(task: Task) -> int:
    """How often memory's words are read in a step: once per delay."""
    return task.delays if task.descriptor.bias else 0


def _places(task: Task) -> tuple[list[int], list[int]]:
    """How many windows see each row and pixel of the pooled input."""
    d = task.descriptor
    shift = d.pool_log2 if d.pool_in != Pool.NONE else 0
    rows = cover(d.h_out, d.kh, d.stride_y, d.dilation_y, d.pad_y, d.h_in >> shift)
    pixels = cover(d.w_out, d.kw, d.stride_x, d.dilation_x, d.pad_x, d.w_in >> shift)
    return rows, pixels


def _events(task: Task, density: float) -> float:
    """Spikes that all windows of a step and plane see, once per window."""
    d = task.descriptor
    rows, pixels = _places(task)
    k = 1 << d.pool_log2 if d.pool_in == Pool.SUM else 1
    return sum(rows) * sum(pixels) * k * k * d.c_in * density


def _words(task: Task, density: float) -> float:
    """Cycles of a unit's words, the mean over the windows of a plane."""
    d, plan = task.descriptor, task.plan
    rows, pixels = _places(task)
    windows = d.h_out * d.w_out
    k = 1 << plan.pool_log2
    if plan.segments > 1 or plan.segment_x:
        runs = sum(rows) * sum(pixels) * k * k / windows
        return runs * _run(plan.segment_bits, plan.in_channels, density)
    # One run of bits per row of a window, cut at the edges of the map.
    inside = sum(pixels) / d.w_out * plan.in_channels
    if plan.segment_rows == 1:
        return _run(plan.segment_bits, _BEAT, density)
    return sum(rows) / d.h_out * _run(inside, plan.in_channels, density)


def _run(bits: float, stride: int, density: float) -> float:
    """Expected cycles of a run of bits, the mean over its places, the multiples of ``stride``.

    Of its bits in a beat every word with spikes takes a cycle, and all of them one if there is no spike.
    """
    places = range(0, _BEAT, math.gcd(stride, _BEAT))
    cycles = 0.0
    for place in places:
        cycles += sum(n * (1 - (1 - density) ** length) for length, n in _parts(place, bits, _WORD))
        cycles += sum(n * (1 - density) ** length for length, n in _parts(place, bits, _BEAT))
    return cycles / len(places)


def _parts(place: int, bits: float, size: int) -> list[tuple[float, float]]:
    """Lengths of a run's parts in words (or beats) of ``size`` bits, and how many have each."""
    head = min(bits, -place % size)
    whole, tail = divmod(bits - head, size)
    return [(length, n) for length, n in ((head, 1), (size, whole), (tail, 1)) if length]
