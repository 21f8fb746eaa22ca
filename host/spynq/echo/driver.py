"""Driver of the echo kernel."""

from __future__ import annotations

from typing import Any

import numpy as np

from spynq.driver import DEFAULT_TIMEOUT, KernelDriver
from spynq.echo.params import KERNEL

__all__ = ["EchoDriver"]


class EchoDriver(KernelDriver):
    """Adds a constant to words in memory or in a stream."""

    kernel = KERNEL

    def copy(self, words: Any, add: int = 0, timeout: float = DEFAULT_TIMEOUT) -> Any:
        """Words plus a constant, through memory.

        Parameters
        ----------
        words : array_like of uint32, shape (n,)
            1 to 2**24 words.
        add : int
            Added modulo 2**32.
        timeout : float
            Seconds.

        Returns
        -------
        ndarray of uint32, shape (n,)
        """
        values = np.asarray(words, dtype=np.uint32).ravel()
        self.kernel.limits[0].check(values.size, "split the block")
        # Whole bus words are moved, so the buffers are padded to them.
        padded = -(-values.size // 4) * 4
        source, target = self.allocate((padded,), "u4"), self.allocate((padded,), "u4")
        try:
            source[: values.size] = values
            source.sync_to_device()
            self.configure(padded, add, memory=True)
            self.set_address("SOURCE", source.device_address)
            self.set_address("TARGET", target.device_address)
            self.start_and_wait(f"a copy of {values.size} words", timeout)
            target.sync_from_device()
            return np.array(target[: values.size], dtype=np.uint32)
        finally:
            source.freebuffer()
            target.freebuffer()

    def configure(self, words: int, add: int = 0, *, memory: bool = False) -> None:
        """Set what the next start does.

        Parameters
        ----------
        words : int
            Words to move.
        add : int
            Added modulo 2**32.
        memory : bool
            Memory to memory, else stream to stream.
        """
        self.kernel.limits[0].check(words, "split the block")
        self.set("MODE", int(memory))
        self.set("ADD", int(add) & 0xFFFF_FFFF)
        self.set("WORDS", words)
