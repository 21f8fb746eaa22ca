# amaranth: UnusedElaboratable=no
"""Memory engines and buffers: words moved, rules kept, refusals."""

from __future__ import annotations

from pathlib import Path

import pytest

from spynq.contract import Kernel, Register
from spynq_hw.axi import axi_stream, check_bus_width
from spynq_hw.control import Control
from spynq_hw.core import own_registers
from spynq_hw.export import component_verilog, export
from spynq_hw.fifo import Queue
from spynq_hw.lite import LiteSlave
from spynq_hw.reader import Reader
from spynq_hw.writer import Writer
from spynq_sim.bench import run_bench
from spynq_sim.pauses import pauses
from spynq_sim.rigs import Engines

BENCH = Path(__file__).with_name("bench_engines.py")


@pytest.mark.parametrize(("width", "simulator"), [(128, "verilator"), (32, "icarus"), (1024, "icarus")])
def test_engines_move_every_word_and_keep_the_rules(width: int, simulator: str, seed: int) -> None:
    verilog = component_verilog(Engines(width), "engines")
    ran = run_bench(verilog, "engines", BENCH, simulator=simulator, seed=seed, settings={"WIDTH": str(width)})
    assert ran == 6


def test_bus_width_is_refused() -> None:
    with pytest.raises(ValueError, match="a memory port is 32, 64, 128, 256, 512 or 1024 bits wide, not 48"):
        check_bus_width(48)
    with pytest.raises(ValueError, match="bits wide, not 2048"):
        Reader(2048)


@pytest.mark.parametrize("outstanding", [0, 1, 3, 128])
def test_outstanding_is_refused(outstanding: int) -> None:
    for engine in (Reader, Writer):
        with pytest.raises(ValueError, match=f"power of two from 2 to 64, not {outstanding}"):
            engine(128, outstanding)


def test_stream_width_is_refused() -> None:
    with pytest.raises(ValueError, match="a whole number of bytes wide, not 12 bits"):
        axi_stream(12)


def test_queue_depth_is_refused() -> None:
    with pytest.raises(ValueError, match="a power of two of places, 2 to 64, not 3"):
        Queue(8, 3)


def test_address_bits_are_refused() -> None:
    with pytest.raises(ValueError, match="3 to 16 address bits, not 20"):
        LiteSlave(20)


def test_capabilities_that_are_not_declared_are_refused() -> None:
    kernel = Kernel("small", "A kernel", "SMAL", (1, 0), capabilities=(("CAP_A", "A."),))
    with pytest.raises(ValueError, match=r"small declares capabilities \['CAP_A'\], not \['CAP_B'\]"):
        Control(kernel, {"CAP_B": 1})


def test_a_register_below_the_kernels_own_is_refused() -> None:
    kernel = Kernel("small", "A kernel", "SMAL", (1, 0), registers=(Register("LOW", 0x7C, "rw", "Low."),))
    with pytest.raises(ValueError, match="LOW is rw at 0x7c; a kernel's own registers are rw or ro"):
        own_registers(kernel)


def test_another_kernels_config_is_refused() -> None:
    with pytest.raises(ValueError, match="echo is built from EchoConfig, not dict"):
        export("echo", {"bus": 32})


def test_unknown_pauses_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown pauses 'siesta'; known are none, rare"):
        pauses("siesta", 1)
