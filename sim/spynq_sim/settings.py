"""Settings of the simulated board, each with its range."""

from __future__ import annotations

from dataclasses import dataclass

from spynq.contract import Limit
from spynq.memory import DEFAULT_BASE

__all__ = ["SimSettings"]

_LIMITS = (
    Limit("access_cycles", 1, 100_000, "clock cycles of a register access"),
    Limit("longest_step", 1, 10_000_000, "longest step of a repeated poll"),
    Limit("latency", 0, 10_000, "memory latency"),
    Limit("outstanding", 1, 32, "bursts in flight"),
    Limit("pauses", 0, 240, "pauses of 256 cycles"),
    Limit("seed", 0, (1 << 32) - 1, "seed of the pauses"),
    Limit("patience", 1000, 1 << 60, "cycles without a beat"),
)


@dataclass(frozen=True)
class SimSettings:
    """How the simulated board behaves in time.

    Parameters
    ----------
    access_cycles : int
        Clock cycles the processor takes per register access (a round trip from processor to logic).
    longest_step : int
        A register read again and again waits twice as long each time, up to this many cycles, as a
        poll faster than the kernel only costs simulation. The kernel's own CYCLES stay exact.
    latency : int
        Cycles from a burst's address to its first beat, and from the last beat to its response.
    outstanding : int
        Bursts the memory holds per direction.
    pauses : int
        Of 256 cycles, how many each channel of each bus pauses, at random.
    seed : int
        Of those pauses.
    patience : int
        Cycles without a beat on any data port after which a wait ends with DeviceTimeout.
    memory : int
        Bytes of memory.
    base : int
        Physical address of its first byte.
    strict : bool
        Two copies of memory, so that a forgotten flush or invalidate shows.
    decode_errors : str
        What an address outside the memory does beside the error response the kernel gets:
        ``"raise"`` a BusError at the next access, or only ``"answer"``.
    """

    access_cycles: int = 30
    longest_step: int = 8192
    latency: int = 20
    outstanding: int = 8
    pauses: int = 0
    seed: int = 1
    patience: int = 20_000_000
    memory: int = 1 << 28
    base: int = DEFAULT_BASE
    strict: bool = False
    decode_errors: str = "raise"

    def __post_init__(self) -> None:
        for limit in _LIMITS:
            limit.check(getattr(self, limit.name))
        if self.decode_errors not in ("raise", "answer"):
            raise ValueError(f"decode_errors must be 'raise' or 'answer', not {self.decode_errors!r}")
