"""The one declaration of a kernel, from which everything else derives.

Gateware decode, driver, register page, hand-off file, HLS header and the register test suite
all read the :class:`Kernel` that ``spynq.<kernel>.params`` declares. Nothing else states an
offset, a field or a limit a second time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches

__all__ = [
    "CONTROL",
    "KERNEL_BASE",
    "STATUS_FLAGS",
    "Beat",
    "Field",
    "Kernel",
    "Limit",
    "Master",
    "Register",
    "Stream",
    "control_registers",
]

KERNEL_BASE = 0x80
"""First byte offset of a kernel's own writable registers."""

_CAPABILITY_BASE = 0x40


@dataclass(frozen=True)
class Field:
    """A run of bits in a register or a stream beat.

    Parameters
    ----------
    name : str
        Name in capitals.
    lsb : int
        Position of the least significant bit.
    width : int
        Bits.
    doc : str
        What the bits mean, in one sentence.
    """

    name: str
    lsb: int
    width: int = 1
    doc: str = ""

    @property
    def mask(self) -> int:
        """Bit mask in place."""
        return ((1 << self.width) - 1) << self.lsb

    def extract(self, word: int) -> int:
        """Value of this field in ``word``."""
        return (word & self.mask) >> self.lsb

    def insert(self, value: int) -> int:
        """``value`` moved into place; refused if it does not fit."""
        if not 0 <= value < 1 << self.width:
            raise ValueError(f"{self.name} takes 0 to {(1 << self.width) - 1}, not {value}")
        return value << self.lsb


@dataclass(frozen=True)
class Register:
    """A 32-bit register.

    Parameters
    ----------
    name : str
        Name in capitals; unique in its kernel.
    offset : int
        Byte offset, a multiple of 4.
    access : str
        ``"rw"`` (host writes, kernel reads), ``"ro"`` (kernel writes, host reads), or
        ``"control"`` (the HLS block-control registers, whose bits behave as the HLS guide says).
    reset : int
        Value after reset (``rw``).
    width : int
        Bits that exist; the others read as zero.
    fields : tuple of Field
        Named parts, if any.
    doc : str
        Meaning, unit and range.
    """

    name: str
    offset: int
    access: str
    doc: str
    reset: int = 0
    width: int = 32
    fields: tuple[Field, ...] = ()

    def field(self, name: str) -> Field:
        """The field called ``name``."""
        for candidate in self.fields:
            if candidate.name == name:
                return candidate
        known = ", ".join(f.name for f in self.fields) or "none"
        raise ValueError(f"{self.name} has no field {name}; its fields are {known}")


@dataclass(frozen=True)
class Beat:
    """A word of a stream or of a memory record, as bit fields from bit 0 up."""

    name: str
    width: int
    fields: tuple[Field, ...]
    doc: str


@dataclass(frozen=True)
class Stream:
    """An AXI4-Stream port: ``direction`` is ``"in"`` or ``"out"`` as the kernel sees it."""

    name: str
    direction: str
    width: int
    doc: str


@dataclass(frozen=True)
class Master:
    """An AXI4 master port (bursts of at most 16 beats, never across 4 KiB)."""

    name: str
    width: int
    doc: str


@dataclass(frozen=True)
class Limit:
    """What a parameter may be; the sentence of every refusal is made from it."""

    name: str
    low: int
    high: int
    doc: str

    def check(self, value: int, way_out: str = "") -> int:
        """Return ``value``, or raise ``ValueError`` naming value, limit and way out."""
        if not self.low <= value <= self.high:
            tail = f"; {way_out}" if way_out else ""
            raise ValueError(f"{self.name} must be {self.low} to {self.high}, not {value}{tail}")
        return value


CTRL_FIELDS = (
    Field("AP_START", 0, 1, "Write 1 to start; reads 1 until the kernel has taken the start."),
    Field("AP_DONE", 1, 1, "1 when a run has ended; cleared by reading."),
    Field("AP_IDLE", 2, 1, "1 while nothing runs."),
    Field("AP_READY", 3, 1, "1 when the next start can be given; cleared by reading."),
    Field("AUTO_RESTART", 7, 1, "Start again as soon as a run ends."),
)

STATUS_FLAGS = (
    Field("READ_ERROR", 0, 1, "The memory answered a read with an error response."),
    Field("WRITE_ERROR", 1, 1, "The memory answered a write with an error response."),
    Field("REFUSED", 2, 1, "The register values do not fit this kernel; nothing was run."),
)
"""Flags every kernel has in STATUS, bits 0 to 7; a kernel's own start at bit 8."""


def control_registers(status_flags: tuple[Field, ...] = ()) -> tuple[Register, ...]:
    """Registers 0x00 to 0x3C, the same for every kernel.

    Block control and interrupts follow the HLS convention (``ap_idle`` is 1 when idle).

    Parameters
    ----------
    status_flags : tuple of Field
        The kernel's own flags, bits 8 and up of STATUS.
    """
    return (
        Register("CTRL", 0x00, "control", "Block control (ap_ctrl_hs).", width=8, fields=CTRL_FIELDS),
        Register("GIER", 0x04, "control", "Bit 0 lets the interrupt pin rise.", width=1),
        Register("IP_IER", 0x08, "control", "Interrupt on done (bit 0) and on ready (bit 1).", width=2),
        Register("IP_ISR", 0x0C, "control", "Pending done and ready; write 1 to toggle.", width=2),
        Register("ID", 0x10, "ro", "Four ASCII letters that name the kernel, first letter in bits 31:24."),
        Register("VERSION", 0x14, "ro", "Contract version, major << 16 | minor."),
        Register(
            "STATUS",
            0x18,
            "ro",
            "Flags of the last run; cleared by a start.",
            fields=STATUS_FLAGS + status_flags,
        ),
        Register("SCRATCH", 0x1C, "rw", "No effect; for tests of the bus."),
        Register("CYCLES_LO", 0x20, "ro", "Clock cycles from start to done of the last run, low word."),
        Register("CYCLES_HI", 0x24, "ro", "The same, high word."),
        Register("STALL_READ", 0x28, "ro", "Cycles of it in which the kernel waited for read data."),
        Register("STALL_WRITE", 0x2C, "ro", "Cycles of it in which written data found no room."),
        Register("STALL_IN", 0x30, "ro", "Cycles of it in which an input stream had no beat."),
        Register("STALL_OUT", 0x34, "ro", "Cycles of it in which an output stream was not taken."),
        Register("ERROR_LO", 0x38, "ro", "Byte address of the first burst that met an error, low word."),
        Register("ERROR_HI", 0x3C, "ro", "The same, high word."),
    )


CONTROL = control_registers()


@dataclass(frozen=True)
class Kernel:
    """All that the outside may rely on about a kernel.

    Parameters
    ----------
    name : str
        Short name; file name in every folder.
    title : str
        One line for people.
    ident : str
        Four ASCII letters, the ID register.
    version : tuple of int
        Major and minor. A driver accepts the same major and the same or a later minor.
    capabilities : tuple of str
        Read-only registers from 0x40 on, one per build parameter: ``(name, doc)``.
    registers : tuple of Register
        The kernel's own registers, from :data:`KERNEL_BASE` on.
    status_flags : tuple of Field
        The kernel's own STATUS bits, 8 and up.
    streams, masters : tuple
        Data ports.
    beats : tuple of Beat
        Formats of stream beats and memory records.
    limits : tuple of Limit
        Limits of the contract that no build parameter changes.
    """

    name: str
    title: str
    ident: str
    version: tuple[int, int]
    capabilities: tuple[tuple[str, str], ...] = ()
    registers: tuple[Register, ...] = ()
    status_flags: tuple[Field, ...] = ()
    streams: tuple[Stream, ...] = ()
    masters: tuple[Master, ...] = ()
    beats: tuple[Beat, ...] = ()
    limits: tuple[Limit, ...] = ()
    _index: dict[str, Register] = field(init=False, repr=False, compare=False, hash=False)

    def __post_init__(self) -> None:
        if len(self.ident) != 4 or not self.ident.isascii():
            raise ValueError(f"ident must be four ASCII letters, not {self.ident!r}")
        if len(self.capabilities) > 16:
            raise ValueError(f"a kernel has at most 16 capabilities, not {len(self.capabilities)}")
        index: dict[str, Register] = {}
        offsets: dict[int, str] = {}
        for register in self.all_registers():
            if register.name in index:
                raise ValueError(f"{self.name}: register {register.name} is declared twice")
            if register.offset % 4:
                raise ValueError(
                    f"{self.name}: {register.name} is at {register.offset:#x}, not a multiple of 4"
                )
            if register.offset in offsets:
                raise ValueError(
                    f"{self.name}: {register.name} and {offsets[register.offset]} share {register.offset:#x}"
                )
            index[register.name] = register
            offsets[register.offset] = register.name
        object.__setattr__(self, "_index", index)

    @property
    def vlnv(self) -> str:
        """Vendor:library:name:version of the packaged IP."""
        return f"spynq.org:kernel:{self.name}:{self.version[0]}.{self.version[1]}"

    @property
    def ident_word(self) -> int:
        """Value of the ID register."""
        return int.from_bytes(self.ident.encode(), "big")

    @property
    def version_word(self) -> int:
        """Value of the VERSION register."""
        return self.version[0] << 16 | self.version[1]

    @property
    def address_width(self) -> int:
        """Address bits of the control port (at least 4 KiB, the smallest block Vivado maps)."""
        return 12

    def all_registers(self) -> tuple[Register, ...]:
        """Control, capability and kernel registers in order of offset."""
        capabilities = tuple(
            Register(name, _CAPABILITY_BASE + 4 * i, "ro", doc)
            for i, (name, doc) in enumerate(self.capabilities)
        )
        return control_registers(self.status_flags) + capabilities + self.registers

    def register(self, name: str) -> Register:
        """The register called ``name``."""
        try:
            return self._index[name]
        except KeyError:
            close = get_close_matches(name, self._index, 3) or [
                f"a register page: spynq registers {self.name}"
            ]
            raise ValueError(f"{self.name} has no register {name}; there is {' or '.join(close)}") from None

    def offset(self, name: str) -> int:
        """Byte offset of the register called ``name``."""
        return self.register(name).offset
