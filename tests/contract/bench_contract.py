"""Runs of any kernel on the simulator, from its declaration alone; started by test_contract.py."""

from __future__ import annotations

import os
import random
from collections import deque
from typing import Any

import cocotb
from examples import EXAMPLES, SMALL, Run

from spynq.contract import Register
from spynq.kernels import get
from spynq_sim.axi_memory import AxiMemory
from spynq_sim.bus_models import Bench, LiteMaster, StreamSink, StreamSource
from spynq_sim.pauses import STYLES

NAME = os.environ["KERNEL"]
ENTRY = get(NAME)
KERNEL = ENTRY.kernel
CONFIG = ENTRY.config_class(**SMALL.get(NAME, {}))
SEED = cocotb.RANDOM_SEED
REGISTERS = KERNEL.all_registers()
WRITABLE = [register for register in REGISTERS if register.access == "rw"]
OWN = [register for register in KERNEL.registers if register.access == "ro"]
IDLE, DONE, START, AUTO = 4, 2, 1, 0x80


class Arena:
    """Memory of the golden model: the same bytes as on the bus."""

    def __init__(self, content: bytearray) -> None:
        self.content = content

    def read(self, address: int, nbytes: int) -> bytes:
        return bytes(self.content[address : address + nbytes])

    def write(self, address: int, data: bytes) -> None:
        self.content[address : address + len(data)] = data


class Rig:
    """The kernel between models of everything its declaration names."""

    def __init__(self, dut: Any, style: str = "none", latency: int = 5) -> None:
        self.dut, self.bench = dut, Bench(dut)
        self.control = LiteMaster(self.bench, style=style, seed=SEED)
        self.memories = [
            AxiMemory(self.bench, port.name, size=1 << 15, latency=latency, style=style, seed=SEED + 10 * i)
            for i, port in enumerate(KERNEL.masters)
        ]
        self.sources = {
            port.name: StreamSource(self.bench, port.name, style, SEED + 500 + i)
            for i, port in enumerate(KERNEL.streams)
            if port.direction == "in"
        }
        self.sinks = {
            port.name: StreamSink(self.bench, port.name, style, SEED + 600 + i)
            for i, port in enumerate(KERNEL.streams)
            if port.direction == "out"
        }

    async def set(self, name: str, value: int) -> None:
        await self.control.write(KERNEL.offset(name), value)

    async def get(self, name: str) -> int:
        return await self.control.read(KERNEL.offset(name))

    async def reset(self) -> None:
        for model in (self.control, *self.sources.values(), *self.sinks.values()):
            model.quiet()
        for memory in self.memories:
            memory.forget()
        for source in self.sources.values():
            source.beats.clear()
        await self.bench.reset()

    async def wait_done(self, reads: int = 20_000) -> None:
        for _ in range(reads):
            if await self.get("CTRL") & DONE:
                return
        raise TimeoutError(f"{NAME} was not done after {reads} reads of CTRL")

    async def wait_beats(self, sink: StreamSink, count: int) -> None:
        await self.bench.until(lambda: len(sink.beats) >= count, f"beat {count} of {sink.bus.prefix}")

    async def prepare(self, run: Run) -> None:
        for memory in self.memories:
            memory.content = bytearray(run.memory)
        for name, words in run.streams.items():
            self.sources[name].beats.extend((word, False) for word in words)
        for sink in self.sinks.values():
            sink.beats.clear()
        for register in WRITABLE:
            await self.set(register.name, run.registers.get(register.name, register.reset))


def golden(model: Any, run: Run) -> tuple[dict[str, int], bytes, dict[str, list[tuple[int, bool]]]]:
    """What the golden model makes of a run."""
    arena = Arena(bytearray(run.memory))
    beats = {port.name: deque[tuple[int, bool]]() for port in KERNEL.streams}
    for name, words in run.streams.items():
        beats[name].extend((word, False) for word in words)
    registers = {register.name: run.registers.get(register.name, register.reset) for register in WRITABLE}
    values = model.start(registers, arena, beats)
    out = {port.name: list(beats[port.name]) for port in KERNEL.streams if port.direction == "out"}
    return values, bytes(arena.content), out


def after_reset(register: Register) -> int | None:
    """Value a register has after reset; None where the kernel is free."""
    known = {"CTRL": IDLE, "ID": KERNEL.ident_word, "VERSION": KERNEL.version_word}
    known |= dict(CONFIG.capabilities())
    if register.name in known:
        return known[register.name]
    return None if register in OWN else register.reset


async def check_reset_values(rig: Rig) -> None:
    for register in REGISTERS:
        want, got = after_reset(register), await rig.get(register.name)
        assert want is None or got == want, f"{register.name} is {got:#x} after reset, not {want:#x}"
    assert not rig.dut.irq.value


async def fill(rig: Rig, rng: random.Random) -> dict[str, int]:
    values = {register.name: rng.getrandbits(32) for register in WRITABLE}
    for name in rng.sample(list(values), len(values)):
        await rig.set(name, values[name])
    return {register.name: values[register.name] & ((1 << register.width) - 1) for register in WRITABLE}


@cocotb.test()
async def registers_have_their_reset_values_also_after_a_random_reset(dut: Any) -> None:
    rng = random.Random(SEED)
    rig = Rig(dut, "rare")
    await rig.bench.begin()
    await check_reset_values(rig)
    for _ in range(3):
        await fill(rig, rng)
        await rig.set("GIER", 1)
        await rig.set("IP_IER", 3)
        await rig.set("IP_ISR", 3)
        await rig.bench.cycles(rng.randrange(10))
        await rig.reset()
        await check_reset_values(rig)


@cocotb.test()
async def every_writable_bit_can_be_set_and_cleared_and_no_other(dut: Any) -> None:
    rng = random.Random(SEED)
    rig = Rig(dut)
    await rig.bench.begin()
    for register in WRITABLE:
        mask = (1 << register.width) - 1
        for value in (0xFFFF_FFFF, 0, *(1 << bit for bit in range(32))):
            await rig.set(register.name, value)
            assert await rig.get(register.name) == value & mask, f"{register.name} after {value:#x}"
        held = await rig.get(register.name)
        for strobe in range(16):
            value = rng.getrandbits(32)
            lanes = sum(0xFF << 8 * lane for lane in range(4) if strobe >> lane & 1)
            await rig.control.write(register.offset, value, strobe)
            held = ((value & lanes) | (held & ~lanes)) & mask
            assert await rig.get(register.name) == held, f"{register.name}, strobe {strobe:#x}"


@cocotb.test()
async def no_register_answers_for_another_and_read_only_ones_stay(dut: Any) -> None:
    rng = random.Random(SEED)
    rig = Rig(dut)
    await rig.bench.begin()
    values = await fill(rig, rng)
    fixed = {r.name: await rig.get(r.name) for r in REGISTERS if r.access == "ro"}
    declared = {register.offset for register in REGISTERS}
    empty = [offset for offset in range(0, 1 << KERNEL.address_width, 4) if offset not in declared]
    others = [register.offset for register in REGISTERS if register.access == "ro"]
    for offset in [*others, *rng.sample(empty, 60), max(declared) + 4, (1 << KERNEL.address_width) - 4]:
        await rig.control.write(offset, rng.getrandbits(32))
        if offset in empty:
            assert await rig.control.read(offset) == 0, f"{offset:#x} holds no register"
    for name, value in {**values, **fixed}.items():
        assert await rig.get(name) == value, name
    assert await rig.get("CTRL") == IDLE


@cocotb.test()
async def block_control_and_interrupts_follow_the_hls_guide(dut: Any) -> None:
    rig = Rig(dut, "rare")
    await rig.bench.begin()
    # Registers as after reset are refused at once by a kernel that needs any.
    await rig.set("CTRL", START)
    await rig.wait_done()
    assert await rig.get("CTRL") == IDLE, "AP_DONE and AP_READY are cleared by reading"
    assert await rig.get("IP_ISR") == 0, "only enabled causes enter IP_ISR"
    for enable in (1, 2, 3):
        await rig.set("IP_IER", enable)
        await rig.set("CTRL", START)
        await rig.wait_done()
        assert await rig.get("IP_ISR") == enable
        assert not dut.irq.value, "the global enable is off"
        await rig.set("GIER", 1)
        await rig.bench.cycles(2)
        assert dut.irq.value
        await rig.set("IP_ISR", enable)
        await rig.bench.cycles(2)
        assert await rig.get("IP_ISR") == 0
        assert not dut.irq.value
        await rig.set("GIER", 0)
    await rig.set("IP_IER", 0)
    await rig.set("IP_ISR", 2)
    assert await rig.get("IP_ISR") == 2, "writing 1 toggles"
    await rig.set("IP_ISR", 3)
    assert await rig.get("IP_ISR") == 1


@cocotb.test()
async def auto_restart_runs_again_and_again_until_it_is_cleared(dut: Any) -> None:
    rig = Rig(dut)
    await rig.bench.begin()
    await rig.set("IP_IER", 1)
    await rig.set("CTRL", START | AUTO)
    for _ in range(4):
        await rig.wait_done()
        assert await rig.get("CTRL") & (START | AUTO) == START | AUTO
    await rig.set("CTRL", 0)
    await rig.bench.cycles(200)
    await rig.wait_done()
    await rig.bench.cycles(200)
    assert await rig.get("CTRL") == IDLE


@cocotb.test(skip=NAME not in EXAMPLES)
async def real_runs_equal_the_golden_model_under_random_pauses(dut: Any) -> None:
    rng = random.Random(SEED)
    model = ENTRY.model_class(CONFIG)
    for style in STYLES:
        rig = Rig(dut, style, latency=rng.randrange(1, 40))
        await rig.bench.begin()
        for example in EXAMPLES[NAME]:
            run = example(rng, CONFIG)
            want, content, beats = golden(model, run)
            await rig.prepare(run)
            await rig.set("CTRL", START)
            await rig.wait_done()
            for name, value in want.items():
                assert await rig.get(name) == value, f"{example.__name__}: {name}, {style} pauses"
            for memory in rig.memories:
                assert not memory.busy, "done came before everything was acknowledged"
                assert bytes(memory.content) == content, f"{example.__name__}: memory, {style} pauses"
            for name, sink in rig.sinks.items():
                await rig.wait_beats(sink, len(beats[name]))
                assert sink.beats == beats[name], f"{example.__name__}: {name}"
            cycles = await rig.get("CYCLES_LO")
            assert cycles > 0
            for cause in ("READ", "WRITE", "IN", "OUT"):
                assert await rig.get(f"STALL_{cause}") <= cycles


@cocotb.test(skip=NAME not in EXAMPLES)
async def a_start_during_a_run_is_ignored_and_registers_hold(dut: Any) -> None:
    rng = random.Random(SEED)
    rig = Rig(dut, latency=200)
    await rig.bench.begin()
    run = EXAMPLES[NAME][0](rng, CONFIG)
    want, content, _ = golden(ENTRY.model_class(CONFIG), run)
    await rig.prepare(run)
    await rig.set("CTRL", START)
    assert await rig.get("CTRL") == START
    await rig.set("CTRL", START)
    for register in KERNEL.registers:
        if register.access == "rw":
            held = await rig.get(register.name)
            await rig.set(register.name, ~held & 0xFFFF_FFFF)
            assert await rig.get(register.name) == held, f"{register.name} changed in a run"
            break
    await rig.wait_done()
    await rig.bench.cycles(600)
    assert await rig.get("CTRL") == IDLE, "the second start made a second run"
    assert {name: await rig.get(name) for name in want} == want
    assert all(bytes(memory.content) == content for memory in rig.memories)


@cocotb.test(skip=NAME not in EXAMPLES)
async def a_reset_in_mid_run_leaves_a_clean_idle_and_a_right_next_run(dut: Any) -> None:
    rng = random.Random(SEED)
    rig = Rig(dut, "rare", latency=20)
    await rig.bench.begin()
    for example in EXAMPLES[NAME]:
        for patience in (3, 40, 150, rng.randrange(600)):
            await rig.prepare(example(rng, CONFIG))
            await rig.set("CTRL", START)
            await rig.bench.cycles(patience)
            await rig.reset()
            await check_reset_values(rig)
            for port in KERNEL.masters:
                assert not getattr(dut, f"{port.name}_arvalid").value
                assert not getattr(dut, f"{port.name}_awvalid").value
        run = example(rng, CONFIG)
        want, content, _ = golden(ENTRY.model_class(CONFIG), run)
        await rig.prepare(run)
        await rig.set("CTRL", START)
        await rig.wait_done()
        assert {name: await rig.get(name) for name in want} == want
        assert all(bytes(memory.content) == content for memory in rig.memories)


@cocotb.test(skip=NAME not in EXAMPLES)
async def error_responses_are_reported_and_the_run_ends(dut: Any) -> None:
    rng = random.Random(SEED)
    rig = Rig(dut, "half", latency=9)
    await rig.bench.begin()
    for example in EXAMPLES[NAME]:
        run = example(rng, CONFIG)
        if run.streams:
            continue
        for memory, flag, bursts in (
            (m, f, b) for m in rig.memories for f, b in ((1, "read_bursts"), (2, "write_bursts"))
        ):
            memory.bad = lambda address: False
            await rig.prepare(run)
            memory.forget()
            await rig.set("CTRL", START)
            await rig.wait_done()
            wrong = rng.choice(getattr(memory, bursts))[0]
            memory.bad = lambda address, wrong=wrong: address == wrong
            await rig.prepare(run)
            await rig.set("CTRL", START)
            await rig.wait_done()
            assert await rig.get("STATUS") & 3 == flag
            assert await rig.get("ERROR_LO") | await rig.get("ERROR_HI") << 32 == wrong
            memory.bad = lambda address: False
