"""Runs of a compiled network on a device: batches in, maps and counters out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spynq.devices.session import label, progress_bar
from spynq.lif.builds import build_of
from spynq.lif.codes import Output
from spynq.lif.errors import LifError
from spynq.lif.golden import carry_out
from spynq.lif.golden_neuron import Step
from spynq.lif.image import Image
from spynq.lif.params import BEAT_BYTES
from spynq.lif.results import LayerCounters, Result

if TYPE_CHECKING:
    from spynq.lif.network import CompiledNetwork

__all__ = ["execute", "watch"]

Ints = npt.NDArray[np.int64]
_BATCH_BYTES = 32 << 20
"""Memory of one start: what a board gives without being asked for more."""
_COUNTED = {
    "synaptic_operations": "sop",
    "spikes_in": "spikes_in",
    "spikes_out": "spikes_out",
    "saturated": "saturated",
    "cycles": "cycles",
}
"""Counters of a descriptor that are added up per layer."""
_OPERANDS = 32
"""Additions a column does in a cycle: two spikes meet sixteen channels."""


def execute(
    network: CompiledNetwork,
    values: npt.NDArray[Any],
    device: Any = None,
    timeout: float | None = None,
    progress: bool | None = None,
) -> Result:
    """Run values [T, N, C, H, W] on a device, in as many starts as their memory needs."""
    steps, count = values.shape[:2]
    # A still image that is repeated is stored and gathered once.
    static = steps > 1 and values.strides[0] == 0 and network.config.has("static")
    whole = np.moveaxis(network.whole(values[:1] if static else values), 0, 1)
    if device != "board":
        # What cannot be compiled is refused before a device is opened; a board first says what it has.
        network.image(steps, 1, static)
    totals: dict[str, dict[str, int]] = {}
    maps: dict[str, list[Ints]] = {}
    cycles = 0
    with _opened(device, network) as (driver, label), progress_bar(progress, count) as advance:
        if device == "board":
            network = network.for_build(build_of(driver.capabilities))
        batch = _batch(network, steps, count, static)
        for begin in range(0, count, batch):
            given = whole[begin : begin + batch]
            image = network.image(steps, len(given), static)
            done = driver.run(image, given, **({} if timeout is None else {"timeout": timeout}))
            cycles += done.cycles
            _count(image, done.counters, totals)
            for stage in network.stages:
                found = image.maps[stage.layer.name].get(done.memory, len(given))
                maps.setdefault(stage.layer.name, []).append(found)
            advance(len(given))
    joined = {name: np.concatenate(parts) for name, parts in maps.items()}
    return _result(network, values, label, joined, totals, cycles)


def _batch(network: CompiledNetwork, steps: int, count: int, static: bool) -> int:
    """Samples of a start."""
    one = network.image(steps, 1, static)
    fixed = len(one.content)
    each = max(1, one.beats * BEAT_BYTES - fixed)
    return int(np.clip((_BATCH_BYTES - fixed) // each, 1, min(count, 65_535)))


def _count(image: Image, counters: list[dict[str, int]], totals: dict[str, dict[str, int]]) -> None:
    """Add up the counters of each layer's descriptors."""
    for task, seen in zip(image.tasks, counters, strict=False):
        total = totals.setdefault(task.layer, dict.fromkeys(_COUNTED, 0))
        for key, name in _COUNTED.items():
            total[key] += seen[name]


def _result(
    network: CompiledNetwork,
    values: npt.NDArray[Any],
    device: str,
    maps: dict[str, Ints],
    totals: Mapping[str, Mapping[str, int]],
    cycles: int,
) -> Result:
    steps, count = values.shape[:2]
    last = network.stages[-1]
    outputs = _outputs(maps[last.layer.name], last.layer.output, last.lsb)
    kinds = {stage.layer.name: stage.layer.output for stage in network.stages}
    counters = {}
    for stage in network.stages:
        name, total = stage.layer.name, totals[stage.layer.name]
        neurons = steps * count * int(np.prod(stage.stage.shape))
        counters[name] = LayerCounters(**total, density=total["spikes_out"] / neurons)
    operations = sum(layer.synaptic_operations for layer in counters.values())
    most = cycles * network.config.columns * _OPERANDS
    return Result(
        device,
        outputs,
        {name: np.moveaxis(found, 0, 1) for name, found in maps.items() if kinds[name].is_map},
        counters,
        cycles,
        operations / most if most else None,
        network,
        values,
    )


def _outputs(found: Ints, kind: Output, lsb: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Counts per channel, or real membranes summed over positions, [N, C]."""
    if kind == Output.COUNTS:
        return found.astype(np.float64)
    if kind == Output.MEMBRANE:
        return np.asarray(found.sum(axis=(2, 3)) * lsb)
    return np.asarray(found.sum(axis=(1, 3, 4)), np.float64)


def watch(network: CompiledNetwork, values: npt.NDArray[Any]) -> dict[str, npt.NDArray[np.float64]]:
    """Real ``U`` of one sample, ``[T, C, H, W]`` per layer, by the golden model under observation."""
    # The largest build cuts no layer into pieces; the numbers are those of every build.
    config = replace(network.config, weights=1 << 16, maps=1 << 16, units=1 << 14, rounds=255)
    image = network.for_build(config).image(len(values))
    memory = _Memory(image)
    image.input.put(memory.bytes, np.moveaxis(network.whole(values), 0, 1))
    found: dict[str, npt.NDArray[np.float64]] = {}
    lsb = {stage.layer.name: stage.lsb for stage in network.stages if stage.stage.kind != "copy"}
    for task in image.tasks:
        seen: list[Ints] = []

        def see(sample: int, t: int, sums: Ints, step: Step, seen: list[Ints] = seen) -> None:
            seen.append(np.asarray(step.u).copy())

        carry_out(memory, 0, task.descriptor, see)
        if seen and task.layer in lsb:
            real = np.moveaxis(np.stack(seen), -1, 1) * lsb[task.layer][:, None, None]
            if task.layer in found:
                raise LifError("E05", f"layer {task.layer!r} is too large to be watched whole")
            found[task.layer] = real
    return found


class _Memory:
    """Memory of one image, as the golden model reads it."""

    def __init__(self, image: Image) -> None:
        self.bytes = np.zeros(image.beats * BEAT_BYTES, np.uint8)
        self.bytes[: len(image.content)] = np.frombuffer(image.content, np.uint8)

    def read(self, address: int, nbytes: int) -> bytes:
        return self.bytes[address : address + nbytes].tobytes()

    def write(self, address: int, data: bytes) -> None:
        self.bytes[address : address + len(data)] = np.frombuffer(data, np.uint8)


@contextmanager
def _opened(device: Any, network: CompiledNetwork) -> Iterator[tuple[Any, str]]:
    """A driver and the name to report: opened here and closed here, or the caller's."""
    from spynq import devices

    if device is not None and not isinstance(device, str):
        if not hasattr(device, "run") or getattr(getattr(device, "kernel", None), "name", "") != "lif":
            raise ValueError(f"device takes a name ({', '.join(devices.names())}) or a driver of kernel lif")
        yield device, label(device)
        return
    name = device or devices.default()
    with devices.open_kernel("lif", name, config=None if name == "board" else network.config) as driver:
        yield driver, name
