"""Spikes of a population against the formulas: divisive normalisation, multinomial and Poisson counts."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

from spynq.stm.tree import pictures
from spynq.stm.tree.experiments import causal, causal_gaussian, multilayer, multisensory
from spynq.stm.tree.spikes import MOST_SPIKES, spike_seed

CUES = {"haptic": 3.0, "visual": -1.0, "auditory": 2.0}


def fired(spikes: int, runs: int, neurons: int = 40, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    """Counts of many runs [runs, neurons] on one population, and its weights."""
    answers = [
        multisensory().spikes(CUES, spikes, spike_seed=s, neurons=neurons, device="golden", **options)
        for s in range(runs)
    ]
    return np.array([a.counts for a in answers]), answers[0].posterior.weights


def test_given_their_number_counts_are_multinomial() -> None:
    """E[r_i / n] = w_i exactly, Var[r_i] = n w_i (1 - w_i), and neighbours take from each other."""
    spikes, runs = 50, 400
    counts, w = fired(spikes, runs, populations="stratified")
    assert (counts.sum(axis=1) == spikes).all()
    error = np.sqrt(w * (1 - w) / spikes / runs)
    assert np.all(np.abs(counts.mean(axis=0) / spikes - w) <= 4.5 * error + 1e-4)
    top = np.argsort(w)[-3:]
    variance = counts.var(axis=0)[top] / (spikes * w * (1 - w))[top]
    assert np.all((0.75 < variance) & (variance < 1.3))
    pair = np.cov(counts[:, top[0]], counts[:, top[1]])[0, 1]
    assert pair == pytest.approx(
        -spikes * w[top[0]] * w[top[1]], abs=4 * spikes * w[top].max() / np.sqrt(runs)
    )


def test_poisson_counts_are_independent_with_fano_factor_one() -> None:
    mean, runs = 50, 400
    counts, w = fired(mean, runs, poisson=True, populations="stratified")
    total = counts.sum(axis=1)
    assert total.mean() == pytest.approx(mean, abs=4 * np.sqrt(mean / runs))
    assert total.var() / mean == pytest.approx(1, abs=4 * np.sqrt(2 / runs))
    top = np.argsort(w)[-3:]
    fano = counts.var(axis=0)[top] / counts.mean(axis=0)[top]
    assert np.all((0.75 < fano) & (fano < 1.3))
    correlation = np.corrcoef(counts[:, top[0]], counts[:, top[1]])[0, 1]
    assert abs(correlation) < 4 / np.sqrt(runs)


def test_total_error_is_that_of_sampling_and_of_spikes() -> None:
    """N = 1,000 and n = 100: mean square error = importance sampling + Var_w(S) / n."""
    spikes, runs = 100, 250
    exact = multisensory().exact(CUES)
    away, told, sampled = [], [], []
    for seed in range(runs):
        answer = multisensory().spikes(
            CUES, spikes, spike_seed=seed, seed=seed, neurons=1000, device="golden"
        )
        away.append(answer.mean - exact.mean)
        sampled.append(answer.posterior.mean - exact.mean)
        told.append(float(answer.standard_error[0]))
    predicted = np.sqrt(np.mean(np.square(sampled)) + exact.standard_deviation**2 / spikes)
    assert np.sqrt(np.mean(np.square(away))) == pytest.approx(predicted, rel=0.12)
    assert np.sqrt(np.mean(np.square(told))) == pytest.approx(predicted, rel=0.12)


def test_discrete_posteriors_are_read_from_spikes() -> None:
    for make in (causal, multilayer):
        tree, evidence = make(3, 2.0)
        answer = tree.spikes(evidence, 20_000, device="golden")
        assert answer.shares.sum() == pytest.approx(1) and answer.total == 20_000
        off = np.abs(answer.shares - answer.posterior.shares)
        assert np.all(off <= 4.5 * np.sqrt(answer.posterior.shares / 20_000) + 1e-3)


def test_float64_weights_fire_the_same_way() -> None:
    kernel, reference = (
        multisensory().spikes(CUES, 500, neurons=200, device=device) for device in ("golden", "reference")
    )
    assert kernel.total == reference.total == 500
    assert 0.5 * np.abs(kernel.counts - reference.counts).sum() <= 25


def test_seeds_of_spikes_change_spikes_and_nothing_else() -> None:
    one, same, other = (
        multisensory().spikes(CUES, 100, spike_seed=s, neurons=200, device="golden") for s in (1, 1, 2)
    )
    assert np.array_equal(one.counts, same.counts) and not np.array_equal(one.counts, other.counts)
    assert np.array_equal(one.posterior.weights, other.posterior.weights)
    assert 0 < spike_seed(0) < 1 << 128


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"spikes": 0}, "spikes must be 1 to 67108863, not 0; read out several times"),
        ({"spikes": 1 << 26}, "spikes must be 1 to 67108863, not 67108864; read out"),
        ({"spikes": 50_000, "poisson": True}, f"spikes must be 1 to {MOST_SPIKES[True]}, not 50000"),
        ({"spikes": 1.5}, "spikes must be a whole number, not 1.5"),
        ({"spikes": True}, "spikes must be a whole number, not True"),
        ({"spikes": 10, "spike_seed": -1}, "seed must be at least 0, not -1"),
    ],
)
def test_spikes_out_of_range_are_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        multisensory().spikes(CUES, device="golden", **options)


def test_a_silent_population_has_no_mean() -> None:
    """A Poisson mean of one: sometimes no spike at all, and the read-out says so."""
    silent = [
        a
        for s in range(20)
        if (
            a := multisensory().spikes(CUES, 1, poisson=True, spike_seed=s, neurons=50, device="golden")
        ).total
        == 0
    ]
    assert silent and math.isnan(silent[0].mean) and not silent[0].rates.any()


def test_pictures_show_what_happened() -> None:
    pytest.importorskip("matplotlib")
    tree, evidence = causal_gaussian(), {"I1": 1.0, "I2": 2.5, "I3": 0.3, "I4": 1.7}
    answer = tree.infer(evidence, neurons=200, device="golden")
    assert len(pictures.edge_steps(tree, evidence, answer).axes) == 6  # type: ignore[arg-type]
    assert len(pictures.tree(tree, evidence).axes) == 1  # type: ignore[arg-type]
    assert len(multisensory().spikes(CUES, 100, neurons=100, device="golden").raster().axes) == 2
    discrete, states = causal(0)
    assert len(discrete.spikes(states, 100, device="golden").raster().axes) == 2
    with pytest.raises(ValueError, match="shows a continuous root with one continuous population below it"):
        pictures.edge_steps(discrete, states, answer)  # type: ignore[arg-type]
