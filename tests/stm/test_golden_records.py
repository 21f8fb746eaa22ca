"""Expected counts in integers: an independent loop, data without gaps, and exact expectations."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from spynq.stm import golden
from spynq.stm import golden_records as records
from spynq.stm.alias import alias_table, negative_log2
from spynq.stm.golden import Operation
from spynq.stm.params import CHUNK, IMPOSSIBLE

HALF = 64
PRIOR = np.array([0.3, 0.7])
CHILD = np.array([[0.5, 0.2, 0.3], [0.1, 0.6, 0.3]])
PROGRAM = (
    Operation(0, 1, column=1, fresh=True),
    Operation(8, 2, column=0, parents=((1, 1),), push=True),
)


def table() -> np.ndarray:
    words = np.full(2 * HALF, IMPOSSIBLE, np.uint32)
    words[:2], words[8:16] = alias_table([PRIOR]).ravel(), alias_table(CHILD).ravel()
    words[HALF : HALF + 2] = negative_log2(PRIOR)
    words[HALF + 8 : HALF + 16].reshape(2, 4)[:, :3] = negative_log2(CHILD)
    return words


def run(data: np.ndarray, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    nll, places = records.record_chunk(PROGRAM, table(), golden.generator_states(seed), data.astype(np.uint8))
    w = golden.weights(nll, golden.minimum(nll))
    totals = np.zeros(HALF, np.int64)
    records.count(totals, w, places, [0, 1])
    return totals, w, places


def test_shares_of_a_record_add_up_to_one_within_rounding(seed: int) -> None:
    w = np.random.default_rng(seed).integers(0, 65537, (50, CHUNK))
    w[:, 0] = 65536
    w[1, 1:] = 0
    shares = records.share(w, records.reciprocal(w.sum(axis=-1))[:, None])
    assert np.max(np.abs(shares.sum(axis=-1) / (1 << 24) - 1)) < 1e-4
    assert shares[1].tolist() == [1 << 24] + [0] * (CHUNK - 1)


@pytest.mark.parametrize("total", [1 << 16, 1 << 26, (1 << 26) - 1, 123_457])
def test_reciprocal_is_rounded_half_up(total: int) -> None:
    assert int(records.reciprocal(total)) == ((1 << 41) + total) // (2 * total) < 1 << 25


def test_reciprocal_of_an_impossible_record_is_zero() -> None:
    assert int(records.reciprocal(0)) == 0


def test_records_without_gaps_are_counted_exactly(seed: int) -> None:
    rng = np.random.default_rng(seed)
    data = np.stack([rng.integers(0, 3, 30), rng.integers(0, 2, 30)], axis=1)
    totals, w, _ = run(data)
    assert np.all(w == 1 << 16)
    want = np.zeros(HALF, np.int64)
    for child, parent in data:
        want[parent] += 1
        want[8 + 4 * parent + child] += 1
    assert totals.tolist() == (want << 24).tolist()


def test_an_impossible_record_counts_nothing() -> None:
    words = table()
    words[HALF] = IMPOSSIBLE
    nll, places = records.record_chunk(
        PROGRAM, words, golden.generator_states(1), np.array([[255, 0], [1, 1]], np.uint8)
    )
    w = golden.weights(nll, golden.minimum(nll))
    totals = np.zeros(HALF, np.int64)
    records.count(totals, w, places, [1])
    assert totals[:2].tolist() == [0, 1 << 24]


def test_counts_equal_a_loop_over_samples(seed: int) -> None:
    rng = np.random.default_rng(seed)
    data = rng.integers(0, 2, (3, 2))
    data[rng.random(data.shape) < 0.5] = 255
    totals, w, places = run(data, seed)
    want = [0] * HALF
    for r in range(3):
        inverse = ((1 << 40) + int(w[r].sum()) // 2) // int(w[r].sum())
        for i, column in product(range(CHUNK), (0, 1)):
            want[places[column, r, i]] += (int(w[r, i]) * inverse + (1 << 15)) >> 16
    assert totals.tolist() == want


def test_missing_states_are_counted_by_their_posterior(seed: int) -> None:
    """Child seen, parent missing: 400 records, against Bayes' rule, 5 standard errors."""
    data = np.tile([0, 255], (400, 1))
    totals, _, _ = run(data, seed)
    joint = PRIOR * CHILD[:, 0]
    want = joint / joint.sum()
    got = totals[:2] / totals[:2].sum()
    assert totals[:2].sum() / (1 << 24) == pytest.approx(400, rel=1e-4)
    error = 5 * np.sqrt(want.prod() * 1.6 / (400 * CHUNK))
    assert np.abs(got - want).max() < error


def test_generators_move_on_by_the_same_words_whatever_is_seen() -> None:
    states = [golden.generator_states(3) for _ in range(2)]
    for state, value in zip(states, (255, 1), strict=True):
        records.record_chunk(PROGRAM, table(), state, np.full((2, 2), value, np.uint8))
    assert np.array_equal(*states)
