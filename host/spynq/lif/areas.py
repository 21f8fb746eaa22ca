"""Where things lie in the memory of a compiled network: a growing image, maps and words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from spynq.lif.codes import Output
from spynq.lif.image import Area
from spynq.lif.lanes import Lanes, folded, spread
from spynq.lif.layers import MapShape, Network
from spynq.lif.params import BEAT_BYTES, LANES, LifConfig
from spynq.lif.stacking import Rows
from spynq.lif.tiling import Tiled

__all__ = ["Job", "Memory", "areas", "map_lanes", "zero_map"]

_BEAT_BITS = 8 * BEAT_BYTES
_ZEROS = Lanes(1)


@dataclass
class Memory:
    """An image that grows: constants first, then room without content."""

    content: bytearray = field(default_factory=bytearray)
    top: int = 0

    def reserve(self, beats: int) -> int:
        """First beat of room for so many."""
        start, self.top = self.top, self.top + beats
        return start

    def append(self, content: bytes) -> int:
        """Put bytes into the image; their first beat."""
        start = self.reserve(-(-len(content) // BEAT_BYTES))
        self.content.extend(bytes(start * BEAT_BYTES - len(self.content)))
        self.content.extend(content)
        return start

    def fill(self) -> None:
        """End the constants."""
        self.content.extend(bytes(self.top * BEAT_BYTES - len(self.content)))


@dataclass
class Job:
    """What is compiled for what.

    Parameters
    ----------
    network : Network
        Lowered.
    config : LifConfig
    samples : int
    chunks : list of range
        Steps of each chunk.
    first, last : bool
        Whether the steps begin, and end, a sample.
    rows : Rows, optional
        How rows of the input lie side by side, if they do.
    folds : bool
        Lane groups of few channels take fewer bits of a map.
    shapes : dict of str to MapShape
    lanes : dict of str to Lanes
        Of every map.
    by_row : bool
        The planes of a row of the input follow each other.
    tiled : dict of str to Tiled
        Layers with neurons.
    """

    network: Network
    config: LifConfig
    samples: int
    chunks: list[range]
    first: bool
    last: bool
    rows: Rows | None = None
    folds: bool = True
    shapes: dict[str, MapShape] = field(default_factory=dict)
    lanes: dict[str, Lanes] = field(default_factory=dict)
    by_row: bool = False
    tiled: dict[str, Tiled] = field(default_factory=dict)

    @property
    def stateful(self) -> bool:
        """Membranes pass through memory."""
        return len(self.chunks) > 1 or not (self.first and self.last)

    def state_beats(self, name: str) -> int:
        """Beats of the states of a sample."""
        shape = self.shapes[name]
        lanes = spread(shape.channels, self.config)[2]
        return shape.height * shape.width * lanes.stride * 4 // BEAT_BYTES if self.stateful else 0


def map_lanes(
    network: Network, shapes: dict[str, MapShape], config: LifConfig, *, folds: bool = True
) -> dict[str, Lanes]:
    """Lanes of every map; the input's channels follow each other unless slices or a join forbid it."""
    channels = network.input.channels
    readers = [layer for layer in network.layers if "input" in layer.sources]
    joined = any(len(layer.sources) > 1 for layer in readers)
    sliced = any(layer.kind == "pool" or 1 < layer.groups == channels for layer in readers)
    as_written = joined or (sliced and channels > LANES * config.tied)

    def written(channels: int, *, is_map: bool = True) -> Lanes:
        lanes = spread(channels, config)[2]
        return folded(lanes, config) if folds and is_map else lanes

    found = {"input": written(channels) if as_written else Lanes(channels)}
    for layer in network.layers:
        lanes = written(shapes[layer.name].channels, is_map=layer.output.is_map)
        found[layer.name] = _ZEROS if layer.kind == "zeros" else lanes
    return found


def areas(job: Job, memory: Memory, zeros: Mapping[str, Area]) -> dict[str, Area]:
    """Reserve room for the input and for what every layer writes; ``zeros`` are there."""
    network = job.network
    found = {"input": _map(job, memory, "input", Output.SPIKES, 1 if network.static else network.steps)}
    found["input"].rows, found["input"].by_row = job.rows, job.by_row
    for layer in network.layers:
        if layer.kind == "zeros":
            found[layer.name] = zeros[layer.name]
        elif layer.output.is_map:
            found[layer.name] = _map(job, memory, layer.name, layer.output, network.steps)
        else:
            found[layer.name] = _words(job, memory, layer.name, layer.output)
    return found


def zero_map(name: str, shape: MapShape, memory: Memory) -> Area:
    """A map without a spike among the constants, which is that of all samples and steps."""
    plane = -(-shape.height * shape.width // _BEAT_BITS)
    start = memory.append(bytes(plane * BEAT_BYTES))
    return Area(name, Output.SPIKES, shape, _ZEROS, 1, start, plane, 0, 0)


def _map(job: Job, memory: Memory, name: str, kind: Output, steps: int) -> Area:
    shape, lanes = job.shapes[name], job.lanes[name]
    plane = -(-shape.height * shape.width * lanes.stride // _BEAT_BITS)
    step = plane * shape.planes
    sample = step * steps
    return Area(name, kind, shape, lanes, steps, memory.reserve(sample * job.samples), plane, step, sample)


def _words(job: Job, memory: Memory, name: str, kind: Output) -> Area:
    shape, lanes = job.shapes[name], job.lanes[name]
    steps = parts = 1
    if kind == Output.COUNTS:
        # Each chunk and run of rows counts by itself.
        parts = len({piece.rows for piece in job.tiled[name].pieces}) * len(job.chunks)
        step = lanes.stride * 2 // BEAT_BYTES
        sample = step * parts
    else:
        steps = job.network.steps if kind == Output.SUMS else 1
        step = shape.height * shape.width * lanes.stride * 4 // BEAT_BYTES
        sample = step * steps
    start = memory.reserve(sample * job.samples)
    return Area(name, kind, shape, lanes, steps, start, 0, step, sample, parts)
