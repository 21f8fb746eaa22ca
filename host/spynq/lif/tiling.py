"""A layer as the engine sees it: one matrix of taps, a kernel, a tiling in lane groups and pieces."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from spynq.lif.codes import Op, Pool, WeightFormat
from spynq.lif.encode import choose_format, lane_groups
from spynq.lif.errors import LifError
from spynq.lif.lanes import Lanes, spread
from spynq.lif.layers import Integers, Layer, MapShape
from spynq.lif.params import LANES, LifConfig

__all__ = ["Piece", "Tiled", "tile"]

_BEAT_BITS = 128


@dataclass(frozen=True)
class Piece:
    """A run of output rows, or of rounds, that one descriptor does.

    Parameters
    ----------
    rows : range
        Output rows.
    rounds : range
        Rounds of every pixel of them.
    first_row, input_rows : int
        Rows of the input (not pooled) that are loaded.
    pad_y : int
        Rows of padding above them.
    """

    rows: range
    rounds: range
    first_row: int
    input_rows: int
    pad_y: int


@dataclass(frozen=True)
class Tiled:
    """A layer ready for descriptors.

    Parameters
    ----------
    layer : Layer
    op : Op
    source, shape : MapShape
        Of the first source, and of the output.
    kernel, dilation : (int, int)
    pool : int
        Log2 of the pooling of the input.
    into, out : Lanes
        Of the inputs, and of the weights and words of the output.
    fold : int
        Of the map that is written.
    log2_h, rounds, slice : int
    groups : ndarray of int64, shape (lane groups, taps, 16)
        Weights, with zeros where there are none.
    format, codebook : WeightFormat, tuple of int
    pieces : list of Piece
    by_row : bool
        The planes of a row of the input follow each other.
    """

    layer: Layer
    op: Op
    source: MapShape
    shape: MapShape
    kernel: tuple[int, int]
    dilation: tuple[int, int]
    pool: int
    into: Lanes
    out: Lanes
    fold: int
    log2_h: int
    rounds: int
    slice: int
    groups: Integers
    format: WeightFormat
    codebook: tuple[int, ...]
    pieces: list[Piece]
    by_row: bool = False

    @property
    def row_bits(self) -> int:
        """Bits of a row of the input, of all planes if they follow each other."""
        return self.source.width * self.into.stride * (self.source.planes if self.by_row else 1)

    @property
    def padding(self) -> int:
        """Rows of padding above the first kernel row that is used; below 0: rows that are skipped."""
        return self.layer.padding[0] - self.layer.rows[0] * self.layer.dilation[0]

    @property
    def taps(self) -> int:
        """Taps of a lane group."""
        return int(self.groups.shape[1])

    @property
    def round_lanes(self) -> int:
        """Lanes of a round."""
        return LANES << self.log2_h

    def channels(self, rounds: range) -> range:
        """Output channels of some rounds."""
        per_round = self.out.lanes << self.log2_h
        return range(rounds[0] * per_round, min((rounds[-1] + 1) * per_round, self.shape.channels))


def tile(
    layer: Layer,
    shapes: Mapping[str, MapShape],
    into: Lanes,
    fold: int,
    config: LifConfig,
    *,
    by_row: bool = False,
) -> Tiled:
    """Tile a layer with neurons; ``fold`` is that of the map that it writes.

    ``by_row``: the planes of a row of its source follow each other.

    Raises
    ------
    LifError
        E05: it does not fit the build however it is cut. E07: weights and format do not agree.
    """
    source, shape = shapes[layer.sources[0]], shapes[layer.name]
    pool = layer.pool_size.bit_length() - 1 if layer.pool_in != Pool.NONE else 0
    log2_h, rounds, out = spread(shape.channels, config)
    depthwise = layer.kind == "conv" and layer.groups == source.channels == shape.channels > 1
    sliced = layer.kind == "pool" or depthwise
    weights, dilation = _dense(layer, sliced, shape.channels), layer.dilation
    weights = weights[:, :, slice(*layer.rows)]
    if pool and dilation != (1, 1):
        # The taps of a pooled pixel follow each other only without dilation.
        weights, dilation = _dilated(weights, dilation), (1, 1)
    if sliced:
        op = Op.POOL if layer.kind == "pool" else Op.DEPTHWISE
        # Tied columns share a slice, and as many rounds as it takes see all of a pixel.
        log2_h, rounds = config.log2_tied, out.stride // (LANES * config.tied)
        groups = _sliced_taps(weights, into, out, min(LANES * config.tied, into.stride))
    else:
        op = Op.FC if layer.kind == "fc" else Op.CONV
        groups = _dense_taps(weights, into, out)
    form, codebook = choose_format(
        layer.name, groups if sliced else weights, layer.format, layer.codebook,
        codebooks=config.has("codebook"),
    )  # fmt: skip
    tiled = Tiled(
        layer, op, source, shape, (int(weights.shape[2]), int(weights.shape[3])), dilation, pool, into,
        out, fold, log2_h, rounds, LANES * config.tied * sliced, groups, form, codebook, [], by_row,
    )  # fmt: skip
    planes = 1 if by_row else sum(shapes[name].planes for name in layer.sources)
    tiled.pieces.extend(_pieces(tiled, planes, config))
    return tiled


def _dense(layer: Layer, sliced: bool, channels: int) -> Integers:
    """Weights (c_out, c_in, kh, kw), or (channels, 1, kh, kw) of a layer in slices."""
    if layer.kind == "pool":
        return np.ones((channels, 1, *layer.kernel), np.int64)
    assert layer.weights is not None
    weights = layer.weights.astype(np.int64)
    if sliced or layer.groups == 1:
        return weights
    c_out, c_in, kh, kw = weights.shape
    per_group = c_out // layer.groups
    filled = np.zeros((c_out, c_in * layer.groups, kh, kw), np.int64)
    for group in range(layer.groups):
        outs = slice(group * per_group, (group + 1) * per_group)
        filled[outs, group * c_in : (group + 1) * c_in] = weights[outs]
    return filled


def _dilated(weights: Integers, dilation: tuple[int, int]) -> Integers:
    """The same kernel without dilation: zeros between its taps."""
    c_out, c_in, kh, kw = weights.shape
    size = ((kh - 1) * dilation[0] + 1, (kw - 1) * dilation[1] + 1)
    filled = np.zeros((c_out, c_in, *size), np.int64)
    filled[:, :, :: dilation[0], :: dilation[1]] = weights
    return filled


def _dense_taps(weights: Integers, into: Lanes, out: Lanes) -> Integers:
    """Lane groups with tap (ky * KW + kx) * S + i."""
    c_out, c_in, kh, kw = weights.shape
    taps = np.zeros((kh, kw, into.stride, c_out), np.int64)
    taps[:, :, into.positions(c_in)] = weights.transpose(2, 3, 1, 0)
    return lane_groups(taps.reshape(-1, c_out), out)


def _sliced_taps(weights: Integers, into: Lanes, out: Lanes, bits: int) -> Integers:
    """Lane groups with tap (ky * KW + kx) * bits + i, each channel with weights for itself alone."""
    channels, _, kh, kw = weights.shape
    taps = np.zeros((kh * kw, bits, channels), np.int64)
    numbers = np.arange(channels)
    taps[:, into.positions(channels) % bits, numbers] = weights.reshape(channels, -1).T
    return lane_groups(taps.reshape(-1, channels), out)


def _pieces(tiled: Tiled, planes: int, config: LifConfig) -> list[Piece]:
    high, wide = tiled.shape.height, tiled.shape.width
    rounds, every = _rounds_at_once(tiled, config), range(tiled.rounds)
    if rounds < tiled.rounds:
        starts = range(0, tiled.rounds, rounds)
        return [_piece(tiled, range(high), every[r : r + rounds]) for r in starts]
    # Rows end at whole beats of the output, except the last.
    unit = _BEAT_BITS // math.gcd(_BEAT_BITS, wide * (tiled.out.stride >> tiled.fold))
    streams = config.columns >> tiled.log2_h
    rows = high
    while True:
        pieces = [_piece(tiled, range(y, min(y + rows, high)), every) for y in range(0, high, rows)]
        units = -(-rows * wide * tiled.rounds // streams)
        beats = max(_beats(tiled, piece) for piece in pieces) * planes
        if units <= config.units and beats <= config.maps:
            return pieces
        if rows <= unit:
            raise LifError(
                "E05",
                f"layer {tiled.layer.reported!r}: {rows} of its {high} output rows are {units} units of a "
                "column and "
                f"{beats} beats of input, and this build holds {config.units} and {config.maps}; "
                "use a build with larger units= or maps=, or a smaller map",
            )
        rows = max(unit, (rows - 1) // unit * unit)


def _rounds_at_once(tiled: Tiled, config: LifConfig) -> int:
    """Rounds whose taps and records a column holds."""
    most = min(config.weights // tiled.taps, config.rounds)
    if most >= tiled.rounds:
        return tiled.rounds
    unit = max(1, _BEAT_BITS // tiled.round_lanes)
    whole = most // unit * unit
    if tiled.shape.height * tiled.shape.width == 1 and whole and not tiled.slice:
        return whole
    raise LifError(
        "E05",
        f"layer {tiled.layer.reported!r}: {tiled.taps} taps in {tiled.rounds} rounds, and a column of this "
        "build holds "
        f"{config.weights} taps and {config.rounds} rounds; use more columns, a build with larger weights=, "
        "or split the layer",
    )


def _piece(tiled: Tiled, rows: range, rounds: range) -> Piece:
    layer = tiled.layer
    pooled = tiled.source.height >> tiled.pool
    stride, pad = layer.stride[0], tiled.padding
    if len(rows) == tiled.shape.height and layer.kernel_rows is None:
        return Piece(rows, rounds, 0, tiled.source.height, pad)
    start = rows[0] * stride - pad
    stop = rows[-1] * stride - pad + (tiled.kernel[0] - 1) * tiled.dilation[0] + 1
    if start >= pooled:
        # Windows behind the map see as little as those before it, which takes no more padding than there is.
        above = (len(rows) - 1) * stride + (tiled.kernel[0] - 1) * tiled.dilation[0] + 1
        return Piece(rows, rounds, 0, 1 << tiled.pool, above)
    first = max(0, start)
    last = max(first + 1, min(stop, pooled))
    return Piece(rows, rounds, first << tiled.pool, (last - first) << tiled.pool, max(0, -start))


def _beats(tiled: Tiled, piece: Piece) -> int:
    """Beats of one plane, or of all that follow each other by row, that the piece loads."""
    row = tiled.row_bits
    return -(-(piece.first_row * row % _BEAT_BITS + piece.input_rows * row) // _BEAT_BITS)
