"""One simulated kernel with its bus models, called through the C functions of its shared library."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from spynq.errors import BusError, DeviceTimeout, SpynqError
from spynq.memory import Arena
from spynq_sim.settings import SimSettings

__all__ = ["CAUSES", "ChannelState", "SimKernel"]

CAUSES = ("access", "wait", "interrupt")
"""Why a clock cycle passed: a register access, a repeated poll, an awaited interrupt."""

_PROTOCOL, _DECODE, _PATIENCE = 1, 2, 3
_u32, _u64, _handle = ctypes.c_uint32, ctypes.c_uint64, ctypes.c_void_p


class _Settings(ctypes.Structure):
    """``spynq::Settings`` of harness/settings.hpp."""

    _fields_ = (
        ("memory", ctypes.c_void_p), ("base", _u64), ("size", _u64), ("access_cycles", _u32),
        ("longest_step", _u32), ("latency", _u32), ("outstanding", _u32), ("pauses", _u32), ("seed", _u32),
        ("patience", _u64), ("instance", ctypes.c_char * 64), ("waves", ctypes.c_char * 512),
    )  # fmt: skip


class _Report(ctypes.Structure):
    """``spynq::Report`` of harness/settings.hpp."""

    _fields_ = (
        ("now", _u64), ("evaluated", _u64), ("by_cause", _u64 * 3), ("last_beat", _u64), ("read_bytes", _u64),
        ("write_bytes", _u64), ("in_bytes", _u64), ("out_bytes", _u64), ("interrupts", _u32), ("busy", _u32),
        ("fault", _u32), ("reserved", _u32), ("fault_cycle", _u64), ("fault_address", _u64),
        ("message", ctypes.c_char * 256),
    )  # fmt: skip


_FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "open": (_handle, (ctypes.POINTER(_Settings),)),
    "close": (None, (_handle,)),
    "report": (ctypes.POINTER(_Report), (_handle,)),
    "reset": (None, (_handle,)),
    "read": (_u64, (_handle, _u32)),
    "write": (_u64, (_handle, _u32, _u32)),
    "dma_read": (_u64, (_handle, _u32, _u32)),
    "dma_write": (_u64, (_handle, _u32, _u32, _u32)),
    "run": (_u64, (_handle, _u64, _u32)),
    "skip": (None, (_handle, _u64)),
    "lines": (_u32, (_handle,)),
    "channel": (None, (_handle, _u32, _u32, ctypes.POINTER(_u64))),
}


@cache
def _load(path: Path) -> Any:
    # PyDLL keeps the interpreter lock: a call is short, and taking the lock again would cost more.
    library = ctypes.PyDLL(str(path))
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(library, f"spynq_{name}")
        function.restype, function.argtypes = result, arguments
    return library


class ChannelState:
    """A DMA channel at this moment."""

    def __init__(self, words: Any) -> None:
        self.active, self.address = bool(words[0]), int(words[1])
        self.asked, self.moved, self.status = int(words[2]), int(words[3]), int(words[4])


class SimKernel:
    """A running model.

    Parameters
    ----------
    path : Path
        Shared library.
    instance : str
        Name of the cell.
    arena : Arena
        Memory.
    settings : SimSettings
        Behaviour in time.
    waves : str
        FST file to write, or empty.
    salt : int
        Added to the seed, so that two kernels do not pause alike.
    """

    def __init__(
        self, path: Path, instance: str, arena: Arena, settings: SimSettings, waves: str = "", salt: int = 0
    ) -> None:
        self.instance = instance
        self._settings = settings
        self._arena = arena
        self._library = _load(path)
        given = _Settings(
            arena.device_pointer, arena.base, arena.size, settings.access_cycles, settings.longest_step,
            settings.latency, settings.outstanding, settings.pauses, (settings.seed + salt) & 0xFFFF_FFFF,
            settings.patience, instance.encode()[:63], waves.encode(),
        )  # fmt: skip
        self._handle: Any = self._library.spynq_open(ctypes.byref(given))
        self._report = self._library.spynq_report(self._handle).contents
        # Also when the device is only dropped, or the process ends: a waveform file needs its end.
        self._end = weakref.finalize(self, self._library.spynq_close, self._handle)
        self._words = (_u64 * 5)()
        self._pending: Exception | None = None
        self.describe: Callable[[], str] = lambda: ""
        """Says in what state the kernel is, for the message of a timeout; set by the device."""
        self.name_of: Callable[[int], str] = hex
        """Name of the register with an offset, for the same; DMA registers from 0x10000 on."""
        self._bind()

    def _bind(self) -> None:
        """Make the accesses closures: an access through attributes costs half as much again."""
        handle, raw_read, raw_write = self._handle, self._library.spynq_read, self._library.spynq_write
        raise_fault = self._raise

        def read(offset: int) -> int:
            word: int = raw_read(handle, offset)
            if word >> 32:
                raise_fault()
                word &= 0xFFFF_FFFF
            return word

        def write(offset: int, value: int) -> None:
            if raw_write(handle, offset, value) >> 32:
                raise_fault()

        self.read, self.write = read, write

    def peek(self, offset: int) -> int:
        """Register read for messages: whatever goes wrong in it is not reported, as something else is.

        Reading CTRL clears AP_DONE, as on the board.
        """
        word = int(self._library.spynq_read(self._open(), offset))
        if word >> 32:
            self._report.fault = 0
        return word & 0xFFFF_FFFF

    def dma_read(self, index: int, offset: int) -> int:
        """Register of a DMA."""
        self._raise_pending()
        word = int(self._library.spynq_dma_read(self._open(), index, offset))
        if word >> 32:
            self._raise()
        return word & 0xFFFF_FFFF

    def dma_write(self, index: int, offset: int, value: int) -> None:
        """Write a register of a DMA."""
        self._raise_pending()
        if self._library.spynq_dma_write(self._open(), index, offset, value) >> 32:
            self._raise()

    def fail_next(self, error: Exception) -> None:
        """Let the next register access raise ``error``, once: a coroutine cannot be reached otherwise."""
        self._pending = error
        self.read = self.write = self._raise_pending  # type: ignore[assignment]

    def _raise_pending(self, *_: object) -> int:
        if self._pending is not None:
            error, self._pending = self._pending, None
            self._bind()
            raise error
        return 0

    def channel(self, index: int, receive: bool) -> ChannelState:
        """State of a DMA channel, without moving time."""
        self._library.spynq_channel(self._open(), index, int(receive), self._words)
        return ChannelState(self._words)

    def run(self, cycles: int, cause: str = "wait") -> int:
        """Advance at most ``cycles``; stops early when an interrupt line rises. Returns the cycles."""
        ran = int(self._library.spynq_run(self._open(), cycles, CAUSES.index(cause)))
        if self._report.fault:
            self._raise()
        return ran

    def catch_up(self, now: int) -> None:
        """Bring this kernel's clock to ``now``, when another kernel of the overlay was served meanwhile."""
        if not self.working:
            self._library.spynq_skip(self._open(), now)
        while self._report.now < now:
            self.run(min(now - self._report.now, 8192))

    def reset(self) -> None:
        """Pulse the reset pin; DMA and memory accesses under way are dropped."""
        self._library.spynq_reset(self._open())

    def close(self) -> None:
        """End the model and its waveform file; what still refers to it gets a SpynqError."""
        if self._handle is not None:
            self._handle = None
            self.read = self.write = self._gone  # type: ignore[assignment]
            del self._report
            self._end()

    def _open(self) -> Any:
        if self._handle is None:
            self._gone()
        return self._handle

    def _gone(self, *_: object) -> int:
        raise SpynqError(f"{self.instance} belongs to an overlay that is no longer loaded; load it again")

    @property
    def now(self) -> int:
        """Clock cycles since the overlay was loaded."""
        return int(self._report.now)

    @property
    def evaluated(self) -> int:
        """Of them, those that were simulated; an idle kernel's clock is skipped."""
        return int(self._report.evaluated)

    @property
    def cycles(self) -> dict[str, int]:
        """Clock cycles by the host's reason to spend them."""
        return dict(zip(CAUSES, map(int, self._report.by_cause), strict=True))

    @property
    def working(self) -> bool:
        """Whether the kernel or a DMA channel may be at work."""
        return bool(self._report.busy) or any(
            self.channel(i, r).active for i in range(4) for r in (False, True)
        )

    @property
    def lines(self) -> int:
        """Interrupt lines: bit 0 the kernel, then send and receive of each DMA."""
        return int(self._library.spynq_lines(self._open()))

    @property
    def silence(self) -> int:
        """Cycles since the last beat on a data port."""
        return int(self._report.now - self._report.last_beat)

    def traffic(self) -> str:
        """Bytes moved since the overlay was loaded."""
        report = self._report
        return (
            f"{report.read_bytes} bytes read, {report.write_bytes} written, "
            f"{report.in_bytes} streamed in, {report.out_bytes} out"
        )

    def _raise(self) -> None:
        report = self._report
        fault, cycle, address = report.fault, report.fault_cycle, report.fault_address
        message = report.message.decode()
        # Said once: the next access works again, so that the state can be looked at.
        report.fault = 0
        if fault == _PATIENCE:
            # Asked only now, as looking at the state moves time.
            report.last_beat = report.now
            raise DeviceTimeout(
                f"{self.instance}: {self.name_of(address)} was polled for {message} cycles without a beat "
                f"on any data port ({self.describe()}); reset the kernel, or open the device "
                "with more patience"
            )
        if fault == _DECODE:
            if self._settings.decode_errors == "answer":
                return
            end = self._arena.base + self._arena.size - 1
            raise BusError(
                f"{message} in cycle {cycle} leaves the memory, which is {self._arena.base:#x} to {end:#x}; "
                "pass the device_address of an allocated buffer"
            )
        place = f" at {address:#x}" if address else ""
        raise BusError(f"{message}{place} in cycle {cycle}; this is an error of the gateware")
