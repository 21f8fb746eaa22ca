"""Steps of a tree run: what one start does, one after the other, with everything resident between.

A *pool* is a run of samples of one node from index ``BASE`` on. The kernel keeps for each index up to
eight coordinate columns (16 bits), a bin label, a multiplicity, and the negative log2 likelihood ``l``
that messages and evidence are added to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from spynq.contract import Beat, Field

__all__ = ["MAX_EDGE_TERMS", "STEP", "STEP_BEATS", "Op", "Step", "read_steps", "step_words"]

MAX_EDGE_TERMS = 4
"""Coordinates in which a child's sample is compared with a parent's."""


class Op(IntEnum):
    """What a step does."""

    COLUMN = 0
    """Load coordinate column ``column`` of a pool from memory: one 32-bit word per sample."""
    LABELS = 1
    """Load the bin labels of a pool."""
    COUNTS = 2
    """Load the multiplicities of a pool (16 bits): how often each sample or state occurs."""
    CODES = 3
    """Add a code from memory to each ``l`` of a pool: soft or discrete evidence, prior, streaming."""
    CUE = 4
    """Add a Gaussian cue on coordinate ``column`` to each ``l`` of a pool."""
    OUTER = 5
    """``l`` of a product pool: of every sample of one pool with every sample of another."""
    CLOSE = 6
    """Minimum, weights and sums of a pool, as a flat run gives them; what EDGE and SPIKES refer to."""
    EDGE = 7
    """Send the message of the pool that was closed last to its parent's pool."""
    SPIKES = 8
    """Spike counts of the pool that was closed last."""


STEP = Beat(
    "STEP",
    512,
    (
        Field("OP", 0, 4, "What to do: " + ", ".join(f"{op.value} {op.name}" for op in Op) + "."),
        Field("FRESH", 8, 1, "CODES, CUE, EDGE: replace l instead of adding to it."),
        Field("TABLE", 9, 1, "EDGE: rows of codes come from memory (IN) instead of Gaussian terms."),
        Field("COUNTED", 10, 1, "EDGE: parents count with their multiplicities; 0 is an absent one."),
        Field("RECORDS", 11, 1, "CLOSE: write a RECORD to OUT."),
        Field("HISTOGRAM", 12, 1, "CLOSE: count weights per label; with RECORDS the bins follow."),
        Field("WEIGHTS", 13, 1, "CLOSE: write the weights to WEIGHT, one 32-bit word each."),
        Field("POISSON", 14, 1, "SPIKES: GAIN0 is a mean, the number of spikes is drawn; else the number."),
        Field("COLUMN", 16, 3, "Column; EDGE: of the parent's first term; CLOSE: of the moment."),
        Field("ROW_COLUMN", 20, 3, "EDGE: column of the child that holds the first term's cue."),
        Field("TERMS", 24, 3, f"EDGE: terms of a row, 1 to {MAX_EDGE_TERMS}."),
        Field("BASE", 32, 16, "First index of the pool (EDGE: the parent; OUTER: the product)."),
        Field("ROW_BASE", 48, 16, "EDGE: first index of the child; OUTER: of the pool that changes slowly."),
        Field("SAMPLES", 64, 24, "Samples of the pool (EDGE: of the parent; OUTER: of the pool OTHER)."),
        Field("ROWS", 88, 24, "EDGE: samples of the child; OUTER: of the pool ROW_BASE."),
        Field("BINS", 112, 16, "CLOSE with HISTOGRAM: bins to write."),
        Field("IN", 128, 40, "Byte address of what is read, a multiple of 16."),
        Field("OUT", 168, 40, "Byte address of what is written, a multiple of 16."),
        Field("WEIGHT", 208, 40, "Byte address of the weights, a multiple of 16."),
        Field("GAIN0", 256, 32, "Gain of the first term; SPIKES: number, or mean in 1/1024 * log2(e)."),
        Field("GAIN1", 288, 32, "Gain of the second term."),
        Field("GAIN2", 320, 32, "Gain of the third term."),
        Field("GAIN3", 352, 32, "Gain of the fourth term."),
        Field("CUE", 384, 16, "CUE: the cue, signed."),
        Field("OTHER", 400, 16, "OUTER: first index of the pool that changes fast."),
        Field("SEED", 384, 128, "SPIKES: state of the generator, not zero."),
    ),
    "One step of a tree run. SAMPLES words of 32 bits, padded to whole beats, are read by COLUMN, LABELS, "
    "COUNTS and CODES; ROWS times as many by EDGE with TABLE; SPIKES writes as many.",
)
"""CUE and OTHER share their bits with SEED: no step uses both."""

STEP_BEATS = STEP.width // 128
_FIELDS = {field.name: field for field in STEP.fields}


@dataclass(frozen=True)
class Step:
    """One step: fields of :data:`STEP` in lower case; ``source``, ``target``, ``weight`` are addresses."""

    op: Op
    base: int = 0
    samples: int = 0
    row_base: int = 0
    rows: int = 0
    other: int = 0
    column: int = 0
    row_column: int = 0
    terms: int = 0
    cue: int = 0
    gains: tuple[int, ...] = ()
    fresh: bool = False
    table: bool = False
    counted: bool = False
    records: bool = False
    histogram: bool = False
    weights: bool = False
    poisson: bool = False
    bins: int = 0
    source: int = 0
    target: int = 0
    weight: int = 0
    seed: int = 0


_NAMES = {"source": "IN", "target": "OUT"}
_PLAIN = [f.name for f in fields(Step) if f.name not in ("op", "gains", "cue", "other", "seed")]


def step_words(steps: Sequence[Step]) -> npt.NDArray[np.uint32]:
    """Steps as memory words, shape [steps, 16]."""
    found = np.zeros((len(steps), STEP.width // 32), np.uint32)
    for index, step in enumerate(steps):
        word = _FIELDS["OP"].insert(int(step.op))
        for name in _PLAIN:
            word |= _FIELDS[_NAMES.get(name, name.upper())].insert(int(getattr(step, name)))
        for term, gain in enumerate(step.gains):
            word |= _FIELDS[f"GAIN{term}"].insert(int(gain))
        if step.op == Op.SPIKES:
            word |= _FIELDS["SEED"].insert(step.seed)
        else:
            word |= _FIELDS["CUE"].insert(step.cue & 0xFFFF) | _FIELDS["OTHER"].insert(step.other)
        found[index] = np.frombuffer(word.to_bytes(STEP.width // 8, "little"), "<u4")
    return found


def read_steps(words: npt.NDArray[np.uint32]) -> list[Step]:
    """Steps from memory words; of an unknown OP too, whose number is kept."""
    steps = []
    for row in words.reshape(-1, STEP.width // 32):
        word = int.from_bytes(row.astype("<u4").tobytes(), "little")
        value = {name: field.extract(word) for name, field in _FIELDS.items()}
        plain = {name: value[_NAMES.get(name, name.upper())] for name in _PLAIN}
        for name in ("fresh", "table", "counted", "records", "histogram", "weights", "poisson"):
            plain[name] = bool(plain[name])
        cue = value["CUE"] - ((value["CUE"] & 0x8000) << 1)
        op = Op(value["OP"]) if value["OP"] in Op._value2member_map_ else value["OP"]
        gains = tuple(value[f"GAIN{term}"] for term in range(MAX_EDGE_TERMS))
        steps.append(Step(op, **plain, cue=cue, other=value["OTHER"], seed=value["SEED"], gains=gains))  # type: ignore[arg-type]
    return steps
