"""From an integer network to one binary image: descriptors, plans, records, weights and addresses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spynq.lif.areas import Job, Memory, areas, map_lanes
from spynq.lif.checks import check_network, reach, remarks
from spynq.lif.descriptor import Descriptor, Plan
from spynq.lif.encode import encoded_bytes
from spynq.lif.errors import LifError
from spynq.lif.features import check_features, needs
from spynq.lif.image import Image, LayerReport, Task
from spynq.lif.layers import Layer, Network
from spynq.lif.params import BEAT_BYTES, LifConfig
from spynq.lif.tasks import PLAN_BYTES, chunks_of, constants, round_parts
from spynq.lif.tiling import tile

__all__ = ["assemble"]

_DESCRIPTOR_BEATS = 4


def assemble(
    network: Network,
    config: LifConfig | None = None,
    *,
    samples: int = 1,
    chunk: int | None = None,
    first: bool = True,
    last: bool = True,
) -> Image:
    """Compile an integer network for one build.

    Parameters
    ----------
    network : Network
    config : LifConfig, optional
        The build; the default one if absent.
    samples : int
        Samples of a run, 1 to 65,535.
    chunk : int, optional
        Time steps of a descriptor; all of them by default. A FIR over sliding taps takes only all, over
        segments whole segments.
    first, last : bool
        Whether the steps begin, and end, a sample: otherwise membranes are taken over from the run
        before, or kept for the next one, on the same memory.

    Returns
    -------
    Image

    Raises
    ------
    LifError
        E01 to E05, E07, E08, each with the layer, the value, the limit and the way out.
    """
    config = config or LifConfig()
    if not 1 <= samples <= 65_535:
        raise LifError(
            "E07", f"network {network.name!r}: samples must be 1 to 65535, not {samples}; split the batch"
        )
    shapes = check_network(network)
    steps = network.steps if chunk is None else chunk
    if steps < 1:
        raise LifError("E01", f"network {network.name!r}: chunks must have at least 1 step, not {steps}")
    chunks = [range(t, min(t + steps, network.steps)) for t in range(0, network.steps, steps)]
    lanes = map_lanes(network, shapes, config)
    job = Job(network, config, samples, chunks, first, last, shapes, lanes)
    for layer in network.layers:
        _check(job, layer)
        if layer.kind != "copy":
            job.tiled[layer.name] = tile(layer, shapes, lanes[layer.sources[0]], config)
    return _image(job)


def _check(job: Job, layer: Layer) -> None:
    static = job.network.static and "input" in layer.sources
    wanted = needs(layer, job.shapes[layer.sources[0]], chunked=job.stateful, static=static)
    check_features(layer, wanted, job.config)
    steps = len(job.chunks[0])
    if layer.fir is not None and job.stateful and (not layer.fir.segment or steps % layer.fir.segment):
        raise LifError(
            "E05",
            f"layer {layer.name!r}: delays of {len(layer.fir.taps)} steps (segments of "
            f"{layer.fir.segment}) reach "
            f"over chunks of {steps} steps; run all steps in one chunk, or whole segments",
        )
    lanes = [job.lanes[source] for source in layer.sources]
    if len(set(lanes)) > 1:
        raise LifError(
            "E08",
            f"layer {layer.name!r}: its sources have {lanes[0].stride} and {lanes[1].stride} lanes a pixel; "
            "put a layer before one",
        )


def _image(job: Job) -> Image:
    """Lay everything out: list, constants, then maps, states and counters."""
    memory, network = Memory(), job.network
    pieces = sum(len(job.tiled[la.name].pieces) if la.kind != "copy" else 1 for la in network.layers)
    count = pieces * len(job.chunks) + 1
    listed = memory.reserve(count * _DESCRIPTOR_BEATS)
    bases, resident = _weight_bases(job)
    prepared = {layer.name: constants(job, layer, memory, bases) for layer in network.layers}
    memory.fill()
    places = areas(job, memory)
    tasks: list[Task] = []
    for layer in network.layers:
        states = memory.reserve(job.state_beats(layer.name) * job.samples)
        for d, plan in chunks_of(job, prepared[layer.name], places, states):
            beat = listed + len(tasks) * _DESCRIPTOR_BEATS
            tasks.append(Task(layer.name, replace(d, next=beat + _DESCRIPTOR_BEATS), plan, beat))
    tasks.append(Task("end", Descriptor(), Plan(), listed + len(tasks) * _DESCRIPTOR_BEATS))
    records = memory.reserve(count * _DESCRIPTOR_BEATS)
    if memory.top >= 1 << 32:
        raise LifError(
            "E05",
            f"network {network.name!r}: {memory.top} beats, and addresses have 32 bits; use fewer samples",
        )
    for task in tasks:
        _write(memory.content, task)
    read = {source for layer in network.layers for source in layer.sources}
    outputs = {name: area for name, area in places.items() if name not in read}
    reports = [_report(job, layer, resident) for layer in network.layers]
    return Image(
        network.name, job.config, job.samples, network.steps, bytes(memory.content), memory.top, listed,
        records, tasks, places["input"], outputs, places, reports, resident,
        {layer.name: layer.sources for layer in network.layers},
    )  # fmt: skip


def _write(content: bytearray, task: Task) -> None:
    where = f"layer {task.layer!r}"
    try:
        at = task.beat * BEAT_BYTES
        content[at : at + 64] = task.descriptor.pack(where)
        if task.descriptor.params:
            at = task.descriptor.params * BEAT_BYTES
            content[at : at + PLAN_BYTES] = task.plan.pack(where)
    except ValueError as error:
        raise LifError("E05", f"{error}; use a smaller map or split the layer") from None


def _weight_bases(job: Job) -> tuple[dict[tuple[str, int], int], bool]:
    """First tap of every layer (and first round) in the weight memory, and whether all fit at once."""
    blocks = {
        (name, r[0]): tiled.taps * len(r) for name, tiled in job.tiled.items() for r in round_parts(tiled)
    }
    bank, sizes = job.config.weights // job.config.banks, list(blocks.values())
    places = packed(sizes, bank, job.config.banks)
    if places is not None:
        return dict(zip(blocks, places, strict=True)), True
    # In turns through the banks, so that the next layer is loaded while this one runs.
    at, bases = 0, {}
    for key, taps in blocks.items():
        wanted = -(-taps // bank)
        if at + wanted > job.config.banks:
            at = 0
        bases[key] = at * bank
        at += wanted
    return bases, False


def packed(sizes: list[int], bank: int, banks: int) -> list[int] | None:
    """Places of blocks that are all in the weight memory at once; None if they do not fit.

    A bank is loaded while another one is read, so neighbours in time keep apart, large ones above all,
    and a block stays within a bank unless it is larger. Blocks that fit only without gaps are laid
    one behind the other.

    Parameters
    ----------
    sizes : list of int
        Taps, in the order in which they are used.
    bank, banks : int
        Taps of a bank, and how many there are.
    """
    free, places, inside = [0] * banks, {}, [list[int]() for _ in range(banks)]
    for i in sorted(range(len(sizes)), key=lambda i: -sizes[i]):
        wanted = max(1, -(-sizes[i] // bank))
        costs = {}
        for first in range(banks - wanted + 1):
            fits = all(free[b] == 0 for b in range(first, first + wanted)) if wanted > 1 else True
            if fits and (wanted > 1 or free[first] + sizes[i] <= bank):
                near = {j for b in range(first, first + wanted) for j in inside[b]}
                costs[first] = sum(min(sizes[i], sizes[j]) / abs(i - j) for j in near)
        if not costs:
            break
        first = min(costs, key=lambda b: costs[b])
        places[i] = first * bank + free[first]
        for number in range(wanted):
            inside[first + number].append(i)
            free[first + number] += min(bank, sizes[i] - number * bank)
    if len(places) == len(sizes):
        return [places[i] for i in range(len(sizes))]
    total = np.cumsum([0, *sizes]).tolist()
    return total[:-1] if total[-1] <= bank * banks else None


def _report(job: Job, layer: Layer, resident: bool) -> LayerReport:
    shape, chunks = job.shapes[layer.name], len(job.chunks)
    if layer.kind == "copy":
        return LayerReport(layer.name, layer.kind, shape, "", 0, 0, 0, 1, 1, chunks, True, 0)
    tiled = job.tiled[layer.name]
    return LayerReport(
        layer.name, layer.kind, shape, tiled.format.name.lower(), encoded_bytes(tiled.groups, tiled.format),
        tiled.taps * tiled.rounds, 1 << tiled.log2_h, tiled.rounds, len(tiled.pieces), chunks, resident,
        int(reach(layer, job.shapes).max()), tuple(remarks(layer, job.shapes)),
    )  # fmt: skip
