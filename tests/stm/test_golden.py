"""The integer contract of the sampling tree: regression values, corners, and properties."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spynq.stm import golden
from spynq.stm.params import IMPOSSIBLE, L_MAX, SATZ_LIMIT, W_ONE

GAINS = [445289, 890578, 593719]
CUES = [8 * 512, -4 * 512, 2 * 512]


def digest(values: np.ndarray) -> str:
    return hashlib.sha256(values.astype("<i4").tobytes()).hexdigest()[:16]


def back_end(nll: np.ndarray, samples: np.ndarray) -> tuple[np.ndarray, int, int, int]:
    w = golden.weights(nll, golden.minimum(nll))
    return w, *(int(total) for total in golden.sums(w, samples))


def test_tables_have_their_published_digests() -> None:
    assert digest(golden.T0) == "13983f9345a84001"
    assert digest(golden.T1) == "88be7e699afd5473"


def test_golden_example() -> None:
    s = np.arange(-6, 9, 2) * 512
    nll = golden.log_likelihood([s, s, s], CUES, GAINS)
    assert nll.tolist() == [3760, 2401, 1667, 1560, 2077, 3222, 4991, 7386]
    w, total, first, _ = back_end(nll, s)
    assert w.tolist() == [14783, 37091, 60961, 65536, 46186, 21277, 6425, 1270]
    assert (total, first) == (253529, -67990528)


def test_larger_example() -> None:
    s = np.random.default_rng(2023).integers(-25600, 25600, 4000)
    nll = golden.log_likelihood([s, s, s], CUES, GAINS)
    w, *totals = back_end(nll, s)
    assert int(golden.minimum(nll)) == 1526
    assert totals == [20392175, -7227537422, 963285706959]
    assert digest(w) == "35e7c88d80a4a843"


def test_sum_of_nineteen_bits_at_octave_17_gives_weight_1() -> None:
    assert golden.exponential([17 << 10, (17 << 10) + 1, (18 << 10) - 1, 18 << 10]).tolist() == [1, 0, 0, 0]


def test_exponential_of_zero_is_one_and_halves_every_octave_within_rounding() -> None:
    assert golden.exponential(np.arange(17) << 10).tolist() == [W_ONE >> n for n in range(17)]


def test_exponential_never_rises() -> None:
    w = golden.exponential(np.arange(20 << 10))
    assert np.all(np.diff(w) <= 0)


def test_exponential_of_the_largest_distance_is_zero() -> None:
    assert golden.exponential([L_MAX]).tolist() == [0]


@pytest.mark.parametrize("possible", [0, 1, L_MAX])
def test_one_possible_sample_has_all_the_weight(possible: int) -> None:
    nll = np.full(37, IMPOSSIBLE)
    nll[5] = possible
    w, total, _, squares = back_end(nll, np.zeros(37))
    assert w[5] == total == W_ONE and squares == W_ONE**2


def test_no_possible_sample_gives_zero_weight() -> None:
    w, total, first, squares = back_end(np.full(9, IMPOSSIBLE), np.full(9, 7))
    assert (w.sum(), total, first, squares) == (0, 0, 0, 0)
    assert golden.flags(IMPOSSIBLE) == (True, False)


def test_equal_weights_reach_the_bounds_of_the_sums() -> None:
    samples = np.full(65536, -(1 << 15))
    _, total, first, squares = back_end(np.full(65536, 123), samples)
    assert (total, first, squares) == (1 << 32, -(1 << 47), 1 << 48)
    h, q = golden.histogram(np.full(65536, W_ONE), np.zeros(65536), 4)
    assert h.tolist() == [1 << 32, 0, 0, 0] and q.tolist() == [1 << 48, 0, 0, 0]


@pytest.mark.parametrize(("sample", "cue"), [(-32768, 32767), (32767, -32768)])
def test_a_clipped_sample_reaches_the_satz_limit_on_either_side(sample: int, cue: int) -> None:
    nll = int(golden.log_likelihood([[sample]], [cue], [(1 << 26) - 1])[0])
    assert nll >= SATZ_LIMIT
    just_inside = golden.log_likelihood([[131070 if sample > 0 else -131070]], [0], [1 << 19])
    assert int(golden.minimum(just_inside)) < SATZ_LIMIT


def test_satz_starts_at_its_limit() -> None:
    assert [golden.flags(nll) for nll in (SATZ_LIMIT - 1, SATZ_LIMIT, L_MAX)] == [
        (False, False),
        (False, True),
        (False, True),
    ]


def test_deviation_clips_at_both_ends_and_rounds_half_up() -> None:
    largest = (1 << 26) - 1
    assert golden.deviation([32767, -32768], [-32768, 32767], largest).tolist() == [131071, -131072]
    assert golden.deviation([1, -1], 0, 1 << 18).tolist() == [1, 0]


def test_eight_clipped_terms_do_not_saturate_the_likelihood_sum() -> None:
    nll = golden.log_likelihood(np.full((8, 1), -32768), [32767] * 8, [(1 << 26) - 1] * 8)
    assert nll.tolist() == [8 << 20]


def test_gain_beyond_26_bits_is_refused() -> None:
    with pytest.raises(ValueError, match=r"gains must be 0 to 67108863, not \[67108864\]"):
        golden.log_likelihood([[0]], [0], [1 << 26])


def test_batch_of_evidences_equals_one_at_a_time(seed: int) -> None:
    rng = np.random.default_rng(seed)
    samples = rng.integers(-32768, 32768, (3, 50))
    cues, gains = rng.integers(-32768, 32768, (7, 3)), rng.integers(0, 1 << 26, (7, 3))
    batch = golden.log_likelihood(samples, cues, gains)
    assert all(np.array_equal(batch[e], golden.log_likelihood(samples, cues[e], gains[e])) for e in range(7))


LIKELIHOODS = st.lists(
    st.one_of(st.integers(0, 30 << 10), st.integers(0, L_MAX), st.just(IMPOSSIBLE)), min_size=1, max_size=60
)


@given(LIKELIHOODS, st.randoms())
def test_order_of_samples_changes_nothing(values: list[int], random: object) -> None:
    order = np.random.default_rng(random.getrandbits(32)).permutation(len(values))  # type: ignore[attr-defined]
    nll, s = np.array(values), np.arange(len(values)) - 20
    w, *totals = back_end(nll, s)
    shuffled, *again = back_end(nll[order], s[order])
    assert totals == again and np.array_equal(w[order], shuffled)


@given(LIKELIHOODS)
def test_duplicated_population_doubles_the_sums(values: list[int]) -> None:
    nll, s = np.array(values), np.arange(len(values))
    _, *once = back_end(nll, s)
    _, *twice = back_end(np.tile(nll, 2), np.tile(s, 2))
    assert twice == [2 * total for total in once]


@given(LIKELIHOODS, st.integers(0, 1 << 23))
def test_constant_added_to_all_likelihoods_changes_no_weight(values: list[int], constant: int) -> None:
    nll = np.array(values)
    nll = np.where(nll == IMPOSSIBLE, nll, nll >> 1)
    moved = np.where(nll == IMPOSSIBLE, nll, nll + constant)
    assert np.array_equal(back_end(nll, nll)[0], back_end(moved, nll)[0])


@given(LIKELIHOODS)
def test_best_possible_sample_has_weight_one(values: list[int]) -> None:
    w = back_end(np.array(values), np.zeros(len(values)))[0]
    assert w.max() == (0 if min(values) == IMPOSSIBLE else W_ONE)


def test_neutral_evidence_returns_the_prior_histogram(seed: int) -> None:
    rng = np.random.default_rng(seed)
    samples, labels = rng.integers(-32768, 32768, (2, 300)), rng.integers(0, 16, 300)
    w = back_end(golden.log_likelihood(samples, [5, 6], [0, 0]), samples[0])[0]
    assert np.array_equal(golden.histogram(w, labels, 16)[0], W_ONE * np.bincount(labels, minlength=16))


def test_swapped_cues_change_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    samples = np.tile(rng.integers(-32768, 32768, 200), (2, 1))
    cues, gains = rng.integers(-32768, 32768, 2), rng.integers(0, 1 << 20, 2)
    assert np.array_equal(
        golden.log_likelihood(samples, cues, gains), golden.log_likelihood(samples, cues[::-1], gains[::-1])
    )


def test_two_equal_cues_are_one_with_gain_times_root_two(seed: int) -> None:
    rng = np.random.default_rng(seed)
    samples = rng.integers(-2000, 2000, 200)
    two = golden.log_likelihood([samples, samples], [7, 7], [500_000, 500_000])
    one = golden.log_likelihood([samples], [7], [round(500_000 * 2**0.5)])
    assert np.max(np.abs(two - one)) <= 2


def test_histogram_takes_labels_modulo_the_bins_and_splits_the_sums(seed: int) -> None:
    rng = np.random.default_rng(seed)
    w, labels = rng.integers(0, W_ONE + 1, 500), rng.integers(0, 1 << 20, 500)
    h, q = golden.histogram(w, labels, 8)
    assert h.tolist() == [int(w[labels % 8 == b].sum()) for b in range(8)]
    assert q.tolist() == [int((w[labels % 8 == b] ** 2).sum()) for b in range(8)]
