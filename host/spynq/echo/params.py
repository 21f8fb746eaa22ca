"""Contract of the echo kernel: the smallest kernel that uses every part of the shell."""

from __future__ import annotations

from dataclasses import dataclass

from spynq.contract import Field, Kernel, Limit, Master, Register, Stream

__all__ = ["KERNEL", "MAX_WORDS", "EchoConfig"]

MAX_WORDS = 1 << 24

KERNEL = Kernel(
    name="echo",
    title="Adds a constant to every 32-bit word of a stream or of a block of memory",
    ident="ECHO",
    version=(1, 0),
    capabilities=(("CAP_BUS", "Bits of the memory port."),),
    registers=(
        Register(
            "MODE",
            0x80,
            "rw",
            "What a start does.",
            width=1,
            fields=(Field("MEMORY", 0, 1, "0: stream to stream; 1: memory to memory."),),
        ),
        Register("ADD", 0x84, "rw", "Added to every word, modulo 2**32."),
        Register(
            "WORDS",
            0x88,
            "rw",
            "32-bit words to move, 1 to 2**24; to memory a multiple of CAP_BUS/32.",
            width=25,
        ),
        Register("SOURCE_LO", 0x8C, "rw", "Byte address of the source, low word; a multiple of 16."),
        Register("SOURCE_HI", 0x90, "rw", "The same, high word.", width=8),
        Register("TARGET_LO", 0x94, "rw", "Byte address of the target, low word; a multiple of 16."),
        Register("TARGET_HI", 0x98, "rw", "The same, high word.", width=8),
        Register("SUM", 0x9C, "ro", "Sum of all words written, modulo 2**32."),
    ),
    streams=(
        Stream("s_axis", "in", 32, "Words in; TLAST is not looked at."),
        Stream("m_axis", "out", 32, "Words out; TLAST with the last of WORDS."),
    ),
    masters=(Master("m_axi_gmem", 128, "Source and target."),),
    limits=(Limit("words", 1, MAX_WORDS, "32-bit words per start"),),
)


@dataclass(frozen=True)
class EchoConfig:
    """Build parameters of the echo kernel.

    Parameters
    ----------
    bus : int
        Bits of the memory port: 32, 64 or 128.
    """

    bus: int = 128

    def __post_init__(self) -> None:
        if self.bus not in (32, 64, 128):
            raise ValueError(f"bus must be 32, 64 or 128 bits, not {self.bus}")

    def capabilities(self) -> dict[str, int]:
        """Values of the capability registers."""
        return {"CAP_BUS": self.bus}
