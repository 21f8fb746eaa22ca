"""Plays a transcript to a driver and compares all that comes back."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from spynq.devices import default, open_kernel
from spynq.errors import KernelMismatch, SpynqError
from spynq.kernels import get
from spynq.transcript.entry import Entry, Transcript

__all__ = ["Replay", "TranscriptMismatch", "replay"]

_CONTROL = 0x00
_PAGE = 1 << 12
_SPARE = 1 << 24


class TranscriptMismatch(SpynqError):
    """The device answered otherwise than the recorded one; the message names the first such access."""


@dataclass(frozen=True)
class Replay:
    """What a replay did.

    Parameters
    ----------
    device : str
        Device it ran on.
    accesses : int
        Entries played.
    compared : int
        Registers and blocks of memory that were compared, and were equal.
    """

    device: str
    accesses: int
    compared: int


def replay(
    transcript: Transcript, device: str | None = None, *, timeout: float = 60.0, **options: Any
) -> Replay:
    """Play a transcript on a device that lets buffers be placed: ``golden`` or ``rtl``.

    Buffers come to lie at the recorded addresses, since images in memory may hold addresses.

    Parameters
    ----------
    transcript : Transcript
        What to play.
    device : str, optional
        By default :func:`spynq.devices.default`.
    timeout : float
        Seconds a recorded end of a run is awaited.
    **options
        Settings of the device.

    Raises
    ------
    TranscriptMismatch
        Something differs; the message names the first differing access.
    KernelMismatch
        No build of this version has the recorded capabilities.
    """
    chosen, entry = device or default(), get(transcript.kernel)
    if chosen not in ("golden", "rtl"):
        raise SpynqError(
            f"device {chosen} places buffers as it likes, and a transcript needs them where they were; "
            "replay it on golden or rtl"
        )
    try:
        config = entry.config_from(transcript.capabilities)
    except ValueError as error:
        raise KernelMismatch(str(error)) from None
    first, size = _span(transcript)
    with open_kernel(entry.name, chosen, config, memory=size, base=first, **options) as driver:
        return _Player(driver, transcript, chosen, timeout).play()


def _span(transcript: Transcript) -> tuple[int, int]:
    """Address and size of an arena that holds every recorded buffer."""
    places = [(e.place, e.place + e.value) for e in transcript.entries if e.kind == "allocate"]
    if not places:
        return _SPARE, _SPARE
    first = min(low for low, _ in places) & -_PAGE
    last = max(high for _, high in places)
    return first, (last - first + _PAGE - 1) & -_PAGE


class _Player:
    def __init__(self, driver: Any, transcript: Transcript, device: str, timeout: float) -> None:
        self._driver, self._transcript = driver, transcript
        self._device, self._timeout = device, timeout
        self._buffers: dict[int, Any] = {}
        kernel = driver.kernel
        self._names = {register.offset: register.name for register in kernel.all_registers()}
        timed = get(kernel.name).selftest("TIMED") or ()
        self._untold = {o for o, name in self._names.items() if _depends_on_time(name, timed)}
        self._compared = 0

    def play(self) -> Replay:
        actions = {
            "write": lambda e: self._driver.write(e.place, e.value),
            "read": self._read,
            "allocate": self._allocate,
            "to_device": self._to_device,
            "from_device": self._from_device,
        }
        for number, entry in enumerate(self._transcript.entries, 1):
            difference = actions[entry.kind](entry)
            if difference is not None:
                raise TranscriptMismatch(
                    f"access {number} of {len(self._transcript.entries)}: {difference} "
                    f"(recorded on {self._transcript.device}, replayed on {self._device})"
                )
        return Replay(self._device, len(self._transcript.entries), self._compared)

    def _read(self, entry: Entry) -> str | None:
        if entry.place in self._untold:
            self._driver.read(entry.place)
            return None
        name = self._names.get(entry.place, "no register")
        found = self._awaited(entry) if entry.place == _CONTROL else int(self._driver.read(entry.place))
        self._compared += 1
        if found != entry.value:
            return f"{name} ({entry.place:#x}) reads {found:#010x}, recorded {entry.value:#010x}"
        return None

    def _awaited(self, entry: Entry) -> int:
        deadline = time.monotonic() + self._timeout
        found = int(self._driver.read(_CONTROL))
        while found != entry.value and not found & 0b10 and time.monotonic() < deadline:
            found = int(self._driver.read(_CONTROL))
        return found

    def _allocate(self, entry: Entry) -> None:
        # The recorded device had freed what it gave out again.
        for place, buffer in list(self._buffers.items()):
            if place < entry.place + entry.value and entry.place < place + buffer.nbytes:
                self._buffers.pop(place).freebuffer()
        self._buffers[entry.place] = self._driver.allocate_at(entry.place, entry.value)

    def _part(self, entry: Entry) -> Any:
        for place, buffer in self._buffers.items():
            if place <= entry.place and entry.place + len(entry.data) <= place + buffer.nbytes:
                start = entry.place - place
                return buffer[start : start + len(entry.data)]
        raise SpynqError(f"the transcript uses memory at {entry.place:#x} that it never allocated")

    def _to_device(self, entry: Entry) -> None:
        part = self._part(entry)
        part[:] = np.frombuffer(entry.data, dtype=np.uint8)
        part.sync_to_device()

    def _from_device(self, entry: Entry) -> str | None:
        part = self._part(entry)
        part.sync_from_device()
        self._compared += 1
        wrong = np.flatnonzero(np.asarray(part) != np.frombuffer(entry.data, dtype=np.uint8))
        if not wrong.size:
            return None
        at = int(wrong[0])
        return (
            f"memory at {entry.place + at:#x} holds {int(part[at]):#04x}, recorded {entry.data[at]:#04x}; "
            f"{wrong.size} of {len(entry.data)} bytes differ"
        )


def _depends_on_time(name: str, timed: Any) -> bool:
    return name.startswith(("CYCLES_", "STALL_")) or name in timed
