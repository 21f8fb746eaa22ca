"""Driver of the LIF engine: put an image and inputs into memory, run the list, read results and counters."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spynq.driver import DEFAULT_TIMEOUT, KernelDriver
from spynq.errors import BusError, DeviceTimeout, SpynqError
from spynq.lif.codes import Op
from spynq.lif.errors import LifError, LifMismatch, LifTimeout
from spynq.lif.formats import COUNTERS
from spynq.lif.image import Image, Task
from spynq.lif.params import BEAT_BYTES, FEATURES, KERNEL
from spynq.lif.records import unpack

__all__ = ["LifDriver", "LifRun"]

_TOTALS = ("EVENTS", "SPIKES_IN", "SPIKES_OUT")


@dataclass(frozen=True)
class LifRun:
    """What a run left.

    Parameters
    ----------
    memory : ndarray of uint8
        A copy of the engine's memory from BASE on; ``image.maps[name].get(memory, samples)`` reads a map.
    samples : int
    counters : list of dict of str to int
        COUNTERS of each descriptor, in the order of ``image.tasks``, and ``sop``; clock counts are 0
        on a device without a clock.
    totals : dict of str to int
        Sums over all descriptors.
    flags : dict of str to bool
    cycles : int
        From start to done; 0 on a device without a clock.
    """

    memory: npt.NDArray[np.uint8]
    samples: int
    counters: list[dict[str, int]]
    totals: dict[str, int]
    flags: dict[str, bool]
    cycles: int


def synaptic_operations(task: Task, events: int) -> int:
    """Synaptic additions of a descriptor from its events.

    A spike meets the weights of all true output channels once, in R rounds; in slices that of its own.
    """
    d = task.descriptor
    if d.op in (Op.POOL, Op.DEPTHWISE):
        return events
    return events * d.c_out // task.plan.rounds


class LifDriver(KernelDriver):
    """Compiled networks on one engine; keeps the memory of the last image between runs.

    SCRATCH holds a mark of the image whose weights are in the engine, so that a reset, a reloaded
    overlay or another driver of the same kernel makes the next run load them again.
    """

    kernel = KERNEL
    _image: Image | None = None
    _buffer: Any = None
    _mark = 0

    def check(self, image: Image) -> None:
        """Refuse an image that was compiled for another build.

        Raises
        ------
        LifMismatch
            E09, with both sides.
        """
        have, want = self.capabilities, image.config.capabilities()
        layout, sizes = ("COLUMNS", "TIED"), ("WEIGHTS", "MAPS", "UNITS", "ROUNDS", "TAPS", "KEPT")
        for name in (f"CAP_{part}" for part in layout + sizes):
            if have[name] < want[name] or (name.removeprefix("CAP_") in layout and have[name] != want[name]):
                raise LifMismatch(
                    "E09",
                    f"network {image.name!r}: compiled for {name} {want[name]}, and this engine has "
                    f"{have[name]}; compile it for this engine",
                )
        lacking = [
            n for i, n in enumerate(FEATURES) if (want["CAP_FEATURES"] & ~have["CAP_FEATURES"]) >> i & 1
        ]
        if lacking:
            raise LifMismatch(
                "E09",
                f"network {image.name!r}: compiled for an engine with {', '.join(lacking)}, which this "
                "one does not have; compile it for this engine",
            )

    def load(self, image: Image) -> None:
        """Make room for an image and put its constants there; a no-op for the image loaded last.

        Parameters
        ----------
        image : Image
            Compiled by :func:`spynq.lif.assemble.assemble`.
        """
        if image is self._image:
            return
        self.check(image)
        self._release()
        self._buffer = self.allocate((image.beats * BEAT_BYTES,), "u1")
        self._image, self._mark = image, 0
        self._put(image.content)

    def run(
        self, image: Image, values: npt.ArrayLike, *, timeout: float = DEFAULT_TIMEOUT, counters: bool = True
    ) -> LifRun:
        """One run of all samples of an image.

        Parameters
        ----------
        image : Image
        values : array_like of int, shape (samples, steps, channels, height, width)
            As many samples as the image was compiled for.
        timeout : float
            Seconds.
        counters : bool
            Bring the counters of every descriptor.

        Raises
        ------
        LifError
            E01, E07, E08: the input does not fit.
        LifMismatch
            E09: the engine does not fit.
        LifTimeout
            E10, with the last counters.
        BusError
            An access met an error; the message names the layer.
        """
        array = np.asarray(values)
        if array.ndim > 0 and len(array) != image.samples:
            raise LifError(
                "E08",
                f"network {image.name!r}: {len(array)} samples, and it was compiled for {image.samples}; "
                "compile it for as many",
            )
        self.load(image)
        host = np.asarray(self._buffer)
        image.input.put(host, array)
        resident = image.resident and self._mark != 0 and self.get("SCRATCH") == self._mark
        self._put(image.content_with(resident))
        self._buffer.sync_to_device()
        self.set("MODE", int(counters))
        self.set("LIMIT", min(len(image.tasks), 65_535))
        self.set_address("BASE", self._buffer.device_address)
        self.set("LIST", image.start)
        self.set("RECORDS", image.records)
        if not resident:
            # Until the run has ended well, no weights count as loaded.
            self.set("SCRATCH", 0)
        flags = self._perform(image, timeout)
        if image.resident and not resident:
            self._mark = secrets.randbelow((1 << 32) - 1) + 1
            self.set("SCRATCH", self._mark)
        self._buffer.sync_from_device()
        memory = np.array(self._buffer, dtype=np.uint8)
        found = self._counters(image, memory) if counters else []
        return LifRun(memory, image.samples, found, self.totals(found), flags, self.cycles())

    def _put(self, content: bytes) -> None:
        self._buffer[: len(content)] = np.frombuffer(content, np.uint8)

    def _perform(self, image: Image, timeout: float) -> dict[str, bool]:
        what = f"network {image.name!r} on {image.samples} samples"
        try:
            flags = self.start_and_wait(what, timeout)
        except BusError as error:
            layer = image.layer_at(self.get_wide("ERROR") - self._buffer.device_address)
            raise BusError(f"{error} (in the memory of layer {layer!r})") from None
        for flag, meaning in (
            ("UNFIT", "does not fit this engine; compile it for its column count"),
            ("ENDLESS", "has no end within LIMIT; its memory was overwritten, load it again"),
        ):
            if flags[flag]:
                raise LifMismatch("E09", f"{what}: descriptor {self.get('EXECUTED')} {meaning}")
        return flags

    def wait(self, what: str, timeout: float = DEFAULT_TIMEOUT) -> None:
        """Wait until the run has ended; see :meth:`spynq.driver.KernelDriver.wait`.

        Raises
        ------
        LifTimeout
            E10: it did not end in time; the message has the last counters.
        """
        try:
            super().wait(what, timeout)
        except DeviceTimeout as error:
            raise LifTimeout("E10", f"{error}; last counters: {self._last_counters()}") from None

    def _last_counters(self) -> str:
        try:
            values = {"descriptors": self.get("EXECUTED"), **self.totals([])}
        except SpynqError as error:
            return f"not readable ({error})"
        image, done = self._image, values["descriptors"]
        layer = image.tasks[done].layer if image is not None and done < len(image.tasks) else "?"
        return ", ".join([f"{name} {value}" for name, value in values.items()] + [f"in layer {layer!r}"])

    def totals(self, counters: list[dict[str, int]]) -> dict[str, int]:
        """Sums of the last run by name, from the registers; ``sop`` from the counters given."""
        found = {name.lower(): self.get_wide(name) for name in _TOTALS}
        found["saturated"] = self.get("SATURATED")
        if counters:
            found["sop"] = sum(record["sop"] for record in counters)
        return found

    @staticmethod
    def _counters(image: Image, memory: npt.NDArray[np.uint8]) -> list[dict[str, int]]:
        found = []
        for number, task in enumerate(image.tasks[:-1]):
            at = (image.records + 4 * number) * BEAT_BYTES
            record = unpack(COUNTERS, memory[at : at + 64].tobytes())
            record["sop"] = synaptic_operations(task, record["events"])
            found.append(record)
        return found

    def _check_capabilities(self, capabilities: Mapping[str, int]) -> None:
        if capabilities["CAP_COLUMNS"] < 1:
            raise LifMismatch("E09", "the engine reports no columns; load the overlay again")

    def _release(self) -> None:
        buffer, self._buffer, self._image = self._buffer, None, None
        if buffer is not None:
            buffer.freebuffer()

    def close(self) -> None:
        """Free the memory and release the device."""
        self._release()
        super().close()
