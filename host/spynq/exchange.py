"""One run of a kernel whose data go through a pair of streams, on any device."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from spynq.driver import DEFAULT_TIMEOUT, KernelDriver
from spynq.errors import SpynqError

__all__ = ["DmaPair", "QueuePair", "StreamPair", "exchange"]

Words = NDArray[np.uint64]


class StreamPair(Protocol):
    """``s_axis`` and ``m_axis`` of a kernel during one run; a driver makes one with ``stream_pair()``."""

    def send(self, words: Words, room: int) -> None:
        """Offer words to the kernel, and room for those that come back, before its start."""

    def receive(self) -> Words:
        """What came back up to its TLAST, after the run."""

    def close(self) -> None:
        """Give back what the run needed; further calls do nothing."""


class QueuePair:
    """Streams that are queues in this process, as on ``golden``."""

    def __init__(self, queues: Mapping[str, deque[tuple[int, bool]]]) -> None:
        self._sent, self._back = queues["s_axis"], queues["m_axis"]

    def send(self, words: Words, room: int) -> None:
        """Fill the queue; a model needs no room kept for it."""
        self._sent.extend((word, False) for word in words.tolist())

    def receive(self) -> Words:
        """Whatever the model appended."""
        return np.array([word for word, _ in self._back], np.uint64)

    def close(self) -> None:
        """Empty both queues."""
        self._sent.clear()
        self._back.clear()


class DmaPair:
    """Streams behind the DMA that the overlay puts beside the kernel."""

    def __init__(self, device: Any, dma: Any) -> None:
        self._device, self._dma = device, dma
        self._buffers: list[Any] = []

    def send(self, words: Words, room: int) -> None:
        """Start both channels; the words wait in memory until the kernel takes them."""
        source, target = (self._device.allocate(count, "u8") for count in (len(words), room))
        self._buffers = [source, target]
        source[:] = words
        source.sync_to_device()
        for channel in (self._dma.recvchannel, self._dma.sendchannel):
            if not channel.running:
                channel.start()  # a reset of the kernel stops its DMA
        self._dma.recvchannel.transfer(target)
        self._dma.sendchannel.transfer(source)

    def receive(self) -> Words:
        """Wait for both channels, which end with the run."""
        self._dma.sendchannel.wait()
        self._dma.recvchannel.wait()
        target = self._buffers[1]
        target.sync_from_device()
        return np.array(target[: self._dma.recvchannel.transferred // 8], np.uint64)

    def close(self) -> None:
        """Free the buffers."""
        for buffer in self._buffers:
            buffer.freebuffer()
        self._buffers = []


def exchange(
    driver: KernelDriver, words: Words, room: int, what: str, timeout: float = DEFAULT_TIMEOUT
) -> tuple[Words, dict[str, bool]]:
    """Start a kernel, send words of 64 bits, and take what comes back up to its TLAST.

    Parameters
    ----------
    driver : KernelDriver
        Of a kernel with ``s_axis`` and ``m_axis``.
    words : ndarray of uint64
        What to send, at least one word.
    room : int
        Words that may come back.
    what : str
        What is being waited for, in the words of the user.
    timeout : float
        Seconds.

    Returns
    -------
    words : ndarray of uint64
        What came back.
    flags : dict of str to bool
        STATUS.
    """
    pair: StreamPair = driver.stream_pair()
    try:
        pair.send(words, room)
        flags = driver.start_and_wait(what, timeout)
        return pair.receive(), flags
    except SpynqError:
        # A transfer that nobody takes would keep the channel busy for good.
        driver.reset()
        raise
    finally:
        pair.close()
