"""What a golden model is: one whole run of a kernel, in integers, without a clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Protocol

__all__ = ["Memory", "Model", "Streams"]

Streams = Mapping[str, deque[tuple[int, bool]]]
"""Beats of every stream port by its name: ``(word, last)``, oldest first."""


class Memory(Protocol):
    """Byte-addressed memory as a kernel's master ports see it."""

    def read(self, address: int, nbytes: int) -> bytes:
        """``nbytes`` bytes from ``address``; BusError where nothing answers."""

    def write(self, address: int, data: bytes) -> None:
        """Store ``data`` at ``address``; BusError where nothing answers."""


class Model(Protocol):
    """Golden model of one kernel build; what is resident on chip lives in the object."""

    def start(
        self, registers: Mapping[str, int], memory: Memory, streams: Streams | None = None
    ) -> dict[str, int]:
        """Do one whole run.

        Parameters
        ----------
        registers : mapping of str to int
            Value of every ``rw`` register of the kernel.
        memory : Memory
            What the master ports read and write.
        streams : mapping of str to deque, optional
            Beats to take from (``in``) and to append to (``out``); needed by kernels with streams.

        Returns
        -------
        dict of str to int
            Values of the kernel's own ``ro`` registers, and ``STATUS``.
        """
