"""What the build scripts may say to Vivado: commands, options, properties, pins of the cells they place.

Written from the vendor's command and product guides (UG835, UG994, UG1118, PG021, PG099, PG201, PG247).
The project has no Vivado to ask, so this says what the scripts mean, not what Vivado accepts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["COMMANDS", "IP_PROPERTIES", "PROPERTIES", "Command", "Pins", "kernel_pins", "pins_of"]


@dataclass(frozen=True)
class Command:
    """Options with and without a value, and how many positional words a command takes."""

    valued: frozenset[str] = frozenset()
    flags: frozenset[str] = frozenset()
    least: int = 0
    most: int = 0


def _command(valued: str = "", flags: str = "", least: int = 0, most: int | None = None) -> Command:
    return Command(
        frozenset(valued.split()), frozenset(flags.split()), least, least if most is None else most
    )


COMMANDS = {
    "version": _command(flags="-short"),
    "create_project": _command("-part", "-force", 2),
    "open_project": _command(flags="-reset", least=1),
    "close_project": _command(),
    "add_files": _command("-cflags", "-norecurse -tb", 1),
    "update_compile_order": _command("-fileset"),
    "update_ip_catalog": _command(),
    "current_project": _command(),
    "current_fileset": _command(),
    "set_property": _command("-dict", "", 1, 3),
    "get_property": _command(least=2),
    "get_files": _command(flags="-all", least=1),
    "get_runs": _command(least=1),
    "reset_run": _command(least=1),
    "launch_runs": _command("-jobs -to_step", "", 1),
    "wait_on_run": _command(least=1),
    "open_run": _command(least=1),
    "report_utilization": _command("-file", "-hierarchical"),
    "report_timing_summary": _command("-file -max_paths"),
    "report_power": _command("-file"),
    "report_methodology": _command("-file"),
    "get_timing_paths": _command("-max_paths -nworst -delay_type"),
    "write_hw_platform": _command("-file", "-fixed -force -include_bit"),
    # Vitis HLS (UG1399).
    "set_top": _command(least=1),
    "open_solution": _command("-flow_target", "-reset", 1),
    "set_part": _command(least=1),
    "create_clock": _command("-period -name"),
    "csim_design": _command("-argv"),
    "csynth_design": _command(),
    "cosim_design": _command("-argv"),
    "export_design": _command("-format -vendor -library -ipname"),
    "ipx::package_project": _command(
        "-root_dir -vendor -library -taxonomy -set_current", "-import_files -force"
    ),
    "ipx::current_core": _command(),
    "ipx::associate_bus_interfaces": _command("-busif -clock", "", 1),
    "ipx::get_memory_maps": _command("-of_objects", "", 1),
    "ipx::get_address_blocks": _command("-of_objects", "", 1),
    "ipx::add_register": _command(least=2),
    "ipx::add_field": _command(least=2),
    "ipx::create_xgui_files": _command(least=1),
    "ipx::update_checksums": _command(least=1),
    "ipx::check_integrity": _command(least=1),
    "ipx::save_core": _command(least=1),
    "create_bd_design": _command(least=1),
    "create_bd_cell": _command("-type -vlnv", "", 1),
    "apply_bd_automation": _command("-rule -config", "", 1),
    "connect_bd_net": _command(least=2),
    "connect_bd_intf_net": _command(least=2),
    "assign_bd_address": _command("-offset -range -target_address_space", "", 1),
    "get_bd_cells": _command(least=1),
    "get_bd_pins": _command(least=1),
    "get_bd_intf_pins": _command(least=1),
    "get_bd_addr_spaces": _command(least=1),
    "get_bd_addr_segs": _command(least=1),
    "validate_bd_design": _command(),
    "save_bd_design": _command(),
    "make_wrapper": _command("-files", "-top -import"),
}

PROPERTIES = {
    "project": {"board_part", "ip_repo_paths"},
    "fileset": {"top"},
    "core": {"name", "version", "display_name", "description"},
    "block": {"range", "usage"},
    "register": {"address_offset", "size", "access", "description"},
    "field": {"bit_offset", "bit_width", "access", "description"},
    "run": {"PROGRESS", "STATUS", "DIRECTORY"},
    "path": {"SLACK"},
}
"""Properties by kind of object; those of cells are in IP_PROPERTIES."""

IP_PROPERTIES = {
    "zynq_ultra_ps_e": r"PSU__(FPGA_PL0_ENABLE|CRL_APB__PL0_REF_CTRL__FREQMHZ|USE__IRQ0|USE__M_AXI_GP[0-2]"
    r"|USE__S_AXI_GP[2-5]|SAXIGP[2-5]__DATA_WIDTH)",
    "processing_system7": r"PCW_(FPGA0_PERIPHERAL_FREQMHZ|USE_FABRIC_INTERRUPT|IRQ_F2P_INTR|USE_M_AXI_GP0"
    r"|USE_S_AXI_HP[0-3]|S_AXI_HP[0-3]_DATA_WIDTH)",
    "proc_sys_reset": r"(?!)",
    "xlconcat": r"NUM_PORTS",
    "axi_intc": r"C_IRQ_IS_LEVEL|C_IRQ_CONNECTION",
    "smartconnect": r"NUM_(SI|MI)",
    "axi_dma": r"c_(include_(sg|mm2s|s2mm)|sg_length_width|addr_width"
    r"|m_axis_mm2s_tdata_width|s_axis_s2mm_tdata_width|m_axi_(mm2s|s2mm)_data_width)",
}
"""Names behind CONFIG. of each IP, as an expression."""


@dataclass
class Pins:
    """Pins of a cell: interfaces as ``name: (protocol, side)``, scalars by what they are."""

    interfaces: dict[str, tuple[str, str]] = field(default_factory=dict)
    clocks: set[str] = field(default_factory=set)
    resets: set[str] = field(default_factory=set)
    inputs: set[str] = field(default_factory=set)
    outputs: set[str] = field(default_factory=set)

    @property
    def scalars(self) -> set[str]:
        """All that is no interface."""
        return self.clocks | self.resets | self.inputs | self.outputs


def _ultrascale(config: Mapping[str, str]) -> Pins:
    pins = Pins(outputs={"pl_clk0", "pl_resetn0"})
    if config.get("PSU__USE__IRQ0") == "1":
        pins.inputs.add("pl_ps_irq0")
    if config.get("PSU__USE__M_AXI_GP0") == "1":
        pins.interfaces["M_AXI_HPM0_FPD"] = ("aximm", "master")
        pins.clocks.add("maxihpm0_fpd_aclk")
    for port in range(4):
        if config.get(f"PSU__USE__S_AXI_GP{port + 2}") == "1":
            pins.interfaces[f"S_AXI_HP{port}_FPD"] = ("aximm", "slave")
            pins.clocks.add(f"saxihp{port}_fpd_aclk")
    return pins


def _seven(config: Mapping[str, str]) -> Pins:
    pins = Pins(outputs={"FCLK_CLK0", "FCLK_RESET0_N"})
    if config.get("PCW_USE_FABRIC_INTERRUPT") == "1" and config.get("PCW_IRQ_F2P_INTR") == "1":
        pins.inputs.add("IRQ_F2P")
    if config.get("PCW_USE_M_AXI_GP0") == "1":
        pins.interfaces["M_AXI_GP0"] = ("aximm", "master")
        pins.clocks.add("M_AXI_GP0_ACLK")
    for port in range(4):
        if config.get(f"PCW_USE_S_AXI_HP{port}") == "1":
            pins.interfaces[f"S_AXI_HP{port}"] = ("aximm", "slave")
            pins.clocks.add(f"S_AXI_HP{port}_ACLK")
    return pins


def _dma(config: Mapping[str, str]) -> Pins:
    pins = Pins({"S_AXI_LITE": ("aximm", "slave")}, {"s_axi_lite_aclk"}, {"axi_resetn"})
    if config.get("c_include_mm2s") == "1":
        pins.interfaces |= {"M_AXI_MM2S": ("aximm", "master"), "M_AXIS_MM2S": ("axis", "master")}
        pins.clocks.add("m_axi_mm2s_aclk")
        pins.outputs.add("mm2s_introut")
    if config.get("c_include_s2mm") == "1":
        pins.interfaces |= {"M_AXI_S2MM": ("aximm", "master"), "S_AXIS_S2MM": ("axis", "slave")}
        pins.clocks.add("m_axi_s2mm_aclk")
        pins.outputs.add("s2mm_introut")
    return pins


def pins_of(ip: str, config: Mapping[str, str]) -> Pins:
    """Pins a vendor's IP has when it is configured so."""
    if ip == "zynq_ultra_ps_e":
        return _ultrascale(config)
    if ip == "processing_system7":
        return _seven(config)
    if ip == "axi_dma":
        return _dma(config)
    if ip == "proc_sys_reset":
        # Its other pins may stay open.
        return Pins(clocks={"slowest_sync_clk"}, inputs={"ext_reset_in"}, outputs={"peripheral_aresetn"})
    if ip == "xlconcat":
        return Pins(inputs={f"In{i}" for i in range(int(config.get("NUM_PORTS", 2)))}, outputs={"dout"})
    if ip == "axi_intc":
        return Pins({"s_axi": ("aximm", "slave")}, {"s_axi_aclk"}, {"s_axi_aresetn"}, {"intr"}, {"irq"})
    slaves = {f"S{i:02d}_AXI": ("aximm", "slave") for i in range(int(config.get("NUM_SI", 1)))}
    masters = {f"M{i:02d}_AXI": ("aximm", "master") for i in range(int(config.get("NUM_MI", 1)))}
    return Pins(slaves | masters, {"aclk"}, {"aresetn"})


_PORT = re.compile(
    r'X_INTERFACE_INFO = "xilinx\.com:(signal|interface):(\w+):1\.0 (\w+) (\w+)"\s*\*\)'
    r"(?:\s*\(\*[^*]*\*\))*\s*(input|output)",
)


def kernel_pins(verilog: str) -> Pins:
    """Pins Vivado infers for an exported kernel, read off the attributes of its ports."""
    pins = Pins()
    for group, kind, bus, signal, direction in _PORT.findall(verilog):
        if group == "signal":
            place = {"clock": pins.clocks, "reset": pins.resets, "interrupt": pins.outputs}[kind]
            place.add(bus)
        elif signal in {"ARVALID", "AWVALID", "TVALID"}:
            pins.interfaces[bus] = (kind, "master" if direction == "output" else "slave")
    return pins
