"""Plays a transcript to a driver and compares all that comes back."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from spynq.devices import default, open_kernel
from spynq.errors import KernelMismatch, SpynqError
from spynq.exchange import StreamPair, Words
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
        Registers, blocks of memory and answers of streams that were compared, and were equal.
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
    # A DMA needs memory of its own: both ways of the longest run, a page more for each.
    streams = [len(e.data) + 8 * e.value + 2 * _PAGE for e in transcript.entries if e.kind == "send"]
    first = min((low for low, _ in places), default=_SPARE) & -_PAGE
    last = max((high for _, high in places), default=first + _SPARE) + max(streams, default=0)
    return first, (last - first + _PAGE - 1) & -_PAGE


class _Player:
    """Also the memory of the replayed run (protocol :class:`spynq.model.Memory`), for reading."""

    def __init__(self, driver: Any, transcript: Transcript, device: str, timeout: float) -> None:
        self._driver, self._transcript = driver, transcript
        self._device, self._timeout = device, timeout
        self._buffers: dict[int, Any] = {}
        self._pair: StreamPair | None = None
        kernel = driver.kernel
        self._names = {register.offset: register.name for register in kernel.all_registers()}
        timed = get(kernel.name).selftest("TIMED") or ()
        self._untold: Callable[..., Any] = get(kernel.name).selftest("untold") or (lambda *_: ())
        self._clocks = {o for o, name in self._names.items() if _depends_on_time(name, timed)}
        self._compared = 0

    def play(self) -> Replay:
        actions = {
            "write": lambda e: self._driver.write(e.place, e.value),
            "read": self._read,
            "allocate": self._allocate,
            "to_device": self._to_device,
            "from_device": self._from_device,
            "send": self._send,
            "receive": self._receive,
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
        if entry.place in self._clocks:
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

    def _part(self, address: int, nbytes: int) -> Any:
        for place, buffer in self._buffers.items():
            if place <= address and address + nbytes <= place + buffer.nbytes:
                return buffer[address - place : address - place + nbytes]
        raise SpynqError(f"the transcript uses memory at {address:#x} that it never allocated")

    def read(self, address: int, nbytes: int) -> bytes:
        """Bytes of the buffers, as a kernel's self-test asks for them."""
        return bytes(np.asarray(self._part(address, nbytes)))

    def _to_device(self, entry: Entry) -> None:
        part = self._part(entry.place, len(entry.data))
        part[:] = np.frombuffer(entry.data, dtype=np.uint8)
        part.sync_to_device()

    def _from_device(self, entry: Entry) -> str | None:
        part = self._part(entry.place, len(entry.data))
        part.sync_from_device()
        self._compared += 1
        differs = np.asarray(part) != np.frombuffer(entry.data, dtype=np.uint8)
        for address, mask in self._untold(self._driver, self):
            inside = differs[max(0, address - entry.place) : max(0, address - entry.place + mask.size)]
            skipped = max(0, entry.place - address)
            inside &= ~mask[skipped : skipped + inside.size]
        wrong = np.flatnonzero(differs)
        if not wrong.size:
            return None
        at = int(wrong[0])
        return (
            f"memory at {entry.place + at:#x} holds {int(part[at]):#04x}, recorded {entry.data[at]:#04x}; "
            f"{wrong.size} of {len(entry.data)} bytes differ"
        )

    def _send(self, entry: Entry) -> None:
        if self._pair is not None:
            self._pair.close()  # the recorded run was given up
        pair: StreamPair = self._driver.stream_pair()
        self._pair = pair
        pair.send(_words(entry), entry.value)

    def _receive(self, entry: Entry) -> str | None:
        if self._pair is None:
            raise SpynqError("the transcript takes words from a stream that it sent nothing to")
        found, wanted = self._pair.receive(), _words(entry)
        self._pair.close()
        self._pair = None
        self._compared += 1
        if len(found) != len(wanted):
            return f"the stream brings {len(found)} words, recorded {len(wanted)}"
        wrong = np.flatnonzero(found != wanted)
        if not wrong.size:
            return None
        at = int(wrong[0])
        return (
            f"word {at + 1} of the stream is {int(found[at]):#x}, recorded {int(wanted[at]):#x}; "
            f"{wrong.size} of {len(wanted)} words differ"
        )


def _words(entry: Entry) -> Words:
    return np.frombuffer(entry.data, dtype="<u8").astype(np.uint64)


def _depends_on_time(name: str, timed: Any) -> bool:
    return name.startswith(("CYCLES_", "STALL_")) or name in timed
