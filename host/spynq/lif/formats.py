"""Formats in memory: a layer over a chunk of time steps, and all that it reads and writes.

Everything is little-endian, in beats of 16 bytes; every part starts at a beat. One layer (or a piece
of one, see below) is

- a ``DESCRIPTOR`` of 64 bytes: what is computed, and where things are,
- at its ``params`` address a ``PLAN`` of 144 bytes: what follows from the layer and the build, so that
  gateware multiplies nothing, and the codebook; then a ``CHANNEL`` record, a beat, per channel,
- at its ``weights`` address the taps of lane group 0, 1, ...: a tap is 16 weights of 8, 4, 2 or 1 bits,
  lane 0 lowest; taps fill beats from the low end (1, 2, 4 or 8 a beat), a lane group whole beats.

**Lane groups.** Columns stand in G streams of H; a pixel takes R rounds of them, so that R * H groups of
16 lanes are computed. Groups are filled evenly, with L channels each: channel c is lane ``c % L`` of
group ``c // L``. Lanes that are no channel have weights, biases and zetas of 0 and the largest threshold.

**Maps** are bits: ``[sample][step][plane]`` strings of whole beats, in which bit ``(y * W + x) * S + i`` is
bit i of a pixel. In what the engine writes a group takes 16 bits, or 8 or 4 if its channels go into
them: 16 >> fold, which makes the channel stride S = R * H * (16 >> fold). Network inputs may have any S,
and channels one behind the other; bits that are no channel are 0. Plane 0 is the most significant. A
window row is one run of bits. With BY_ROW the P planes of a row of the input follow each other: a step
is one string, in which bit ``((y * P + plane) * W + x) * S + i`` is bit i of a pixel in a plane, so that the
first windows need only its first beats.

**Taps.** Tap ``(ky * KW + kx) * S + i``; in slices of Z bits (pool and depthwise layers)
``(ky * KW + kx) * min(Z, S) + i``, where round r sees bits ``Z r + i`` of a pixel, Z = 16 H, and a lane has
weights for its own channel alone.

**Words.** States and membranes are 32-bit words ``[sample][y][x][lane]``, 16 R H of them; sums, and words
that add to sums, ``[sample][step][y][x][lane]``, signed, of 24 bits; counts are 16-bit words
``[sample][lane]``, summed over pixels and steps. Words of states, membranes and sums whose lane is no
channel may hold anything.

**Pieces.** A layer may be cut into runs of output rows or, where it has one pixel, of rounds. A piece
is a layer of its own whose input map begins at bit IN_BIT of its first beat.
"""

from __future__ import annotations

from spynq.lif.records import layout

__all__ = ["CHANNEL", "COUNTERS", "DESCRIPTOR", "FIR", "PLAN", "STATE"]

DESCRIPTOR = layout(
    "DESCRIPTOR",
    512,
    "One layer over one chunk of time steps.",
    (
        ("OP", 4, "0 end, 1 conv, 2 fc, 3 pool with LIF, 4 depthwise conv with LIF, 6 barrier."),
        ("PAD_X", 6, "Pixels of padding at the left."),
        ("DILATION_Y", 6, "Rows between the taps of a kernel."),
        ("DILATION_X", 6, "Pixels between them."),
        ("POOL_IN", 2, "Pooling of the input: 0 none, 1 sum."),
        ("POOL_LOG2", 2, "Its size is 1, 2, 4 or 8."),
        ("PLANES", 3, "Bit planes of the input, minus one."),
        ("SIGNED", 1, "1: the top plane counts negative."),
        ("SECOND", 1, "1: there is a second source, whose values add."),
        ("", 1, ""),
        ("C_IN", 16, "Channels of the input map."),
        ("H_IN", 16, "Rows of it, before pooling."),
        ("W_IN", 16, "Pixels of a row of it, before pooling."),
        ("C_OUT", 16, "True output channels."),
        ("H_OUT", 16, "Rows of the output."),
        ("W_OUT", 16, "Pixels of a row of it."),
        ("KH", 6, "Kernel height, 1 to 63."),
        ("KW", 6, "Kernel width."),
        ("STRIDE_Y", 6, "Rows between windows."),
        ("STRIDE_X", 6, "Pixels between windows."),
        ("PAD_Y", 6, "Rows of padding above."),
        ("", 2, ""),
        ("GROUPS", 16, "Groups of a convolution."),
        ("STEPS", 16, "Time steps of the chunk."),
        ("T0", 16, "Step of the sample at which it begins; delays reach back to step 0."),
        ("SAMPLES", 16, "Samples, at the strides of the plan."),
        ("FIRST", 1, "1: membranes start at 0; otherwise they are loaded."),
        ("LAST", 1, "0: membranes are stored."),
        ("RESET", 2, "0 hard, 1 soft, 2 soft and one step late, 3 none."),
        ("LEAK", 2, "0 none, 1 factor, 2 linear."),
        ("REFRACTORY", 2, "Steps without firing after a spike."),
        ("POLICY", 2, "Meanwhile: 0 freeze, 1 leak only, 2 integrate."),
        ("FIRE", 1, "1: neurons fire; 0: read-out with 24-bit membranes."),
        ("BIAS", 2, "0 channel; 1 also words from memory, which add to the sums before they are scaled."),
        ("USE_FIR", 1, "1: the words pass the FIR over time."),
        ("FRACTION", 3, "Fraction bits F of the membrane."),
        (
            "OUTPUT",
            4,
            "0 spikes, 1 values in planes, 2 counts, 3 last membrane, 4 sums per step (FIRE and REST 0).",
        ),
        ("FORMAT", 3, "Weights: 0 s8, 1 s4, 2 s2, 3 s1 (bit 1 is -1), 4 codebook of 4, 5 codebook of 16."),
        ("", 2, ""),
        ("RESIDENT", 1, "1: the weights are in the weight memory already."),
        ("RESIDENT_RECORDS", 1, "1: the channel records are in the columns already."),
        ("", 4, ""),
        ("INPUT", 32, "Beat of step t0 of the input map."),
        ("SECOND_INPUT", 32, "The same of the second source."),
        ("WEIGHTS", 32, "Beat of the weights."),
        ("PARAMS", 32, "Beat of the plan; channel records follow it."),
        ("STATES", 32, "Beat of the membranes that are loaded and stored."),
        ("RESULT", 32, "Beat of step t0 of the output."),
        ("TAPS", 32, "Beat of the FIR record."),
        ("NEXT", 32, "Beat of the next descriptor."),
    ),
)

PLAN = layout(
    "PLAN",
    1152,
    "Strides and tiling of a layer, each number within a 32-bit word. Strides are in beats, B: in bits.",
    (
        ("COLUMNS", 8, "Column count the image was made for."),
        ("LOG2_H", 4, "Columns of a stream, H."),
        ("LIF_CYCLES", 4, "Cycles of two neurons each that a column takes for a unit."),
        ("ROUNDS", 8, "Rounds R over the lane groups of a pixel."),
        ("STATIC", 1, "1: the input of the first step holds for all: its sums are kept, and met once."),
        (
            "BY_ROW",
            1,
            "1: the planes of a row of the input follow each other; its rows are all planes of them.",
        ),
        ("VALUE_AFTER", 1, "1: a value is the membrane after reset; 0: before firing."),
        ("VALUE_SHIFT", 5, "Right shift of values."),
        ("UNITS", 24, "Pixels times rounds."),
        ("PLANES_SECOND", 4, "Bit planes of the second source."),
        ("PLANES_OUT", 4, "Bit planes of values written."),
        ("IN_CHANNELS", 16, "Channel stride S of the inputs (B)."),
        ("OUT_CHANNELS", 16, "Lanes of a pixel of the output, 16 R H."),
        ("STEP_ROUND", 8, "G units on: rounds,"),
        ("STEP_X", 12, "pixels,"),
        ("STEP_Y", 12, "and rows; G = STEP_ROUND + R * (STEP_X + W_OUT * STEP_Y)."),
        ("PLANE_BITS", 24, "Plane to plane of the input, as it is held (B)."),
        ("POOL_LOG2", 2, "Segments per tap step, as a power of two."),
        ("", 6, ""),
        ("MAP_BITS", 24, "End of the last row of the input (B)."),
        ("IN_BIT", 7, "Where the first row begins (B)."),
        ("", 1, ""),
        ("X_STEP", 16, "Window to window in a row (B)."),
        ("SEGMENT_BITS", 16, "Length of a segment (B)."),
        ("X_FIRST", 24, "First segment of the first window, from the row's begin (B, signed)."),
        ("", 8, ""),
        ("X_END", 24, "W_OUT * X_STEP (B)."),
        ("", 8, ""),
        ("Y_STEP", 24, "Window row to window row (B)."),
        ("", 8, ""),
        ("Y_FIRST", 24, "First row of the first window (B, signed): IN_BIT less the padding."),
        ("", 8, ""),
        ("SEGMENT_ROWS", 12, "Rows of segments of a window."),
        ("SEGMENTS", 12, "Segments of a row."),
        ("", 8, ""),
        ("SEGMENT_Y", 24, "Row to row of a window (B)."),
        ("SLICE", 8, "Z, 16 H: a round sees its own bits of a pixel; 0: all see all."),
        ("SEGMENT_X", 16, "Segment to segment in a row (B)."),
        ("TAP_Y", 16, "Taps from row to row,"),
        ("TAP_X", 16, "and from segment to segment."),
        ("TAPS", 16, "Taps of a lane group."),
        ("WEIGHT_BASE", 32, "First tap of them in the weight memory of a column."),
        ("WEIGHT_BEATS", 32, "Beats of all lane groups in memory."),
        ("IN_BEATS", 16, "Beats of a plane to load; BY_ROW: of all planes."),
        ("OUT_BEATS", 16, "Beats of a plane (or words of a sample) to write."),
        ("IN_PLANE", 32, "Plane of the inputs."),
        ("IN_STEP", 32, "Step of the input."),
        ("IN_SAMPLE", 32, "Sample of the input."),
        ("SECOND_STEP", 32, "Step of the second source."),
        ("SECOND_SAMPLE", 32, "Sample of it."),
        ("OUT_PLANE", 32, "Plane of the output."),
        ("OUT_STEP", 32, "Step of the output."),
        ("OUT_SAMPLE", 32, "Sample of the output."),
        ("STATE_SAMPLE", 32, "Sample of the states."),
        ("WORDS", 32, "Beat of the words, of step t0 of sample 0."),
        ("WORDS_STEP", 32, "Step of them; 0: the same at all steps."),
        ("WORDS_SAMPLE", 32, "Sample of them; 0: the same for all."),
        (
            "X_LIMIT",
            24,
            "End of the pixels of a row that windows see (B): short of it by what pooling drops.",
        ),
        ("", 8, ""),
        ("IN_LANES", 8, "Channels of a lane group of the inputs; 0: channels follow each other."),
        ("OUT_LANES", 8, "Channels of a lane group of the output, L."),
        ("IN_FOLD", 2, "A lane group of the inputs takes 16 >> IN_FOLD bits."),
        ("OUT_FOLD", 2, "The same of the map that is written: 0, 1 or 2."),
        ("RECORD_ROUND", 12, "First round of its channel records in the memory of a column."),
        *((f"CODE{i}", 8, f"Value of code {i}, signed.") for i in range(16)),
    ),
)

CHANNEL = layout(
    "CHANNEL",
    128,
    "Parameters of an output channel, all but DECAY signed.",
    (
        ("THETA", 24, "Threshold: fires at U >= THETA."),
        ("ZETA", 24, "What a soft reset subtracts."),
        ("BIAS", 24, "Added every step, in state units."),
        ("DECAY", 13, "a, 0 to 4096, of a / 4096; or what a linear leak takes away per step."),
        ("", 3, ""),
        ("V_RESET", 16, "Membrane after a hard reset."),
        ("REST", 16, "Rest potential: leaks go toward it, and a sample begins there."),
    ),
)

FIR = layout(
    "FIR",
    512,
    "trunc(sum of TAP[d] * WORD[e - d] / 2**SHIFT) adds at t; e = t, or the last step of t's segment.",
    (
        ("LENGTH", 8, "Delays, 1 to 16."),
        ("SHIFT", 8, "Right shift, truncating toward zero, 0 to 12."),
        ("SEGMENT", 16, "Steps of a segment, at least LENGTH; 0: the taps slide."),
        ("", 96, ""),
        *((f"TAP{d}", 16, f"Weight of delay {d}, signed 12 bit.") for d in range(16)),
    ),
)

STATE = layout(
    "STATE",
    32,
    "What a neuron carries over a chunk.",
    (
        ("V", 24, "Membrane, signed."),
        ("R", 2, "Refractory steps left; of a neuron without a refractory period, 1 after a spike."),
    ),
)

COUNTERS = layout(
    "COUNTERS",
    512,
    "What a descriptor cost. The last four words are the clock's and come from gateware alone.",
    (
        ("NUMBER", 32, "Place in the run, from 0."),
        ("SATURATED", 32, "Values clipped at write-back."),
        ("EVENTS", 64, "Spikes fed to streams of columns, once per window and round."),
        ("SPIKES_IN", 64, "Spikes in the input maps read, once per sample, step, plane and source."),
        ("SPIKES_OUT", 64, "Spikes fired; of values the bits set in them."),
        ("", 128, ""),
        ("CYCLES", 32, "Cycles."),
        ("WAIT_INPUT", 32, "Cycles in which no column worked as input was not there."),
        ("WAIT_WEIGHTS", 32, "The same for weights."),
        ("WAIT_OUTPUT", 32, "The same for room for output."),
    ),
)
