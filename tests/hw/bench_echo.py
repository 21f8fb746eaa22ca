"""Runs of the echo kernel on the simulator; started by test_echo.py."""

from __future__ import annotations

import os
import random
from typing import Any

import cocotb

from spynq.echo.params import KERNEL
from spynq_sim.axi_memory import AxiMemory
from spynq_sim.bus_models import Bench, LiteMaster, StreamSink, StreamSource
from spynq_sim.pauses import STYLES

BUS = int(os.environ["BUS"])
SEED = cocotb.RANDOM_SEED
MASK = 0xFFFF_FFFF


class Rig:
    """The kernel between models of everything around it."""

    def __init__(self, dut: Any, style: str = "none", **memory: Any) -> None:
        self.bench = Bench(dut)
        self.control = LiteMaster(self.bench, style=style, seed=SEED)
        self.memory = AxiMemory(self.bench, style=style, seed=SEED + 10, **memory)
        self.source = StreamSource(self.bench, "s_axis", style, SEED + 20)
        self.sink = StreamSink(self.bench, "m_axis", style, SEED + 30)

    async def set(self, **values: int) -> None:
        for name, value in values.items():
            await self.control.write(KERNEL.offset(name), value)

    async def get(self, name: str) -> int:
        return await self.control.read(KERNEL.offset(name))

    async def run(self, **values: int) -> None:
        await self.set(**values)
        await self.set(CTRL=1)
        for _ in range(5_000):
            if await self.get("CTRL") & 2:
                return
        raise TimeoutError(f"echo was not done after 5000 reads of CTRL; {values}")


def words_of(rng: random.Random, count: int) -> list[int]:
    return [rng.getrandbits(32) for _ in range(count)]


def as_bytes(words: list[int]) -> bytes:
    return b"".join(word.to_bytes(4, "little") for word in words)


async def memory_case(rig: Rig, rng: random.Random, count: int, source: int, target: int) -> None:
    words, add = words_of(rng, count), rng.getrandbits(32)
    rig.memory.load(source, as_bytes(words))
    before, after = rig.memory.dump(target - 16, 16), rig.memory.dump(target + 4 * count, 16)
    await rig.run(MODE=1, ADD=add, WORDS=count, SOURCE_LO=source, TARGET_LO=target)
    want = [(word + add) & MASK for word in words]
    assert rig.memory.dump(target, 4 * count) == as_bytes(want)
    assert rig.memory.dump(target - 16, 16) == before
    assert rig.memory.dump(target + 4 * count, 16) == after
    assert await rig.get("SUM") == sum(want) & MASK
    assert await rig.get("STATUS") == 0
    assert not rig.memory.busy, "done came before the last write was acknowledged"


async def stream_case(rig: Rig, rng: random.Random, count: int) -> None:
    words, add = words_of(rng, count), rng.getrandbits(32)
    rig.sink.beats.clear()
    rig.source.beats.extend((word, False) for word in words)
    await rig.run(MODE=0, ADD=add, WORDS=count)
    await rig.bench.until(lambda: len(rig.sink.beats) >= count, "last beat")
    want = [(word + add) & MASK for word in words]
    assert rig.sink.beats == [(word, at == count - 1) for at, word in enumerate(want)]
    assert await rig.get("SUM") == sum(want) & MASK


@cocotb.test()
async def both_modes_match_the_model_under_random_pauses(dut: Any) -> None:
    rng = random.Random(SEED)
    for style in STYLES:
        rig = Rig(dut, style, latency=rng.randint(1, 40))
        await rig.bench.begin()
        lanes = BUS // 32
        for count in (lanes, 3 * lanes, 40 * lanes, rng.randrange(2, 80) * lanes):
            source, target = 16 * rng.randrange(4, 1024), 0x8000 + 16 * rng.randrange(4, 1024)
            await memory_case(rig, rng, count, source, target)
            await stream_case(rig, rng, rng.randrange(1, 60))


@cocotb.test()
async def one_beat_per_cycle_with_30_cycles_of_latency(dut: Any) -> None:
    rng = random.Random(SEED)
    rig = Rig(dut, latency=30)
    await rig.bench.begin()
    beats = 256
    await memory_case(rig, rng, beats * BUS // 32, 0x1000, 0x8000)
    cycles = await rig.get("CYCLES_LO")
    dut._log.info("memory: %d cycles for %d beats", cycles, beats)
    # 30 to the first word, 30 from the last one to its response, and a few of our own.
    assert cycles <= beats + 60 + 16
    await stream_case(rig, rng, 256)
    assert await rig.get("CYCLES_LO") <= 256 + 8


@cocotb.test()
async def errors_are_latched_with_their_address_and_end_the_run(dut: Any) -> None:
    rng = random.Random(SEED)
    bad: set[int] = set()
    rig = Rig(dut, "half", latency=9, bad=lambda address: address in bad)
    await rig.bench.begin()
    count, burst = 64 * BUS // 32, 2 * BUS
    run = {"MODE": 1, "ADD": 1, "WORDS": count, "SOURCE_LO": 0x1000, "TARGET_LO": 0x8000}
    for wrong, flag in ((0x1000 + burst, 1), (0x8000 + 2 * burst, 2)):
        bad.clear()
        bad.update((wrong, wrong + burst))
        await rig.run(**run)
        assert await rig.get("STATUS") == flag
        assert await rig.get("ERROR_LO") == wrong
        assert await rig.get("ERROR_HI") == 0
    bad.clear()
    await memory_case(rig, rng, count, 0x1000, 0x8000)


@cocotb.test()
async def wrong_values_are_refused_and_nothing_moves(dut: Any) -> None:
    rig = Rig(dut)
    await rig.bench.begin()
    good = {"MODE": 1, "ADD": 1, "WORDS": 64, "SOURCE_LO": 0x1000, "TARGET_LO": 0x2000}
    wrong: list[dict[str, int]] = [
        {"WORDS": 0},
        {"WORDS": (1 << 24) + 4},
        {"SOURCE_LO": 0x1004},
        {"TARGET_LO": 0x2008},
        {"MODE": 0, "WORDS": 0},
    ]
    if BUS > 32:
        wrong.append({"WORDS": 65})
    for change in wrong:
        await rig.run(**{**good, **change})
        assert await rig.get("STATUS") == 4, change
        assert await rig.get("SUM") == 0
    assert not rig.memory.read_bursts and not rig.memory.write_bursts
    await rig.run(**good)
    assert await rig.get("STATUS") == 0


@cocotb.test()
async def reset_in_mid_run_leaves_a_clean_idle(dut: Any) -> None:
    rng = random.Random(SEED)
    rig = Rig(dut, "rare", latency=20)
    await rig.bench.begin()
    for _ in range(12):
        mode = rng.randrange(2)
        rig.source.beats.extend((word, False) for word in words_of(rng, 40))
        await rig.set(MODE=mode, WORDS=256, SOURCE_LO=0x1000, TARGET_LO=0x8000, CTRL=1)
        await rig.bench.cycles(rng.randrange(200))
        for model in (rig.control, rig.source, rig.sink):
            model.quiet()
        rig.memory.forget()
        rig.source.beats.clear()
        await rig.bench.reset()
        assert await rig.get("CTRL") == 4
        assert not dut.m_axi_gmem_arvalid.value and not dut.m_axi_gmem_awvalid.value
        await memory_case(rig, rng, 16, 0x400, 0x4000)
        await stream_case(rig, rng, 5)
