"""What every kernel's driver can do, on whatever device it runs."""

from __future__ import annotations

import operator
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from spynq.contract import Kernel
from spynq.errors import BusError, DeviceTimeout, KernelMismatch, SpynqError

if TYPE_CHECKING:
    from spynq.exchange import StreamPair

__all__ = ["DEFAULT_TIMEOUT", "KernelDriver"]

DEFAULT_TIMEOUT = 60.0
"""Seconds a run may take unless the caller says otherwise: long for a board, fair to a simulator."""

_IDLE = 0b100


class KernelDriver:
    """Mixin over anything with ``read``, ``write``, ``allocate``, and ``stream_pair`` if there are streams.

    A device makes a class of a kernel's driver and its own access class: on pynq devices that is
    ``pynq.DefaultIP`` (see :mod:`spynq.ip`), on ``golden`` a register file in front of the model.
    The mixin comes first among the bases, so it defines none of these methods.
    """

    kernel: ClassVar[Kernel]

    if TYPE_CHECKING:

        def read(self, offset: int = 0) -> int:
            """32-bit register at byte ``offset``."""

        def write(self, offset: int, value: int) -> None:
            """Write a 32-bit register at byte ``offset``."""

        def allocate(self, shape: int | tuple[int, ...], dtype: Any = "u4") -> Any:
            """Array in memory that the kernel reaches at its ``device_address``."""

        def stream_pair(self) -> StreamPair:
            """The kernel's streams, for one run (see :func:`spynq.exchange.exchange`)."""

    def _check(self) -> None:
        """Refuse a kernel that this driver does not fit, before anything else is touched.

        Raises
        ------
        KernelMismatch
            ID or version differ; the message has both sides.
        """
        kernel = self.kernel
        ident = self.get("ID")
        if ident != kernel.ident_word:
            raise KernelMismatch(
                f"ID is {ident:#010x}, not {kernel.ident_word:#010x} ({kernel.ident}): "
                f"this is no {kernel.name} kernel; load the overlay that belongs to this driver"
            )
        version = self.get("VERSION")
        major, minor = version >> 16, version & 0xFFFF
        if major != kernel.version[0] or minor < kernel.version[1]:
            raise KernelMismatch(
                f"the {kernel.name} kernel is version {major}.{minor}, the driver needs "
                f"{kernel.version[0]}.{kernel.version[1]} or a later minor; build the overlay anew"
            )
        self._capabilities = {name: self.get(name) for name, _ in kernel.capabilities}
        self._check_capabilities(self._capabilities)

    def _check_capabilities(self, capabilities: Mapping[str, int]) -> None:
        """Refuse a build this driver cannot use; overridden where one exists."""

    @property
    def capabilities(self) -> dict[str, int]:
        """Build parameters read from the kernel, by register name."""
        if not hasattr(self, "_capabilities"):
            self._check()
        return dict(self._capabilities)

    def get(self, name: str) -> int:
        """Value of the register called ``name``."""
        return int(self.read(self.kernel.offset(name)))

    def get_wide(self, name: str) -> int:
        """Value of the register pair ``name_LO``, ``name_HI``."""
        return self.get(f"{name}_LO") | self.get(f"{name}_HI") << 32

    def set(self, name: str, value: int) -> None:
        """Write the register called ``name``.

        Raises
        ------
        ValueError
            The value does not fit the register, or the register cannot be written.
        """
        register = self.kernel.register(name)
        if register.access == "ro":
            raise ValueError(f"{name} of {self.kernel.name} can only be read")
        try:
            # MMIO of pynq takes Python's own integers only.
            number = operator.index(value)
        except TypeError:
            raise ValueError(f"{name} takes a whole number, not {value!r}") from None
        if not 0 <= number < 1 << register.width:
            raise ValueError(f"{name} takes 0 to {(1 << register.width) - 1}, not {number}")
        self.write(register.offset, number)

    def set_address(self, name: str, address: int) -> None:
        """Write a byte address into the register pair ``name_LO``, ``name_HI``."""
        address = int(address)
        self.set(f"{name}_LO", address & 0xFFFF_FFFF)
        self.set(f"{name}_HI", address >> 32)

    def status(self) -> dict[str, bool]:
        """Flags of the last run by name."""
        word = self.get("STATUS")
        return {field.name: bool(field.extract(word)) for field in self.kernel.register("STATUS").fields}

    def cycles(self) -> int:
        """Clock cycles of the last run, from start to done; 0 on a device without a clock."""
        return self.get_wide("CYCLES")

    resets: int = 0
    """Resets so far: what a driver knows to be resident is gone when it changes."""

    def start(self) -> None:
        """Start a run and return at once.

        Raises
        ------
        SpynqError
            The last run has not ended.
        """
        # Reading also clears the done of a run nobody waited for, which would end the next wait at once.
        control = self.read(0x00)
        if not control & _IDLE:
            raise SpynqError(
                f"{self.kernel.name} is still busy with the last run (CTRL = {control:#04x}); "
                "wait for it, or call reset()"
            )
        self.write(0x00, 1)

    def wait(self, what: str, timeout: float = DEFAULT_TIMEOUT) -> None:
        """Wait until the run has ended.

        Parameters
        ----------
        what : str
            What is being waited for, in the words of the user; goes into the error.
        timeout : float
            Seconds.

        Raises
        ------
        DeviceTimeout
            It did not end in time; the message has the status bits and the bytes moved.
        """
        deadline = time.monotonic() + timeout
        while not (control := self._control(what)) & 0b10:
            if time.monotonic() > deadline:
                raise DeviceTimeout(
                    f"{self.kernel.name}: {what} not done after {timeout:g} s ({self._situation(control)}); "
                    "call reset() and try a longer timeout"
                )

    def _control(self, what: str) -> int:
        try:
            return self.read(0x00)
        except DeviceTimeout as error:
            # The device has given up by its own clock, and does not know what this is about.
            raise DeviceTimeout(f"{self.kernel.name}: {what} not done: {error}") from None

    def start_and_wait(self, what: str, timeout: float = DEFAULT_TIMEOUT) -> dict[str, bool]:
        """One whole run.

        Returns
        -------
        dict of str to bool
            The status flags.

        Raises
        ------
        DeviceTimeout
            It did not end in time.
        BusError
            The memory answered with an error; the message has the address.
        SpynqError
            The kernel refused the register values.
        """
        self.start()
        try:
            self.wait(what, timeout)
        except BaseException:
            # The next run must neither meet this one nor see its buffers written behind its back.
            with suppress(SpynqError):
                self.reset()
            raise
        flags = self.status()
        if flags["READ_ERROR"] or flags["WRITE_ERROR"]:
            side = "read" if flags["READ_ERROR"] else "write"
            raise BusError(
                f"{self.kernel.name}: a {side} of the burst at {self.get_wide('ERROR'):#x} met an error "
                f"response during {what}; pass the device_address of an allocated buffer"
            )
        if flags["REFUSED"]:
            raise SpynqError(
                f"{self.kernel.name}: the kernel refused {what}, as its registers do not fit its build "
                f"({', '.join(f'{k} = {v}' for k, v in self.capabilities.items())})"
            )
        return flags

    def traffic(self) -> str:
        """Bytes moved so far, as one phrase; empty where the device does not count them."""
        return ""

    def _situation(self, control: int) -> str:
        fields = self.kernel.register("CTRL").fields
        bits = [field.name for field in fields if field.extract(control)]
        flags = [name for name, value in self.status().items() if value]
        parts = [
            f"CTRL = {control:#04x}: {' '.join(bits) or 'busy'}",
            f"STATUS: {' '.join(flags) or 'no flag'}",
        ]
        moved = self.traffic()
        return ", ".join([*parts, moved] if moved else parts)

    def reset(self) -> None:
        """Put the kernel into its reset state; devices that can do it override this."""
        raise SpynqError(f"this device cannot reset {self.kernel.name}; load the overlay again")

    def close(self) -> None:
        """Release the device; further calls do nothing."""

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
