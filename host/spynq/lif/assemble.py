"""From an integer network to one binary image: descriptors, plans, records, weights and addresses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spynq.lif.areas import Job, Memory, areas, map_lanes, zero_map
from spynq.lif.checks import check_network, map_shapes, reach, remarks
from spynq.lif.descriptor import Descriptor, Plan
from spynq.lif.encode import encoded_bytes
from spynq.lif.errors import LifError
from spynq.lif.features import check_features, needs
from spynq.lif.image import Image, LayerReport, Task
from spynq.lif.layers import Fir, Layer, MapShape, Network
from spynq.lif.lowering import lower, split
from spynq.lif.params import BEAT_BYTES, LifConfig
from spynq.lif.stacking import by_row, stack
from spynq.lif.tasks import PLAN_BYTES, chunks_of, constants, place_records, round_parts
from spynq.lif.tiling import Tiled, tile

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
        Time steps of a descriptor; all of them by default. A FIR over segments takes whole segments.
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
    given = check_network(network)
    lowered = lower(network, given)
    steps = network.steps if chunk is None else chunk
    if steps < 1:
        raise LifError("E01", f"network {network.name!r}: chunks must have at least 1 step, not {steps}")
    chunks = [range(t, min(t + steps, network.steps)) for t in range(0, network.steps, steps)]
    lowered, rows = stack(lowered, map_shapes(lowered), config)
    job = Job(lowered, config, samples, chunks, first, last, rows)
    try:
        _tile(job)
    except LifError as error:
        if error.code != "E05":
            raise
        # Pieces end at whole beats, and shorter rows take more of them for that.
        job = replace(job, network=lowered, folds=False)
        _tile(job)
    return _image(job, network, given)


def _tile(job: Job) -> None:
    """Cut what a column does not hold, and lay out and tile what comes of it."""
    shapes = map_shapes(job.network)
    lanes = map_lanes(job.network, shapes, job.config, folds=job.folds)
    job.network = split(job.network, shapes, lanes, job.config)
    job.shapes = map_shapes(job.network)
    job.lanes = map_lanes(job.network, job.shapes, job.config, folds=job.folds)
    job.by_row = by_row(job.network, job.shapes, job.lanes["input"], job.config)
    job.tiled = {}
    for layer in job.network.layers:
        if layer.kind != "zeros":
            _check(job, layer)
            into, out = job.lanes[layer.sources[0]], job.lanes[layer.name]
            together = job.by_row and "input" in layer.sources
            job.tiled[layer.name] = tile(layer, job.shapes, into, out.fold, job.config, by_row=together)


def _check(job: Job, layer: Layer) -> None:
    static = job.network.static and "input" in layer.sources
    wanted = needs(layer, job.shapes[layer.sources[0]], chunked=job.stateful, static=static)
    check_features(layer, wanted, job.config)
    if layer.fir is not None:
        _check_delays(job, layer, layer.fir)
    lanes = [job.lanes[source] for source in layer.sources]
    if len(set(lanes)) > 1:
        raise LifError(
            "E08",
            f"layer {layer.reported!r}: its sources have {lanes[0].stride} and {lanes[1].stride} lanes a "
            "pixel; put a layer before one",
        )


def _check_delays(job: Job, layer: Layer, fir: Fir) -> None:
    """Sums of earlier chunks are in memory; those of an earlier run, or of the rest of a segment, are not."""
    steps = len(job.chunks[0])
    if job.stateful and fir.segment and steps % fir.segment:
        raise LifError(
            "E05",
            f"layer {layer.reported!r}: chunks of {steps} steps cut its segments of {fir.segment}; "
            "use chunks of whole segments",
        )
    if not fir.segment and not (job.first and job.last):
        raise LifError(
            "E05",
            f"layer {layer.reported!r}: its {len(fir.taps)} delays reach into the steps of another run; "
            "run whole samples, in chunks if they are long",
        )


def _image(job: Job, given: Network, shapes: dict[str, MapShape]) -> Image:
    """Lay everything out: list, constants, then maps, states and counters."""
    memory, network = Memory(), job.network
    layers = [layer for layer in network.layers if layer.kind != "zeros"]
    count = sum(len(job.tiled[layer.name].pieces) for layer in layers) * len(job.chunks) + 1
    listed = memory.reserve(count * _DESCRIPTOR_BEATS)
    bases, resident = _weight_bases(job)
    prepared = {layer.name: constants(job, layer, memory, bases) for layer in layers}
    place_records([part for layer in layers for part in prepared[layer.name]], job.config)
    empty = [layer.name for layer in network.layers if layer.kind == "zeros"]
    zeros = {name: zero_map(name, job.shapes[name], memory) for name in empty}
    memory.fill()
    places = areas(job, memory, zeros)
    tasks: list[Task] = []
    for layer in layers:
        states = memory.reserve(job.state_beats(layer.name) * job.samples)
        for d, plan in chunks_of(job, prepared[layer.name], places, states):
            beat = listed + len(tasks) * _DESCRIPTOR_BEATS
            made = replace(d, next=beat + _DESCRIPTOR_BEATS)
            delays = 1 if layer.fir is None else len(layer.fir.taps)
            tasks.append(Task(layer.reported, made, plan, beat, layer.sources, delays))
    tasks.append(Task("end", Descriptor(), Plan(), listed + len(tasks) * _DESCRIPTOR_BEATS))
    records = memory.reserve(count * _DESCRIPTOR_BEATS)
    if memory.top >= 1 << 32:
        raise LifError(
            "E05",
            f"network {network.name!r}: {memory.top} beats, and addresses have 32 bits; use fewer samples",
        )
    for task in tasks:
        _write(memory.content, task)
    read = {source for layer in given.layers for source in layer.sources}
    outputs = {layer.name: places[layer.name] for layer in given.layers if layer.name not in read}
    return Image(
        network.name, job.config, job.samples, network.steps, bytes(memory.content), memory.top, listed,
        records, tasks, places["input"], outputs, places, _reports(job, given, shapes, resident), resident,
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


def _reports(job: Job, given: Network, shapes: dict[str, MapShape], resident: bool) -> list[LayerReport]:
    """One for every layer that was given, and for every helper that is no part of one."""
    named = {layer.name: layer for layer in given.layers}
    parts: dict[str, list[Tiled]] = {}
    for layer in job.network.layers:
        if layer.kind != "zeros":
            parts.setdefault(layer.reported, []).append(job.tiled[layer.name])
    found = []
    for name, tiled in parts.items():
        # Neurons behind delays gather nothing; what the layer weighs is in the part before them.
        main = max(tiled, key=lambda part: part.taps)
        layer, known = named.get(name, main.layer), shapes if name in named else job.shapes
        found.append(
            LayerReport(
                name, layer.kind, tiled[-1].shape, main.format.name.lower(),
                sum(encoded_bytes(part.groups, part.format) for part in tiled), main.taps * main.rounds,
                1 << main.log2_h, main.rounds, sum(len(part.pieces) for part in tiled), len(job.chunks),
                resident, int(reach(layer, known).max()), tuple(remarks(layer, known)),
            )
        )  # fmt: skip
    return found
