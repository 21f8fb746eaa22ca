"""What an overlay holds: instances, addresses, interrupts, DMA channels, clocks.

One :class:`OverlayDescription` is the source of the hand-off file, of the simulator's bus harness
and of the documentation; each overlay is described by a ``manifest.json`` beside its bitstream.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from spynq.contract import Kernel, Stream
from spynq.errors import FormatError
from spynq.kernels import get
from spynq_overlays.boards import board as find_board

__all__ = [
    "CONTROL_RANGE",
    "DmaChannel",
    "DmaInstance",
    "KernelInstance",
    "OverlayDescription",
    "describe",
    "load_manifest",
    "manifest_of",
]

CONTROL_RANGE = 0x1_0000
"""Bytes between slaves: Vivado's default segment."""
DMA_LENGTH_BITS = 26
"""Width of the DMA length register; the IP's default of 14 stops at 16,383 bytes."""

_KEYS = {"name", "board", "clock_mhz", "kernels"}
_KERNEL_KEYS = {"instance", "kernel", "config"}


@dataclass(frozen=True)
class KernelInstance:
    """One kernel in an overlay.

    Parameters
    ----------
    instance : str
        Name of the cell, and of the attribute of ``pynq.Overlay``.
    kernel : Kernel
        The declaration.
    config : object
        Build parameters.
    base : int
        First address of its control port.
    interrupt : int
        Input of the interrupt controller.
    """

    instance: str
    kernel: Kernel
    config: Any
    base: int
    interrupt: int


@dataclass(frozen=True)
class DmaChannel:
    """One direction of a DMA: the kernel's stream port it feeds (``in``) or drains (``out``)."""

    instance: str
    stream: Stream
    interrupt: int


@dataclass(frozen=True)
class DmaInstance:
    """One AXI DMA (simple mode, 64-bit addresses, no realignment engine)."""

    instance: str
    base: int
    send: DmaChannel | None
    receive: DmaChannel | None


@dataclass(frozen=True)
class OverlayDescription:
    """All that is in programmable logic and how the processor reaches it.

    Parameters
    ----------
    name : str
        File name of the overlay.
    board : str
        Board it is for.
    clock_mhz : float
        Frequency asked of PL clock 0, which clocks everything.
    kernels, dmas : tuple
        Instances.
    controller : int
        Address of the interrupt controller.
    """

    name: str
    board: str
    clock_mhz: float
    kernels: tuple[KernelInstance, ...]
    dmas: tuple[DmaInstance, ...]
    controller: int

    @property
    def interrupts(self) -> tuple[tuple[str, str], ...]:
        """``(instance, pin)`` of every input of the interrupt controller, in order."""
        pins = {k.interrupt: (k.instance, "irq") for k in self.kernels}
        for dma in self.dmas:
            if dma.send is not None:
                pins[dma.send.interrupt] = (dma.instance, "mm2s_introut")
            if dma.receive is not None:
                pins[dma.receive.interrupt] = (dma.instance, "s2mm_introut")
        return tuple(pins[i] for i in range(len(pins)))

    @property
    def slaves(self) -> tuple[tuple[str, int], ...]:
        """``(instance, address)`` of everything with registers, in order of address."""
        found = [(k.instance, k.base) for k in self.kernels] + [(d.instance, d.base) for d in self.dmas]
        return tuple(sorted([*found, ("axi_intc_0", self.controller)], key=lambda pair: pair[1]))


def _dmas(
    kernels: Iterable[KernelInstance], address: int, interrupt: int
) -> tuple[tuple[DmaInstance, ...], int]:
    """One DMA per pair of streams of each kernel: the n-th ``in`` with the n-th ``out``."""
    dmas: list[DmaInstance] = []
    for kernel in kernels:
        ins = [s for s in kernel.kernel.streams if s.direction == "in"]
        outs = [s for s in kernel.kernel.streams if s.direction == "out"]
        for index in range(max(len(ins), len(outs))):
            send = receive = None
            if index < len(ins):
                send = DmaChannel(kernel.instance, ins[index], interrupt)
                interrupt += 1
            if index < len(outs):
                receive = DmaChannel(kernel.instance, outs[index], interrupt)
                interrupt += 1
            name = f"{kernel.instance}_dma" + (f"_{index}" if index else "")
            dmas.append(DmaInstance(name, address, send, receive))
            address += CONTROL_RANGE
    return tuple(dmas), address


def describe(
    name: str,
    kernels: Iterable[tuple[str, str, Any]],
    *,
    clock_mhz: float = 200.0,
    board: str = "ZCU104",
) -> OverlayDescription:
    """Lay out an overlay.

    Parameters
    ----------
    name : str
        Name of the overlay.
    kernels : iterable of (instance, kernel, config)
        Cell name, kernel name, and build parameters (an object, a mapping of some, or None).
    clock_mhz : float
        Frequency asked of PL clock 0.
    board : str
        Board it is for.

    Raises
    ------
    ValueError
        Nothing in it, two cells of one name, an unknown board, or more interrupts than the controller
        has inputs.
    """
    first = find_board(board).control_base
    instances: list[KernelInstance] = []
    for index, (instance, kernel, config) in enumerate(kernels):
        entry = get(kernel)
        if config is None or isinstance(config, Mapping):
            config = entry.config_class(**(config or {}))
        base = first + index * CONTROL_RANGE
        instances.append(KernelInstance(instance, entry.kernel, config, base, index))
    names = [k.instance for k in instances]
    if not names:
        raise ValueError(f"overlay {name} holds no kernel; name at least one")
    if len(set(names)) < len(names):
        raise ValueError(f"overlay {name} has two cells of one name: {', '.join(names)}")
    address = first + len(instances) * CONTROL_RANGE
    dmas, address = _dmas(instances, address, len(instances))
    described = OverlayDescription(name, board, clock_mhz, tuple(instances), dmas, address)
    if len(described.interrupts) > 32:
        raise ValueError(
            f"overlay {name} has {len(described.interrupts)} interrupts and the controller takes 32; "
            "split the overlay"
        )
    return described


def load_manifest(path: Path) -> OverlayDescription:
    """Description from a ``manifest.json``; unknown keys are refused by name.

    Raises
    ------
    FormatError
        The file is missing, is no JSON, or has other keys than the known ones.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FormatError(f"{path}: no manifest beside the bitstream; an overlay needs one") from None
    except json.JSONDecodeError as error:
        raise FormatError(f"{path}:{error.lineno}: no JSON: {error.msg}") from error
    _refuse_unknown(path, data, _KEYS)
    for kernel in data.get("kernels", []):
        _refuse_unknown(path, kernel, _KERNEL_KEYS)
    try:
        cells = [(k["instance"], k["kernel"], k.get("config")) for k in data["kernels"]]
        return describe(
            data["name"],
            cells,
            clock_mhz=float(data.get("clock_mhz", 200.0)),
            board=data.get("board", "ZCU104"),
        )
    except KeyError as error:
        raise FormatError(f"{path}: key {error} is missing") from error
    except (TypeError, ValueError) as error:
        raise FormatError(f"{path}: {error}") from error


def _refuse_unknown(path: Path, data: Any, known: set[str]) -> None:
    if not isinstance(data, dict):
        raise FormatError(f"{path}: expected an object with the keys {', '.join(sorted(known))}")
    unknown = sorted(set(data) - known)
    if unknown:
        raise FormatError(f"{path}: unknown key {unknown[0]}; known keys are {', '.join(sorted(known))}")


def manifest_of(description: OverlayDescription) -> str:
    """Text of the ``manifest.json`` that gives this description."""
    cells = [
        {"instance": k.instance, "kernel": k.kernel.name, "config": asdict(k.config)}
        for k in description.kernels
    ]
    data = {
        "name": description.name,
        "board": description.board,
        "clock_mhz": description.clock_mhz,
        "kernels": cells,
    }
    return json.dumps(data, indent=2) + "\n"
