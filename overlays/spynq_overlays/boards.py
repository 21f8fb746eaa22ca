"""Boards an overlay can be built for: part, processor, memory ports, as their vendors name them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BOARDS", "Board", "board"]


@dataclass(frozen=True)
class Board:
    """What the build scripts must know of a board.

    Parameters
    ----------
    name : str
        Name a user types; the lower-case form of the ``BOARD`` variable of PYNQ images.
    part, board_part : str
        Device, and board files of the vendor, as Vivado names them.
    family : str
        ``"ultrascale"`` (``zynq_ultra_ps_e``) or ``"seven"`` (``processing_system7``).
    control_base : int
        First address of the processor's window into programmable logic.
    memory_ports : int
        High-performance ports into the processor's memory.
    memory_bits : int
        Width of one.
    clocks_mhz : tuple of int
        Clocks that are worth asking for; others are refused.
    """

    name: str
    part: str
    board_part: str
    family: str
    control_base: int
    memory_ports: int
    memory_bits: int
    clocks_mhz: tuple[int, ...]


BOARDS = {
    found.name: found
    for found in (
        Board(
            "zcu104", "xczu7ev-ffvc1156-2-e", "xilinx.com:zcu104:part0:1.1", "ultrascale",
            control_base=0xA000_0000, memory_ports=4, memory_bits=128, clocks_mhz=(100, 200, 300),
        ),
        Board(
            "kv260", "xck26-sfvc784-2LV-c", "xilinx.com:kv260_som:part0:1.4", "ultrascale",
            control_base=0xA000_0000, memory_ports=4, memory_bits=128, clocks_mhz=(100, 200, 300),
        ),
        Board(
            "pynq-z2", "xc7z020clg400-1", "tul.com.tw:pynq-z2:part0:1.0", "seven",
            control_base=0x4000_0000, memory_ports=4, memory_bits=64, clocks_mhz=(50, 100),
        ),
    )
}  # fmt: skip
"""Boards by name. The ZCU104 is the one the project is made for; the others share its scripts."""


def board(name: str) -> Board:
    """The board called ``name``, in any spelling of capitals.

    Raises
    ------
    ValueError
        There is none; the message names the known ones.
    """
    found = BOARDS.get(name.lower())
    if found is None:
        raise ValueError(f"unknown board {name!r}; known boards are {', '.join(BOARDS)}")
    return found
