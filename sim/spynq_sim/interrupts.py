"""Interrupts: the AXI interrupt controller's registers, and the UIO file pynq waits on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

__all__ = ["Controller", "UserInterrupt"]

_SLICE = 4096
"""Clock cycles per turn of the event loop: short enough that other tasks run in between."""
_PAUSE = 0.002
"""Seconds between looks while nothing runs."""


class Controller:
    """AXI interrupt controller with level inputs.

    Parameters
    ----------
    lines : callable
        Levels of the inputs, as an integer.
    elapse : callable
        Called at every access, since a poll must move time.
    """

    def __init__(self, lines: Callable[[], int], elapse: Callable[[], None]) -> None:
        self._lines, self._elapse = lines, elapse
        self._status = self._enable = self._master = 0

    def _pending(self) -> int:
        # Level inputs: acknowledging has no effect while the line is high.
        if self._master & 2:
            self._status |= self._lines()
        return self._status & self._enable

    @property
    def output(self) -> bool:
        """Level of the line to the processor."""
        return bool(self._master & 1 and self._pending())

    def read(self, offset: int) -> int:
        """Register at byte ``offset``."""
        self._elapse()
        pending = self._pending()
        lowest = (pending & -pending).bit_length() - 1
        values = {
            0x00: self._status,
            0x04: pending,
            0x08: self._enable,
            0x18: lowest & 0xFFFF_FFFF,
            0x1C: self._master,
        }
        return values.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """Write the register at byte ``offset``."""
        self._elapse()
        if offset == 0x08:
            self._enable = value
        elif offset == 0x0C:
            self._status &= ~value
        elif offset == 0x10:
            self._enable |= value
        elif offset == 0x14:
            self._enable &= ~value
        elif offset == 0x1C:
            self._master = value & 3


class UserInterrupt:
    """Stands where pynq keeps its UIO file: waits for a controller's output inside the running loop.

    One object serves every simulated device, as pynq has one place per interrupt number of the
    processor. Which device is meant follows from the controller object that waits.
    """

    def __init__(self, device_of: Callable[[Any], Any]) -> None:
        self._device_of = device_of
        self._waiting: list[Any] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def add_event(self, event: Any, _number: int) -> None:
        """Call ``event.set()`` once the interrupt is there (the interface of ``UioController``)."""
        loop = asyncio.get_event_loop()
        if loop is not self._loop:
            # The loop these belonged to has ended, and nobody waits for them any more.
            self._waiting, self._loop = [], loop
        if not self._waiting:
            loop.call_soon(self._turn)
        if event not in self._waiting:
            self._waiting.append(event)

    def _turn(self) -> None:
        pause = 0.0
        for event in list(self._waiting):
            device = self._device_of(event)
            if device is None or device.interrupted:
                self._waiting.remove(event)
                event.set()
            elif device.working:
                self._overdue(event, device.pass_time(_SLICE))
            else:
                # Another task may start something; until then there is nothing to simulate.
                pause = _PAUSE
                self._overdue(event, device.pass_quiet_time(_PAUSE))
        if self._waiting and self._loop is not None:
            self._loop.call_later(pause, self._turn)

    def _overdue(self, event: Any, overdue: bool) -> None:
        """Wake the tasks of a wait that was given up: the next register access raises DeviceTimeout."""
        if not overdue:
            return
        self._waiting.remove(event)
        for handles in event.wait_handles:
            while handles:
                handles.pop().set()
        event.event_number = 0
