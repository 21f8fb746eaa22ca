# amaranth: UnusedElaboratable=no
"""Runs of bits of a map to words with spikes: every word, its cycle, and no bit before it is there."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pytest

from spynq.lif.params import LifConfig
from spynq_hw.lif.feeder import WORD_BITS
from spynq_hw.lif.sizes import BEAT
from spynq_hw.lif.words import Words
from spynq_sim.blocks import simulate
from spynq_sim.pauses import STYLES, pauses

CONFIG = LifConfig(columns=4, weights=1024, banks=2, maps=16, units=64, rounds=8)
TAPS = CONFIG.weights
Map = list[int]
"""Beats."""


@dataclass(frozen=True)
class Run:
    """A segment; ``end`` is the bit behind its last one."""

    start: int
    end: int
    tap: int = 0
    empty: bool = False
    double: bool = False
    negate: bool = False
    last: bool = False
    final: bool = False


@dataclass(frozen=True)
class Word:
    """What a word says: the taps of its spikes."""

    taps: tuple[int, ...]
    double: bool = False
    negate: bool = False
    last: bool = False


def beats_of(run: Run, content: Map, parity: int | None) -> Iterator[list[tuple[int, ...]]]:
    """Taps in every word with spikes that a stream takes, beat by beat."""
    bits = [] if run.empty else range(run.start, run.end)
    places = sorted({bit // BEAT for bit in bits}) or [run.start // BEAT]
    for place in places:
        words: dict[int, list[int]] = {}
        for bit in bits:
            number = bit // WORD_BITS
            if bit // BEAT == place and parity in (None, number % 2) and content[place] >> bit % BEAT & 1:
                words.setdefault(number, []).append((run.tap + bit - run.start) % TAPS)
        yield [tuple(taps) for _, taps in sorted(words.items())]


def wanted(run: Run, content: Map, parity: int | None) -> tuple[list[Word], int]:
    """The words of a run, and its cycles."""
    beats = list(beats_of(run, content, parity))
    cycles = sum(max(1, len(words)) for words in beats)
    if run.double and not beats[0]:
        beats[0] = [()]
    if run.last and not beats[-1]:
        beats[-1] = [()]
    words = [taps for beat in beats for taps in beat]
    ends = len(words) - 1
    return [
        Word(taps, run.double and i == 0, run.negate, run.last and i == ends) for i, taps in enumerate(words)
    ], cycles


def random_map(rng: np.random.Generator, count: int) -> Map:
    """Beats of one density, words without a spike among them."""
    density = rng.choice([0, 0.005, 0.02, 0.1, 0.5, 1])
    bits = rng.random((count, BEAT)) < density
    bits &= np.repeat(rng.random((count, BEAT // WORD_BITS)) < 0.8, WORD_BITS, axis=1)
    return [sum(1 << int(i) for i in np.flatnonzero(row)) for row in bits]


def random_runs(rng: np.random.Generator, count: int, bits: int) -> list[Run]:
    """Runs of any place and length, cut at words and beats or not; the last one is the map's."""
    runs = []
    for number in range(count):
        grid = int(rng.choice([1, 1, 8, WORD_BITS, BEAT]))
        start = int(rng.integers(-(-bits // grid))) * grid
        length = int(rng.choice([1, 2, 16, 30, 40, WORD_BITS, BEAT, 300, bits]))
        end = min(bits, max(start + 1, (start + length) // grid * grid))
        final = number == count - 1
        double, last = rng.random() < 0.3, final or rng.random() < 0.3
        empty = bool((double or last) and rng.random() < 0.3)
        negate, tap = bool(rng.integers(2)), int(rng.integers(TAPS))
        runs.append(Run(start, end, tap, empty, bool(double), negate, bool(last), final))
    return runs


def place(number: int, slots: int, beat: int) -> int:
    """Address of a beat of a step: the step's low bits from the highest address bit down."""
    bits = CONFIG.maps.bit_length()
    return beat | sum((number >> i & 1) << bits - 1 - i for i in range(slots + 1))


class Bench:
    """Steps that come beat by beat as soon as there is room, and the runs of all of them."""

    def __init__(self, maps: list[Map], runs: list[list[Run]], slots: int = 0) -> None:
        self.dut = Words(CONFIG)
        self.maps, self.runs, self.slots = maps, runs, slots
        self.parity: int | None = None
        self.freed, self.loaded = 0, 0
        self.words: list[Word] = []
        self.taken: list[int] = []
        """Cycle in which each run was taken."""

    def load(self, style: str, seed: int) -> Any:
        async def bench(ctx: Any) -> None:
            holding, dut = pauses(style, random.Random(seed)), self.dut
            ctx.set(dut.slots, self.slots)
            ctx.set(dut.split, self.parity is not None)
            ctx.set(dut.odd, self.parity or 0)
            for number, content in enumerate(self.maps):
                while number - self.freed >= 2 << self.slots:
                    await ctx.tick()
                for beat, value in enumerate(content):
                    ctx.set(dut.filled, beat)
                    while next(holding):
                        await ctx.tick()
                    ctx.set(dut.write, 1)
                    ctx.set(dut.write_address, place(number, self.slots, beat))
                    ctx.set(dut.write_data, value)
                    ctx.set(dut.loaded, beat == len(content) - 1)
                    await ctx.tick()
                    ctx.set(dut.write, 0)
                    ctx.set(dut.loaded, 0)
                ctx.set(dut.filled, 0)
                self.loaded += 1

        return bench

    def feed(self, style: str, seed: int, *, after: int = 0) -> Any:
        """Runs, from when ``after`` maps are there."""

        async def bench(ctx: Any) -> None:
            holding, port = pauses(style, random.Random(seed)), self.dut.segments
            while self.loaded < after:
                await ctx.tick()
            for run in [run for step in self.runs for run in step]:
                while next(holding):
                    await ctx.tick()
                ctx.set(port.payload, asdict(run))
                ctx.set(port.valid, 1)
                await ctx.tick().until(port.ready)
                ctx.set(port.valid, 0)

        return bench

    def take(self, style: str, seed: int, count: int) -> Any:
        async def bench(ctx: Any) -> None:
            holding, dut = pauses(style, random.Random(seed)), self.dut
            for cycle in range(5_000 + 20 * count):
                ready = not next(holding)
                ctx.set(dut.words.ready, ready)
                _, _, valid, word, over, begins, goes = await ctx.tick().sample(
                    dut.words.valid, dut.words.payload, dut.done, dut.segments.valid, dut.segments.ready
                )
                if begins and goes:
                    self.taken.append(cycle)
                self.freed += over
                if valid and ready:
                    taps = [(word.base + i) % TAPS for i in range(WORD_BITS) if word.bits >> i & 1]
                    found = Word(tuple(taps), bool(word.double), bool(word.negate), bool(word.last))
                    assert taps or word.double or word.last
                    self.words.append(found)
                # A cycle more than it takes shows words that should not be there.
                if len(self.words) >= count and self.freed == len(self.maps) and not valid:
                    return
            raise TimeoutError(f"{len(self.words)} of {count} words came, {self.freed} steps were freed")

        return bench

    def wanted(self) -> list[tuple[list[Word], int]]:
        """Words and cycles of every run."""
        return [
            wanted(run, content, self.parity)
            for content, runs in zip(self.maps, self.runs, strict=True)
            for run in runs
        ]


@pytest.mark.parametrize("parity", [None, 0, 1])
@pytest.mark.parametrize("style", STYLES)
def test_words_are_those_with_spikes_while_maps_come_and_go(
    style: str, parity: int | None, fresh_seed: int
) -> None:
    rng = np.random.default_rng(fresh_seed)
    for slots in range(3):
        count = int(rng.integers(2, (CONFIG.maps >> slots) + 1))
        maps = [random_map(rng, count) for _ in range((3 << slots) + 1)]
        bench = Bench(maps, [random_runs(rng, int(rng.integers(1, 5)), count * BEAT) for _ in maps], slots)
        bench.parity = parity
        want = [word for words, _ in bench.wanted() for word in words]
        others = [str(rng.choice(STYLES)) for _ in range(2)]
        simulate(
            bench.dut, bench.load(others[0], 1), bench.feed(others[1], 2), bench.take(style, 3, len(want))
        )
        assert bench.words == want


@pytest.mark.parametrize("parity", [None, 0, 1])
def test_a_beat_takes_a_cycle_for_every_word_with_spikes_and_one_without(
    parity: int | None, fresh_seed: int
) -> None:
    """Runs follow each other without a gap: each is taken as many cycles after the last one as that costs."""
    rng = np.random.default_rng(fresh_seed)
    for _ in range(2):
        maps = [random_map(rng, CONFIG.maps) for _ in range(2)]
        bench = Bench(maps, [random_runs(rng, 30, CONFIG.maps * BEAT) for _ in maps])
        bench.parity = parity
        want = bench.wanted()
        simulate(
            bench.dut,
            bench.load("none", 1),
            bench.feed("none", 2, after=2),
            bench.take("none", 3, sum(len(words) for words, _ in want)),
        )
        assert np.diff(bench.taken).tolist() == [cycles for _, cycles in want[:-1]]


def test_a_run_waits_for_its_beat_and_the_last_one_for_the_whole_map() -> None:
    dut = Words(CONFIG)
    seen: list[str] = []
    # Each beat takes a cycle, as none has a spike.
    runs = [Run(0, 2 * BEAT), Run(BEAT, 2 * BEAT, final=True)]
    rows = [
        # A run is there, beats, the map.
        (0, 0, 0, "idle"), (1, 0, 0, "starved"), (1, 1, 0, "taken"), (0, 1, 0, "starved"), (0, 2, 0, "idle"),
        (1, 2, 0, "starved"), (1, 2, 1, "starved"), (1, 0, 0, "done"), (0, 0, 0, "idle"),
        (1, 0, 0, "starved"),
    ]  # fmt: skip

    async def watch(ctx: Any) -> None:
        ctx.set(dut.words.ready, 1)
        for valid, filled, loaded, _ in rows:
            ctx.set(dut.segments.valid, valid)
            ctx.set(dut.segments.payload, asdict(runs["taken" in seen]))
            ctx.set(dut.filled, filled)
            ctx.set(dut.loaded, loaded)
            _, _, starved, ready, done = await ctx.tick().sample(dut.starved, dut.segments.ready, dut.done)
            taken = valid and ready
            seen.append("done" if done else "taken" if taken else "starved" if starved else "idle")

    simulate(dut, watch)
    assert seen == [row[-1] for row in rows]


def test_a_layer_begins_in_slot_0_and_without_a_map() -> None:
    """One map of two is read, then another layer begins: of that only its own map counts."""
    bench = Bench([[1], [2]], [[Run(0, 2, final=True, last=True)]])
    dut, port = bench.dut, bench.dut.segments
    seen: list[tuple[int, int]] = []

    async def watch(ctx: Any) -> None:
        ctx.set(dut.words.ready, 1)
        ctx.set(port.payload, asdict(bench.runs[0][0]))
        while bench.loaded < 2:
            await ctx.tick()
        for valid, restart, loaded in [(1, 0, 0), (0, 1, 0), (1, 0, 0), (1, 0, 1), (1, 0, 0), (0, 0, 0)]:
            ctx.set(port.valid, valid)
            ctx.set(dut.restart, restart)
            ctx.set(dut.loaded, loaded)
            _, _, ready, word = await ctx.tick().sample(port.ready, dut.words.payload)
            seen.append((valid and ready, word.bits))

    simulate(dut, bench.load("none", 1), watch)
    assert seen == [(1, 0), (0, 1), (0, 0), (0, 0), (1, 0), (0, 1)]


def test_beats_without_spikes_go_by_though_nobody_takes_words() -> None:
    bench = Bench([[0, 0, 0, 1]], [[Run(BEAT * i, BEAT * (i + 1)) for i in (0, 1, 2, 3, 0)]])
    seen: list[tuple[int, int]] = []

    async def feed(ctx: Any) -> None:
        port = bench.dut.segments
        while not bench.loaded:
            await ctx.tick()
        ctx.set(port.valid, 1)
        for _ in range(8):
            ctx.set(port.payload, asdict(bench.runs[0][sum(ready for ready, _ in seen)]))
            _, _, ready, valid = await ctx.tick().sample(port.ready, bench.dut.words.valid)
            seen.append((ready, valid))

    simulate(bench.dut, bench.load("none", 1), feed)
    # Four runs, the last of them with a word, behind which no beat is asked for.
    assert seen == [(1, 0)] * 4 + [(0, 1)] * 4
