"""Likelihood weighting in integers, against a second version written sample by sample."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from spynq.stm import golden
from spynq.stm.generators import jump, segmented_words
from spynq.stm.golden import Operation
from spynq.stm.params import CHUNK, IMPOSSIBLE, L_MAX, SLOTS, STREAMS

MASK = 0xFFFFFFFF


def plain_xoshiro(state: list[int]) -> Iterator[int]:
    """xoshiro128++ on Python integers, as its authors describe it."""
    a, b, c, d = state

    def turn(word: int, count: int) -> int:
        return (word << count | word >> (32 - count)) & MASK

    while True:
        yield (turn((a + d) & MASK, 7) + a) & MASK
        c, d = c ^ a, d ^ b
        a, b, c, d = a ^ d, b ^ c, c ^ (b << 9 & MASK), turn(d, 11)


def test_generator_gives_the_published_numbers() -> None:
    words = golden.random_words(np.array([[1, 2, 3, 4]], np.uint32), 10)
    assert words.ravel().tolist() == [
        641,
        1573767,
        3222811527,
        3517856514,
        836907274,
        4247214768,
        3867114732,
        1355841295,
        495546011,
        621204420,
    ]


def test_generators_equal_plain_integers(seed: int) -> None:
    states = golden.generator_states(seed)
    plain = [plain_xoshiro([int(word) for word in state]) for state in states]
    for _ in range(2):  # the second round shows that the states moved on
        words = golden.random_words(states, 33)
        assert words.tolist() == [[next(stream) for stream in plain] for _ in range(33)]


def test_seeds_differ_and_repeat() -> None:
    first = golden.generator_states(1)
    assert first.shape == (STREAMS, 4) and np.array_equal(first, golden.generator_states(1))
    assert not np.any(first == golden.generator_states(2))


def test_draw_takes_the_alias_from_the_threshold_on() -> None:
    table = np.array([5 | 3 << 24, 0xFFFFFF | 9 << 24], np.uint32)
    words = np.array([4 << 7, 5 << 7, 1 << 31 | 0xFFFFFE << 7, MASK], np.uint32)
    assert golden.draw(words, 0, table, 0, 1).tolist() == [0, 3, 1, 9]


def test_draw_from_a_single_column_compares_all_24_upper_bits() -> None:
    table = np.array([7 | 1 << 24], np.uint32)
    words = np.array([6 << 8, (7 << 8) - 1, 7 << 8], np.uint32)
    assert golden.draw(words, 0, table, 0, 0).tolist() == [0, 0, 1]


def test_table_address_wraps_at_the_end_of_the_table() -> None:
    table = np.arange(16, dtype=np.uint32)
    assert golden.weigh([0, 0], [2, 17], table, 15).tolist() == [1, 0]


def test_weighing_saturates_and_impossible_is_sticky() -> None:
    table = np.array([0, 1, L_MAX, IMPOSSIBLE], np.uint32)
    before = np.array([0, L_MAX - 1, L_MAX, IMPOSSIBLE])
    got = [golden.weigh(before, entry, table, 0).tolist() for entry in range(4)]
    assert got == [
        [0, L_MAX - 1, L_MAX, IMPOSSIBLE],
        [1, L_MAX, L_MAX, IMPOSSIBLE],
        [L_MAX] * 3 + [IMPOSSIBLE],
        [IMPOSSIBLE] * 4,
    ]


def plain_chunks(
    program: list[Operation], table: list[int], generators: np.ndarray, count: int
) -> tuple[list[list[int]], list[list[dict[int, int]]]]:
    """The same program, one sample at a time, in the order in which the hardware draws."""
    streams = [plain_xoshiro([int(word) for word in state]) for state in generators]
    scores, states = [], []
    for _ in range(count):
        score = [0] * CHUNK
        state: list[dict[int, int]] = [{} for _ in range(CHUNK)]
        for operation in program:
            for slot in range(SLOTS):
                for stream in range(STREAMS):
                    i = slot * STREAMS + stream
                    line = sum(stride * state[i][column] for column, stride in operation.parents)
                    if operation.weigh:
                        entry = table[(operation.base + line) % len(table)] & 0xFFFFFF
                        dead = IMPOSSIBLE in (entry, score[i])
                        score[i] = IMPOSSIBLE if dead else min(score[i] + entry, L_MAX)
                        continue
                    bits = f"{next(streams[stream]):032b}"
                    k = operation.log2_states
                    column = int(bits[:k] or "0", 2)
                    entry = table[(operation.base + line * 2**k + column) % len(table)]
                    kept = int(bits[k : k + 24], 2) < entry % 2**24
                    state[i][operation.column] = column if kept else entry >> 24
        scores.append(score)
        states.append(state)
    return scores, states


@pytest.mark.parametrize("count", [1, 2])
def test_chunks_equal_the_sample_by_sample_version(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    table = rng.integers(0, 1 << 26, 64, dtype=np.uint32)
    table[60:] |= IMPOSSIBLE
    program = [
        Operation(0, 2, column=3, fresh=True),
        Operation(4, 2, column=0, parents=((3, 1),)),
        Operation(20, weigh=True, parents=((0, 4), (3, 1))),
        Operation(36, 1, column=1, parents=((3, 4), (0, 1))),
        Operation(1, 0, column=2),
        Operation(52, weigh=True, parents=((1, 2), (2, 3), (0, 1)), push=True),
    ]
    generators = golden.generator_states(seed)
    scores, states = plain_chunks(program, table.tolist(), generators.copy(), count)
    nll, columns = golden.chunk(program, table, generators, 4, count)
    assert nll.tolist() == scores
    assert all(
        columns[c, n, i] == states[n][i][c] for c in range(4) for n in range(count) for i in range(CHUNK)
    )


def test_two_chunks_at_once_equal_one_after_the_other(seed: int) -> None:
    table = np.random.default_rng(seed).integers(0, 1 << 26, 16, dtype=np.uint32)
    program = [Operation(0, 2, fresh=True), Operation(4, weigh=True, parents=((0, 1),), push=True)]
    once, again = golden.generator_states(seed), golden.generator_states(seed)
    both, _ = golden.chunk(program, table, once, 4, 2)
    parts = [golden.chunk(program, table, again, 4)[0][0] for _ in range(2)]
    assert np.array_equal(both, parts) and np.array_equal(once, again)


@pytest.mark.parametrize("count", [1, 511, 512, 513, 1000, 4096])
def test_segments_give_the_words_of_the_plain_loop(seed: int, count: int) -> None:
    states, plain = golden.generator_states(seed), golden.generator_states(seed)
    assert np.array_equal(segmented_words(states, count), golden.random_words(plain, count))
    assert np.array_equal(states, plain)


@pytest.mark.parametrize("steps", [0, 1, 2, 1000])
def test_jump_equals_stepping(seed: int, steps: int) -> None:
    states = golden.generator_states(seed)
    ahead = jump(states, steps)
    golden.random_words(states, steps)
    assert np.array_equal(ahead, states)


def test_fresh_forgets_and_push_takes_what_is_there() -> None:
    table = np.array([5, 3, 7, 0], np.uint32)

    def scores(*operations: Operation) -> set[int]:
        return set(golden.chunk(operations, table, golden.generator_states(1), 1)[0].ravel().tolist())

    assert scores(Operation(0, weigh=True, fresh=True), Operation(1, weigh=True, push=True)) == {8}
    assert scores(Operation(0, weigh=True), Operation(1, weigh=True, fresh=True, push=True)) == {3}
    assert scores(Operation(0, weigh=True, push=True), Operation(2, weigh=True)) == {5}


def test_state_column_keeps_its_bits() -> None:
    table = np.array([0 | 0xFF << 24], np.uint32)
    program = [Operation(0, fresh=True, push=True)]
    for bits in (1, 3, 8):
        states = golden.chunk(program, table, golden.generator_states(1), 1, state_bits=bits)[1]
        assert set(states.ravel().tolist()) == {(1 << bits) - 1}
