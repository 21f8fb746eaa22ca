"""Spikes in integers: multinomial given their number, Poisson without, against the formulas."""

from __future__ import annotations

import numpy as np
import pytest

from spynq.stm.golden_spikes import MEAN_ONE, poisson_total, spike_counts, waiting

W = np.array([65536, 30000, 0, 1000, 65536, 7])


def seeds(rng: np.random.Generator, count: int) -> list[int]:
    return [int.from_bytes(rng.bytes(16), "little") | 1 for _ in range(count)]


def test_counts_given_their_number_are_multinomial(seed: int) -> None:
    """Means n w_i / W and variances n p (1 - p), within 5 standard errors over 300 draws."""
    n, draws = 200, 300
    counts = np.array([spike_counts(W, s, n) for s in seeds(np.random.default_rng(seed), draws)])
    assert np.all(counts.sum(axis=1) == n) and not counts[:, 2].any()
    p = W / W.sum()
    variance = n * p * (1 - p)
    assert np.all(np.abs(counts.mean(axis=0) - n * p) <= 5 * np.sqrt(variance / draws) + 1e-12)
    bold = variance > 1
    ratio = counts.var(axis=0, ddof=1)[bold] / variance[bold]
    assert np.all(np.abs(ratio - 1) <= 5 * np.sqrt(2 / (draws - 1)))


def test_poisson_counts_have_equal_mean_and_variance_and_do_not_depend_on_each_other(seed: int) -> None:
    mean, draws = 40.0, 400
    counts = np.array(
        [
            spike_counts(W, s, round(mean * MEAN_ONE), poisson=True)
            for s in seeds(np.random.default_rng(seed), draws)
        ]
    )
    rates = mean * W / W.sum()
    assert np.all(np.abs(counts.mean(axis=0) - rates) <= 5 * np.sqrt(rates / draws) + 1e-12)
    two = counts[:, [0, 4]]
    assert np.all(np.abs(two.var(axis=0, ddof=1) / rates[0] - 1) <= 5 * np.sqrt((2 + 1 / rates[0]) / draws))
    assert abs(np.corrcoef(two.T)[0, 1]) <= 5 / np.sqrt(draws)


def test_waiting_times_are_exponential(seed: int) -> None:
    words = np.random.default_rng(seed).integers(0, 1 << 32, 200_000)
    times = waiting(words) / MEAN_ONE
    assert abs(times.mean() - 1) <= 5 / np.sqrt(len(words))
    assert abs((times > 2).mean() - np.exp(-2)) <= 5 * np.sqrt(np.exp(-2) / len(words))
    assert int(waiting(0xFFFFFFFF)) == 0 and int(waiting(0)) == 32 << 10


def test_poisson_total_of_mean_zero_is_zero_and_the_state_moves_on() -> None:
    state = np.array([[1, 2, 3, 4]], np.uint32)
    assert poisson_total(state, 0) == 0
    assert state.tolist() != [[1, 2, 3, 4]]


def test_normalised_counts_estimate_the_weights(seed: int) -> None:
    """E[r_i / n] = w_i / W, and the error of sum f r / n given n is sqrt(Var_w(f) / n) (section 1.5)."""
    n, draws, f = 100, 300, np.arange(6)
    p = W / W.sum()
    truth, variance = (p * f).sum(), (p * f**2).sum() - (p * f).sum() ** 2
    found = [spike_counts(W, s, n) @ f / n for s in seeds(np.random.default_rng(seed), draws)]
    rms = np.sqrt(np.mean((np.array(found) - truth) ** 2))
    assert rms == pytest.approx(np.sqrt(variance / n), rel=5 / np.sqrt(2 * draws))


@pytest.mark.parametrize("poisson", [False, True])
def test_a_pool_without_a_possible_neuron_is_silent(poisson: bool) -> None:
    assert spike_counts(np.zeros(3, np.int64), 5, 100, poisson=poisson).tolist() == [0, 0, 0]


def test_one_neuron_takes_all_spikes() -> None:
    assert spike_counts([65536], 5, 17).tolist() == [17]
