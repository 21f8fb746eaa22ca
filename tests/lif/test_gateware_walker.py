# amaranth: UnusedElaboratable=no
"""Window walker and word reader against windows by plain loops: padding, pools, planes, slices, rounds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from amaranth import Module
from amaranth.lib import wiring

from spynq.lif.params import LifConfig
from spynq_hw.lif.feeder import WORD_BITS
from spynq_hw.lif.walker import Walker
from spynq_hw.lif.words import Words
from spynq_sim.blocks import simulate
from spynq_sim.pauses import STYLES, pauses

CONFIG = LifConfig(columns=4, weights=4096, banks=2, maps=64, units=256)
Bits = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Case:
    """A convolution layer over one step, with the planes of one or two sources."""

    channels: int
    height: int
    width: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    pad: tuple[int, int]
    dilation: tuple[int, int]
    pool: int
    rounds: int
    slice_bits: int
    planes: int
    planes_second: int
    signed: bool
    streams: int
    base: int

    @property
    def out(self) -> tuple[int, int]:
        """Rows and pixels of the output."""
        sizes = []
        for size, k, s, p, d in zip(
            (self.height, self.width), self.kernel, self.stride, self.pad, self.dilation, strict=True
        ):
            sizes.append((size // self.pool + 2 * p - d * (k - 1) - 1) // s + 1)
        return sizes[0], sizes[1]

    @property
    def seen(self) -> int:
        """Channels a window sees of a pixel."""
        return self.slice_bits or self.channels

    @property
    def taps(self) -> int:
        return self.kernel[0] * self.kernel[1] * self.seen

    @property
    def beats(self) -> int:
        """Beats of a plane."""
        return -(-self.height * self.width * self.channels // 128)

    def geometry(self) -> dict[str, int]:
        """Numbers of the plan."""
        row, pool = self.width * self.channels, self.pool
        (kh, kw), (sy, sx), (py, px), (dy, dx) = self.kernel, self.stride, self.pad, self.dilation
        by_row = pool == 1 and dx == 1 and self.slice_bits in (0, self.channels)
        rows = kh * pool
        # With dilation every pixel of a pooled window is a segment; dilation and pool do not meet here.
        x_step = sx * pool * self.channels
        return {
            "units": self.out[0] * self.out[1] * self.rounds,
            "rounds": self.rounds,
            "x_step": x_step,
            "x_end": self.out[1] * x_step,
            "x_first": -px * pool * self.channels,
            "y_step": sy * pool * row,
            "y_first": -py * pool * row,
            "x_limit": self.width // pool * pool * self.channels,
            "map_bits": self.height // pool * pool * row,
            "segment_bits": kw * self.channels if by_row else self.seen,
            "segment_x": dx * self.channels,
            "segment_y": dy * row,
            "segments": 1 if by_row else kw * pool,
            "segment_rows": rows,
            "pool_log2": pool.bit_length() - 1,
            "slice": int(bool(self.slice_bits)),
            "tap_x": self.seen,
            "tap_y": kw * self.seen,
            "plane_bits": 128 * self.beats,
            "planes": self.planes,
            "planes_second": self.planes_second,
            "signed": int(self.signed),
            "second": int(self.planes_second > 0),
            "second_place": self.planes * 128 * self.beats,
            "wrap": self.rounds * self.taps,
        }

    def plan(self) -> dict[str, int]:
        """The same with steps past the last round and the end of a row, as a walker is told."""
        told, step = self.geometry(), self.step()
        past = {f"{name}_past": step[name] + told.pop(f"{name}_step") for name in "xy"}
        return told | past

    def unit(self, number: int) -> dict[str, int]:
        """A unit as a walker counts it."""
        pixel, round_ = divmod(number, self.rounds)
        y, x = divmod(pixel, self.out[1])
        geometry = self.geometry()
        return {
            "number": number,
            "round": round_,
            "x": x * geometry["x_step"],
            "y": geometry["y_first"] + y * geometry["y_step"],
            "tap": self.base + round_ * self.taps,
        }

    def step(self) -> dict[str, int]:
        """From a unit to the next one of its stream."""
        far = self.unit(self.streams)
        return far | {"y": far["y"] - self.geometry()["y_first"], "tap": far["tap"] - self.base}

    def window(self, number: int, maps: Bits) -> Counter[int]:
        """How often each tap counts in a unit; ``maps`` is [plane of both sources, y, x, channel]."""
        pixel, round_ = divmod(number, self.rounds)
        y, x = divmod(pixel, self.out[1])
        weights = [1 << self.planes - 1 - p for p in range(self.planes)]
        if self.signed:
            weights[0] = -weights[0]
        weights += [1 << self.planes_second - 1 - p for p in range(self.planes_second)]
        counts: Counter[int] = Counter()
        for ky in range(self.kernel[0] * self.pool):
            for kx in range(self.kernel[1] * self.pool):
                my = (y * self.stride[0] - self.pad[0]) * self.pool + ky * self.dilation[0]
                mx = (x * self.stride[1] - self.pad[1]) * self.pool + kx * self.dilation[1]
                if not (0 <= my < self.height // self.pool * self.pool) or not (
                    0 <= mx < self.width // self.pool * self.pool
                ):
                    continue
                first = round_ * self.slice_bits
                for plane, weight in enumerate(weights):
                    for c in np.flatnonzero(maps[plane, my, mx, first : first + self.seen]):
                        tap = (ky // self.pool * self.kernel[1] + kx // self.pool) * self.seen + int(c)
                        counts[self.base + round_ * self.taps + tap] += weight
        return Counter({tap: n for tap, n in counts.items() if n})


def random_case(rng: np.random.Generator, streams: int) -> Case:
    """Any geometry that has an output; maps stay below 1,000 bits a plane."""
    while True:
        pool = int(rng.choice([1, 1, 1, 2]))
        slice_bits = int(rng.choice([0, 0, 16])) if pool == 1 else 0
        rounds = int(rng.integers(1, 4))
        channels = 16 * rounds if slice_bits else int(rng.choice([1, 2, 3, 8, 16, 33]))
        pair = lambda low, high: (int(rng.integers(low, high)), int(rng.integers(low, high)))  # noqa: E731
        case = Case(
            channels, *pair(1, 8), pair(1, 5), pair(1, 4), pair(0, 3),
            (1, 1) if pool > 1 else (int(rng.integers(1, 3)), int(rng.choice([1, 1, 2]))),
            pool, rounds, slice_bits, int(rng.integers(1, 4)), int(rng.choice([0, 0, 1, 2])),
            bool(rng.integers(2)), streams, int(rng.integers(5)),
        )  # fmt: skip
        planes = case.planes + case.planes_second
        if min(case.out) > 0 and case.beats * planes <= 64 and case.taps * rounds + 8 < 4096:
            return case


def random_maps(rng: np.random.Generator, case: Case) -> Bits:
    """Bits of all planes of a step."""
    shape = (case.planes + case.planes_second, case.height, case.width, case.channels)
    return np.asarray(rng.random(shape) < rng.choice([0, 0.1, 0.4, 1]))


def beats(case: Case, maps: Bits) -> list[int]:
    """The maps as they lie in memory."""
    words = []
    for plane in maps:
        flat = np.zeros(case.beats * 128, np.uint8)
        flat[: plane.size] = plane.ravel()
        packed = np.packbits(flat, bitorder="little").tobytes()
        words += [int.from_bytes(packed[i : i + 16], "little") for i in range(0, len(packed), 16)]
    return words


def view(values: dict[str, int], ctx: Any, target: Any) -> None:
    """Set the fields of a structure one by one."""
    for name, value in values.items():
        ctx.set(target[name], value)


class Pair(wiring.Component):
    """Both blocks as in a stream."""

    def __init__(self) -> None:
        super().__init__({})
        self.walker, self.words = Walker(CONFIG), Words(CONFIG)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.walker, m.submodules.words = self.walker, self.words
        wiring.connect(m, self.walker.segments, self.words.segments)
        return m


async def load(ctx: Any, words: Any, slot: int, content: list[int]) -> None:
    for place, value in enumerate(content):
        ctx.set(words.write, 1)
        ctx.set(words.write_address, slot * CONFIG.maps + place)
        ctx.set(words.write_data, value)
        ctx.set(words.loaded, place == len(content) - 1)
        await ctx.tick()
    ctx.set(words.write, 0)
    ctx.set(words.loaded, 0)


async def read_step(ctx: Any, dut: Pair, holding: Any, windows: int) -> list[Counter[int]]:
    """Windows of one step, by what their words mean."""
    found: list[Counter[int]] = []
    counts: Counter[int] = Counter()
    ctx.set(dut.walker.go, 1)
    freed = 0
    for _ in range(100_000):
        ready = not next(holding)
        ctx.set(dut.words.words.ready, ready)
        done, begun = dut.words.done, dut.walker.begun
        _, _, begins, valid, word, over = await ctx.tick().sample(
            begun, dut.words.words.valid, dut.words.words.payload, done
        )
        freed += over
        if begins:
            ctx.set(dut.walker.go, 0)
        if valid and ready:
            assert word.bits or word.double or word.last
            if word.double:
                counts = Counter({tap: 2 * n for tap, n in counts.items()})
            for i in range(WORD_BITS):
                if word.bits >> i & 1:
                    counts[(word.base + i) % 4096] += -1 if word.negate else 1
            if word.last:
                found.append(Counter({tap: n for tap, n in counts.items() if n}))
                counts = Counter()
                if len(found) == windows:
                    assert freed == 1
                    return found
                assert not freed or len(found) > windows - 4
    raise TimeoutError(f"{len(found)} windows came")


def run(case: Case, stream: int, steps: list[Any], style: str, seed: int) -> list[list[Counter[int]]]:
    windows = len(range(stream, case.geometry()["units"], case.streams))
    dut = Pair()
    found = []

    async def bench(ctx: Any) -> None:
        holding = pauses(style, seed)
        ctx.set(dut.walker.units.ready, 1)
        view(case.plan(), ctx, dut.walker.plan)
        view(case.unit(stream), ctx, dut.walker.first)
        view(case.step(), ctx, dut.walker.step)
        for number, maps in enumerate(steps):
            await load(ctx, dut.words, number % 2, beats(case, maps))
            found.append(await read_step(ctx, dut, holding, windows))

    simulate(dut, bench)
    return found


@pytest.mark.parametrize("style", STYLES)
def test_every_window_is_complete_under_random_pauses(style: str, fresh_seed: int) -> None:
    rng = np.random.default_rng(fresh_seed)
    for _ in range(12):
        case = random_case(rng, int(rng.integers(1, 5)))
        stream = int(rng.integers(min(case.streams, case.geometry()["units"])))
        steps = [random_maps(rng, case) for _ in range(2)]
        units = range(stream, case.geometry()["units"], case.streams)
        want = [[case.window(number, maps) for number in units] for maps in steps]
        assert run(case, stream, steps, style, fresh_seed) == want, case


def beginnings(case: Case, geometry: dict[str, int], stream: int, steps: int) -> list[int]:
    """Cycles in which steps begin, if nobody makes the walker wait."""
    dut = Walker(CONFIG)
    found: list[int] = []

    async def bench(ctx: Any) -> None:
        for port in (dut.units.ready, dut.segments.ready, dut.go):
            ctx.set(port, 1)
        view(geometry, ctx, dut.plan)
        view(case.unit(stream), ctx, dut.first)
        view(case.step(), ctx, dut.step)
        for cycle in range(100_000):
            _, _, begun = await ctx.tick().sample(dut.begun)
            found.extend([cycle] * begun)
            if len(found) == steps:
                return
        raise TimeoutError(f"{len(found)} steps began")

    simulate(dut, bench)
    return found


def test_a_unit_costs_a_cycle_per_run_and_a_step_one_more(fresh_seed: int) -> None:
    rng = np.random.default_rng(fresh_seed)
    for _ in range(20):
        case, again = random_case(rng, int(rng.integers(1, 5))), int(rng.choice([0, 3]))
        geometry = case.plan() | {"again": again}
        stream = int(rng.integers(min(case.streams, geometry["units"])))
        units = len(range(stream, geometry["units"], case.streams))
        # Those outside of the map cost the same.
        runs = geometry["segments"] * geometry["segment_rows"] * (case.planes + case.planes_second)
        steps = [units * runs + 1] + again * [units + 1]
        assert np.diff(beginnings(case, geometry, stream, 2 + again)).tolist() == steps, case
