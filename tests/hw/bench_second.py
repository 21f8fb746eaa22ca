"""The echo kernel between bus models that we did not write (cocotbext-axi)."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge, Timer
from cocotbext.axi import (
    AxiBus,
    AxiLiteBus,
    AxiLiteMaster,
    AxiRam,
    AxiStreamBus,
    AxiStreamFrame,
    AxiStreamSink,
    AxiStreamSource,
)

from spynq.echo.params import KERNEL
from spynq_sim.pauses import pauses

SEED = cocotb.RANDOM_SEED
MASK = 0xFFFF_FFFF


def rig(dut: Any, style: str) -> tuple[Any, Any, Any, Any]:
    for name in list(logging.root.manager.loggerDict):
        if name.startswith("cocotb."):
            logging.getLogger(name).setLevel(logging.WARNING)
    common = {"reset_active_level": False}
    control = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axi_control"), dut.aclk, dut.aresetn, **common)
    ram = AxiRam(AxiBus.from_prefix(dut, "m_axi_gmem"), dut.aclk, dut.aresetn, size=1 << 16, **common)
    source = AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis"), dut.aclk, dut.aresetn, **common)
    sink = AxiStreamSink(AxiStreamBus.from_prefix(dut, "m_axis"), dut.aclk, dut.aresetn, **common)

    def pause(offset: int) -> Iterator[bool]:
        return pauses(style, SEED + offset)

    channels = [
        control.write_if.aw_channel, control.write_if.w_channel, control.write_if.b_channel,
        control.read_if.ar_channel, control.read_if.r_channel,
        ram.write_if.aw_channel, ram.write_if.w_channel, ram.write_if.b_channel,
        ram.read_if.ar_channel, ram.read_if.r_channel, source, sink,
    ]  # fmt: skip
    for offset, channel in enumerate(channels):
        channel.set_pause_generator(pause(offset))
    return control, ram, source, sink


@cocotb.test()
async def both_modes_work_with_models_of_another_hand(dut: Any) -> None:
    rng = random.Random(SEED)
    control, ram, source, sink = rig(dut, "half")
    dut.aclk.value = 0
    dut.aresetn.value = 0
    await Timer(10, unit="ns")
    Clock(dut.aclk, 10, unit="ns").start(start_high=False)
    for _ in range(5):
        await RisingEdge(dut.aclk)
    dut.aresetn.value = 1

    async def run(**values: int) -> None:
        for name, value in {**values, "CTRL": 1}.items():
            await control.write_dword(KERNEL.offset(name), value)
        for _ in range(2_000):
            if await control.read_dword(KERNEL.offset("CTRL")) & 2:
                return
        raise TimeoutError("echo was not done after 2000 reads of CTRL")

    for count in (4, 64, 260):
        words = [rng.getrandbits(32) for _ in range(count)]
        add = rng.getrandbits(32)
        at = 0x1000 - 16 * rng.randrange(8)
        ram.write(at, b"".join(word.to_bytes(4, "little") for word in words))
        await run(MODE=1, ADD=add, WORDS=count, SOURCE_LO=at, TARGET_LO=0x8FE0)
        want = b"".join(((word + add) & MASK).to_bytes(4, "little") for word in words)
        assert ram.read(0x8FE0, 4 * count) == want
        await source.send(AxiStreamFrame(b"".join(word.to_bytes(4, "little") for word in words)))
        await run(MODE=0, ADD=add, WORDS=count)
        frame = await sink.recv()
        assert bytes(frame.tdata) == want
