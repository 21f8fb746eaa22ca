"""The likelihood-weighting front end, against the golden model, bit for bit."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Value
from amaranth.sim import Simulator

from spynq.stm import golden, image
from spynq.stm.corners import WEIGHTING_CORNERS
from spynq.stm.golden import Operation
from spynq.stm.params import CHUNK, IMPOSSIBLE, STREAMS, StmConfig
from spynq.stm.vectors import Start, random_weighting, resident_weighting, weighting_start
from spynq_hw.stm.weighting import LATENCY, Weighting

REGISTERS = ("samples", "program", "targets", "table")
PATIENCE = 4000
"""Cycles without any event after which the kernel hangs."""


def config(lanes: int, parents: int = 2, **others: int) -> StmConfig:
    """A small kernel without a flat front end."""
    sizes = {"states": 8, "state_bits": 4, "program": 32, "table": 1024, "targets": 8, "bins": 64} | others
    return StmConfig(lanes=lanes, terms=0, parents=parents, **sizes)


@dataclass
class Result:
    """What a run gave: per chunk the log-likelihoods, the states of every column, and the cycles."""

    nll: list[list[int]] = field(default_factory=list)
    states: list[dict[int, list[int]]] = field(default_factory=list)
    targets: list[tuple[int, int]] = field(default_factory=list)
    cycles: int = 0


class Expected:
    """What stays in the kernel between runs, and the golden answer of each."""

    def __init__(self, config: StmConfig) -> None:
        self.config = config
        self.table = np.zeros(config.table, np.uint32)
        self.generators = np.zeros((STREAMS, 4), np.uint32)
        self.program: list[golden.Operation] = []
        self.targets: list[tuple[int, int]] = []

    def run(self, start: Start) -> Result:
        if start.mode("LOAD"):
            self._load(start)
        chunks = image.chunks(start.registers["SAMPLES"])
        nll, states = golden.chunk(
            self.program, self.table, self.generators, self.config.states, chunks, self.config.state_bits
        )
        nll.ravel()[start.registers["SAMPLES"] :] = IMPOSSIBLE
        columns = drawn(self.program)
        return Result(
            nll.tolist(), [{c: states[c, i].tolist() for c in columns} for i in range(chunks)], self.targets
        )

    def _load(self, start: Start) -> None:
        (words,) = start.blocks.values()
        beats = words.reshape(-1, 4)
        if start.mode("SEEDS"):
            self.generators, beats = beats[:STREAMS].copy(), beats[STREAMS:]
        program, rest = np.split(beats, [start.registers["PROGRAM"]])
        targets, table = np.split(rest, [start.registers["TARGETS"]])
        self.program = image.read_program(program, self.config.parents)
        self.targets = image.read_targets(targets)
        self.table[: table.size] = table.ravel()


def drawn(program: list[golden.Operation]) -> list[int]:
    """Columns that a program writes."""
    return sorted({operation.column for operation in program if not operation.weigh})


class Bench:
    """Plays top and back end around the front end, with random pauses on every side."""

    def __init__(self, config: StmConfig, seed: int, pause: float = 0.3) -> None:
        self.config, self.pause = config, pause
        self.rng = np.random.default_rng(seed)
        self.dut = Weighting(config)
        self.slots = CHUNK // config.lanes

    def run(self, starts: list[Start], expected: list[Result]) -> list[Result]:
        """Runs one after the other on one kernel; ``expected`` says only which columns to ask for."""
        results: list[Result] = []

        async def play(ctx: Any) -> None:
            for start, want in zip(starts, expected, strict=True):
                results.append(await self._run(ctx, start, sorted(want.states[0])))

        simulator = Simulator(self.dut)
        simulator.add_clock(1e-8)
        simulator.add_testbench(play)
        simulator.run()
        return results

    async def _run(self, ctx: Any, start: Start, columns: list[int]) -> Result:
        dut, result = self.dut, Result()
        beats: deque[int] = deque()
        for words in start.blocks.values():
            rows = words.astype("<u4").reshape(-1, 4)
            beats.extend(int.from_bytes(row.tobytes(), "little") for row in rows)
        for name in REGISTERS:
            ctx.set(getattr(dut, name), start.registers[name.upper()])
        ctx.set(dut.load, start.mode("LOAD"))
        ctx.set(dut.seeds, start.mode("SEEDS"))
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        await self._stream(ctx, beats, result, columns, image.chunks(start.registers["SAMPLES"]))
        assert not beats
        assert not ctx.get(dut.busy)
        for index in range(start.registers["TARGETS"]):
            ctx.set(dut.target_index, index)
            await ctx.tick()
            result.targets.append((ctx.get(dut.target.column), ctx.get(dut.target.bin)))
        return result

    async def _stream(
        self, ctx: Any, beats: deque[int], result: Result, columns: list[int], chunks: int
    ) -> None:
        dut, valid, idle = self.dut, False, 0
        group: list[int] = []
        replay = _Replay(self, result, columns)
        outputs = (
            dut.image.ready,
            dut.groups.valid,
            Value.cast(dut.groups.payload.l),
            dut.groups.payload.last,
            Value.cast(dut.labels),
            dut.busy,
        )
        while len(result.states) < chunks or replay.releasing:
            valid = bool(beats) and (valid or not self.chance())
            take = not self.chance()
            ctx.set(dut.image.valid, valid)
            ctx.set(dut.image.payload, beats[0] if valid else int(self.rng.integers(1 << 62)))
            ctx.set(dut.groups.ready, take)
            replay.ask(ctx)
            *_, image_ready, group_valid, nll, last, _, busy = await ctx.tick().sample(*outputs)
            result.cycles += 1
            idle += 1
            if valid and image_ready:
                beats.popleft()
                valid, idle = False, 0
            if group_valid and take:
                assert busy
                group += split(nll, 24, self.config.lanes)
                assert last == (len(group) == CHUNK)
                idle = 0
                if last:
                    result.nll.append(group)
                    group = []
            idle = 0 if replay.answer(ctx) else idle
            assert idle < PATIENCE, f"nothing happens with {len(beats)} beats and {len(result.nll)} chunks"

    def chance(self) -> bool:
        return bool(self.rng.random() < self.pause)


class _Replay:
    """Asks for the states of each chunk once its last group is out, then releases it."""

    def __init__(self, bench: Bench, result: Result, columns: list[int]) -> None:
        self.bench, self.result, self.columns = bench, result, columns
        self.places: deque[tuple[int, int]] = deque()
        self.found: dict[int, list[int]] = {}
        self.asked: tuple[int, int] | None = None
        self.releasing = False

    def ask(self, ctx: Any) -> None:
        bench, dut = self.bench, self.bench.dut
        chunk = len(self.result.states)
        ctx.set(dut.release, self.releasing)
        self.releasing = False
        if not self.places and not self.found and chunk < len(self.result.nll):
            self.places = deque((c, s) for c in self.columns for s in range(bench.slots))
            self.found = {c: [] for c in self.columns} or {-1: []}
        enable = bool(self.places) and not bench.chance()
        ctx.set(dut.label_enable, enable)
        ctx.set(dut.label_chunk, chunk % 2)
        # Without enable, the address must not matter: the answer is held.
        self.asked = self.places.popleft() if enable else None
        column, slot = self.asked or (int(bench.rng.integers(bench.config.states)), 0)
        ctx.set(dut.label_column, column)
        ctx.set(dut.label_slot, slot)

    def answer(self, ctx: Any) -> bool:
        if self.asked:
            labels = ctx.get(Value.cast(self.bench.dut.labels))
            self.found[self.asked[0]] += split(labels, self.bench.config.state_bits, self.bench.config.lanes)
        elif self.found and not self.places and (not self.bench.pause or self.bench.rng.random() < 0.05):
            self.found.pop(-1, None)
            self.result.states.append(self.found)
            self.found, self.releasing = {}, True
        return self.asked is not None


def split(word: int, width: int, count: int) -> list[int]:
    """Fields of ``width`` bits, lowest first."""
    return [word >> (width * i) & ((1 << width) - 1) for i in range(count)]


def check(kernel: StmConfig, starts: list[Start], seed: int, pause: float = 0.3) -> list[Result]:
    model = Expected(kernel)
    wanted = [model.run(start) for start in starts]
    got = Bench(kernel, seed, pause).run(starts, wanted)
    for number, (result, want) in enumerate(zip(got, wanted, strict=True)):
        name = f"run {number}, {starts[number].name}"
        assert result.targets == want.targets, name
        assert result.states == want.states, name
        assert result.nll == want.nll, name
    return got


@pytest.mark.parametrize(("lanes", "parents"), [(1, 2), (2, 3), (4, 1), (16, 4), (64, 2)])
def test_random_programs_match_golden_under_random_pauses(lanes: int, parents: int, seed: int) -> None:
    kernel = config(lanes, parents)
    rng = np.random.default_rng([seed, lanes])
    operations = 2 if lanes == 1 else 6
    chunks = 3 if lanes >= 4 else 2
    first = random_weighting(rng, kernel, samples=int(rng.integers(1, chunks * CHUNK)), operations=operations)
    again = resident_weighting(rng, first)
    third = random_weighting(rng, kernel, samples=int(rng.integers(1, CHUNK)), operations=4, seeds=False)
    check(kernel, [first, again, third], seed)


@pytest.mark.parametrize("corner", WEIGHTING_CORNERS)
def test_corner_case_matches_golden(corner: str, seed: int) -> None:
    kernel = config(32, 2, table=2048)
    rng = np.random.default_rng(seed)
    check(kernel, [WEIGHTING_CORNERS[corner](rng, kernel)], seed)


@pytest.mark.parametrize("state_bits", [1, 8])
def test_rows_of_one_and_of_all_states_match_golden(state_bits: int, fresh_seed: int) -> None:
    kernel = config(64, 4, state_bits=state_bits, table=4096)
    rng = np.random.default_rng(fresh_seed)
    full = 1 << state_bits
    program = [
        Operation(7, state_bits, column=0, fresh=True),
        Operation(300, 0, column=1, parents=((0, 1),)),
        # Strides of zero, and sums beyond the table.
        Operation(11, state_bits, column=2, parents=((0, 4095), (1, 0), (0, 255), (1, 2047), (0, 3))),
        Operation(13, weigh=True, parents=((2, 1), (0, 4095)), push=True),
    ]
    table = rng.integers(0, 1 << 24, 4096) | rng.integers(0, full, 4096) << 24
    table[rng.random(4096) < 0.2] |= IMPOSSIBLE
    start = weighting_start(rng, kernel, program, [(0, 0)], table, CHUNK - 1, seed=fresh_seed, bins=full)
    check(kernel, [start], fresh_seed)


def test_a_chunk_waits_until_the_one_before_the_last_is_released(fresh_seed: int) -> None:
    kernel = config(32, 1)
    rng = np.random.default_rng(fresh_seed)
    program = [Operation(0, 2, column=5, fresh=True), Operation(4, weigh=True, parents=((5, 1),), push=True)]
    table = [*(rng.integers(0, 1 << 24, 4) | rng.integers(0, 4, 4) << 24), 5, 6, 7, 8]
    # Counting a chunk takes far longer than drawing it.
    start = weighting_start(rng, kernel, program, [(5, 0)], table, 5 * CHUNK - 3, seed=fresh_seed, bins=4)
    check(kernel, [start], fresh_seed, pause=0.8)


def test_no_cycle_is_lost_between_slots_operations_and_chunks(fresh_seed: int) -> None:
    kernel = config(64, 2, table=2048)
    rng = np.random.default_rng(fresh_seed)
    program = [Operation(0, 1, column=0, fresh=True)] * 9
    program.append(Operation(0, weigh=True, parents=((0, 1), (1, 1), (2, 1)), push=True))
    table = np.full(64, 3)
    start = weighting_start(rng, kernel, program, [], table, 4 * CHUNK, seed=1)
    words, chunks = 11, 4
    load = STREAMS + words + 0 + 64 // 4 + 4
    bench = Bench(kernel, fresh_seed, pause=0.0)
    (result,) = bench.run([start], [Result(states=[{} for _ in range(chunks)])])
    # The rest: start, pipeline, way to the back end, and two cycles of the bench for a release.
    assert result.cycles == load + words * (CHUNK // 64) * chunks + 17


def test_latency_fits_the_slots_of_64_lanes() -> None:
    assert LATENCY <= CHUNK // 64
