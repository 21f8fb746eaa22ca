"""The integer contract against float64, and float64 against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest

from spynq.stm import golden, quantise, reference
from spynq.stm.golden import Operation
from spynq.stm.params import IMPOSSIBLE
from spynq.stm.quantise import Grid


def three_cues(seed: int, samples: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The multisensory experiment on the grid: uniform prior, variances 64, 16 and 36."""
    rng = np.random.default_rng(seed)
    grid = Grid(-64, 64)
    population = np.tile(grid.encode(rng.uniform(-50, 50, samples)), (3, 1))
    sds = np.array([8.0, 4.0, 6.0])
    cues = grid.encode(rng.uniform(-25, 25) + sds * rng.standard_normal(3))
    return population, cues, quantise.gain(sds, grid.step)


@pytest.mark.parametrize("samples", [1000, 4000, 16000])
def test_f16_is_within_five_in_ten_thousand_of_float64(seed: int, samples: int) -> None:
    errors = [reference.f16_error(*three_cues(seed + trial, samples)) for trial in range(20)]
    assert 0 < max(errors) <= 5e-4


@pytest.mark.parametrize(("conflict", "bound"), [(0, 5e-4), (4, 5e-4), (8, 5e-4), (12, 1e-3), (20, 1e-3)])
def test_f16_stands_conflicting_cues(conflict: int, bound: float) -> None:
    grid = Grid(-64, 64)
    population = np.tile(grid.encode(np.random.default_rng(5).uniform(-50, 50, 4000)), (2, 1))
    cues = grid.encode([-2.0 * conflict, 2.0 * conflict])
    assert reference.f16_error(population, cues, quantise.gain([4.0, 4.0], grid.step)) <= bound


def test_posterior_mean_of_f16_is_within_a_thousandth_of_an_sd(seed: int) -> None:
    for trial in range(10):
        population, cues, gains = three_cues(seed + trial, 4000)
        nll = golden.log_likelihood(population, cues, gains)
        total, first, _ = golden.sums(golden.weights(nll, nll.min()), population[0])
        exact = reference.estimate(
            population[0], reference.gaussian_log_likelihood(population, cues, reference.sd_of_gain(gains))
        )
        assert abs(int(first) / int(total) - exact.mean) <= 1e-3 * exact.sd


def test_ess_of_the_three_cue_experiment_is_the_predicted_one() -> None:
    rng = np.random.default_rng(1)
    ess = [
        reference.estimate(x, reference.gaussian_log_likelihood([x, x, x], c, [8, 4, 6])).ess
        for x, c in ((rng.uniform(-50, 50, 4000), rng.normal(0, 4, 3)) for _ in range(100))
    ]
    assert np.mean(ess) == pytest.approx(435.5, rel=0.02)


def test_sampling_error_is_the_published_one_and_the_standard_error_tells_it() -> None:
    rng = np.random.default_rng(2)
    exact, _ = reference.product_of_gaussians([(3, 8), (-1, 4), (2, 6)])
    found = []
    for _ in range(400):
        x = rng.uniform(-50, 50, 1000)
        value = reference.estimate(x, reference.gaussian_log_likelihood([x, x, x], [3, -1, 2], [8, 4, 6]))
        found.append((value.mean - exact, value.standard_error))
    errors, told = np.array(found).T
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(0.212, rel=0.15)
    assert np.mean(told) == pytest.approx(np.sqrt(np.mean(errors**2)), rel=0.15)


def test_product_of_gaussians_has_the_published_sd() -> None:
    assert reference.product_of_gaussians([(0, 8), (0, 4), (0, 6)])[1] == pytest.approx(3.073, abs=5e-4)
    assert reference.product_of_gaussians([(1, 4), (3, 4)]) == pytest.approx((2, math.sqrt(8)))


def test_log_evidence_is_the_integral_over_the_prior() -> None:
    x = np.linspace(-50, 50, 20001)
    value = reference.estimate(x, reference.gaussian_log_likelihood([x], [1], [2]))
    assert value.log_evidence == pytest.approx(-math.log(100), abs=1e-3)


def test_infinite_sd_says_nothing() -> None:
    assert reference.gaussian_log_likelihood([[1, 2]], [5], [np.inf]).tolist() == [0, 0]


def test_weights_of_nothing_possible_are_zero() -> None:
    assert reference.normalised([-np.inf, -np.inf]).tolist() == [0, 0]


def test_total_variation_of_disjoint_distributions_is_one() -> None:
    assert reference.total_variation([2, 0], [0, 7]) == 1
    assert reference.total_variation([1, 3], [2, 6]) == 0


def test_network_in_float64_draws_the_same_and_weighs_alike(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = rng.integers(0, 1 << 24, 64) | rng.integers(0, 4, 64) << 24
    table[40:] = rng.integers(0, 6000, 24)
    table[45] = IMPOSSIBLE
    program = [
        Operation(0, 2, column=0, fresh=True),
        Operation(4, 2, column=1, parents=((0, 1),)),
        Operation(40, weigh=True, parents=((0, 1), (1, 4))),
        Operation(20, 2, column=2, parents=((1, 1),)),
        Operation(56, weigh=True, parents=((2, 1),), push=True),
    ]
    generators = golden.generator_states(seed)
    words = golden.random_words(generators.copy(), 3 * 16)
    shares, drawn = reference.weigh_network(program, table, words)
    nll, states = golden.chunk(program, table.astype(np.uint32), generators, 4)
    assert all(np.array_equal(drawn[c], states[c, 0]) for c in range(3))
    w = golden.weights(nll[0], nll[0].min())
    assert reference.total_variation(w, shares) <= 5e-4
    assert np.array_equal(w == 0, shares == 0)


def test_grid_rounds_to_the_nearest_step_and_back() -> None:
    grid = Grid(-1, 1)
    assert grid.encode([-1, 0, 1, 1.4 * grid.step]).tolist() == [-32768, 0, 32767, 1]
    values = np.random.default_rng(0).uniform(-1, 1 - grid.step, 1000)
    assert np.max(np.abs(grid.decode(grid.encode(values)) - values)) <= grid.step / 2


def test_gains_are_the_published_ones() -> None:
    assert quantise.gain([8, 4, 6], 1 / 512).tolist() == [445289, 890578, 593719]
    assert quantise.gain(np.inf, 1.0) == 0


def test_smallest_sd_is_28_steps() -> None:
    assert quantise.gain(28.0, 1.0) < 1 << 26
    with pytest.raises(ValueError, match="sd 27 is 27 grid steps, and at least 28 are needed; narrow"):
        quantise.gain(27.0, 1.0)


@pytest.mark.parametrize("sd", [0.0, -1.0, math.nan])
def test_sd_that_is_not_positive_is_refused(sd: float) -> None:
    with pytest.raises(ValueError, match="sd must be above 0, not"):
        quantise.gain(sd, 1.0)


@pytest.mark.parametrize("value", [65.0, math.nan, math.inf])
def test_value_outside_the_grid_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="lies outside the grid -64 to 64; give a grid that covers"):
        Grid(-64, 64).encode([0.0, value])


def test_grid_without_a_range_is_refused() -> None:
    with pytest.raises(ValueError, match="two finite ends, low < high, not 3 and 3"):
        Grid(3, 3)
    with pytest.raises(ValueError, match="a grid needs values, all of them finite"):
        Grid.covering([math.nan])


def test_grid_covers_its_values_and_a_single_one() -> None:
    assert Grid.covering([-1, 3], [5], margin=0.5) == Grid(-4, 8)
    assert Grid.covering([2.0]).encode([2.0]).tolist() == [0]


def test_narrow_posterior_is_warned_about() -> None:
    with pytest.warns(UserWarning, match=r"sd is 49 grid steps, and below 50 .* narrow the grid"):
        quantise.check_resolution([49.0], 1.0)
    quantise.check_resolution([51.0, math.inf], 1.0)
