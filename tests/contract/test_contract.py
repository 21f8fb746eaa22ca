"""What every kernel of the registry owes: registers, block control, export, pauses, resets."""

from __future__ import annotations

import importlib.util
import re
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from spynq.contract import Kernel
from spynq.kernels import get, kernels
from spynq_hw.axi import axi_full, axi_lite, axi_stream
from spynq_hw.export import ExportedKernel, export, module_name
from spynq_sim.bench import run_bench

HERE = Path(__file__).parent


@cache
def _examples() -> ModuleType:
    """The module examples.py, which the simulator imports by its name."""
    spec = importlib.util.spec_from_file_location("contract_examples", HERE / "examples.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _small(name: str) -> dict[str, int]:
    values: dict[str, int] = _examples().SMALL.get(name, {})
    return values


def built(name: str) -> ExportedKernel:
    """Verilog of the small build of a kernel."""
    return export(name, get(name).config_class(**_small(name)))


def expected_ports(kernel: Kernel) -> set[str]:
    """Port names that Vivado infers interfaces from."""
    ports = {"aclk", "aresetn", "irq"}
    buses: dict[str, Any] = {"s_axi_control": axi_lite(kernel.address_width)}
    buses |= {port.name: axi_full(40, port.width) for port in kernel.masters}
    buses |= {port.name: axi_stream(port.width) for port in kernel.streams}
    return ports | {f"{name}_{member}" for name, bus in buses.items() for member in bus.members}


@pytest.mark.parametrize("simulator", ["verilator", "icarus"])
@pytest.mark.parametrize("name", kernels())
def test_keeps_the_contract_in_simulation(name: str, simulator: str, seed: int) -> None:
    kernel = built(name)
    ran = run_bench(
        kernel.verilog,
        kernel.top,
        HERE / "bench_contract.py",
        simulator=simulator,
        seed=seed,
        settings={"KERNEL": name},
    )
    assert ran == (9 if name in _examples().EXAMPLES else 5)


@pytest.mark.parametrize("name", kernels())
def test_exports_with_vivado_names_one_clock_and_no_path(name: str) -> None:
    kernel = built(name)
    header = re.search(rf"^module \\?{kernel.top} ?\((.*?)\);", kernel.verilog, re.S | re.M)
    assert header is not None
    ports = {port.strip() for port in header.group(1).split(",")}
    assert ports == expected_ports(kernel.kernel)
    assert re.fullmatch(rf"spynq_{name}_[0-9a-f]{{8}}", kernel.top)
    assert not re.search(r"negedge", kernel.verilog)
    assert set(re.findall(r"posedge (\S+?)\)", kernel.verilog)) <= {"aclk", "clk"}
    for line in kernel.verilog.splitlines():
        assert not re.search(r"(^|[\s\"'(=])(/[A-Za-z_][\w.-]*){2,}", line), f"a path: {line}"
    attributes = re.findall(r'X_INTERFACE_INFO = "([^"]+)"', kernel.verilog)
    assert "xilinx.com:signal:clock:1.0 aclk CLK" in attributes
    assert "xilinx.com:interface:aximm:1.0 s_axi_control AWADDR" in attributes
    assert 'X_INTERFACE_PARAMETER = "POLARITY ACTIVE_LOW"' in kernel.verilog


@pytest.mark.parametrize("name", kernels())
def test_two_builds_have_two_names_and_one_build_one(name: str) -> None:
    kernel = built(name)
    assert kernel.verilog == built(name).verilog
    if _small(name):
        assert kernel.top != module_name(kernel.kernel, get(name).config_class())
