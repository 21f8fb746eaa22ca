"""Verilog of a kernel, as Vivado and Verilator take it."""

import hashlib
import re
from dataclasses import dataclass, fields
from typing import Any

from amaranth import Value
from amaranth.back import rtlil as amaranth_rtlil
from amaranth.hdl import ValueCastable
from amaranth.hdl._ir import PortDirection  # no public name in 0.5
from amaranth.lib import wiring

from spynq.contract import Kernel
from spynq.kernels import get
from spynq_hw.memories import cleared, zeros_left_out
from spynq_hw.shell import CONTROL_PORT, Shell
from spynq_hw.yosys import run_yosys

__all__ = ["ExportedKernel", "component_rtlil", "component_verilog", "export", "module_name", "rtlil"]

_INTERNAL = ("generator", "top", "src", "amaranth.hierarchy", "amaranth.decoding")
_VENDOR = "xilinx.com"


@dataclass(frozen=True)
class ExportedKernel:
    """A kernel build as Verilog.

    Parameters
    ----------
    verilog : str
        Source text: one clock, active-low reset, Vivado's port names, no path in it.
    top : str
        Name of its top module.
    kernel : Kernel
        Declaration, with the port widths of this build.
    config : Any
        Build parameters.
    """

    verilog: str
    top: str
    kernel: Kernel
    config: Any


def module_name(kernel: Kernel, config: Any) -> str:
    """``spynq_<kernel>_<hash>``: other parameters, or another version, make another module."""
    values = [f"{item.name}={getattr(config, item.name)}" for item in fields(config)]
    text = f"{kernel.vlnv} {kernel.version} {' '.join(values)}"
    return f"spynq_{kernel.name}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def export(kernel_name: str, config: Any = None, *, outstanding: int = 16) -> ExportedKernel:
    """Verilog of a kernel of the registry.

    Parameters
    ----------
    kernel_name : str
        Name in the registry.
    config : Any, optional
        Build parameters; the default build if not given.
    outstanding : int
        Bursts in flight per direction of a memory port.
    """
    shell, top = _shell(kernel_name, config, outstanding)
    return ExportedKernel(component_verilog(shell, top), top, shell.kernel, shell.core.config)


def rtlil(kernel_name: str, config: Any = None, *, outstanding: int = 16) -> str:
    """The same as RTLIL, for size estimates: Yosys reads large memories from it far faster."""
    return component_rtlil(*_shell(kernel_name, config, outstanding))


def _shell(kernel_name: str, config: Any, outstanding: int) -> tuple[Shell, str]:
    entry = get(kernel_name)
    build = entry.config_class() if config is None else config
    if not isinstance(build, entry.config_class):
        raise ValueError(
            f"{kernel_name} is built from {entry.config_class.__name__}, not {type(build).__name__}"
        )
    shell = Shell(entry.gateware_class(build), outstanding)
    return shell, module_name(shell.kernel, build)


def _ports(component: Any) -> dict[str, tuple[Value, Any]]:
    ports = {}
    for path, member, value in component.signature.flatten(component):
        signal = value.as_value() if isinstance(value, ValueCastable) else value
        direction = PortDirection.Input if member.flow == wiring.In else PortDirection.Output
        ports["_".join(path)] = (signal, direction)
    if isinstance(component, Shell):
        for name, (signal, _) in ports.items():
            signal.attrs.update(_interface_attributes(component.kernel, name))
    return ports


def _interface_attributes(kernel: Kernel, port: str) -> dict[str, str]:
    """What Vivado's IP packager and block designs read off a port."""
    memory_mapped = [CONTROL_PORT, *(master.name for master in kernel.masters)]
    buses = [*memory_mapped, *(stream.name for stream in kernel.streams)]
    if port == "aclk":
        return {
            "X_INTERFACE_INFO": f"{_VENDOR}:signal:clock:1.0 aclk CLK",
            "X_INTERFACE_PARAMETER": f"ASSOCIATED_BUSIF {':'.join(buses)}, ASSOCIATED_RESET aresetn",
        }
    if port == "aresetn":
        return {
            "X_INTERFACE_INFO": f"{_VENDOR}:signal:reset:1.0 aresetn RST",
            "X_INTERFACE_PARAMETER": "POLARITY ACTIVE_LOW",
        }
    if port == "irq":
        return {
            "X_INTERFACE_INFO": f"{_VENDOR}:signal:interrupt:1.0 irq INTERRUPT",
            "X_INTERFACE_PARAMETER": "SENSITIVITY LEVEL_HIGH",
        }
    bus, _, signal = port.rpartition("_")
    kind = "aximm" if bus in memory_mapped else "axis"
    return {"X_INTERFACE_INFO": f"{_VENDOR}:interface:{kind}:1.0 {bus} {signal.upper()}"}


def component_rtlil(component: Any, top: str) -> str:
    """RTLIL of any component, ports named by their paths joined with ``_``."""
    with zeros_left_out():
        text: str = amaranth_rtlil.convert(component, name=top, ports=_ports(component), emit_src=False)
    return text


def component_verilog(component: Any, top: str) -> str:
    """Verilog of any component, ports named by their paths joined with ``_``."""
    removed = " ".join(f"-remove {name}" for name in _INTERNAL)
    script = (
        f"read_rtlil <<rtlil\n{component_rtlil(component, top)}\nrtlil\n"
        "proc -nomux -norom\nmemory_collect\n"
        f"attrmap {removed}\nattrmap -modattr {removed}\n"
        "write_verilog -norename\n"
    )
    # The comment on top names the build of Yosys, with paths in it.
    text = cleared(re.sub(r"\A/\*.*?\*/\s*", "", run_yosys(script), flags=re.S))
    # Every `always @*` reads such a signal so that it runs once at time zero. SystemVerilog sets
    # a declared value before that time, unseen; an `initial` process is seen.
    return re.sub(r"^( *)reg (\\\$auto\$\S+ ) = 0;", r"\1reg \2; initial \2= 0;", text, flags=re.M)
