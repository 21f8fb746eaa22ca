"""The echo kernel under plain cocotb with the bus models of cocotbext-axi; figures go to a JSON file."""

from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path
from statistics import median
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, Timer
from cocotbext.axi import (
    AxiBus,
    AxiLiteBus,
    AxiLiteMaster,
    AxiRam,
    AxiStreamBus,
    AxiStreamSink,
    AxiStreamSource,
)

from spynq.echo.params import KERNEL

ROUNDS = 5
ACCESSES = 200
FREE_CYCLES = 20_000


@cocotb.test()
async def echo(dut: Any) -> None:
    """Registers, stream, memory, and the clock alone."""
    for name in list(logging.root.manager.loggerDict):
        if name.startswith("cocotb"):
            logging.getLogger(name).setLevel(logging.WARNING)
    master = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axi_control"), dut.aclk, dut.aresetn, False)
    source = AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis"), dut.aclk, dut.aresetn, False)
    sink = AxiStreamSink(AxiStreamBus.from_prefix(dut, "m_axis"), dut.aclk, dut.aresetn, False)
    memory = AxiRam(AxiBus.from_prefix(dut, "m_axi_gmem"), dut.aclk, dut.aresetn, False, size=1 << 20)
    dut.aresetn.value = 0
    await Timer(10, "ns")
    Clock(dut.aclk, 10, "ns").start()
    await ClockCycles(dut.aclk, 5)
    dut.aresetn.value = 1
    await master.read_dword(KERNEL.offset("CTRL"))
    figures = {"first_access_seconds": time.time() - float(os.environ["SPYNQ_PEER_STARTED"])}
    figures |= await _registers(master)
    words = int(os.environ["SPYNQ_PEER_WORDS"])
    figures["stream_bytes_per_second"] = await _stream(master, source, sink, words)
    figures |= await _memory(master, memory, words)
    begin = time.perf_counter()
    await ClockCycles(dut.aclk, FREE_CYCLES)
    figures["free_cycles_per_second"] = FREE_CYCLES / (time.perf_counter() - begin)
    Path(os.environ["SPYNQ_PEER_RESULT"]).write_text(json.dumps(figures))


async def _registers(master: Any) -> dict[str, float]:
    scratch = KERNEL.offset("SCRATCH")
    writes, reads = [], []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        for value in range(ACCESSES):
            await master.write_dword(scratch, value)
        middle = time.perf_counter()
        for _ in range(ACCESSES):
            got = await master.read_dword(scratch)
        writes.append(ACCESSES / (middle - begin))
        reads.append(ACCESSES / (time.perf_counter() - middle))
        assert got == ACCESSES - 1
    return {"writes_per_second": median(writes), "reads_per_second": median(reads)}


async def _start(master: Any, **registers: int) -> None:
    for name, value in registers.items():
        await master.write_dword(KERNEL.offset(name), value)
    await master.write_dword(KERNEL.offset("CTRL"), 1)


async def _stream(master: Any, source: Any, sink: Any, words: int) -> float:
    rates = []
    data = b"".join(i.to_bytes(4, "little") for i in range(words))
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        await _start(master, MODE=0, ADD=0, WORDS=words)
        await source.send(data)
        frame = await sink.recv()
        await master.read_dword(KERNEL.offset("CTRL"))  # clears AP_DONE
        rates.append(len(data) / (time.perf_counter() - begin))
        assert bytes(frame.tdata) == data
    return median(rates)


async def _memory(master: Any, memory: Any, words: int) -> dict[str, float]:
    data = os.urandom(4 * words)
    rates, busy = [], []
    for _ in range(ROUNDS):
        memory.write(0, data)
        begin = time.perf_counter()
        await _start(
            master, MODE=1, ADD=0, WORDS=words, SOURCE_LO=0, SOURCE_HI=0, TARGET_LO=1 << 19, TARGET_HI=0
        )
        while not await master.read_dword(KERNEL.offset("CTRL")) & 2:
            pass
        seconds = time.perf_counter() - begin
        cycles = await master.read_dword(KERNEL.offset("CYCLES_LO"))
        assert memory.read(1 << 19, 4 * words) == data
        rates.append(4 * words / seconds)
        busy.append(cycles / seconds)
    return {"master_bytes_per_second": median(rates), "busy_cycles_per_second": median(busy)}
