"""One start of the sampling tree as test data, and what the golden model makes of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from spynq.stm.golden import Words
from spynq.stm.model import StmModel
from spynq.stm.params import KERNEL

__all__ = ["BlockMemory", "Layout", "Start", "expected", "start_registers"]

_WIDTHS = {r.name: r.width for r in KERNEL.registers if r.access == "rw"}
_MODE = {f.name: f for f in KERNEL.register("MODE").fields}


@dataclass(frozen=True)
class Start:
    """One start of the kernel.

    Parameters
    ----------
    name : str
        What it shows.
    registers : dict of str to int
        Every ``rw`` register.
    blocks : dict of int to ndarray of uint32
        Memory before the run, by byte address.
    outputs : dict of int to int
        Bytes the run writes at each address; all else must stay as it was.
    refused : bool
        The run must be refused.
    """

    name: str
    registers: dict[str, int]
    blocks: dict[int, Words] = field(default_factory=dict)
    outputs: dict[int, int] = field(default_factory=dict)
    refused: bool = False

    def mode(self, name: str) -> bool:
        """A bit of MODE."""
        return bool(_MODE[name].extract(self.registers["MODE"]))


class BlockMemory:
    """Plain memory from address 0 (protocol :class:`spynq.model.Memory`); counts what is written."""

    def __init__(self, size: int = 1 << 22) -> None:
        self.data = bytearray(size)
        self.written = 0

    def place(self, start: Start) -> None:
        """Put the blocks of a start into memory."""
        for address, words in start.blocks.items():
            data = words.astype("<u4").tobytes()
            self.data[address : address + len(data)] = data

    def read(self, address: int, nbytes: int) -> bytes:
        """Bytes at an address."""
        return bytes(self.data[address : address + nbytes])

    def write(self, address: int, data: bytes) -> None:
        """Store bytes."""
        self.data[address : address + len(data)] = data
        self.written += len(data)


def expected(
    model: StmModel, start: Start, memory: BlockMemory | None = None
) -> tuple[dict[str, int], dict[int, bytes]]:
    """Result registers, and the bytes at each of ``start.outputs``, as the golden model has them."""
    memory = memory or BlockMemory()
    memory.place(start)
    results = model.start(start.registers, memory)
    return results, {address: memory.read(address, size) for address, size in start.outputs.items()}


def start_registers(rng: np.random.Generator, used: dict[str, int], modes: dict[str, bool]) -> dict[str, int]:
    values = {name: int(rng.integers(0, 1 << width)) for name, width in _WIDTHS.items()}
    values["BINS"] = 0
    values["MODE"] = sum(_MODE[name].mask for name, value in modes.items() if value)
    values.update(used)
    return values


class Layout:
    """Hands out 16-byte aligned addresses, with gaps that put bursts across 4 KiB."""

    def __init__(self, rng: np.random.Generator, base: int) -> None:
        self._rng, self._next = rng, base

    def take(self, nbytes: int) -> int:
        """Address of ``nbytes`` bytes that nobody else has."""
        address = self._next + 16 * int(self._rng.integers(1, 40))
        self._next = address + nbytes
        return address

    @staticmethod
    def pair(name: str, address: int) -> dict[str, int]:
        """An address as its two registers."""
        return {f"{name}_LO": address & 0xFFFF_FFFF, f"{name}_HI": address >> 32}
