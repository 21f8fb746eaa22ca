"""What the calls of the sampling tree share: buffers, what is resident, one start."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spynq.driver import KernelDriver
from spynq.stm.params import KERNEL

__all__ = ["Held", "StmBase", "fetch", "whole", "within", "within_all"]

_MODE = {field.name: field.mask for field in KERNEL.register("MODE").fields}
_IDLE = KERNEL.register("CTRL").field("AP_IDLE").mask


@dataclass
class Held:
    """What a start loads, and the mark that tells whether the kernel still holds it."""

    buffer: Any
    address: int
    settings: dict[str, int]
    bins: int = 0
    mark: int = 0


class StmBase(KernelDriver):
    """Buffers and starts.

    SCRATCH holds a mark of what was loaded last, so that a reset, a reloaded overlay or another
    driver of the same kernel makes the next run load its image again.
    """

    kernel = KERNEL
    _buffers: dict[str, Any] | None = None

    def _settle(self, timeout: float) -> None:
        """Let an interrupted run end; reading CTRL also clears its done, which must not pass for ours."""
        if not self.read(0x00) & _IDLE:
            self.wait("a run that was interrupted", timeout)

    def _perform(
        self, held: Held, load: bool, mode: Sequence[str], bins: int, what: str, timeout: float
    ) -> dict[str, bool]:
        for name, value in held.settings.items():
            self.set(name, value)
        self.set("BINS", bins)
        self.set("MODE", sum(_MODE[name] for name in mode if name))
        if load:
            self.set_address("IMAGE", held.address)
            # Until the run has ended well, nothing counts as loaded.
            self.set("SCRATCH", 0)
        flags = self.start_and_wait(what, timeout)
        if load:
            held.mark = secrets.randbelow((1 << 32) - 1) + 1
            self.set("SCRATCH", held.mark)
        return flags

    def _holds(self, held: Held) -> bool:
        return held.mark != 0 and self.get("SCRATCH") == held.mark

    def _room(self, name: str, words: int) -> Any:
        """A buffer of at least this many words, kept for the next run of the same kind."""
        if self._buffers is None:
            self._buffers = {}
        buffer = self._buffers.get(name)
        if buffer is None or buffer.size < words:
            if buffer is not None:
                del self._buffers[name]
                buffer.freebuffer()
            buffer = self._buffers[name] = self.allocate((max(words, 4),), "u4")
        return buffer

    def _target(self, name: str, nbytes: int) -> Any:
        buffer = self._room(name, nbytes // 4)
        self.set_address(name, buffer.device_address)
        return buffer

    def close(self) -> None:
        """Free the buffers and release the device."""
        buffers, self._buffers = self._buffers or {}, None
        self._forget()
        for buffer in buffers.values():
            buffer.freebuffer()
        super().close()

    def _forget(self) -> None:
        """Drop what was set to be loaded."""


def fetch(buffer: Any, nbytes: int) -> npt.NDArray[Any]:
    """A copy of the first bytes of what the kernel wrote."""
    buffer.sync_from_device()
    return np.array(buffer[: nbytes // 4], dtype="<u4").view(np.uint8)


def whole(name: str, values: npt.ArrayLike) -> npt.NDArray[np.int64]:
    array = np.asarray(values)
    if array.dtype.kind not in "iub":
        raise ValueError(f"{name} must be integers on the grid, not {array.dtype}; see spynq.stm.quantise")
    return array.astype(np.int64)


def within(name: str, value: int, low: int, high: int, way_out: str = "") -> None:
    if not low <= value <= high:
        tail = f"; {way_out}" if way_out else ""
        raise ValueError(f"{name} must be {low} to {high}, not {value}{tail}")


def within_all(name: str, values: npt.NDArray[np.int64], low: int, high: int, way_out: str = "") -> None:
    for extreme in (values.min(), values.max()):
        within(name, int(extreme), low, high, way_out)
