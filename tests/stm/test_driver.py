"""The driver on the golden device with two copies of memory, so that a missing flush gives wrong answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from spynq import devices
from spynq.errors import SpynqError
from spynq.stm import driver as driver_module
from spynq.stm import golden
from spynq.stm.golden import Operation
from spynq.stm.params import CHUNK, IMPOSSIBLE, StmConfig

CONFIG = StmConfig(lanes=4, terms=2, population=64, columns=4, bins=16, states=8, state_bits=4, table=256)


@pytest.fixture
def stm() -> Iterator[Any]:
    with devices.open_kernel("stm", "golden", CONFIG, strict=True, memory=1 << 22) as driver:
        yield driver
    assert driver.arena.in_use == 0, "close() left buffers behind"


def population(seed: int, terms: int = 3, samples: int = 50) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(-1000, 1000, (terms, samples)), rng.integers(0, 7, samples)


def evidence(seed: int, *shape: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed + 1)
    return rng.integers(-1000, 1000, shape), rng.integers(0, 1 << 21, shape)


def weights_of(columns: np.ndarray, cues: np.ndarray, gains: np.ndarray) -> tuple[np.ndarray, int]:
    nll = golden.log_likelihood(columns, cues, gains)
    return golden.weights(nll, nll.min()), int(nll.min())


def test_one_evidence_through_registers_alone(stm: Any, seed: int) -> None:
    columns, _ = population(seed)
    cues, gains = evidence(seed, 3)
    stm.load_population(columns)
    in_use = stm.arena.in_use
    result = stm.flat(cues, gains)
    w, smallest = weights_of(columns, cues, gains)
    record = result.records[0]
    assert (record["W"], record["S1"], record["S2"]) == tuple(golden.sums(w, columns[0]))
    assert record["L_MIN"] == smallest and result.weights is None
    assert stm.arena.in_use == in_use


def test_batch_with_histogram_and_weights(stm: Any, seed: int) -> None:
    columns, labels = population(seed)
    stm.load_population(columns, labels, bins=9)
    cues, gains = evidence(seed, 6, 3)
    result = stm.flat(cues, gains, histogram=True, weights=True)
    for e in range(6):
        w, smallest = weights_of(columns, cues[e], gains[e])
        assert np.array_equal(result.weights[e], w) and result.records["L_MIN"][e] == smallest
        assert np.array_equal(result.records["BINS"]["H"][e], golden.histogram(w, labels, 16)[0][:9])
        assert np.array_equal(result.records["BINS"]["Q"][e], golden.histogram(w, labels, 16)[1][:9])


def test_resident_population_is_loaded_once(stm: Any, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    columns, labels = population(seed)
    stm.load_population(columns, labels)
    modes = record_modes(stm, monkeypatch)
    cues, gains = evidence(seed, 3)
    first = stm.flat(cues, gains)
    assert np.array_equal(first.records, stm.flat(cues, gains).records)
    stm.flat(cues, gains, reload=True)
    assert [mode & 2 for mode in modes] == [2, 0, 2]


def record_modes(stm: Any, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    modes: list[int] = []
    write: Callable[[int, int], None] = stm.write

    def spy(offset: int, value: int) -> None:
        assert type(value) is int, f"register {offset:#x} was given a {type(value).__name__}"
        if offset == 0x80:
            modes.append(value)
        write(offset, value)

    monkeypatch.setattr(stm, "write", spy)
    return modes


def test_labels_are_loaded_even_by_a_run_without_histogram(stm: Any, seed: int) -> None:
    columns, labels = population(seed)
    cues, gains = evidence(seed, 3)
    stm.load_population(columns, labels, bins=9)
    stm.flat(cues, gains)
    got = stm.flat(cues, gains, histogram=True).records["BINS"]["H"][0]
    assert np.array_equal(got, golden.histogram(weights_of(columns, cues, gains)[0], labels, 16)[0][:9])


def test_reset_makes_the_next_run_load_again(stm: Any, seed: int) -> None:
    columns, _ = population(seed)
    cues, gains = evidence(seed, 3)
    stm.load_population(columns)
    before = stm.flat(cues, gains).records
    stm.reset()
    assert np.array_equal(stm.flat(cues, gains).records, before)


def test_a_second_driver_of_the_same_kernel_makes_the_first_load_again(stm: Any, seed: int) -> None:
    columns, _ = population(seed)
    cues, gains = evidence(seed, 3)
    stm.load_population(columns)
    before = stm.flat(cues, gains).records
    other = driver_module.StmDriver()
    other.read, other.write, other.allocate = stm.read, stm.write, stm.allocate  # type: ignore[method-assign]
    other.load_population(columns[:, ::-1] // 3)
    other.flat(cues, gains)
    other.close()
    assert np.array_equal(stm.flat(cues, gains).records, before)


def test_run_waits_for_an_interrupted_one_before_it_touches_a_register(
    stm: Any, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns, _ = population(seed)
    cues, gains = evidence(seed, 3)
    stm.load_population(columns)
    want = stm.flat(cues, gains).records
    control, log = [0x00, 0x01, 0x0E], []
    read, write = stm.read, stm.write

    def busy_read(offset: int = 0) -> int:
        log.append("poll" if offset == 0 and control else "read")
        return control.pop(0) if offset == 0 and control else read(offset)

    monkeypatch.setattr(stm, "read", busy_read)
    monkeypatch.setattr(stm, "write", lambda offset, value: (log.append("write"), write(offset, value)))
    assert np.array_equal(stm.flat(cues, gains).records, want)
    assert log[:3] == ["poll"] * 3 and "write" in log


def test_done_that_nobody_saw_does_not_pass_for_the_next_one(
    stm: Any, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns, _ = population(seed)
    stm.load_population(columns)
    stm.flat(*evidence(seed, 3))
    stm.write(0x00, 1)  # a run whose done is left standing
    standing = []

    def start() -> None:
        standing.append(stm.read(0x00) & 2)
        stm.write(0x00, 1)

    monkeypatch.setattr(stm, "start", start)
    stm.flat(*evidence(seed, 3))
    assert standing == [0]


def test_smaller_population_reuses_the_buffer(stm: Any, seed: int) -> None:
    columns, _ = population(seed, samples=64)
    cues, gains = evidence(seed, 3)
    stm.load_population(columns)
    stm.flat(cues, gains, weights=True)
    in_use = stm.arena.in_use
    stm.load_population(columns[:, :5])
    result = stm.flat(cues, gains, weights=True)
    assert np.array_equal(result.weights[0], weights_of(columns[:, :5], cues, gains)[0])
    assert stm.arena.in_use == in_use


PROGRAM = [
    Operation(0, 2, column=1, fresh=True),
    Operation(4, 1, column=2, parents=((1, 1),)),
    Operation(12, weigh=True, parents=((2, 1), (1, 2)), push=True),
]
TARGETS = [(1, 0), (2, 4)]


def table(seed: int) -> np.ndarray:
    entries = np.random.default_rng(seed).integers(0, 1 << 24, 20)
    entries[4:12] |= np.random.default_rng(seed + 1).integers(0, 2, 8) << 24
    entries[12:] &= 4095
    return entries


def chunks_of(seed: int, count: int, samples: int) -> list[tuple[int, int, list[int]]]:
    entries = np.resize(table(seed), 256).astype(np.uint32)
    nll, states = golden.chunk(PROGRAM, entries, golden.generator_states(seed), 8, count)
    nll.ravel()[samples:] = IMPOSSIBLE
    found = []
    for c in range(count):
        w = golden.weights(nll[c], nll[c].min())
        h = golden.histogram(w, states[1, c], 16)[0] + golden.histogram(w, states[2, c] + 4, 16)[0]
        found.append((int(w.sum()), int(nll[c].min()), h[:6].tolist()))
    return found


def test_weighting_gives_the_chunks_of_the_golden_steps(stm: Any, seed: int) -> None:
    stm.load_program(PROGRAM, TARGETS, table(seed), bins=6)
    records = stm.weighting(2500, seed).records
    got = [(int(r["W"]), int(r["L_MIN"]), r["BINS"]["H"].tolist()) for r in records]
    assert got == chunks_of(seed, 3, 2500)


def test_generators_go_on_without_a_seed_and_begin_again_with_one(stm: Any, seed: int) -> None:
    stm.load_program(PROGRAM, TARGETS, table(seed), bins=6)
    whole = stm.weighting(3 * CHUNK, seed).records
    first, rest = stm.weighting(CHUNK, seed).records, stm.weighting(2 * CHUNK).records
    assert np.array_equal(np.concatenate([first, rest]), whole)


def test_long_run_is_cut_into_starts_that_give_the_same(
    stm: Any, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stm.load_program(PROGRAM, TARGETS, table(seed), bins=6)
    monkeypatch.setattr(stm, "cycles", lambda: 7)
    whole = stm.weighting(5 * CHUNK - 100, seed)
    monkeypatch.setattr(driver_module, "_RESULT_BYTES", 2 * whole.records.itemsize)
    cut = stm.weighting(5 * CHUNK - 100, seed)
    assert np.array_equal(cut.records, whole.records) and cut.samples == whole.samples
    assert (whole.cycles, cut.cycles) == (7, 21)


def test_flags_of_every_start_of_a_cut_run_are_kept(stm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver_module, "_RESULT_BYTES", 1)
    # The possible state is drawn with probability 40000 / 2**25, about once in a chunk.
    program = [Operation(0, 1, column=0, fresh=True), Operation(2, weigh=True, parents=((0, 1),), push=True)]
    stm.load_program(program, [], [(1 << 24) - 1, 40000, IMPOSSIBLE, 0])
    result = stm.weighting(8 * CHUNK, 3)
    zero = [bool(flag & 1) for flag in result.records["FLAGS"]]
    assert result.flags["ZERO"] == any(zero) and any(zero) and not zero[-1]


def test_population_and_program_take_turns(stm: Any, seed: int) -> None:
    columns, labels = population(seed)
    cues, gains = evidence(seed, 3)
    stm.load_population(columns, labels)
    stm.load_program(PROGRAM, TARGETS, table(seed), bins=6)
    flat, weighting = stm.flat(cues, gains).records, stm.weighting(100, seed).records
    assert np.array_equal(stm.flat(cues, gains).records, flat)
    assert np.array_equal(stm.weighting(100, seed).records, weighting)


LOADS: list[tuple[str, Callable[[Any], Any]]] = [
    (
        r"samples must be 1 to 64, not 65; use fewer, or a larger population=",
        lambda s: s.load_population(np.zeros((1, 65), int)),
    ),
    (r"samples must be 1 to 64, not 0", lambda s: s.load_population(np.zeros((1, 0), int))),
    (
        r"columns \(terms of an evidence\) must be 1 to 4, not 5",
        lambda s: s.load_population(np.zeros((5, 2), int)),
    ),
    (r"columns must have shape \[terms, samples\], not \(2,\)", lambda s: s.load_population([1, 2])),
    (r"sample must be -32768 to 32767, not 32768; rescale the grid", lambda s: s.load_population([[32768]])),
    (r"samples must be integers on the grid, not float64", lambda s: s.load_population([[0.5]])),
    (r"labels must have shape \[2\], one per sample, not \[1\]", lambda s: s.load_population([[1, 2]], [0])),
    (r"bins must be 1 to 16, not 17; use wider bins", lambda s: s.load_population([[1]], [16])),
    (r"label must be 0 to 2, not 3", lambda s: s.load_population([[1]], [3], bins=3)),
    (r"program words must be 1 to 512, not 0", lambda s: s.load_program([], [], [])),
    (r"program words must be 1 to 512, not 513", lambda s: s.load_program([Operation(0)] * 513, [], [])),
    (
        r"table entries must be 0 to 256, not 260; use a larger table=",
        lambda s: s.load_program([Operation(0)], [], np.zeros(257, int)),
    ),
    (
        r"targets must be 0 to 64, not 65; query fewer nodes at a time",
        lambda s: s.load_program([Operation(0)], [(0, 0)] * 65, [1], bins=1),
    ),
    (r"bins must be 1 to 16, not 0", lambda s: s.load_program([Operation(0)], [(0, 0)], [1])),
    (r"bins must be 0 to 16, not 17", lambda s: s.load_program([Operation(0)], [], [1], bins=17)),
    (
        r"state column must be 0 to 7, not 8; use a larger states=",
        lambda s: s.load_program([Operation(0, parents=((8, 1),))], [], [1]),
    ),
    (
        r"log2 of the states of a node must be 0 to 4, not 5",
        lambda s: s.load_program([Operation(0, 5)], [], [1]),
    ),
]


@pytest.mark.parametrize(("message", "call"), LOADS, ids=[message[:40] for message, _ in LOADS])
def test_load_beyond_a_limit_is_refused_before_the_kernel_is_touched(
    stm: Any, message: str, call: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stm.capabilities
    monkeypatch.setattr(stm, "write", lambda *_: pytest.fail("the kernel was written to"))
    with pytest.raises(ValueError, match=message):
        call(stm)


RUNS: list[tuple[str, Callable[[Any], Any]]] = [
    (
        r"cues and gains must both have shape \[2\] or \[evidences, 2\], not \[1, 3\] and \[1, 2\]",
        lambda s: s.flat([1, 2, 3], [1, 2]),
    ),
    (r"cue must be -32768 to 32767, not -32769; rescale the grid", lambda s: s.flat([0, -32769], [1, 2])),
    (
        r"gain must be 0 to 67108863, not 67108864; an sd needs at least 28 grid steps",
        lambda s: s.flat([0, 0], [0, 1 << 26]),
    ),
    (
        r"a histogram needs labels; pass them to load_population\(\)",
        lambda s: s.flat([0, 0], [0, 0], histogram=True),
    ),
    (r"samples must be 1 to 2147483647, not 0; split the run", lambda s: s.weighting(0, 1)),
    (r"samples must be 1 to 2147483647, not 2147483648", lambda s: s.weighting(1 << 31, 1)),
    (r"seed must be at least 0, not -1", lambda s: s.weighting(1, -1)),
]


@pytest.mark.parametrize(("message", "call"), RUNS, ids=[message[:40] for message, _ in RUNS])
def test_run_beyond_a_limit_is_refused_before_the_kernel_is_touched(
    stm: Any, message: str, call: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    stm.load_population([[1, 2], [3, 4]])
    stm.load_program(PROGRAM, [], table(0))
    monkeypatch.setattr(stm, "write", lambda *_: pytest.fail("the kernel was written to"))
    with pytest.raises(ValueError, match=message):
        call(stm)


def test_run_before_load_is_refused(stm: Any) -> None:
    with pytest.raises(SpynqError, match=r"no population is loaded; call load_population\(\) first"):
        stm.flat([0], [0])
    with pytest.raises(SpynqError, match=r"no program is loaded; call load_program\(\) first"):
        stm.weighting(1, 1)
    stm.load_program(PROGRAM, [], table(0))
    with pytest.raises(SpynqError, match="the generators have no state to go on from; pass a seed"):
        stm.weighting(1)


def test_absent_front_end_is_refused() -> None:
    with devices.open_kernel("stm", "golden", StmConfig(terms=0)) as stm:
        with pytest.raises(SpynqError, match="no flat front end; build it with terms of at least 1"):
            stm.load_population([[1]])
    with devices.open_kernel("stm", "golden", StmConfig(states=0)) as stm:
        with pytest.raises(SpynqError, match="no likelihood weighting; build it with states of at least 4"):
            stm.load_program(PROGRAM, [], [1])
