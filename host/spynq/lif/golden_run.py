"""A compiled network on the golden model, without a device: memory is an array of bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from spynq.errors import BusError
from spynq.lif.driver import LifRun, synaptic_operations
from spynq.lif.formats import COUNTERS
from spynq.lif.golden import Trace
from spynq.lif.image import Image
from spynq.lif.model import LifModel
from spynq.lif.params import BEAT_BYTES
from spynq.lif.records import unpack

__all__ = ["Bytes", "run_golden"]


class Bytes:
    """Memory from address 0 on (protocol :class:`spynq.model.Memory`)."""

    def __init__(self, size: int) -> None:
        self.array = np.zeros(size, np.uint8)

    def read(self, address: int, nbytes: int) -> bytes:
        """Bytes; BusError outside."""
        self._check(address, nbytes)
        return self.array[address : address + nbytes].tobytes()

    def write(self, address: int, data: bytes) -> None:
        """Store bytes; BusError outside."""
        self._check(address, len(data))
        self.array[address : address + len(data)] = np.frombuffer(data, np.uint8)

    def _check(self, address: int, nbytes: int) -> None:
        if address < 0 or address + nbytes > len(self.array):
            raise BusError(f"{nbytes} bytes at {address:#x} leave a memory of {len(self.array)} bytes")


def run_golden(
    image: Image, values: npt.ArrayLike, *, trace: Trace | None = None, memory: Bytes | None = None
) -> LifRun:
    """One run on the golden model; see :meth:`spynq.lif.driver.LifDriver.run`.

    Parameters
    ----------
    image : Image
    values : array_like of int, shape (samples, steps, channels, height, width)
    trace : callable, optional
        Sees every step of every layer.
    memory : Bytes, optional
        Memory of an earlier run, whose states are to go on.
    """
    memory = memory or Bytes(image.beats * BEAT_BYTES)
    memory.write(0, image.content)
    image.input.put(memory.array, values)
    model = LifModel(image.config)
    model.trace = trace
    registers: dict[str, Any] = {
        "MODE": 1, "LIMIT": 65_535, "BASE_LO": 0, "BASE_HI": 0, "LIST": image.start, "RECORDS": image.records,
    }  # fmt: skip
    results = model.start(registers, memory)
    counters = []
    for number, task in enumerate(image.tasks[:-1]):
        at = (image.records + 4 * number) * BEAT_BYTES
        record = unpack(COUNTERS, memory.array[at : at + 64].tobytes())
        record["sop"] = synaptic_operations(task, record["events"])
        counters.append(record)
    names = ("events", "spikes_in", "spikes_out", "saturated", "sop")
    totals = {name: sum(record[name] for record in counters) for name in names}
    return LifRun(memory.array, image.samples, counters, totals, {"status": bool(results["STATUS"])}, 0)
