"""Populations and fusion: real numbers in, posteriors out, on the golden device."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from spynq import devices
from spynq.errors import MissingDependency, SpynqError
from spynq.stm import Population, fuse, plots, reference
from spynq.stm import population as population_module
from spynq.stm.params import StmConfig
from spynq.stm.population import kernel_for

CUES = [(8.0, 8.0), (-4.0, 4.0), (2.0, 6.0)]
EXACT = reference.product_of_gaussians(CUES)


def test_inference_agrees_with_float64(seed: int) -> None:
    rng = np.random.default_rng(seed)
    samples = rng.normal(0, 3, (2000, 2))
    cues = [(1.0, 2.0), (-2.0, 1.5)]
    with Population(samples, bins=20) as population:
        found = population.infer(cues)
    likelihood = reference.gaussian_log_likelihood(samples.T, *np.array(cues).T)
    exact = reference.estimate(samples[:, 0], likelihood)
    assert found.mean == pytest.approx(exact.mean, abs=2e-3 * exact.sd)
    assert found.standard_error == pytest.approx(exact.standard_error, rel=2e-3)
    assert found.standard_deviation == pytest.approx(exact.sd, rel=2e-3)
    assert found.ess == pytest.approx(exact.ess, rel=2e-3)
    assert found.log_evidence == pytest.approx(exact.log_evidence, abs=2e-3)
    shares = reference.normalised(likelihood)
    assert reference.total_variation(found.weights, shares) <= 5e-4
    assert found.edges is not None and found.histogram is not None
    prior = np.histogram(samples[:, 0], found.edges, weights=shares)[0]
    assert reference.total_variation(found.histogram, prior) <= 5e-4
    assert found.histogram.sum() == pytest.approx(1, abs=1e-12)
    inside = np.digitize(samples[:, 0], found.edges[1:-1])
    error = [np.sqrt(np.sum(shares**2 * ((inside == b) - prior[b]) ** 2)) for b in range(20)]
    assert found.histogram_error == pytest.approx(error, rel=0.02, abs=1e-6)


def test_estimate_is_within_four_standard_errors_of_the_exact_mean(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(10):
        with Population(rng.uniform(-50, 50, 4000), cues_on=[0, 0, 0]) as population:
            found = population.infer(CUES)
        assert abs(found.mean - EXACT[0]) <= 4 * found.standard_error + 1e-3


def test_batch_equals_one_at_a_time(seed: int) -> None:
    rng = np.random.default_rng(seed)
    with Population(rng.uniform(-10, 10, 300), cues_on=[0, 0], bins=8) as population:
        values, sds = rng.uniform(-8, 8, (7, 2)), rng.uniform(1, 5, (7, 2))
        batch = population.infer_batch(values, sds, weights=True)
        for e, one in enumerate(batch):
            alone = population.infer(list(zip(values[e], sds[e], strict=True)))
            assert one.mean == alone.mean and one.log_evidence == alone.log_evidence
            assert np.array_equal(one.weights, alone.weights)
            assert np.array_equal(one.histogram, alone.histogram)


def test_batch_cut_into_starts_gives_the_same(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(seed)
    values = rng.uniform(-8, 8, (11, 1))
    with Population(rng.uniform(-10, 10, 100), bins=4) as population:
        whole = population.infer_batch(values, [2.0], weights=True)
        monkeypatch.setattr(population_module, "_BLOCK_BYTES", 4000)
        cut = population.infer_batch(values, [2.0], weights=True)
    for name in ("mean", "standard_error", "ess", "histogram", "weights", "log_evidence"):
        assert np.array_equal(getattr(whole, name), getattr(cut, name)), name


def test_absent_cue_counts_for_nothing() -> None:
    samples = np.random.default_rng(0).uniform(-10, 10, (500, 2))
    with Population(samples) as population:
        one = population.infer([(3.0, 2.0), None])
        assert one.mean == population.infer([(3.0, 2.0), (5.0, math.inf)]).mean
        batch = population.infer_batch([[3.0, math.nan], [math.nan, math.nan]], [2.0, 2.0])
    likelihood = reference.gaussian_log_likelihood([samples[:, 0]], [3], [2])
    exact = reference.estimate(samples[:, 0], likelihood)
    assert one.log_evidence == pytest.approx(exact.log_evidence, abs=2e-3)
    assert batch[0].mean == one.mean
    assert batch[1].mean == pytest.approx(samples[:, 0].mean(), abs=1e-3)
    assert batch[1].ess == 500 and batch[1].log_evidence == pytest.approx(0, abs=1e-12)


def test_error_without_weights_comes_from_the_histogram() -> None:
    samples = np.random.default_rng(1).uniform(-50, 50, 4000)
    with Population(samples, cues_on=[0, 0, 0], bins=np.linspace(-50, 50, 101)) as population:
        binned, full = population.infer(CUES, weights=False), population.infer(CUES)
    assert binned.weights is None
    assert binned.standard_error == pytest.approx(full.standard_error, rel=0.03)
    assert binned.standard_deviation == pytest.approx(full.standard_deviation, rel=0.03)
    with Population(samples) as population:
        moments = population.infer([(0.0, 4.0)], weights=False)
    assert math.isnan(moments.standard_error) and math.isfinite(moments.mean)


def test_evidence_that_no_sample_fits_is_refused_and_marked_in_a_batch() -> None:
    with Population([0.0, 1.0], grid=(-2000, 2000)) as population:
        with pytest.raises(SpynqError, match="no sample of 2 fits the cues to within 32 standard deviations"):
            population.infer([(1500.0, 10.0)])
        batch = population.infer_batch([[1500.0], [0.0]], [10.0])
    assert batch.saturated.tolist() == [True, False] and batch.flags == ["SATZ"]
    assert math.isnan(batch[0].mean) and math.isfinite(batch[1].mean)


def test_one_sample_warns_and_has_ess_one() -> None:
    with pytest.warns(UserWarning, match="a population of one sample answers every evidence alike"):
        population = Population([3.0])
    with population:
        assert population.infer([(3.2, 1.0)]).ess == 1


def test_narrow_posterior_warns() -> None:
    with Population(np.linspace(0, 1, 50), cues_on=[0, 0], grid=(0, 1)) as population:
        with pytest.warns(UserWarning, match="grid steps, and below 50"):
            population.infer([(0.5, 40 / 65536), (0.5, 60 / 65536)])


def test_open_driver_is_used_and_left_open() -> None:
    with devices.open_kernel("stm", "golden", strict=True) as driver:
        with Population([0.0, 1.0, 2.0], driver=driver) as population:
            first = population.infer([(1.0, 1.0)])
        assert first.mean == pytest.approx(1, abs=1e-3)
        assert driver.flat([0], [0]).records["W"][0] == 3 << 16


def test_kernel_grows_only_when_the_default_is_too_small() -> None:
    assert kernel_for(4, 256) is None
    config = kernel_for(5, 300)
    assert config is not None and (config.columns, config.bins) == (6, 512)


def test_population_in_pieces_equals_one_in_a_larger_kernel(seed: int) -> None:
    samples = np.random.default_rng(seed).normal(0, 4, (1000, 2))
    # Evidence in the prior's midst: where one sample outweighs all others, the width of the posterior
    # hangs on weights of a few steps of 2**-16, and pieces, each with its own best sample, round them finer.
    values = samples[:5]
    found = []
    for size in (1024, 256):
        with devices.open_kernel("stm", "golden", StmConfig(population=size), strict=True) as driver:
            with Population(samples, bins=16, grid=(-50, 50), driver=driver) as population:
                found.append(population.infer_batch(values, [2.0, 3.0], weights=True))
                alone = population.infer([(values[0, 0], 2.0), (values[0, 1], 3.0)])
                assert alone.mean == found[-1][0].mean
    whole, pieces = found
    assert pieces.mean == pytest.approx(whole.mean, abs=1e-3)
    assert pieces.log_evidence == pytest.approx(whole.log_evidence, abs=1e-3)
    for name in ("ess", "standard_error", "standard_deviation"):
        assert getattr(pieces, name) == pytest.approx(getattr(whole, name), rel=2e-3), name
    for name in ("histogram", "histogram_error", "weights"):
        assert getattr(pieces, name) == pytest.approx(getattr(whole, name), abs=1e-4), name


def test_piece_far_from_the_cues_raises_no_flag() -> None:
    near, far = np.zeros(64), np.full(64, 3000.0)
    with devices.open_kernel("stm", "golden", StmConfig(lanes=4, population=64)) as driver:
        with Population(np.append(near, far), grid=(-4000, 4000), driver=driver) as population:
            found = population.infer([(0.0, 10.0)])
    assert found.flags == [] and not found.saturated and found.mean == pytest.approx(0, abs=0.2)


REFUSED: list[tuple[str, Callable[[], Any]]] = [
    (r"samples must have shape \[N\] or \[N, D\] with N of at least 1, not \(0, 1\)", lambda: Population([])),
    (r"samples must be 1 to 1048576, not 1048577; use fewer", lambda: Population(np.zeros((1 << 20) + 1))),
    ("an evidence has 1 to 8 cues, not 9", lambda: Population([0, 1], cues_on=[0] * 9)),
    (r"cues_on must name coordinates 0 to 0, not \(0, 1\)", lambda: Population([0, 1], cues_on=[0, 1])),
    ("sample 3 lies outside the grid 0 to 2", lambda: Population([0, 3], grid=(0, 2))),
    ("bins must be at least 1, not 0", lambda: Population([0, 1], bins=0)),
    ("edges of bins must be at least two ascending numbers", lambda: Population([0, 1], bins=[0, 0])),
    (
        "sample 1 lies outside the bins 0 to 0.5; give bins that cover",
        lambda: Population([0, 1], bins=[0, 0.5]),
    ),
    ("an evidence has 1 cues here, not 2", lambda: Population([0, 1]).infer([(0, 1), (0, 1)])),
    ("cue 9 lies outside the grid -0.25 to 1.25", lambda: Population([0, 1]).infer([(9, 1)])),
    (r"evidences must have shape \[evidences, cues\]", lambda: Population([0, 1]).infer_batch([1, 2], 1)),
    (
        r"sds must have shape \[1\] or \[2, 1\], not \[3\]",
        lambda: Population([0, 1]).infer_batch([[1], [0]], [1, 2, 3]),
    ),
    ("sd 1e-05 is .* grid steps, and at least 28 are needed", lambda: Population([0, 1]).infer([(0, 1e-5)])),
    ("fusion takes 1 to 8 cues, not 0", lambda: fuse([])),
    ("a cue is a finite value and an sd above 0, not 1 and 0", lambda: fuse([(1, 0)])),
    ("support must be two finite numbers, low < high, not 5 and 5", lambda: fuse([(1, 1)], support=(5, 5))),
    ("samples must be a whole number of at least 1, not 0", lambda: fuse([(1, 1)], samples=0)),
    ("seed must be a whole number of at least 0, not -1", lambda: fuse([(1, 1)], seed=-1)),
    ("samples must be a whole number of at least 1, not 1.5", lambda: fuse([(0, 1)], samples=1.5)),  # type: ignore[arg-type]
    ("cues are pairs of value and sd", lambda: fuse([3, 4])),  # type: ignore[list-item]
    ("support must be two numbers, low < high, not 3", lambda: fuse([(0, 1)], support=3)),  # type: ignore[arg-type]
    ("an evidence is value and sd, or None, for each cue", lambda: Population([0, 1]).infer([(0,)])),  # type: ignore[list-item]
    ("an sd of 1 is too narrow for support and cues from -50 to 1e", lambda: fuse([(1e300, 1)])),
    ("must be at least 0.043; widen the cue or narrow the support", lambda: fuse([(5, 0.001)])),
]


@pytest.mark.parametrize(("message", "call"), REFUSED, ids=[message[:40] for message, _ in REFUSED])
def test_what_cannot_work_is_refused(message: str, call: Callable[[], Any]) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_fusion_finds_the_product_of_gaussians() -> None:
    found = fuse(CUES)
    assert abs(found.mean - EXACT[0]) <= 4 * found.standard_error
    assert found.standard_deviation == pytest.approx(EXACT[1], rel=0.1)
    assert (found.exact_mean, found.exact_standard_deviation) == pytest.approx(EXACT, abs=1e-6)
    assert found.ess == pytest.approx(545, rel=0.1)
    assert reference.total_variation(found.histogram, found.exact_histogram) < 0.1
    assert (found.samples, found.seed, found.device, found.flags) == (5000, 1, "golden", [])


def test_stratified_fusion_is_limited_by_the_grid_alone() -> None:
    found = fuse(CUES, samples=4000, stratified=True)
    assert found.mean == pytest.approx(EXACT[0], abs=1e-3 * EXACT[1])
    assert reference.total_variation(found.histogram, found.exact_histogram) < 2e-3


@pytest.mark.parametrize(("samples", "published"), [(1000, 0.212), (4000, 0.102)])
def test_sampling_error_of_three_cues_is_the_published_one(samples: int, published: float) -> None:
    rng = np.random.default_rng(11)
    errors = []
    for _ in range(40):
        truth = rng.uniform(-25, 25, (25, 1))
        values = truth + rng.standard_normal((25, 3)) * [8, 4, 6]
        exact = values @ (np.array([1 / 64, 1 / 16, 1 / 36]) * EXACT[1] ** 2)
        with Population(rng.uniform(-50, 50, samples), cues_on=[0] * 3, grid=(-90, 90)) as population:
            errors.append(population.infer_batch(values, [8, 4, 6]).mean - exact)
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(published, rel=0.15)


def test_fusion_is_repeatable_and_depends_on_its_seed() -> None:
    assert fuse(CUES, 500).mean == fuse(CUES, 500).mean != fuse(CUES, 500, seed=2).mean


def test_fusion_runs_where_the_others_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "default", lambda: "toaster")
    with pytest.raises(ValueError, match="unknown device 'toaster'"):
        fuse([(0, 1)])


def test_cue_far_outside_the_support_is_answered_if_some_sample_fits() -> None:
    found = fuse([(70.0, 10.0)], samples=4000, stratified=True)
    assert found.mean == pytest.approx(found.exact_mean, abs=0.01)


def test_pictures_can_be_saved(tmp_path: Any) -> None:
    pytest.importorskip("matplotlib")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figures = [
            fuse(CUES, 300).plot(),
            plots.population([1.0, 2.0, 3.0], [0.1, 0.7, 0.2]),
            plots.posterior({"yes": 0.3, "no": 0.7}, {"yes": 0.1, "no": 0.1}, {"yes": 0.25, "no": 0.75}, "B"),
            plots.posterior({"yes": 1.0}),
        ]
        for index, figure in enumerate(figures):
            figure.savefig(tmp_path / f"{index}.png")
            assert (tmp_path / f"{index}.png").stat().st_size > 5000


def test_plot_without_matplotlib_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingDependency, match=r"plots need matplotlib: pip install 'spynq\[plot\]'"):
        plots.posterior({"yes": 1.0})
