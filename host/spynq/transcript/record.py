"""Listens to a driver: registers, streams, buffers, and what is made visible on either side of these."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from spynq.errors import SpynqError
from spynq.exchange import StreamPair, Words
from spynq.transcript.entry import Entry, Transcript

__all__ = ["record"]


@contextmanager
def record(driver: Any) -> Iterator[Transcript]:
    """Note all traffic of ``driver`` while the block runs.

    Parameters
    ----------
    driver : KernelDriver
        On any device; it must not have run before, as it may keep buffers.

    Yields
    ------
    Transcript
        Grows as the block runs.

    Examples
    --------
    >>> from spynq.devices import open_kernel
    >>> from spynq.transcript import record
    >>> with open_kernel("echo", "golden") as driver, record(driver) as transcript:
    ...     words = driver.copy([1, 2, 3], add=4)
    >>> [entry.kind for entry in transcript.entries][:3]
    ['allocate', 'allocate', 'to_device']
    """
    where = "golden" if hasattr(driver, "arena") else str(getattr(driver.device, "name", "board"))
    transcript = Transcript(driver.kernel.name, driver.capabilities, where)
    listener = _Listener(driver, transcript.entries)
    listener.attach()
    try:
        yield transcript
    finally:
        listener.detach()


class _Listener:
    """Puts itself between the driver and its device, and goes again."""

    def __init__(self, driver: Any, entries: list[Entry]) -> None:
        self._driver, self._entries = driver, entries
        self._known: dict[int, tuple[int, int]] = {}
        self._replaced: list[tuple[Any, str]] = []
        self._deaf = False

    def attach(self) -> None:
        driver = self._driver
        self._replace(driver, "read", self._reading(driver.read))
        self._replace(driver, "write", self._writing(driver.write))
        self._replace(driver, "allocate", self._allocating(driver.allocate))
        if driver.kernel.streams:
            self._replace(driver, "stream_pair", self._pairing(driver.stream_pair))
        if hasattr(driver, "arena"):
            for name, kind in (("flush", "to_device"), ("invalidate", "from_device")):
                self._replace(driver.arena, name, self._arena(getattr(driver.arena, name), kind))
        else:
            for name, kind in (("flush", "to_device"), ("invalidate", "from_device")):
                self._replace(driver.device, name, self._pynq(getattr(driver.device, name), kind))

    def detach(self) -> None:
        for owner, name in reversed(self._replaced):
            delattr(owner, name)

    def _replace(self, owner: Any, name: str, value: Callable[..., Any]) -> None:
        setattr(owner, name, value)
        self._replaced.append((owner, name))

    def _reading(self, read: Callable[[int], int]) -> Callable[..., int]:
        def wrapped(offset: int = 0) -> int:
            value = int(read(offset))
            last = self._entries[-1] if self._entries else None
            if offset == 0 and last is not None and last.kind == "read" and last.place == 0:
                # A poll: how often depends on the device, what it ended with does not.
                self._entries.pop()
            self._entries.append(Entry("read", offset, value))
            return value

        return wrapped

    def _writing(self, write: Callable[[int, int], None]) -> Callable[[int, int], None]:
        def wrapped(offset: int, value: int) -> None:
            self._entries.append(Entry("write", offset, int(value) & 0xFFFF_FFFF))
            write(offset, value)

        return wrapped

    def _allocating(self, allocate: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(shape: Any, dtype: Any = "u4") -> Any:
            buffer = allocate(shape, dtype)
            self._note(int(buffer.device_address), _first_byte(buffer), int(buffer.nbytes))
            return buffer

        return wrapped

    def _note(self, address: int, host: int, nbytes: int) -> None:
        self._known[host] = (address, nbytes)
        self._entries.append(Entry("allocate", address, nbytes))

    def _pairing(self, stream_pair: Callable[[], StreamPair]) -> Callable[[], StreamPair]:
        return lambda: _HeardPair(stream_pair(), self)

    def words(self, kind: str, words: Words, room: int = 0) -> None:
        """Note words of a stream."""
        self._entries.append(Entry(kind, 0, room, words.astype("<u8").tobytes()))

    @contextmanager
    def deaf(self) -> Iterator[None]:
        """What a DMA does with memory of its own is no traffic of the driver."""
        self._deaf = True
        try:
            yield
        finally:
            self._deaf = False

    def _visible(self, kind: str, host: int, nbytes: int) -> None:
        if self._deaf:
            return
        for first, (address, length) in self._known.items():
            if first <= host and host + nbytes <= first + length:
                data = ctypes.string_at(host, nbytes)
                self._entries.append(Entry(kind, address + host - first, nbytes, data))
                return
        raise SpynqError(
            "the driver uses a buffer from before the recording; begin it before the driver's first run"
        )

    def _arena(self, action: Callable[[int, int], None], kind: str) -> Callable[[int, int], None]:
        arena = self._driver.arena

        def wrapped(address: int, nbytes: int) -> None:
            action(address, nbytes)
            self._visible(kind, arena._host.ctypes.data + address - arena.base, nbytes)

        return wrapped

    def _pynq(self, action: Callable[..., None], kind: str) -> Callable[..., None]:
        def wrapped(bo: Any, offset: int, virtual_address: int, nbytes: int) -> None:
            action(bo, offset, virtual_address, nbytes)
            self._visible(kind, virtual_address, nbytes)

        return wrapped


class _HeardPair:
    """The streams of one run, listened to."""

    def __init__(self, pair: StreamPair, listener: _Listener) -> None:
        self._pair, self._listener = pair, listener

    def send(self, words: Words, room: int) -> None:
        self._listener.words("send", words, room)
        with self._listener.deaf():
            self._pair.send(words, room)

    def receive(self) -> Words:
        with self._listener.deaf():
            words = self._pair.receive()
        self._listener.words("receive", words)
        return words

    def close(self) -> None:
        self._pair.close()


def _first_byte(buffer: Any) -> int:
    return int(buffer.__array_interface__["data"][0])
