"""Programmable logic of a simulated board: the kernels of one overlay behind their addresses."""

from __future__ import annotations

import time
from pathlib import Path

from spynq.contract import Kernel
from spynq.errors import DeviceTimeout
from spynq.memory import Arena
from spynq_overlays.description import CONTROL_RANGE, OverlayDescription
from spynq_sim.interrupts import Controller
from spynq_sim.library import SimKernel
from spynq_sim.models import built
from spynq_sim.settings import SimSettings
from spynq_sim.window import Window

__all__ = ["QUIET_SECONDS", "Fabric"]

QUIET_SECONDS = 10.0
"""How long an interrupt is awaited while nothing at all runs."""


class Fabric:
    """A loaded overlay.

    Parameters
    ----------
    description : OverlayDescription
        What is in it.
    arena : Arena
        Memory.
    settings : SimSettings
        Behaviour in time.
    waves : str
        FST file to write, or empty; with several kernels their names are added.
    """

    def __init__(
        self, description: OverlayDescription, arena: Arena, settings: SimSettings, waves: str = ""
    ) -> None:
        self.description, self.settings = description, settings
        self.kernels: dict[str, SimKernel] = {}
        self._declarations: dict[str, Kernel] = {}
        self._quiet_since: float | None = None
        for place, cell in enumerate(description.kernels):
            library = built(cell.kernel.name, cell.config, waves=bool(waves))
            file = waves if len(description.kernels) == 1 or not waves else _numbered(waves, cell.instance)
            kernel = SimKernel(library.path, cell.instance, arena, settings, file, place)
            kernel.describe = lambda name=cell.instance: self.state_of(name)  # type: ignore[misc]
            kernel.name_of = lambda place, name=cell.instance: self._name_of(name, place)  # type: ignore[misc]
            self.kernels[cell.instance], self._declarations[cell.instance] = kernel, cell.kernel
        self.controller = Controller(self._lines, self._elapse)
        self.windows = self._map()

    def _map(self) -> dict[int, Window]:
        words = CONTROL_RANGE // 4
        windows = {}
        for cell in self.description.kernels:
            kernel, mask = self.kernels[cell.instance], (1 << cell.kernel.address_width) - 1
            windows[cell.base] = self._kernel_window(kernel, words, mask)
        counts: dict[str, int] = {}
        for dma in self.description.dmas:
            channel = dma.send or dma.receive
            assert channel is not None
            index = counts.setdefault(channel.instance, 0)
            counts[channel.instance] += 1
            windows[dma.base] = self._dma_window(self.kernels[channel.instance], words, index)
        windows[self.description.controller] = Window(words, self.controller.read, self.controller.write)
        return windows

    def _kernel_window(self, kernel: SimKernel, words: int, mask: int) -> Window:
        if len(self.kernels) == 1:
            # Looked up at every access, as closing and failing kernels exchange them.
            return Window(words, lambda o: kernel.read(o & mask), lambda o, v: kernel.write(o & mask, v))

        def read(offset: int) -> int:
            kernel.catch_up(self.now)
            return kernel.read(offset & mask)

        def write(offset: int, value: int) -> None:
            kernel.catch_up(self.now)
            kernel.write(offset & mask, value)

        return Window(words, read, write)

    def _dma_window(self, kernel: SimKernel, words: int, index: int) -> Window:
        if len(self.kernels) == 1:
            return Window(
                words,
                lambda o: kernel.dma_read(index, o & 0x7F),
                lambda o, v: kernel.dma_write(index, o & 0x7F, v),
            )

        def read(offset: int) -> int:
            kernel.catch_up(self.now)
            return kernel.dma_read(index, offset & 0x7F)

        def write(offset: int, value: int) -> None:
            kernel.catch_up(self.now)
            kernel.dma_write(index, offset & 0x7F, value)

        return Window(words, read, write)

    @property
    def now(self) -> int:
        """Clock cycles since loading: the furthest kernel's."""
        return max(kernel.now for kernel in self.kernels.values())

    @property
    def working(self) -> bool:
        """Whether any kernel or DMA may be at work."""
        return any(kernel.working for kernel in self.kernels.values())

    @property
    def interrupted(self) -> bool:
        """Level of the interrupt line to the processor."""
        return self.controller.output

    def _lines(self) -> int:
        word = 0
        for cell in self.description.kernels:
            word |= (self.kernels[cell.instance].lines & 1) << cell.interrupt
        counts: dict[str, int] = {}
        for dma in self.description.dmas:
            for offset, channel in ((1, dma.send), (2, dma.receive)):
                if channel is not None:
                    index = counts.get(channel.instance, 0)
                    level = self.kernels[channel.instance].lines >> (offset + 2 * index) & 1
                    word |= level << channel.interrupt
            owner = dma.send or dma.receive
            assert owner is not None
            counts[owner.instance] = counts.get(owner.instance, 0) + 1
        return word

    def _elapse(self) -> None:
        self._advance(self.settings.access_cycles, "access")

    def _advance(self, cycles: int, cause: str) -> None:
        target = self.now + cycles
        for kernel in self.kernels.values():
            if kernel.working:
                kernel.run(target - kernel.now, cause)
            else:
                kernel.catch_up(target)

    def pass_time(self, cycles: int) -> bool:
        """Advance while an interrupt is awaited; True when it is given up."""
        self._quiet_since = None
        self._advance(cycles, "interrupt")
        stuck = [k for k in self.kernels.values() if k.working and k.silence > self.settings.patience]
        for kernel in stuck:
            kernel.fail_next(
                DeviceTimeout(
                    f"{kernel.instance}: no interrupt and no beat for {kernel.silence} cycles "
                    f"({self.state_of(kernel.instance)}); reset the kernel, or open the device "
                    "with more patience"
                )
            )
        return bool(stuck)

    def pass_quiet_time(self, seconds: float) -> bool:
        """Nothing runs while an interrupt is awaited; True when it is given up."""
        if self._quiet_since is None:
            self._quiet_since = time.monotonic()
        if time.monotonic() - self._quiet_since < QUIET_SECONDS:
            return False
        self._quiet_since = None
        for name, kernel in self.kernels.items():
            kernel.fail_next(
                DeviceTimeout(
                    f"{name}: an interrupt was awaited for {QUIET_SECONDS:g} s while nothing ran "
                    f"({self.state_of(name)}); start the kernel or the DMA, and enable its interrupt"
                )
            )
        return True

    def _name_of(self, instance: str, place: int) -> str:
        """Register that was polled; a DMA's from 0x10000 on, 256 bytes for each."""
        if place < 0x10000:
            registers = self._declarations[instance].all_registers()
            return next((r.name for r in registers if r.offset == place), f"register {place:#x}")
        index, offset = (place - 0x10000) >> 8, place & 0xFF
        dmas = [
            d for d in self.description.dmas if instance in (c.instance for c in (d.send, d.receive) if c)
        ]
        channel, offset = ("S2MM", offset - 0x30) if offset >= 0x30 else ("MM2S", offset)
        return f"{dmas[index].instance} {channel} {'SR' if offset == 4 else hex(offset)}"

    def state_of(self, instance: str) -> str:
        """Control and status bits, DMA channels and bytes moved of a kernel, as one phrase."""
        kernel, declaration = self.kernels[instance], self._declarations[instance]
        parts = []
        for name in ("CTRL", "STATUS"):
            register = declaration.register(name)
            word = kernel.peek(register.offset)
            set_bits = [field.name for field in register.fields if field.extract(word)]
            parts.append(f"{name} = {word:#x}{': ' if set_bits else ''}{' '.join(set_bits)}")
        index = 0
        for dma in self.description.dmas:
            owner = dma.send or dma.receive
            if owner is None or owner.instance != instance:
                continue
            for label, channel in (("MM2S", dma.send), ("S2MM", dma.receive)):
                if channel is not None:
                    state = kernel.channel(index, label == "S2MM")
                    if state.active:
                        parts.append(
                            f"{dma.instance} {label} moved {state.moved} of {state.asked} bytes, "
                            f"SR = {state.status:#x}"
                        )
            index += 1
        return ", ".join([*parts, kernel.traffic()])

    def close(self) -> None:
        """End all models."""
        for kernel in self.kernels.values():
            kernel.close()


def _numbered(waves: str, instance: str) -> str:
    path = Path(waves)
    return str(path.with_name(f"{path.stem}_{instance}{path.suffix}"))
