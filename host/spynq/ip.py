"""Drivers bound by pynq: one ``DefaultIP`` per kernel of the registry.

pynq imports this module by itself (entry point ``pynq.lib``), so that ``Overlay("stm.bit").stm_0``
is the kernel's driver on a board and on the simulated device.
"""

from __future__ import annotations

import time
from typing import Any

from pynq import DefaultIP

from spynq.contract import Kernel
from spynq.driver import KernelDriver
from spynq.errors import KernelMismatch, SpynqError
from spynq.exchange import DmaPair
from spynq.kernels import KernelEntry, kernels

__all__ = ["DRIVERS", "find"]

_ACCESS = {"rw": "read-write", "ro": "read-only", "control": "read-write"}
_SETTLE_SECONDS = 1.0


class _PynqAccess:
    """What a driver needs beside ``read`` and ``write``, which ``DefaultIP`` brings."""

    device: Any
    kernel: Kernel
    _fullpath: str
    _registers: Any
    _overlay: Any = None

    def __init__(self, description: Any) -> None:
        super().__init__(description)  # type: ignore[call-arg]
        if not self._registers:
            # A block put into the design as a module carries no register table; ours does.
            self._registers = register_table(self.kernel)
            self._fullpath = self._register_name = description["fullpath"]
        self._check()  # type: ignore[attr-defined]

    def allocate(self, shape: Any, dtype: Any = "u4") -> Any:
        """Memory of the device this kernel is on."""
        return self.device.allocate(shape, dtype)

    def allocate_at(self, address: int, nbytes: int) -> Any:
        """Bytes at an address of the caller's choice, where the device can place them."""
        return self.device.allocate_at(address, nbytes)

    def stream_pair(self) -> DmaPair:
        """The streams of one run, behind the DMA beside the kernel."""
        return DmaPair(self.device, getattr(self._overlay, f"{self._fullpath}_dma"))

    def traffic(self) -> str:
        """Bytes moved, where the device counts them."""
        fabric = getattr(self.device, "fabric", None)
        return "" if fabric is None else str(fabric.kernels[self._fullpath].traffic())

    def reset(self) -> None:
        """Reset the kernel: its pin on a simulated device; a board loads the overlay again.

        Raises
        ------
        SpynqError
            The kernel is busy on a board, and this object was not made by ``open_kernel``.
        """
        self.resets += 1  # type: ignore[attr-defined]
        pulse = getattr(self.device, "reset_kernel", None)
        if pulse is not None:
            pulse(self._fullpath)
            return
        deadline = time.monotonic() + _SETTLE_SECONDS
        while not self.read(0x00) & 0b100:  # type: ignore[attr-defined]
            if time.monotonic() > deadline:
                if self._overlay is None:
                    raise SpynqError(
                        f"{self._fullpath} is still busy; load its overlay again with overlay.download()"
                    )
                self._overlay.download()
                return

    def close(self) -> None:
        """Give the device back if this object was made by ``open_kernel``; further calls do nothing."""
        super().close()  # type: ignore[misc]
        if self._overlay is not None:
            self._overlay = None
            release = getattr(self.device, "release", None)
            if release is not None:
                release()


def register_table(kernel: Kernel) -> dict[str, Any]:
    """Registers in the form of pynq's ``ip_dict``."""
    return {
        register.name: {
            "address_offset": register.offset,
            "size": 32,
            "access": _ACCESS[register.access],
            "description": register.doc,
            "fields": {
                field.name: {
                    "bit_offset": field.lsb,
                    "bit_width": field.width,
                    "access": _ACCESS[register.access],
                    "description": field.doc,
                }
                for field in register.fields
            },
        }
        for register in kernel.all_registers()
    }


def _bind(entry: KernelEntry) -> type:
    driver: type[KernelDriver] = entry.driver_class
    body = {"bindto": [entry.kernel.vlnv], "__doc__": driver.__doc__, "__module__": __name__}
    bound: type = type(DefaultIP)(f"Pynq{driver.__name__}", (_PynqAccess, driver, DefaultIP), body)
    return bound


DRIVERS = {name: _bind(entry) for name, entry in kernels().items()}
"""The bound driver class of every kernel."""


def find(overlay: Any, kernel: Kernel) -> Any:
    """Driver of the first instance of a kernel in a loaded overlay.

    Raises
    ------
    KernelMismatch
        There is none.
    """
    for name, entry in overlay.ip_dict.items():
        if str(entry["type"]).startswith(f"spynq.org:kernel:{kernel.name}:"):
            driver = getattr(overlay, name)
            if not isinstance(driver, KernelDriver):
                break
            driver._overlay = overlay  # type: ignore[attr-defined]
            return driver
    raise KernelMismatch(
        f"the overlay holds no {kernel.name} kernel of version {kernel.version[0]}.{kernel.version[1]}; "
        f"it holds {', '.join(str(entry['type']) for entry in overlay.ip_dict.values())}"
    )
