"""What cocotbpynq needs of the echo kernel: a top module with its port names, a 7-series hand-off.

cocotbpynq looks for ``processing_system7``, drives a clock called ``clk`` and has no memory, so
that the memory port of the kernel stays unconnected here.
"""

from __future__ import annotations

from xml.etree import ElementTree

__all__ = ["TOP", "handoff", "wrapper"]

TOP = "echo_peer"
_LITE = {
    "awaddr": 12,
    "awvalid": 1,
    "awready": -1,
    "wdata": 32,
    "wstrb": 4,
    "wvalid": 1,
    "wready": -1,
    "bresp": -2,
    "bvalid": -1,
    "bready": 1,
    "araddr": 12,
    "arvalid": 1,
    "arready": -1,
    "rdata": -32,
    "rresp": -2,
    "rvalid": -1,
    "rready": 1,
}
_IN = {"tdata": 32, "tlast": 1, "tvalid": 1, "tready": -1}
"""Width per port of an interface; negative widths are outputs of the kernel."""
_BUSES = {
    "s_axi_control": _LITE,
    "s_axis": _IN,
    "m_axis": {name: -width for name, width in _IN.items()},
}
_IDLE = ("awready", "wready", "bvalid", "arready", "rvalid", "bid", "bresp", "rid", "rdata", "rresp", "rlast")


def wrapper(kernel_top: str) -> str:
    """Verilog of the top module around the echo kernel ``kernel_top``."""
    ports, links = ["input wire clk", "input wire aresetn"], [".aclk(clk)", ".aresetn(aresetn)"]
    for bus, signals in _BUSES.items():
        for name, width in signals.items():
            side = "input" if width > 0 else "output"
            ports.append(f"{side} wire [{abs(width) - 1}:0] {bus}_{name}")
            links.append(f".{bus}_{name}({bus}_{name})")
    links += [".s_axis_tkeep(4'hf)", *(f".m_axi_gmem_{name}(0)" for name in _IDLE)]
    return (
        f"module {TOP} (\n  " + ",\n  ".join(ports) + "\n);\n"
        f"  {kernel_top} kernel (\n    " + ",\n    ".join(links) + "\n  );\nendmodule\n"
    )


def handoff(address: int) -> str:
    """Hand-off file with the kernel at ``address``, a DMA engine and a Zynq-7000 processing system."""
    root = ElementTree.Element("EDKSYSTEM")
    modules = ElementTree.SubElement(root, "MODULES")
    kernel = _module(modules, "echo_0", TOP, f"spynq.org:kernel:{TOP}:1.0")
    ports = ElementTree.SubElement(kernel, "PORTS")
    ElementTree.SubElement(ports, "PORT", NAME="clk", SIGIS="clk", DIR="I")
    ElementTree.SubElement(ports, "PORT", NAME="aresetn", SIGIS="rst", POLARITY="ACTIVE_LOW", DIR="I")
    buses = ElementTree.SubElement(kernel, "BUSINTERFACES")
    for bus, signals in _BUSES.items():
        interface = ElementTree.SubElement(buses, "BUSINTERFACE", NAME=bus, BUSNAME=f"net_{bus}")
        maps = ElementTree.SubElement(interface, "PORTMAPS")
        for name in signals:
            ElementTree.SubElement(maps, "PORTMAP", LOGICAL=name.upper(), PHYSICAL=f"{bus}_{name}")
    engine = _module(modules, "axi_dma_0", "axi_dma", "xilinx.com:ip:axi_dma:7.1")
    buses = ElementTree.SubElement(engine, "BUSINTERFACES")
    for net, side in (("net_s_axis", "INITIATOR"), ("net_m_axis", "TARGET")):
        ElementTree.SubElement(
            buses, "BUSINTERFACE", BUSNAME=net, TYPE=side, VLNV="xilinx.com:interface:axis:1.0"
        )
    processor = _module(modules, "ps7", "processing_system7", "xilinx.com:ip:processing_system7:5.5")
    memory = ElementTree.SubElement(processor, "MEMORYMAP")
    for place, (instance, port) in enumerate((("echo_0", "s_axi_control"), ("axi_dma_0", "S_AXI_LITE"))):
        base = address + 0x10000 * place
        ElementTree.SubElement(
            memory,
            "MEMRANGE",
            INSTANCE=instance,
            SLAVEBUSINTERFACE=port,
            BASEVALUE=f"{base:#010x}",
            HIGHVALUE=f"{base + 0xFFFF:#010x}",
        )
    return ElementTree.tostring(root, encoding="unicode")


def _module(modules: ElementTree.Element, instance: str, kind: str, vlnv: str) -> ElementTree.Element:
    return ElementTree.SubElement(
        modules, "MODULE", INSTANCE=instance, FULLNAME=f"/{instance}", MODTYPE=kind, VLNV=vlnv
    )
