"""Descriptors and plans of a layer: a pair per piece, a descriptor per chunk of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from spynq.lif.areas import Job, Memory
from spynq.lif.codes import Bias, Output, Pool
from spynq.lif.descriptor import Channel, Descriptor, Plan
from spynq.lif.descriptor import Fir as FirRecord
from spynq.lif.encode import encode_groups
from spynq.lif.geometry import geometry
from spynq.lif.image import Area
from spynq.lif.layers import Layer, Neuron
from spynq.lif.params import BEAT_BYTES, LifConfig
from spynq.lif.tiling import Piece, Tiled

__all__ = ["PLAN_BYTES", "Prepared", "chunks_of", "constants", "place_records", "round_parts"]

PLAN_BYTES = 144
"""Bytes of a plan, which channel records follow."""
_BEAT_BITS = 8 * BEAT_BYTES
_FARTHEST = (1 << 23) - 1


@dataclass
class Prepared:
    """A piece of a layer without the addresses of maps.

    Parameters
    ----------
    layer : Layer
    piece : Piece
    descriptor : Descriptor
    plan : Plan
    part : int
        Which of the runs of rows it is.
    chunk : int, optional
        The only chunk that it is for: the plan names words of that chunk's steps.
    """

    layer: Layer
    piece: Piece
    descriptor: Descriptor
    plan: Plan
    part: int = 0
    chunk: int | None = None


def round_parts(tiled: Tiled) -> list[range]:
    """Runs of rounds, each once."""
    return list(dict.fromkeys(piece.rounds for piece in tiled.pieces))


def constants(job: Job, layer: Layer, memory: Memory, bases: Mapping[tuple[str, int], int]) -> list[Prepared]:
    """Put weights, records and room for plans of a layer into the image.

    Parameters
    ----------
    job : Job
    layer : Layer
    memory : Memory
    bases : mapping of (str, int) to int
        First tap in the weight memory by layer and first round.
    """
    tiled = job.tiled[layer.name]
    fir = memory.append(_fir(layer)) if layer.fir is not None else 0
    bias_map = memory.append(_bias_words(layer, tiled)) if layer.bias_map is not None else 0
    weights = {}
    for rounds in round_parts(tiled):
        groups = tiled.groups[rounds[0] << tiled.log2_h : rounds[-1] + 1 << tiled.log2_h]
        content = encode_groups(groups, tiled.format, tiled.codebook)
        weights[rounds[0]] = (memory.append(content), len(content) // BEAT_BYTES)
    rows = sorted({piece.rows for piece in tiled.pieces}, key=lambda r: r.start)
    found = []
    for piece in tiled.pieces:
        d, plan = _describe(tiled, piece, job.config)
        d.taps = fir
        d.weights, plan.weight_beats = weights[piece.rounds[0]]
        plan.weight_base = bases[layer.name, piece.rounds[0]]
        plan.words = bias_map and bias_map + _words_before(tiled, piece)
        chunks = [None] if layer.words is None else range(len(job.chunks))
        for chunk in chunks:
            own = replace(d, params=memory.append(bytes(PLAN_BYTES) + _records(tiled, piece)))
            found.append(Prepared(layer, piece, own, replace(plan), rows.index(piece.rows), chunk))
    return found


def place_records(parts: Sequence[Prepared], config: LifConfig) -> None:
    """Where the channel records of every piece lie in a column.

    Each has a place of its own if there is room, so that later runs find them; otherwise one half is used
    while the other is loaded.
    """
    rounds = [part.plan.rounds for part in parts]
    apart = config.holds_records(rounds)
    for number, part in enumerate(parts):
        part.plan.record_round = sum(rounds[:number]) if apart else number % 2 * (config.record_rounds // 2)


def _fir(layer: Layer) -> bytes:
    assert layer.fir is not None
    return FirRecord(layer.fir.taps, layer.fir.shift, layer.fir.segment).pack(f"layer {layer.name!r}")


def _bias_words(layer: Layer, tiled: Tiled) -> bytes:
    assert layer.bias_map is not None
    words = np.zeros((tiled.shape.height, tiled.shape.width, tiled.out.stride), "<i4")
    words[..., tiled.out.positions(tiled.shape.channels)] = np.moveaxis(layer.bias_map, 0, -1)
    return words.tobytes()


def _records(tiled: Tiled, piece: Piece) -> bytes:
    """Channel records of the piece's rounds."""
    neuron, where = tiled.layer.neuron, f"layer {tiled.layer.name!r}"
    assert neuron is not None
    records = [Channel(theta=_FARTHEST).pack(where)] * tiled.out.stride
    for number, lane in enumerate(tiled.out.positions(tiled.shape.channels).tolist()):
        records[lane] = _channel(neuron, number).pack(where)
    return b"".join(records[piece.rounds[0] * tiled.round_lanes : (piece.rounds[-1] + 1) * tiled.round_lanes])


def _channel(neuron: Neuron, number: int) -> Channel:
    values = {
        "theta": neuron.theta,
        "zeta": neuron.theta if neuron.zeta is None else neuron.zeta,
        "bias": neuron.bias,
        "decay": neuron.decay,
        "v_reset": neuron.v_reset,
        "rest": neuron.rest,
    }
    return Channel(**{name: int(value[number]) for name, value in values.items() if value is not None})


def _describe(tiled: Tiled, piece: Piece, config: LifConfig) -> tuple[Descriptor, Plan]:
    """Descriptor and plan of a piece, without addresses and strides of maps."""
    layer, neuron = tiled.layer, tiled.layer.neuron
    assert neuron is not None
    d = Descriptor(
        op=tiled.op, h_in=piece.input_rows, w_in=tiled.source.width, c_in=tiled.source.channels,
        c_out=len(tiled.channels(piece.rounds)), h_out=len(piece.rows), w_out=tiled.shape.width,
        kh=tiled.kernel[0], kw=tiled.kernel[1], stride_y=layer.stride[0], stride_x=layer.stride[1],
        pad_y=piece.pad_y, pad_x=layer.padding[1], dilation_y=tiled.dilation[0], dilation_x=tiled.dilation[1],
        groups=layer.groups, pool_in=layer.pool_in if tiled.pool else Pool.NONE, pool_log2=tiled.pool,
        format=tiled.format, reset=neuron.reset, leak=neuron.leak, refractory=neuron.refractory,
        policy=neuron.policy, fire=int(neuron.fires),
        bias=Bias.CHANNEL if layer.bias_map is None and layer.words is None else Bias.WORDS,
        use_fir=int(layer.fir is not None),
        planes=tiled.source.planes, fraction=neuron.fraction, output=layer.output,
    )  # fmt: skip
    row = tiled.row_bits
    plan = Plan(
        by_row=int(tiled.by_row),
        columns=config.columns, log2_h=tiled.log2_h, rounds=len(piece.rounds), in_channels=tiled.into.stride,
        out_channels=len(piece.rounds) * tiled.round_lanes, in_lanes=tiled.into.lanes,
        out_lanes=tiled.out.lanes, in_fold=tiled.into.fold, slice=tiled.slice, codebook=tiled.codebook,
        value_after=int(layer.value_after),
        value_shift=layer.value_shift, in_bit=piece.first_row * row % _BEAT_BITS,
    )  # fmt: skip
    plan.in_beats = -(-(plan.in_bit + piece.input_rows * row) // _BEAT_BITS)
    for name, value in geometry(d, plan).items():
        setattr(plan, name, value)
    return d, plan


def _words_before(tiled: Tiled, piece: Piece) -> int:
    """Beats of 32-bit words before those of a piece."""
    pixels = piece.rows[0] * tiled.shape.width
    return (pixels * tiled.out.stride + piece.rounds[0] * tiled.round_lanes) * 4 // BEAT_BYTES


def chunks_of(
    job: Job, prepared: list[Prepared], areas: Mapping[str, Area], states: int
) -> list[tuple[Descriptor, Plan]]:
    """Descriptors of a layer in the order in which they run, without NEXT.

    Parameters
    ----------
    job : Job
    prepared : list of Prepared
        Pieces of the layer.
    areas : mapping of str to Area
    states : int
        First beat of the layer's states.
    """
    found: list[tuple[Descriptor, Plan]] = []
    loaded = recorded = 0
    for part in prepared:
        _set_strides(job, part, areas)
        for number, steps in enumerate(job.chunks):
            if part.chunk not in (None, number):
                continue
            d = replace(part.descriptor, steps=len(steps), t0=steps[0], samples=job.samples)
            d.first = int(job.first and number == 0)
            d.last = int(job.last and number == len(job.chunks) - 1)
            # Later pieces and chunks find the weights of the first, later chunks its records.
            d.resident = int(0 < d.weights == loaded)
            d.resident_records = int(d.params == recorded)
            loaded, recorded = d.weights, d.params
            _set_addresses(job, part, d, areas, number)
            d.states = states + _words_before(job.tiled[part.layer.name], part.piece)
            if d.output == Output.SUMS:
                # Sums have no memory.
                d.first = d.last = 1
            found.append((d, part.plan))
    return found


def _set_strides(job: Job, part: Prepared, areas: Mapping[str, Area]) -> None:
    plan, layer = part.plan, part.layer
    source, out = areas[layer.sources[0]], areas[layer.name]
    plan.columns = job.config.columns
    plan.in_plane, plan.in_sample = source.plane, source.sample
    still = source.name == "input" and job.network.static and len(layer.sources) == 1
    plan.static = int(still and _kept_places(plan) <= job.config.kept)
    plan.in_step = _step(job, source)
    if len(layer.sources) > 1:
        second = areas[layer.sources[1]]
        plan.planes_second, plan.second_sample = second.shape.planes, second.sample
        plan.second_step = _step(job, second)
    plan.out_plane, plan.out_step, plan.out_sample = out.plane, out.step, out.sample
    plan.planes_out = out.shape.planes if out.kind.is_map else 1
    if layer.words is not None:
        assert part.chunk is not None
        words = areas[layer.words]
        before = _words_before(job.tiled[layer.name], part.piece)
        plan.words = words.beat + job.chunks[part.chunk][0] * words.step + before
        plan.words_step, plan.words_sample = words.step, words.sample
    plan.state_sample = job.state_beats(layer.name)
    if out.kind == Output.COUNTS:
        plan.out_beats = plan.out_channels * 2 // BEAT_BYTES
    else:
        plan.out_fold = out.lanes.fold
        bits = plan.out_channels >> out.lanes.fold if out.kind.is_map else 32 * plan.out_channels
        plan.out_beats = -(-len(part.piece.rows) * out.shape.width * bits // _BEAT_BITS)


def _kept_places(plan: Plan) -> int:
    """Places that the kept sums of a column take: its units times their pairs, up to a power of two."""
    return -(-plan.units // (plan.columns >> plan.log2_h)) << (plan.lif_cycles - 1).bit_length()


def _step(job: Job, source: Area) -> int:
    return 0 if source.name == "input" and job.network.static else source.step


def _set_addresses(job: Job, part: Prepared, d: Descriptor, areas: Mapping[str, Area], number: int) -> None:
    layer, plan, piece = part.layer, part.plan, part.piece
    source, out, t = areas[layer.sources[0]], areas[layer.name], job.chunks[number][0]
    d.second = int(len(layer.sources) > 1)
    d.planes, d.signed = source.shape.planes, int(source.shape.signed)
    tiled = job.tiled[layer.name]
    skipped = piece.first_row * tiled.row_bits // _BEAT_BITS
    d.input = source.beat + t * plan.in_step + skipped
    if d.second:
        d.second_input = areas[layer.sources[1]].beat + t * plan.second_step + skipped
    lanes = piece.rounds[0] * tiled.round_lanes >> out.lanes.fold
    if out.kind == Output.COUNTS:
        place = number * (out.parts // len(job.chunks)) + part.part
        d.result = out.beat + place * out.step + lanes * 2 // BEAT_BYTES
    elif out.kind.is_map:
        bits = piece.rows[0] * out.shape.width * out.lanes.stride + lanes
        d.result = out.beat + t * out.step + bits // _BEAT_BITS
    else:
        d.result = out.beat + t * (out.kind == Output.SUMS) * out.step + _words_before(tiled, piece)
