"""One run of a kernel whose data go through a pair of streams, on any device."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spynq.driver import DEFAULT_TIMEOUT, KernelDriver
from spynq.errors import SpynqError

__all__ = ["exchange"]

Words = NDArray[np.uint64]


def exchange(
    driver: KernelDriver, words: Words, room: int, what: str, timeout: float = DEFAULT_TIMEOUT
) -> tuple[Words, dict[str, bool]]:
    """Start a kernel, send words of 64 bits, and take what comes back up to its TLAST.

    On ``golden`` the streams are queues, elsewhere they are the DMA that the overlay puts beside the
    kernel.

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
    queues: Any = getattr(driver, "streams", None)
    if queues is not None:
        return _by_queues(driver, queues, words, what, timeout)
    place: Any = driver
    dma = getattr(place._overlay, f"{place._fullpath}_dma")
    source, target = driver.allocate(len(words), "u8"), driver.allocate(room, "u8")
    try:
        source[:] = words
        source.sync_to_device()
        for channel in (dma.recvchannel, dma.sendchannel):
            if not channel.running:
                channel.start()  # a reset of the kernel stops its DMA
        dma.recvchannel.transfer(target)
        dma.sendchannel.transfer(source)
        flags = driver.start_and_wait(what, timeout)
        dma.sendchannel.wait()
        dma.recvchannel.wait()
        target.sync_from_device()
        return np.array(target[: dma.recvchannel.transferred // 8], np.uint64), flags
    except SpynqError:
        # A transfer that nobody takes would keep the channel busy for good.
        driver.reset()
        raise
    finally:
        source.freebuffer()
        target.freebuffer()


def _by_queues(
    driver: KernelDriver, queues: Any, words: Words, what: str, timeout: float
) -> tuple[Words, dict[str, bool]]:
    queues["s_axis"].extend((word, False) for word in words.tolist())
    try:
        flags = driver.start_and_wait(what, timeout)
        return np.array([word for word, _ in queues["m_axis"]], np.uint64), flags
    finally:
        queues["s_axis"].clear()
        queues["m_axis"].clear()
