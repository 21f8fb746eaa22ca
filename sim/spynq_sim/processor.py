"""The few registers of the processing system that pynq's Clocks reads and writes."""

from __future__ import annotations

from spynq_sim.window import Window

__all__ = ["BLOCKS", "processor_windows"]

_CRL, _CRF = 0xFF5E_0000, 0xFD1A_0000
BLOCKS = {
    # I/O PLL: 33.333 MHz times 90 by 2 is 1.5 GHz; each PL clock divides it by 15 at first.
    _CRL: {0x20: 90 << 8 | 1 << 16, **{0xC0 + 4 * clock: 1 << 24 | 1 << 16 | 15 << 8 for clock in range(4)}},
    # Processor clock: its own PLL, undivided.
    _CRF: {0x20: 72 << 8 | 1 << 16, 0x60: 1 << 8},
}
"""Reset values by block and offset."""


def processor_windows() -> dict[int, Window]:
    """A fresh register file per block; what was never written reads 0."""
    return {base: _file(dict(reset)) for base, reset in BLOCKS.items()}


def _file(words: dict[int, int]) -> Window:
    return Window(0x4000, lambda offset: words.get(offset, 0), words.__setitem__)
