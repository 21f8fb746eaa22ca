"""Numbers of a plan that follow from a descriptor: how windows become segments of bits, and tiling.

``assemble`` fills plans with them, and the golden model refuses an image whose plan says otherwise.
"""

from __future__ import annotations

from spynq.lif.codes import Pool
from spynq.lif.descriptor import Descriptor, Plan
from spynq.lif.params import BEAT_BYTES, LANES

__all__ = ["cover", "geometry"]

_BEAT_BITS = 8 * BEAT_BYTES


def geometry(d: Descriptor, plan: Plan) -> dict[str, int]:
    """Derived fields of a plan by name.

    Parameters
    ----------
    d : Descriptor
    plan : Plan
        Of which COLUMNS, LOG2_H, ROUNDS, IN_CHANNELS, OUT_LANES, IN_BIT, IN_BEATS, BY_ROW and SLICE are
        looked at.
    """
    return {**_tiling(d, plan), **_windows(d, plan)}


def _tiling(d: Descriptor, plan: Plan) -> dict[str, int]:
    streams = plan.columns >> plan.log2_h
    units = d.h_out * d.w_out * plan.rounds
    pixels, step_round = divmod(streams, plan.rounds)
    step_y, step_x = divmod(pixels, d.w_out)
    # A column updates two neurons per cycle and rests long enough for its memory to follow.
    cycles = -(-plan.out_lanes // 2)
    if -(-units // streams) * cycles < LANES // 2:
        cycles = LANES // 2
    return {
        "units": units,
        "step_round": step_round,
        "step_x": step_x,
        "step_y": step_y,
        "lif_cycles": cycles,
    }


def _windows(d: Descriptor, plan: Plan) -> dict[str, int]:
    shift = d.pool_log2 if d.pool_in != Pool.NONE else 0
    stride = plan.in_channels
    plane = d.w_in * stride
    row = plane * d.planes if plan.by_row else plane
    # A slice may be wider than the pixel.
    taps = min(plan.slice or stride, stride)
    found = {
        "plane_bits": plane if plan.by_row else plan.in_beats * _BEAT_BITS,
        "x_limit": (d.w_in >> shift << shift) * stride,
        "map_bits": plan.in_bit + (d.h_in >> shift << shift) * row,
        "x_step": d.stride_x * stride << shift,
        "x_first": -(d.pad_x * stride << shift),
        "x_end": d.w_out * d.stride_x * stride << shift,
        "y_step": d.stride_y * row << shift,
        "y_first": plan.in_bit - (d.pad_y * row << shift),
        "pool_log2": shift,
        "segment_rows": d.kh << shift,
        "segments": d.kw << shift,
        "segment_bits": taps,
        "segment_x": d.dilation_x * stride,
        "segment_y": d.dilation_y * row,
        "tap_x": taps,
        "tap_y": d.kw * taps,
        "taps": d.kh * d.kw * taps,
    }
    if not shift and taps == stride and d.dilation_x == 1:
        # The window of a row is one run of bits; a slice may be all of a pixel.
        found |= {"segments": 1, "segment_bits": d.kw * stride, "segment_x": 0}
        whole = (d.kh, d.kw, d.h_out, d.w_out, d.pad_y, d.pad_x, d.dilation_y)
        bits = d.h_in * row
        if whole == (d.h_in, d.w_in, 1, 1, 0, 0, 1) and bits < 1 << 16 and not plan.by_row:
            # One window, the whole map: a single run.
            found |= {"segment_rows": 1, "segment_bits": bits, "x_limit": bits}
            found |= {"y_step": d.stride_y * bits, "segment_y": bits}
    return found


def cover(windows: int, kernel: int, stride: int, dilation: int, pad: int, size: int) -> list[int]:
    """How many windows see each of ``size`` places of an axis."""
    seen = [0] * size
    for window in range(windows):
        for tap in range(kernel):
            place = window * stride + tap * dilation - pad
            if 0 <= place < size:
                seen[place] += 1
    return seen
