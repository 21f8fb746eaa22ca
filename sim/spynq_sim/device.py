"""A board in this process: a device of the real pynq whose programmable logic is Verilated RTL."""

from __future__ import annotations

import ctypes
import os
import weakref
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, ClassVar

from spynq_sim.quietly import Device, PynqBuffer, RuntimeMetadataParser, _InterruptController

import numpy as np
from pynqmetadata.frontends import Metadata

from spynq.errors import BusError, SpynqError
from spynq.memory import Arena
from spynq_overlays.description import manifest_of
from spynq_overlays.finder import description_of
from spynq_overlays.hwh import hand_off
from spynq_sim.cache import digest, folder
from spynq_sim.fabric import Fabric
from spynq_sim.interrupts import UserInterrupt
from spynq_sim.processor import processor_windows
from spynq_sim.settings import SimSettings
from spynq_sim.window import Window

__all__ = ["SimDevice"]

_FIRST_INTERRUPT = 121
"""Number of pl_ps_irq0, bit 0, in the processor."""


class SimDevice(Device):
    """Simulated board; everything of pynq works on it unchanged.

    Parameters
    ----------
    tag : str
        Name for people; several devices can live side by side.
    waves : str, optional
        FST file that records every signal, at half the speed.
    settings : SimSettings, optional
        Behaviour in time.
    **changes
        Single settings by name.
    """

    _probe_priority_ = 20
    name = "rtl"
    arch = "aarch64"
    capabilities: ClassVar[dict[str, bool]] = {"MEMORY_MAPPED": True}

    @classmethod
    def _probe_(cls) -> list[SimDevice]:
        # Never silently on a board: only when asked for.
        return [cls()] if os.environ.get("SPYNQ_DEVICE") == "rtl" else []

    def __init__(
        self,
        tag: str = "rtl",
        waves: str | Path | None = None,
        settings: SimSettings | None = None,
        **changes: Any,
    ) -> None:
        super().__init__(tag)
        known = [field.name for field in fields(SimSettings)]
        for name in changes:
            if name not in known:
                raise ValueError(
                    f"device rtl has no setting {name!r}; its settings are waves, {', '.join(known)}"
                )
        self.settings = replace(settings or SimSettings(), **changes)
        self.waves = str(Path(waves).absolute()) if waves else ""
        self.bitfile_name: str | None = None
        self.timestamp = ""
        self.arena = Arena(self.settings.memory, self.settings.base, self.settings.strict)
        self.fabric: Fabric | None = None
        self._processor = processor_windows()
        self.controllers: list[Any] = []
        """Interrupt controllers of pynq that must outlive a change of the active device."""
        self._mapped: dict[str, dict[int, Window]] = {}
        self._late: list[int] = []
        self._buffers: dict[int, Any] = {}
        self.clear_dict()
        _InterruptController._uio_devices.setdefault(_FIRST_INTERRUPT, UserInterrupt(_fabric_of))

    # Overlays -----------------------------------------------------------------------------------------

    def get_bitfile_metadata(self, bitfile_name: str, partial: bool = False) -> Any:
        """Hand-off data of an overlay, by pynq's own parser."""
        text = hand_off(description_of(bitfile_name))
        path = folder() / "hwh" / f"{digest(text)}.hwh"
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            part = path.with_suffix(f".{os.getpid()}")
            part.write_text(text, encoding="utf-8")
            part.replace(path)
        return RuntimeMetadataParser(Metadata(input=str(path)))

    def download(self, bitstream: Any, parser: Any = None) -> None:
        """Replace what is loaded; the old overlay's registers answer with an error from now on."""
        fabric = Fabric(description_of(bitstream.bitfile_name), self.arena, self.settings, self.waves)
        self._unload()
        # What was mapped stays mapped when the same overlay comes back, as it does on a board.
        known = self._mapped.setdefault(manifest_of(fabric.description), fabric.windows)
        for base, window in known.items():
            if window is not fabric.windows[base]:
                window.rebind(fabric.windows[base])
        fabric.windows = known
        self.fabric = fabric
        self.post_download(bitstream, parser, self.name)

    def _unload(self) -> None:
        if self.fabric is not None:
            self.fabric.close()
            self.fabric = None
        self._release_late()

    def mmap(self, base: int, length: int) -> Window:
        """Registers at a physical address."""
        for windows in (self.fabric.windows if self.fabric else {}, self._processor):
            for start, window in windows.items():
                if start <= base and base + length <= start + 4 * len(window):
                    if base == start:
                        return window
                    return window.part(base - start, length)
        raise BusError(
            f"no IP answers at {base:#x} to {base + length - 1:#x}; load the overlay first, and take "
            "addresses from its ip_dict"
        )

    # Memory -------------------------------------------------------------------------------------------

    def allocate(self, shape: Any, dtype: Any = "u4", **options: Any) -> PynqBuffer:
        """Zeroed memory that host and kernels share.

        Parameters
        ----------
        shape : int or tuple of int
            Shape.
        dtype : dtype
            Type of an element.
        **options
            ``cacheable`` is accepted as on the board and has no effect; others are refused by name.
        """
        unknown = set(options) - {"cacheable"}
        if unknown:
            raise ValueError(
                f"allocate on device rtl knows no option {sorted(unknown)[0]!r}; it knows cacheable"
            )
        kind = np.dtype(dtype)
        return self._buffer(shape, kind, self.arena.reserve(int(np.prod(shape)) * kind.itemsize))

    def allocate_at(self, address: int, nbytes: int) -> PynqBuffer:
        """Bytes at an address of the caller's choice, as replays need them."""
        return self._buffer((nbytes,), np.dtype("u1"), self.arena.reserve(nbytes, address))

    def _buffer(self, shape: Any, kind: Any, address: int) -> PynqBuffer:
        buffer = PynqBuffer(
            shape, kind, buffer=self.arena.host, offset=address - self.arena.base, device=self,
            device_address=address, bo=None, coherent=False,
        )  # fmt: skip
        # With these three, pynq tells us when the buffer is freed.
        buffer.memory, buffer.pointer, buffer.return_to = self.arena, address, self
        self._buffers[address] = weakref.ref(buffer)
        return buffer

    def return_pointer(self, address: int) -> None:
        """Take a buffer back, but not while something at work may still write to it."""
        buffer = self._buffers.pop(address, lambda: None)()
        if buffer is not None:
            # A second free of pynq would otherwise unmap memory that was never mapped.
            del buffer.memory
        if self.fabric is not None and self.fabric.working:
            self._late.append(address)
        else:
            self._release_late()
            self.arena.release(address)

    def _release_late(self) -> None:
        while self._late:
            self.arena.release(self._late.pop())

    def flush(self, bo: Any, offset: int, virtual_address: int, nbytes: int) -> None:
        """Make the host's writes visible to the kernels."""
        self.arena.flush(self._physical(virtual_address), nbytes)

    def invalidate(self, bo: Any, offset: int, virtual_address: int, nbytes: int) -> None:
        """Make the kernels' writes visible to the host."""
        self.arena.invalidate(self._physical(virtual_address), nbytes)

    def _physical(self, virtual_address: int) -> int:
        base = ctypes.addressof(ctypes.c_char.from_buffer(self.arena.host))
        return virtual_address - base + self.arena.base

    # For drivers, tests and benchmarks ----------------------------------------------------------------

    @property
    def loaded(self) -> Fabric:
        """The overlay that is loaded."""
        if self.fabric is None:
            raise SpynqError(
                f"device {self.tag} holds no overlay; load one with pynq.Overlay(name, device=...)"
            )
        return self.fabric

    def reset_kernel(self, instance: str) -> None:
        """Pulse the reset pin of a kernel and of its DMA; the memory keeps its content."""
        self.loaded.kernels[instance].reset()
        if not self.loaded.working:
            self._release_late()

    def cycles(self, instance: str) -> dict[str, int]:
        """Clock cycles the host spent, by cause, since the overlay was loaded."""
        return self.loaded.kernels[instance].cycles

    def release(self) -> None:
        """Called by a driver that had the device for itself."""
        self._unload()

    def close(self) -> None:
        """Unload, and write waveforms to their end; further calls do nothing."""
        self.release()
        if getattr(Device, "_active_device", None) is self:
            del Device._active_device


def _fabric_of(controller: Any) -> Fabric | None:
    fabric: Fabric | None = controller.mmio.device.fabric
    return fabric
