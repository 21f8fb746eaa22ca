"""The hardware hand-off file that pynq reads, written from the overlay description.

It holds what Vivado's would for the same design, as far as pynq's parser looks at it.
"""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from spynq.contract import Kernel, Register
from spynq_overlays.description import CONTROL_RANGE, DMA_LENGTH_BITS, DmaInstance, OverlayDescription

__all__ = ["clock_divisors", "hand_off", "reachable_mhz"]

_AXI = "xilinx.com:interface:aximm:1.0"
_PS = "zynq_ultra_ps_e_0"
_PLL_MHZ = 1499.985
_MASTER = "M_AXI_HPM0_FPD"
_CONTROLLER = "axi_intc_0"
_CONCAT = "xlconcat_0"

_ACCESS = {"rw": "read-write", "ro": "read-only", "control": "read-write"}


def hand_off(description: OverlayDescription) -> str:
    """Text of the ``.hwh`` file.

    Parameters
    ----------
    description : OverlayDescription
        The overlay.

    Returns
    -------
    str
        XML.
    """
    root = Element("EDKSYSTEM", EDWVERSION="1.2", VIVADOVERSION="")
    SubElement(root, "SYSTEMINFO", NAME=description.name, ARCH="zynquplus", BOARD=description.board)
    SubElement(root, "EXTERNALPORTS")
    SubElement(root, "EXTERNALINTERFACES")
    modules = SubElement(root, "MODULES")
    _processor(modules, description)
    _concat(modules, description)
    _controller(modules)
    for kernel in description.kernels:
        module = _module(modules, kernel.instance, kernel.kernel.name, kernel.kernel.vlnv, {})
        _register_block(module, kernel.kernel)
        ports, interfaces = SubElement(module, "PORTS"), SubElement(module, "BUSINTERFACES")
        _interrupt(ports, description, kernel.instance, "irq")
        _interface(interfaces, "s_axi_control", "TARGET")
        for master in kernel.kernel.masters:
            _interface(interfaces, master.name, "INITIATOR")
        for stream in kernel.kernel.streams:
            kind = "TARGET" if stream.direction == "in" else "INITIATOR"
            _interface(interfaces, stream.name, kind, "xilinx.com:interface:axis:1.0")
    for dma in description.dmas:
        _dma(modules, description, dma)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8" standalone="no" ?>\n' + ElementTree.tostring(
        root, encoding="unicode"
    )


def _module(modules: Element, instance: str, kind: str, vlnv: str, parameters: dict[str, object]) -> Element:
    module = SubElement(
        modules, "MODULE", FULLNAME=f"/{instance}", INSTANCE=instance, MODTYPE=kind, VLNV=vlnv, IS_PL="TRUE"
    )
    holder = SubElement(module, "PARAMETERS")
    for name, value in parameters.items():
        SubElement(holder, "PARAMETER", NAME=name, VALUE=str(value))
    return module


def _interface(holder: Element, name: str, kind: str, vlnv: str = _AXI) -> None:
    SubElement(SubElement(holder, "BUSINTERFACE", NAME=name, TYPE=kind, VLNV=vlnv), "PORTMAPS")


def _port(ports: Element, name: str, direction: str, *connections: tuple[str, str]) -> None:
    port = SubElement(ports, "PORT", NAME=name, DIR=direction, SIGIS="INTERRUPT")
    holder = SubElement(port, "CONNECTIONS")
    for instance, pin in connections:
        SubElement(holder, "CONNECTION", INSTANCE=instance, PORT=pin)


def _interrupt(ports: Element, description: OverlayDescription, instance: str, pin: str) -> None:
    _port(ports, pin, "O", (_CONCAT, f"In{description.interrupts.index((instance, pin))}"))


def clock_divisors(mhz: float) -> tuple[int, int]:
    """The two dividers of a PL clock that come nearest to ``mhz`` from the 1.5 GHz PLL."""
    pairs = ((d0, d1) for d1 in range(1, 64) for d0 in range(1, 64))
    return min(pairs, key=lambda pair: (abs(_PLL_MHZ / (pair[0] * pair[1]) - mhz), pair[1]))


def reachable_mhz(mhz: float) -> float:
    """The frequency that the dividers of :func:`clock_divisors` give."""
    first, second = clock_divisors(mhz)
    return _PLL_MHZ / (first * second)


def _processor(modules: Element, description: OverlayDescription) -> None:
    parameters: dict[str, object] = {}
    first, second = clock_divisors(description.clock_mhz)
    for clock in range(4):
        control = f"PSU__CRL_APB__PL{clock}_REF_CTRL__"
        parameters[f"PSU__FPGA_PL{clock}_ENABLE"] = int(clock == 0)
        parameters[f"{control}DIVISOR0"] = first
        parameters[f"{control}DIVISOR1"] = second
        parameters[f"{control}SRCSEL"] = "IOPLL"
        parameters[f"{control}ACT_FREQMHZ"] = f"{reachable_mhz(description.clock_mhz):.6f}"
    module = _module(modules, _PS, "zynq_ultra_ps_e", "xilinx.com:ip:zynq_ultra_ps_e:3.5", parameters)
    ports = SubElement(module, "PORTS")
    _port(ports, "pl_ps_irq0", "I", (_CONTROLLER, "irq"))
    _interface(SubElement(module, "BUSINTERFACES"), _MASTER, "INITIATOR")
    memory = SubElement(module, "MEMORYMAP")
    kernels = {kernel.instance for kernel in description.kernels}
    dmas = {dma.instance for dma in description.dmas}
    for instance, base in description.slaves:
        bus = "s_axi_control" if instance in kernels else "S_AXI_LITE" if instance in dmas else "s_axi"
        SubElement(
            memory,
            "MEMRANGE",
            ADDRESSBLOCK="reg0",
            BASEVALUE=f"0x{base:08X}",
            HIGHVALUE=f"0x{base + CONTROL_RANGE - 1:08X}",
            INSTANCE=instance,
            IS_DATA="TRUE",
            MASTERBUSINTERFACE=_MASTER,
            MEMTYPE="REGISTER",
            SLAVEBUSINTERFACE=bus,
        )


def _concat(modules: Element, description: OverlayDescription) -> None:
    pins = description.interrupts
    module = _module(modules, _CONCAT, "xlconcat", "xilinx.com:ip:xlconcat:2.1", {"NUM_PORTS": len(pins)})
    ports = SubElement(module, "PORTS")
    for index, (instance, pin) in enumerate(pins):
        _port(ports, f"In{index}", "I", (instance, pin))
    _port(ports, "dout", "O", (_CONTROLLER, "intr"))
    SubElement(module, "BUSINTERFACES")


def _controller(modules: Element) -> None:
    module = _module(modules, _CONTROLLER, "axi_intc", "xilinx.com:ip:axi_intc:4.1", {"C_IRQ_IS_LEVEL": 1})
    ports = SubElement(module, "PORTS")
    _port(ports, "intr", "I", (_CONCAT, "dout"))
    _port(ports, "irq", "O", (_PS, "pl_ps_irq0"))
    _interface(SubElement(module, "BUSINTERFACES"), "s_axi", "TARGET")


def _dma(modules: Element, description: OverlayDescription, dma: DmaInstance) -> None:
    # pynq reads the lower-case spelling only.
    parameters: dict[str, object] = {
        "c_include_sg": 0,
        "c_micro_dma": 0,
        "c_sg_length_width": DMA_LENGTH_BITS,
        "c_include_mm2s": int(dma.send is not None),
        "c_include_s2mm": int(dma.receive is not None),
        "c_include_mm2s_dre": 0,
        "c_include_s2mm_dre": 0,
    }
    if dma.send is not None:
        parameters["c_m_axi_mm2s_data_width"] = dma.send.stream.width
    if dma.receive is not None:
        parameters["c_m_axi_s2mm_data_width"] = dma.receive.stream.width
    module = _module(modules, dma.instance, "axi_dma", "xilinx.com:ip:axi_dma:7.1", parameters)
    ports, interfaces = SubElement(module, "PORTS"), SubElement(module, "BUSINTERFACES")
    _interface(interfaces, "S_AXI_LITE", "TARGET")
    if dma.send is not None:
        _interrupt(ports, description, dma.instance, "mm2s_introut")
    if dma.receive is not None:
        _interrupt(ports, description, dma.instance, "s2mm_introut")


def _register_block(module: Element, kernel: Kernel) -> None:
    blocks = SubElement(module, "ADDRESSBLOCKS")
    block = SubElement(
        blocks, "ADDRESSBLOCK", ACCESS="read-write", INTERFACE="s_axi_control", NAME="Reg",
        RANGE=str(1 << kernel.address_width), USAGE="register",
    )  # fmt: skip
    registers = SubElement(block, "REGISTERS")
    for register in kernel.all_registers():
        _register(registers, register)


def _register(holder: Element, register: Register) -> None:
    element = SubElement(holder, "REGISTER", NAME=register.name)
    _properties(
        element,
        DESCRIPTION=register.doc,
        ADDRESS_OFFSET=f"{register.offset:#x}",
        SIZE=32,
        ACCESS=_ACCESS[register.access],
        IS_ENABLED="true",
    )
    fields = SubElement(element, "FIELDS")
    for field in register.fields:
        entry = SubElement(fields, "FIELD", NAME=field.name)
        _properties(
            entry,
            DESCRIPTION=field.doc,
            BIT_OFFSET=field.lsb,
            BIT_WIDTH=field.width,
            ACCESS=_ACCESS[register.access],
        )


def _properties(element: Element, **values: object) -> None:
    for name, value in values.items():
        SubElement(element, "PROPERTY", NAME=name, VALUE=str(value))
