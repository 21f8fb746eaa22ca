"""The echo kernel under cocotbpynq, run by an interpreter that has it (and not this project).

As a program (``python cocotbpynq_echo.py FOLDER``) it builds and starts the simulation of
``FOLDER/echo_peer.v``; imported by cocotb it is the test, and leaves its figures in
``FOLDER/result.json``. cocotbpynq is GPL-3.0-or-later: this file calls it and is its only user.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from statistics import median

ADDRESS, RANGE = 0xA0000000, 0xF00
CTRL, SCRATCH, MODE, ADD, WORDS = 0x00, 0x1C, 0x80, 0x84, 0x88


def build_and_run(folder: Path) -> int:
    """Compile once, then run the test; the number of failed tests is returned."""
    from cocotb_tools.check_results import get_results
    from cocotb_tools.runner import get_runner

    runner = get_runner("verilator")
    stamp = folder / "built"
    if not stamp.exists():
        runner.build(
            sources=[folder / "echo_peer.v"],
            hdl_toplevel="echo_peer",
            build_dir=folder / "build",
            build_args=["-Wno-fatal", "-Wno-lint", "-Wno-style", "-O3", "-CFLAGS", "-O3"],
            always=True,
            timescale=("1ns", "1ps"),
        )
        stamp.touch()
    results = runner.test(
        hdl_toplevel="echo_peer",
        hdl_toplevel_lang="verilog",
        test_module="cocotbpynq_echo",
        build_dir=folder / "build",
        test_dir=folder,
        extra_env={
            "HWH_LOCATION_DIR": str(folder),
            "COCOTB_SYS_ARGV": "peer",
            "COCOTB_LOG_LEVEL": "WARNING",
            "PYTHONPATH": str(Path(__file__).parent),
            "SPYNQ_PEER_STARTED": repr(time.time()),
        },
    )
    return int(get_results(results)[1])


def measure() -> None:
    """Register accesses and stream bytes per second, medians of five."""
    import numpy as np
    from cocotbpynq import MMIO, Overlay, allocate

    overlay = Overlay("echo_peer.bit")
    registers = MMIO(ADDRESS, RANGE)
    registers.read(CTRL)
    figures = {"first_access_seconds": time.time() - float(os.environ["SPYNQ_PEER_STARTED"])}

    accesses, write_rates, read_rates, stream_rates = 500, [], [], []
    for _ in range(5):
        begin = time.perf_counter()
        for i in range(accesses):
            registers.write(SCRATCH, i)
        middle = time.perf_counter()
        for _ in range(accesses):
            value = registers.read(SCRATCH)
        end = time.perf_counter()
        assert value == accesses - 1
        write_rates.append(accesses / (middle - begin))
        read_rates.append(accesses / (end - middle))
    words = int(os.environ["SPYNQ_PEER_WORDS"])
    source = allocate(shape=(words,), dtype=np.uint32)
    target = allocate(shape=(words,), dtype=np.uint32)
    source[:] = np.arange(words)
    for _ in range(5):
        target[:] = 0
        registers.write(MODE, 0)
        registers.write(ADD, 7)
        registers.write(WORDS, words)
        begin = time.perf_counter()
        registers.write(CTRL, 1)
        overlay.axi_dma_0.recvchannel.transfer(target)
        overlay.axi_dma_0.sendchannel.transfer(source)
        overlay.axi_dma_0.sendchannel.wait()
        overlay.axi_dma_0.recvchannel.wait()
        stream_rates.append(4 * words / (time.perf_counter() - begin))
        assert (target == source + 7).all()
    figures |= {
        "writes_per_second": median(write_rates),
        "reads_per_second": median(read_rates),
        "stream_bytes_per_second": median(stream_rates),
    }
    Path("result.json").write_text(json.dumps(figures))


if __name__ == "__main__":
    sys.exit(build_and_run(Path(sys.argv[1])))
elif "COCOTB_SYS_ARGV" in os.environ:
    import cocotbpynq

    def echo(dut: object = None) -> None:
        """The test as cocotbpynq wants it: synchronous code under its wrapper."""
        measure()

    echo = cocotbpynq.synctest(echo)
