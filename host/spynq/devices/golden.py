"""The golden device: a register file in front of a kernel's integer model. Needs NumPy, nothing more."""

from __future__ import annotations

from collections import deque
from typing import Any

from spynq.contract import Kernel
from spynq.exchange import QueuePair
from spynq.kernels import get
from spynq.memory import DEFAULT_BASE, Arena, Buffer
from spynq.model import Model

__all__ = ["GoldenIP", "open_kernel"]

_START, _DONE, _IDLE, _READY, _AUTO = 1, 2, 4, 8, 0x80


class GoldenIP:
    """Registers that behave as the gateware's do, except that a run takes no time.

    Parameters
    ----------
    kernel : Kernel
        The declaration.
    config : object
        Build parameters.
    model : Model
        Does the runs.
    arena : Arena
        The memory behind the master ports.
    """

    def __init__(self, kernel: Kernel, config: Any, model: Model, arena: Arena) -> None:
        self.arena = arena
        self.streams: dict[str, deque[tuple[int, bool]]] = {stream.name: deque() for stream in kernel.streams}
        self._declaration, self._config, self._model = kernel, config, model
        self._by_offset = {register.offset: register for register in kernel.all_registers()}
        self._clear()

    def _clear(self) -> None:
        kernel = self._declaration
        self._values = {register.name: register.reset for register in kernel.all_registers()}
        self._values.update(self._config.capabilities())
        self._values.update(ID=kernel.ident_word, VERSION=kernel.version_word, CTRL=_IDLE)

    def read(self, offset: int = 0) -> int:
        """32-bit register at byte ``offset``; 0 where there is none."""
        register = self._by_offset.get(offset)
        if register is None:
            return 0
        value = self._values[register.name]
        if register.name == "CTRL":
            self._values["CTRL"] = value & ~(_DONE | _READY)
        return value

    def write(self, offset: int, value: int) -> None:
        """Write a register; read-only and absent ones ignore it."""
        register = self._by_offset.get(offset)
        if register is None or register.access == "ro":
            return
        value = int(value) & (1 << register.width) - 1
        if register.name == "CTRL":
            self._values["CTRL"] = self._values["CTRL"] & ~_AUTO | value & _AUTO
            if value & _START:
                self._run()
        elif register.name == "IP_ISR":
            self._values["IP_ISR"] ^= value
        else:
            self._values[register.name] = value

    def _run(self) -> None:
        inputs = {
            name: self._values[name]
            for name in (r.name for r in self._declaration.registers if r.access == "rw")
        }
        self._values["STATUS"] = 0
        self._values.update(self._model.start(inputs, self.arena, self.streams))
        self._values["CTRL"] |= _DONE | _READY | _IDLE
        self._values["IP_ISR"] |= self._values["IP_IER"]

    @property
    def interrupt(self) -> bool:
        """Level of the interrupt pin."""
        return bool(self._values["GIER"] and self._values["IP_ISR"])

    def allocate(self, shape: int | tuple[int, ...], dtype: Any = "u4") -> Buffer:
        """Array in the arena."""
        return self.arena.allocate(shape, dtype)

    def allocate_at(self, address: int, nbytes: int) -> Buffer:
        """Bytes at an address of the caller's choice, as replays need them."""
        return self.arena.allocate((nbytes,), "u1", at=address)

    def stream_pair(self) -> QueuePair:
        """The streams of one run."""
        return QueuePair(self.streams)

    def reset(self) -> None:
        """Registers and streams as after power-up; what the model holds goes, unless it says otherwise."""
        self._clear()
        for beats in self.streams.values():
            beats.clear()
        # On-chip memory outlives the reset pin; a model that lives there says what does not.
        keeps = getattr(self._model, "reset", None)
        if keeps is None:
            self._model = type(self._model)(self._config)  # type: ignore[call-arg]
        else:
            keeps()


def open_kernel(
    name: str,
    config: Any = None,
    *,
    memory: int = 1 << 28,
    base: int = DEFAULT_BASE,
    strict: bool = False,
) -> Any:
    """Driver of a kernel on its golden model.

    Parameters
    ----------
    name : str
        Kernel name.
    config : object, optional
        Build parameters.
    memory : int
        Bytes of the arena.
    base : int
        Physical address of its first byte.
    strict : bool
        Two copies of memory, so that a forgotten ``sync_to_device`` shows.
    """
    entry = get(name)
    config = entry.config_class() if config is None else config
    driver_class = entry.driver_class

    class GoldenDriver(GoldenIP, driver_class):  # type: ignore[misc, valid-type]
        """Driver of this kernel over its golden model."""

    GoldenDriver.__name__ = GoldenDriver.__qualname__ = f"Golden{driver_class.__name__}"
    driver = GoldenDriver(entry.kernel, config, entry.model_class(config), Arena(memory, base, strict))
    driver._check()
    return driver
