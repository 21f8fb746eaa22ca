"""What Vivado builds an overlay from: a folder with its Verilog and ``design.tcl``, read by every step.

The steps are the scripts of the folder ``vivado`` beside this file. They know no overlay; all that
differs between overlays stands in ``design.tcl``, which comes from the :class:`OverlayDescription`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from spynq.contract import Kernel
from spynq_overlays.boards import Board, board
from spynq_overlays.description import (
    CONTROL_RANGE,
    DMA_LENGTH_BITS,
    DmaInstance,
    KernelInstance,
    OverlayDescription,
)

__all__ = ["SCRIPTS", "STEPS", "Exported", "design_tcl", "tcl", "write_project"]

SCRIPTS = Path(__file__).parent / "vivado"
"""Folder of the scripts."""
STEPS = ("package_ip", "block_design", "synthesise", "implement", "report", "collect")
"""Scripts in the order they run."""

_ACCESS = {"rw": "read-write", "ro": "read-only", "control": "read-write"}


class Exported(Protocol):
    """A kernel build as Verilog (``spynq_hw.export.ExportedKernel``)."""

    @property
    def verilog(self) -> str:
        """Source text."""

    @property
    def top(self) -> str:
        """Name of its top module."""


def tcl(value: Any) -> str:
    """One Tcl word of a value: sequences become lists, mappings dictionaries.

    Parameters
    ----------
    value : bool, int, float, str, sequence or mapping
        What to write down.
    """
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, Mapping):
        return _braced(" ".join(f"{tcl(key)} {tcl(item)}" for key, item in value.items()))
    if isinstance(value, list | tuple):
        return _braced(" ".join(tcl(item) for item in value))
    text = f"{value:g}" if isinstance(value, float) else str(value)
    if text and all(character.isalnum() or character in "_./:-+" for character in text):
        return text
    # Escaped one by one: braces alone cannot carry an unmatched brace, as a sentence may hold.
    special = '{}[]$"\\; '
    return "".join("\\" + c if c in special else "\\n" if c == "\n" else c for c in text) or "{}"


def _braced(inner: str) -> str:
    return "{" + inner + "}"


def _kernel(instance: KernelInstance, exported: Exported) -> dict[str, Any]:
    kernel = instance.kernel
    vendor, library, name, version = kernel.vlnv.split(":")
    buses = ["s_axi_control", *(m.name for m in kernel.masters), *(s.name for s in kernel.streams)]
    return {
        "instance": instance.instance,
        "module": exported.top,
        "verilog": f"{exported.top}.v",
        "vlnv": [vendor, library, name, version],
        "title": kernel.title,
        "buses": buses,
        "range": 1 << kernel.address_width,
        "registers": _registers(kernel),
    }


def _registers(kernel: Kernel) -> list[dict[str, Any]]:
    return [
        {
            "name": register.name,
            "offset": register.offset,
            "access": _ACCESS[register.access],
            "doc": register.doc,
            "fields": [
                {"name": field.name, "lsb": field.lsb, "width": field.width, "doc": field.doc}
                for field in register.fields
            ],
        }
        for register in kernel.all_registers()
    ]


def _dma(dma: DmaInstance) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "instance": dma.instance,
        "length_bits": DMA_LENGTH_BITS,
        "send": dma.send is not None,
        "receive": dma.receive is not None,
    }
    for side, channel in (("send", dma.send), ("receive", dma.receive)):
        if channel is not None:
            entry[f"{side}_width"] = channel.stream.width
            entry[f"{side}_port"] = f"{channel.instance}/{channel.stream.name}"
    return entry


def _slaves(description: OverlayDescription) -> list[dict[str, Any]]:
    kernels = {kernel.instance for kernel in description.kernels}
    dmas = {dma.instance for dma in description.dmas}
    found = []
    for instance, base in description.slaves:
        bus, segment = "s_axi", "Reg"
        if instance in kernels:
            bus, segment = "s_axi_control", "reg0"
        elif instance in dmas:
            bus = "S_AXI_LITE"
        found.append(
            {
                "bus": f"{instance}/{bus}",
                "segment": segment,
                "base": f"{base:#x}",
                "range": f"{CONTROL_RANGE:#x}",
            }
        )
    return found


def _masters(description: OverlayDescription) -> Iterable[dict[str, str]]:
    """Everything that reads or writes the processor's memory, kernels first."""
    for kernel in description.kernels:
        for master in kernel.kernel.masters:
            bus = f"{kernel.instance}/{master.name}"
            yield {"bus": bus, "space": bus}
    for dma in description.dmas:
        if dma.send is not None:
            yield {"bus": f"{dma.instance}/M_AXI_MM2S", "space": f"{dma.instance}/Data_MM2S"}
        if dma.receive is not None:
            yield {"bus": f"{dma.instance}/M_AXI_S2MM", "space": f"{dma.instance}/Data_S2MM"}


def _memory_ports(description: OverlayDescription, target: Board) -> list[list[dict[str, str]]]:
    """Masters by the memory port they share: dealt out in turn, so that none waits for its neighbour."""
    masters = list(_masters(description))
    ports = min(target.memory_ports, len(masters))
    return [masters[port::ports] for port in range(ports)]


def design_tcl(
    description: OverlayDescription, exported: Mapping[str, Exported], *, clock_mhz: float, jobs: int = 2
) -> str:
    """Text of ``design.tcl``.

    Parameters
    ----------
    description : OverlayDescription
        The overlay, laid out for its board.
    exported : mapping of str to Exported
        Verilog of every kernel instance.
    clock_mhz : float
        Clock to ask of PL clock 0, one of the board's.
    jobs : int
        Processes Vivado may use.

    Raises
    ------
    ValueError
        The board does not offer the clock.
    """
    target = board(description.board)
    if clock_mhz not in target.clocks_mhz:
        offered = ", ".join(map(str, target.clocks_mhz))
        raise ValueError(f"{target.name} is built at {offered} MHz, not at {clock_mhz:g}; choose one of them")
    design = {
        "name": description.name,
        "board": target.name,
        "part": target.part,
        "board_part": target.board_part,
        "family": target.family,
        "clock_mhz": clock_mhz,
        "jobs": jobs,
        "kernels": [_kernel(kernel, exported[kernel.instance]) for kernel in description.kernels],
        "dmas": [_dma(dma) for dma in description.dmas],
        "interrupts": [f"{instance}/{pin}" for instance, pin in description.interrupts],
        "slaves": _slaves(description),
        "memory_ports": _memory_ports(description, target),
    }
    head = f"# Overlay {description.name}. Generated: spynq overlay build {description.name}\n"
    return head + f"set design {tcl(design)}\n"


def write_project(
    folder: Path,
    description: OverlayDescription,
    exported: Mapping[str, Exported],
    *,
    clock_mhz: float,
    jobs: int = 2,
) -> Path:
    """Write ``design.tcl`` and the Verilog into ``folder``, which is made if it is not there.

    Parameters
    ----------
    folder : Path
        Where to.
    description, exported, clock_mhz, jobs
        As in :func:`design_tcl`.

    Returns
    -------
    Path
        The ``design.tcl``.
    """
    text = design_tcl(description, exported, clock_mhz=clock_mhz, jobs=jobs)
    folder.mkdir(parents=True, exist_ok=True)
    for kernel in exported.values():
        (folder / f"{kernel.top}.v").write_text(kernel.verilog, encoding="utf-8")
    design = folder / "design.tcl"
    design.write_text(text, encoding="utf-8")
    return design
