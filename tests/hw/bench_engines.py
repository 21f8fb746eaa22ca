"""Runs of the memory engines on the simulator; started by test_engines.py."""

from __future__ import annotations

import os
import random
from collections import deque
from collections.abc import Iterator
from typing import Any

import cocotb

from spynq_sim.axi_memory import AxiMemory
from spynq_sim.bus_models import Bench
from spynq_sim.pauses import STYLES, pauses

WIDTH = int(os.environ["WIDTH"])
BYTES = WIDTH // 8
SEED = cocotb.RANDOM_SEED
SIZE = 1 << 16


class Sender:
    """Offers values on a stream of the engines."""

    def __init__(self, bench: Bench, name: str, pause: Iterator[bool]) -> None:
        self.valid, self.payload, self.ready = (
            getattr(bench.dut, f"{name}_{part}") for part in ("valid", "payload", "ready")
        )
        self.values: deque[int] = deque()
        self.taken: list[int] = []
        self._bench, self._pause, self._offered = bench, pause, False
        self.valid.value = 0
        self.payload.value = 0
        bench.models.append(self)

    def step(self) -> None:
        if self._offered and self.ready.value:
            self.values.popleft()
            self.taken.append(self._bench.cycle)
            self._offered = False
        holding = next(self._pause)
        if self.values and not self._offered and not holding:
            self.payload.value = self.values[0]
            self._offered = True
        self.valid.value = self._offered


class Taker:
    """Takes values from a stream of the engines, and remembers when."""

    def __init__(self, bench: Bench, name: str, pause: Iterator[bool]) -> None:
        self.valid, self.payload, self.ready = (
            getattr(bench.dut, f"{name}_{part}") for part in ("valid", "payload", "ready")
        )
        self.values: list[int] = []
        self.cycles: list[int] = []
        self._bench, self._pause, self._ready = bench, pause, False
        self.ready.value = 0
        bench.models.append(self)

    def step(self) -> None:
        if self._ready and self.valid.value:
            self.values.append(int(self.payload.value))
            self.cycles.append(self._bench.cycle)
        self._ready = not next(self._pause)
        self.ready.value = self._ready


class Errors:
    """Addresses of the errors that the engines report."""

    def __init__(self, bench: Bench) -> None:
        self.dut = bench.dut
        self.read: list[int] = []
        self.write: list[int] = []
        bench.models.append(self)

    def step(self) -> None:
        if self.dut.write_error.value:
            self.write.append(int(self.dut.error_address.value))
        elif self.dut.read_error.value:
            self.read.append(int(self.dut.error_address.value))


class Rig:
    """The engines between a memory and a core made of lists."""

    def __init__(self, dut: Any, style: str = "none", **memory: Any) -> None:
        self.bench = bench = Bench(dut, "clk", "rst")
        self.memory = AxiMemory(bench, "gmem", size=SIZE, style=style, seed=SEED, **memory)
        self.memory.content[:] = random.Random(SEED).randbytes(SIZE)
        self.read = Sender(bench, "read", pauses(style, SEED + 40))
        self.write = Sender(bench, "write", pauses(style, SEED + 41))
        self.store = Sender(bench, "store", pauses(style, SEED + 42))
        self.data = Taker(bench, "data", pauses(style, SEED + 43))
        self.errors = Errors(bench)

    def word(self, address: int) -> int:
        return int.from_bytes(self.memory.dump(address % SIZE, BYTES), "little")


def request(address: int, beats: int) -> int:
    return address | beats << 40


def runs(rng: random.Random, low: int, high: int, count: int) -> list[tuple[int, int]]:
    """Random runs in a range of memory, many of them across a 4 KiB boundary."""
    chosen = []
    for _ in range(count):
        beats = rng.choice((1, 2, 15, 16, 17, 33, rng.randrange(1, 70)))
        edge = rng.randrange(low + 4096, high, 4096) - rng.randrange(beats + 2) * BYTES
        address = rng.choice((edge, rng.randrange(low, high - 70 * BYTES, BYTES)))
        chosen.append((max(low, min(address, high - beats * BYTES)), beats))
    return chosen


@cocotb.test()
async def every_word_asked_for_moves_under_random_pauses(dut: Any) -> None:
    rng = random.Random(SEED)
    for style in STYLES:
        rig = Rig(dut, style, latency=rng.randrange(1, 40))
        await rig.bench.begin()
        reads, writes = runs(rng, 0, 0x8000, 12), runs(rng, 0x8000, SIZE, 12)
        image = bytearray(rig.memory.content)
        want = [rig.word(a + i * BYTES) for a, beats in reads for i in range(beats)]
        for address, beats in writes:
            for i in range(beats):
                value = rng.getrandbits(WIDTH)
                rig.store.values.append(value)
                image[address + i * BYTES : address + (i + 1) * BYTES] = value.to_bytes(BYTES, "little")
        rig.read.values.extend(request(*run) for run in reads)
        rig.write.values.extend(request(*run) for run in writes)
        await rig.bench.until(lambda r=rig, w=want: len(r.data.values) >= len(w), "all read data")
        await rig.bench.until(lambda r=rig: not r.write.values and not r.store.values, "all stored")
        await rig.bench.until(lambda: bool(dut.idle.value), "idle")
        await rig.bench.cycles(50)
        assert rig.data.values == want
        assert rig.memory.content == image
        assert not rig.memory.busy


@cocotb.test()
async def one_word_per_cycle_at_30_cycles_of_latency(dut: Any) -> None:
    rig = Rig(dut, latency=30)
    await rig.bench.begin()
    await rig.bench.cycles(3)
    beats = 160
    # Runs of one burst each, back to back, the first in the middle of a burst boundary.
    rig.read.values.extend(request(BYTES * (5 + 16 * i), 16) for i in range(beats // 16))
    rig.write.values.extend(request(0x8000 + BYTES * 16 * i, 16) for i in range(beats // 16))
    rig.store.values.extend(range(beats))
    await rig.bench.until(lambda: len(rig.data.values) >= beats, "read data")
    first, last = rig.data.cycles[0], rig.data.cycles[-1]
    assert last - first == beats - 1, "a gap in the read data"
    # Request taken, address a cycle later, 30 of memory, one in the skid buffer, one to look.
    assert first - rig.read.taken[0] <= 30 + 5
    await rig.bench.until(lambda: not rig.store.values, "store")
    assert rig.store.taken[-1] - rig.store.taken[3] == beats - 4, "a gap in the written data"
    await rig.bench.until(lambda: bool(dut.idle.value), "idle")


@cocotb.test()
async def the_address_is_on_the_bus_one_cycle_after_its_request(dut: Any) -> None:
    rig = Rig(dut)
    await rig.bench.begin()
    for name in ("read", "write"):
        channel = "ar" if name == "read" else "aw"
        sender = getattr(rig, name)
        sender.values.append(request(0x1000, 1))
        await rig.bench.until(lambda s=sender: bool(s.taken), "request")
        # The request was taken at this edge; after it the address is there.
        await rig.bench.cycles(1)
        assert getattr(dut, f"gmem_{channel}valid").value


@cocotb.test()
async def errors_are_reported_with_the_burst_and_nothing_hangs(dut: Any) -> None:
    rng = random.Random(SEED)
    bad: set[int] = set()
    rig = Rig(dut, "half", latency=6, bad=lambda address: address in bad)
    await rig.bench.begin()
    burst = 16 * BYTES
    bad.update((2 * burst, 5 * burst, 0x8000 + burst))
    rig.read.values.append(request(0, 16 * 8))
    await rig.bench.until(lambda: len(rig.data.values) >= 16 * 8, "read data")
    rig.write.values.append(request(0x8000, 16 * 4))
    rig.store.values.extend(rng.getrandbits(WIDTH) for _ in range(16 * 4))
    await rig.bench.until(lambda: not rig.store.values, "store")
    await rig.bench.until(lambda: bool(dut.idle.value), "idle")
    assert sorted(set(rig.errors.read)) == [2 * burst, 5 * burst]
    assert rig.errors.write == [0x8000 + burst]


@cocotb.test()
async def a_request_for_nothing_is_taken_and_dropped(dut: Any) -> None:
    rig = Rig(dut)
    await rig.bench.begin()
    rig.read.values.extend((request(0x100, 0), request(0x200, 2)))
    rig.write.values.extend((request(0x100, 0),))
    await rig.bench.until(lambda: len(rig.data.values) >= 2, "read data")
    await rig.bench.cycles(20)
    assert rig.data.values == [rig.word(0x200), rig.word(0x200 + BYTES)]
    assert rig.memory.write_bursts == []
    assert dut.idle.value


@cocotb.test()
async def a_reset_in_mid_run_leaves_nothing_behind(dut: Any) -> None:
    rng = random.Random(SEED)
    rig = Rig(dut, "rare", latency=15)
    await rig.bench.begin()
    for _ in range(10):
        rig.read.values.append(request(0x1000, 60))
        rig.write.values.append(request(0x8000, 60))
        rig.store.values.extend(rng.getrandbits(WIDTH) for _ in range(60))
        await rig.bench.cycles(rng.randrange(90))
        for sender in (rig.read, rig.write, rig.store):
            sender.values.clear()
            sender._offered = False
            sender.valid.value = 0
        rig.memory.forget()
        await rig.bench.reset()
        assert dut.idle.value and not dut.gmem_arvalid.value and not dut.gmem_awvalid.value
        assert not dut.data_valid.value and not dut.gmem_wvalid.value
        rig.data.values.clear()
        rig.read.values.append(request(0x40 * BYTES, 3))
        await rig.bench.until(lambda: len(rig.data.values) >= 3, "read data")
        assert rig.data.values == [rig.word((0x40 + i) * BYTES) for i in range(3)]
