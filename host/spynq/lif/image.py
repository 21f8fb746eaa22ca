"""A compiled network: bytes for the engine's memory, where inputs and outputs lie, and a report."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from spynq.lif.codes import Output
from spynq.lif.descriptor import Descriptor, Plan
from spynq.lif.errors import LifError
from spynq.lif.golden_maps import pack_bits
from spynq.lif.lanes import Lanes
from spynq.lif.layers import MapShape
from spynq.lif.params import BEAT_BYTES, LifConfig
from spynq.lif.stacking import Rows

__all__ = ["Area", "Image", "LayerReport", "Task"]

Integers = npt.NDArray[np.int64]


@dataclass
class Area:
    """Where a map or a result lies; strides in beats.

    Parameters
    ----------
    name : str
        Of the layer, or ``"input"``.
    kind : Output
        SPIKES and VALUE are maps of planes, the others words.
    shape : MapShape
        At one step.
    lanes : Lanes
        Where channels lie in a pixel.
    steps : int
        Steps that are stored.
    beat : int
        First beat.
    plane, step, sample : int
        Strides.
    parts : int
        Counts of so many pieces and chunks lie behind each other, a ``step`` apart, to be added.
    rows : Rows, optional
        Rows of the input lie side by side: ``shape`` is what the engine sees of it.
    by_row : bool
        The planes of a row follow each other, in one string of beats; there is no stride of planes.
    """

    name: str
    kind: Output
    shape: MapShape
    lanes: Lanes
    steps: int
    beat: int
    plane: int
    step: int
    sample: int
    parts: int = 1
    rows: Rows | None = None
    by_row: bool = False

    @property
    def given(self) -> MapShape:
        """The map as the network has it, at one step."""
        return self.shape if self.rows is None else self.rows.given

    def put(self, memory: npt.NDArray[np.uint8], values: npt.ArrayLike) -> None:
        """Store input values, integers of shape (samples, steps, channels, height, width).

        Raises
        ------
        LifError
            E01 no steps, E08 shape or type, E07 a value that the planes do not hold.
        """
        array = np.asarray(values)
        shape = self.given
        want = (self.steps, shape.channels, shape.height, shape.width)
        if array.ndim == 5 and array.shape[1] == 0:
            raise LifError("E01", f"the input has no time steps; the network was compiled for {self.steps}")
        if array.ndim != 5 or array.shape[1:] != want or array.dtype.kind not in "biu":
            raise LifError(
                "E08",
                f"the input must be integers of shape [samples, {', '.join(map(str, want))}], "
                f"not {array.dtype} of shape {list(array.shape)}",
            )
        low, high = (
            (-(1 << shape.planes - 1), (1 << shape.planes - 1) - 1)
            if shape.signed
            else (0, (1 << shape.planes) - 1)
        )
        if array.size and not low <= int(array.min()) <= int(array.max()) <= high:
            raise LifError(
                "E07",
                f"the input goes from {array.min()} to {array.max()} and {shape.planes} planes hold "
                f"{low} to {high}; compile for more planes",
            )
        for n, sample in enumerate(array):
            for t, step in enumerate(sample):
                pixels = np.moveaxis(step.astype(np.int64), 0, -1)
                if self.rows is not None:
                    pixels = self.rows.stacked(pixels)
                planes = [pixels >> shape.planes - 1 - p & 1 != 0 for p in range(shape.planes)]
                # Side by side they are as one plane of so many times more pixels a row.
                for p, bits in enumerate([np.hstack(planes)] if self.by_row else planes):
                    content = pack_bits(bits, self.lanes)
                    at = (self.beat + n * self.sample + t * self.step + p * self.plane) * BEAT_BYTES
                    memory[at : at + len(content)] = np.frombuffer(content, np.uint8)

    def get(self, memory: npt.NDArray[np.uint8], samples: int) -> Integers:
        """What the engine wrote.

        Returns
        -------
        ndarray of int64
            Maps and sums: (samples, steps, channels, height, width); membranes: (samples, channels, height,
            width); counts: (samples, channels).
        """
        if self.kind.is_map:
            return self._maps(memory, samples)
        places = self.lanes.positions(self.shape.channels)
        if self.kind == Output.COUNTS:
            total = np.zeros((samples, self.shape.channels), np.int64)
            for n in range(samples):
                for part in range(self.parts):
                    at = (self.beat + n * self.sample + part * self.step) * BEAT_BYTES
                    total[n] += memory[at : at + 2 * self.lanes.stride].view("<u2")[places]
            return total
        shape = (self.shape.height, self.shape.width, self.lanes.stride)
        steps = self.steps if self.kind == Output.SUMS else 1
        found = np.empty((samples, steps, *shape), np.int64)
        for n in range(samples):
            for t in range(steps):
                at = (self.beat + n * self.sample + t * self.step) * BEAT_BYTES
                found[n, t] = memory[at : at + 4 * int(np.prod(shape))].view("<i4").reshape(shape)
        words = np.moveaxis(found[..., places], -1, 2)
        return words if self.kind == Output.SUMS else words[:, 0]

    def _maps(self, memory: npt.NDArray[np.uint8], samples: int) -> Integers:
        shape, places = self.shape, self.lanes.positions(self.shape.channels)
        found = np.zeros((samples, self.steps, shape.height, shape.width, shape.channels), np.int64)
        together = shape.planes if self.by_row else 1
        size = together * shape.height * shape.width * self.lanes.stride
        for n in range(samples):
            for t in range(self.steps):
                for p in range(0, shape.planes, together):
                    at = (self.beat + n * self.sample + t * self.step + p * self.plane) * BEAT_BYTES
                    bits = np.unpackbits(memory[at : at + -(-size // 8)], bitorder="little")[:size]
                    pixels = bits.reshape(shape.height, together, shape.width, -1)[..., places]
                    weights = 1 << shape.planes - 1 - p - np.arange(together)
                    found[n, t] += np.einsum("yphc,p->yhc", pixels.astype(np.int64), weights)
        return np.moveaxis(found, -1, 2)


@dataclass(frozen=True)
class LayerReport:
    """What became of a layer, all its parts together, or of a helper (whose name holds a colon).

    Parameters
    ----------
    name, kind : str
    shape : MapShape
        Of its output.
    format : str
        Weight format; empty if it has no weights.
    weight_bytes : int
        Weights in memory.
    taps : int
        Taps of a column for it: rounds times taps.
    columns : int
        Columns that share a stream.
    rounds, pieces, chunks : int
        How it was cut.
    resident : bool
        Its weights stay in the weight memory from run to run.
    bound : int
        Largest sum that any channel can have.
    remarks : tuple of str
        What is allowed and probably not meant.
    """

    name: str
    kind: str
    shape: MapShape
    format: str
    weight_bytes: int
    taps: int
    columns: int
    rounds: int
    pieces: int
    chunks: int
    resident: bool
    bound: int
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Task:
    """One descriptor with its plan, its layer, the maps that it reads, and how many words add to a sum."""

    layer: str
    descriptor: Descriptor
    plan: Plan
    beat: int
    sources: tuple[str, ...] = ()
    delays: int = 1


@dataclass
class Image:
    """A network compiled for one build.

    Parameters
    ----------
    name : str
    config : LifConfig
        The build.
    samples, steps : int
        Samples of a run, steps of a sample.
    content : bytes
        From BASE on: descriptors, plans, records, weights.
    beats : int
        Beats of memory in all, maps and results behind the content.
    start : int
        First descriptor.
    records : int
        First COUNTERS record.
    tasks : list of Task
        Descriptors in order.
    input : Area
    outputs : dict of str to Area
        Results of the layers that no other reads.
    maps : dict of str to Area
        What every layer writes.
    layers : list of LayerReport
    resident : bool
        All weights stay in the weight memory, so that later runs need not load them.
    """

    name: str
    config: LifConfig
    samples: int
    steps: int
    content: bytes
    beats: int
    start: int
    records: int
    tasks: list[Task]
    input: Area
    outputs: dict[str, Area]
    maps: dict[str, Area]
    layers: list[LayerReport]
    resident: bool

    def layer_at(self, address: int) -> str:
        """Layer whose descriptors, weights, maps or results hold a byte address from BASE."""
        beat, best, name = address // BEAT_BYTES, -1, ""
        for task in self.tasks:
            d = task.descriptor
            for start in (task.beat, d.params, d.weights, d.states, d.result, d.taps):
                if best < start <= beat:
                    best, name = start, task.layer
        if best < self.input.beat <= beat:
            name = self.input.name
        return name

    def content_with(self, resident: bool) -> bytes:
        """The content for a run; ``resident``: all weights are in the weight memory from a run before.

        So are then all channel records that have places of their own in the columns.
        """
        content = bytearray(self.content)
        rounds = {task.descriptor.params: task.plan.rounds for task in self.tasks[:-1]}
        apart = int(self.config.holds_records(rounds.values()))
        for task in self.tasks:
            if resident and task.descriptor.weights:
                marked = replace(task.descriptor, resident=1)
                marked.resident_records |= apart
                content[task.beat * BEAT_BYTES : task.beat * BEAT_BYTES + 64] = marked.pack()
        return bytes(content)
