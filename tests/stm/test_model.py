"""The golden device: registers and memory in, registers and memory out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spynq.stm import golden, image
from spynq.stm import model as model_module
from spynq.stm.corners import FLAT_CORNERS, WEIGHTING_CORNERS, refusals
from spynq.stm.model import StmModel
from spynq.stm.params import CHUNK, IMPOSSIBLE, StmConfig
from spynq.stm.vectors import (
    BlockMemory,
    Start,
    expected,
    flat_start,
    random_flat,
    random_weighting,
    resident_flat,
    resident_weighting,
    weighting_start,
)

CONFIG = StmConfig(lanes=4, terms=2, population=64, columns=4, bins=16, states=8, state_bits=4, table=256)
ZERO, SATZ, REFUSED = 1 << 8, 1 << 9, 1 << 2


def run(start: Start, model: StmModel | None = None) -> tuple[dict[str, int], dict[int, bytes], BlockMemory]:
    memory = BlockMemory()
    results, outputs = expected(model or StmModel(CONFIG), start, memory)
    return results, outputs, memory


def wide(results: dict[str, int], name: str) -> int:
    return results[f"{name}_LO"] | results[f"{name}_HI"] << 32


def records_of(start: Start, outputs: dict[int, bytes]) -> np.ndarray:
    registers = start.registers
    kind = image.record_dtype(registers["BINS"] if start.mode("HISTOGRAM") else 0)
    return np.frombuffer(outputs[registers["RESULT_LO"]], kind)


def test_flat_run_writes_what_the_steps_give(seed: int) -> None:
    rng = np.random.default_rng(seed)
    samples, labels = rng.integers(-900, 900, (3, 37)), rng.integers(0, 16, 37)
    cues, gains = rng.integers(-900, 900, (5, 3)), rng.integers(0, 1 << 21, (5, 3))
    start = flat_start(rng, CONFIG, samples, cues, gains, labels=labels, bins=13, batch=True, weights=True)
    results, outputs, memory = run(start)
    records = records_of(start, outputs)
    written = np.frombuffer(outputs[start.registers["WEIGHT_LO"]], "<u4").reshape(5, 40)
    for e in range(5):
        nll = golden.log_likelihood(samples, cues[e], gains[e])
        w = golden.weights(nll, nll.min())
        assert np.array_equal(written[e], [*w, 0, 0, 0])
        assert records["W"][e] == w.sum() and records["S2"][e] == (w**2).sum()
        assert records["S1"][e] == (w * samples[0]).sum() and records["L_MIN"][e] == nll.min()
        assert np.array_equal(records["BINS"]["H"][e], np.bincount(labels, w, 16)[:13].astype(int))
        assert np.array_equal(records["BINS"]["Q"][e], np.bincount(labels, w**2, 16)[:13].astype(int))
    assert wide(results, "W") == records["W"][4] and results["L_MIN"] == records["L_MIN"][4]
    assert wide(results, "S1") == int(records["S1"][4]) % (1 << 64)
    assert memory.written == sum(start.outputs.values())


@pytest.mark.parametrize("block", [1, 100, 2048])
def test_blocks_of_a_large_run_change_nothing(seed: int, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(seed)
    samples, labels = rng.integers(-900, 900, (3, 30)), rng.integers(0, 16, 30)
    cues, gains = rng.integers(-900, 900, (9, 3)), rng.integers(0, 1 << 21, (9, 3))
    # Saturated in the first evidence alone, so that a later block must not forget it.
    cues[0], gains[0] = 32767, (1 << 26) - 1
    starts = [
        flat_start(rng, CONFIG, samples, cues, gains, labels=labels, bins=16, batch=True, weights=True),
        random_weighting(rng, CONFIG, samples=5 * CHUNK - 3),
    ]
    whole = [run(start)[:2] for start in starts]
    assert whole[0][0]["STATUS"] == SATZ
    monkeypatch.setattr(model_module, "_BLOCK", block)
    assert [run(start)[:2] for start in starts] == whole


def test_impossible_chunk_of_an_earlier_block_stays_flagged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_module, "_BLOCK", CHUNK)
    # The possible state is drawn with probability 40000 / 2**25, about once in a chunk.
    program = [
        golden.Operation(0, 1, column=0, fresh=True),
        golden.Operation(2, weigh=True, parents=((0, 1),), push=True),
    ]
    table = [(1 << 24) - 1, 40000, IMPOSSIBLE, 0]
    start = weighting_start(
        np.random.default_rng(0), CONFIG, program, [], table, 8 * CHUNK, seed=3, histogram=False
    )
    results, outputs, _ = run(start)
    zero = records_of(start, outputs)["FLAGS"] & 1
    assert zero.any() and not zero[-1] and results["STATUS"] == ZERO


@pytest.mark.parametrize("lanes", [1, 8, 32])
def test_lane_count_changes_nothing(seed: int, lanes: int) -> None:
    for make in (random_flat, random_weighting):
        start = make(np.random.default_rng(seed), CONFIG)
        assert run(start)[:2] == run(start, StmModel(replace(CONFIG, lanes=lanes)))[:2]


BUILDS = {
    "smallest": StmConfig(1, 1, 2, 1, 4, 4, 1, 1, 8, 16, 2),
    "smallest, two terms": StmConfig(1, 2, 2, 2, 4, 4, 1, 1, 8, 16, 2),
    "default": StmConfig(),
    "largest": StmConfig(64, 4, 65536, 8, 1024, 256, 8, 4, 4096, 65536, 256),
}


@pytest.mark.parametrize("build", BUILDS)
def test_random_and_named_runs_are_legal_on_every_build(seed: int, build: str) -> None:
    config, rng = BUILDS[build], np.random.default_rng(seed)
    starts = [make(rng, config) for make in (random_flat, random_weighting) for _ in range(10)]
    starts += [make(rng, config) for make in (*FLAT_CORNERS.values(), *WEIGHTING_CORNERS.values())]
    starts += [resident_flat(rng, config, starts[0]), resident_weighting(rng, starts[10])]
    model = StmModel(config)
    for start in starts:
        memory = BlockMemory(1 << 24)
        results, outputs = expected(model, start, memory)
        assert not results["STATUS"] & REFUSED, start.name
        assert memory.written == sum(len(data) for data in outputs.values()), start.name


@pytest.mark.parametrize("name", FLAT_CORNERS)
def test_flat_corner_is_legal(seed: int, name: str) -> None:
    start = FLAT_CORNERS[name](np.random.default_rng(seed), CONFIG)
    results, outputs, memory = run(start)
    assert not results["STATUS"] & REFUSED and wide(results, "W") >= 1 << 16
    assert memory.written == sum(len(data) for data in outputs.values())


@pytest.mark.parametrize("name", WEIGHTING_CORNERS)
def test_weighting_corner_is_legal(seed: int, name: str) -> None:
    start = WEIGHTING_CORNERS[name](np.random.default_rng(seed), CONFIG)
    results, outputs, memory = run(start)
    assert not results["STATUS"] & REFUSED
    assert bool(results["STATUS"] & ZERO) == (name == "no sample possible") or name in (
        "one beyond a chunk",
        "whole chunks",
    )
    assert memory.written == sum(len(data) for data in outputs.values())


def test_octave_17_corner_meets_the_19_bit_sum() -> None:
    start = FLAT_CORNERS["octave 17"](np.random.default_rng(0), CONFIG)
    _, outputs, _ = run(start)
    w = np.frombuffer(outputs[start.registers["WEIGHT_LO"]], "<u4")
    assert w.tolist() == [65536, 1, 1, 0, 0, 0, 0, 0]


def test_full_population_reaches_the_bounds() -> None:
    start = FLAT_CORNERS["full population, equal weights"](np.random.default_rng(0), CONFIG)
    results, outputs, _ = run(start)
    assert (wide(results, "W"), wide(results, "S2")) == (64 << 16, 64 << 32)
    assert wide(results, "S1") == (1 << 64) - (64 << 31)
    assert records_of(start, outputs)["BINS"]["H"].tolist() == [[64 << 16]]


def test_clipped_best_sample_raises_satz_in_record_and_status() -> None:
    start = FLAT_CORNERS["every distance clipped"](np.random.default_rng(0), CONFIG)
    results, outputs, _ = run(start)
    assert results["STATUS"] == SATZ and records_of(start, outputs)["FLAGS"].tolist() == [2]


def test_impossible_chunk_raises_zero_and_sums_nothing() -> None:
    start = WEIGHTING_CORNERS["no sample possible"](np.random.default_rng(0), CONFIG)
    results, outputs, _ = run(start)
    assert results["STATUS"] == ZERO and wide(results, "W") == 0 and results["L_MIN"] == IMPOSSIBLE
    assert records_of(start, outputs)["FLAGS"].tolist() == [1]


def test_samples_beyond_the_asked_number_do_not_count() -> None:
    start = WEIGHTING_CORNERS["no evidence"](np.random.default_rng(0), CONFIG)
    _, outputs, _ = run(start)
    records = records_of(start, outputs)
    assert records["W"].tolist() == [CHUNK << 16, 1 << 16] and records["S1"].tolist() == [0, 0]
    assert records["BINS"]["H"].sum(axis=1).tolist() == records["W"].tolist()


def test_refusals_write_nothing_and_leave_the_results(seed: int) -> None:
    for config in (CONFIG, replace(CONFIG, terms=0), replace(CONFIG, states=0)):
        rng = np.random.default_rng(seed)
        model = StmModel(config)
        before = run((random_flat if config.terms else random_weighting)(rng, config), model)[0]
        for start in refusals(rng, config):
            results, _, memory = run(start, model)
            assert results == {**before, "STATUS": REFUSED}, start.name
            assert memory.written == 0, start.name


def test_population_stays_resident(seed: int) -> None:
    rng = np.random.default_rng(seed)
    model = StmModel(CONFIG)
    first = random_flat(rng, CONFIG)
    run(first, model)
    second = resident_flat(rng, CONFIG, first)
    again = replace(
        second,
        blocks=first.blocks,
        registers=dict(
            second.registers, MODE=second.registers["MODE"] | 2, IMAGE_LO=first.registers["IMAGE_LO"]
        ),
    )
    assert run(second, model)[:2] == run(again)[:2]


def test_generators_go_on_where_the_last_run_stopped() -> None:
    rng = np.random.default_rng(0)
    program = [golden.Operation(0, 2, column=1, fresh=True, push=True)]
    table = rng.integers(0, 1 << 26, 4)

    def start(samples: int) -> Start:
        return weighting_start(
            np.random.default_rng(1), CONFIG, program, [(1, 0)], table, samples, bins=4, seed=7
        )

    model = StmModel(CONFIG)
    both = start(2 * CHUNK)
    whole = records_of(both, run(both)[1])
    first = start(CHUNK)
    parts = [records_of(first, run(first, model)[1])]
    second = resident_weighting(rng, first, CHUNK)
    parts.append(records_of(second, run(second, model)[1]))
    assert np.array_equal(whole, np.concatenate(parts))


def test_seeds_without_load_change_nothing() -> None:
    rng = np.random.default_rng(3)
    model, other = StmModel(CONFIG), StmModel(CONFIG)
    first = random_weighting(rng, CONFIG)
    run(first, model), run(first, other)
    second = resident_weighting(rng, first, 5)
    seeded = replace(second, registers=dict(second.registers, MODE=second.registers["MODE"] ^ 64))
    assert run(second, model)[:2] == run(seeded, other)[:2]


def test_program_survives_its_beats(seed: int) -> None:
    program = [
        golden.Operation(5, 3, column=2, fresh=True),
        golden.Operation(9, 0, True, 0, ((2, 1), (3, 4), (7, 9), (1, 30), (5, 4095)), push=True),
    ]
    for parents in range(1, 5):
        words = image.program_words(program, parents)
        assert len(words) == 1 + -(-5 // parents)
        assert image.read_program(words, parents) == program


def test_generator_states_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"generator states must have shape \(64, 4\), not \(4, 64\)"):
        image.weighting_image([], [], [], 2, np.zeros((4, 64), np.uint32))
