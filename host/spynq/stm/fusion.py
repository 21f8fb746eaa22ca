"""Fusion of Gaussian cues about one quantity: the multisensory experiment as one call."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from spynq import devices
from spynq.stm import reference
from spynq.stm.params import MAX_TERMS
from spynq.stm.population import Population
from spynq.stm.quantise import MIN_SD_STEPS, Grid

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["BINS", "Fusion", "fuse"]

BINS = 100
"""Histogram bins over the support: of width one on the default support."""
_EXACT_POINTS = 200 * BINS
_FEW = 100

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Fusion:
    """Posterior of one quantity under several cues.

    Parameters
    ----------
    cues : list of (float, float)
        Value and sd of each cue.
    mean, standard_error, standard_deviation : float
        Posterior mean, its sampling error, and the posterior's own width.
    ess : float
        Effective sample size.
    log_evidence : float
        Natural log of the mean likelihood over the support.
    histogram, histogram_error : ndarray, shape [100]
        Probability of each bin, and its standard error.
    edges : ndarray, shape [101]
    exact_mean, exact_standard_deviation : float
        Of the product of Gaussians on the support.
    exact_histogram : ndarray, shape [100]
    population, weights : ndarray, shape [samples]
        The samples, and their normalised weights.
    samples, seed : int
        Size of the population, and the seed it was drawn from.
    device : str
        Where it ran.
    cycles : int
        Clock cycles of the run; 0 on a device without a clock.
    flags : list of str
        Status flags that were raised.
    seconds : float
        Wall-clock time of the call.
    notes : list of str
        What the user should know.
    """

    cues: list[tuple[float, float]]
    mean: float
    standard_error: float
    standard_deviation: float
    ess: float
    log_evidence: float
    histogram: Floats
    histogram_error: Floats
    edges: Floats
    exact_mean: float
    exact_standard_deviation: float
    exact_histogram: Floats
    population: Floats
    weights: Floats
    samples: int
    seed: int
    device: str
    cycles: int
    flags: list[str]
    seconds: float
    notes: list[str] = field(default_factory=list)

    def plot(self) -> Figure:
        """Cues, exact posterior and estimate, and the weights of the population below."""
        from spynq.stm.plots import fusion

        return fusion(self)


def _support(support: tuple[float, float]) -> tuple[float, float]:
    try:
        low, high = (float(end) for end in support)
    except (TypeError, ValueError):
        raise ValueError(f"support must be two numbers, low < high, not {support!r}") from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"support must be two finite numbers, low < high, not {low:g} and {high:g}")
    return low, high


def _pairs(cues: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    try:
        pairs = [(float(value), float(sd)) for value, sd in cues]
    except (TypeError, ValueError):
        raise ValueError(
            f"cues are pairs of value and sd, such as [(14, 8), (5.5, 4)], not {cues!r}"
        ) from None
    if not 1 <= len(pairs) <= MAX_TERMS:
        raise ValueError(f"fusion takes 1 to {MAX_TERMS} cues, not {len(pairs)}")
    for value, sd in pairs:
        if not (math.isfinite(value) and math.isfinite(sd) and sd > 0):
            raise ValueError(f"a cue is a finite value and an sd above 0, not {value:g} and {sd:g}")
    return pairs


def _check_widths(pairs: Sequence[tuple[float, float]], grid: Grid) -> None:
    narrowest = min(sd for _, sd in pairs)
    if narrowest < MIN_SD_STEPS * grid.step:
        raise ValueError(
            f"an sd of {narrowest:g} is too narrow for support and cues from {grid.low:g} to {grid.high:g}, "
            f"where it must be at least {MIN_SD_STEPS * grid.step:.2g}; widen the cue or narrow the support"
        )


def _population(samples: int, low: float, high: float, seed: int, stratified: bool) -> Floats:
    uniform = np.random.default_rng(seed).random(samples)
    if stratified:
        # One sample in each of N equal parts: a far smaller error for the same work.
        uniform = (np.arange(samples) + uniform) / samples
    values: Floats = low + (high - low) * uniform
    return values


def _exact(
    pairs: Sequence[tuple[float, float]], low: float, high: float
) -> tuple[reference.Estimate, Floats]:
    """A dense stratified sum and its histogram: exact for a picture and for comparison."""
    points = low + (high - low) * (np.arange(_EXACT_POINTS) + 0.5) / _EXACT_POINTS
    values, sds = np.array(pairs).T
    likelihood = reference.gaussian_log_likelihood(np.tile(points, (len(pairs), 1)), values, sds)
    histogram: Floats = reference.normalised(likelihood).reshape(BINS, -1).sum(axis=1)
    return reference.estimate(points, likelihood), histogram


def fuse(
    cues: Sequence[tuple[float, float]],
    samples: int = 5000,
    support: tuple[float, float] = (-50, 50),
    seed: int = 1,
    stratified: bool = False,
    device: str | None = None,
) -> Fusion:
    """Fuse Gaussian cues about one quantity with a uniform prior.

    Parameters
    ----------
    cues : sequence of (float, float)
        Value and sd of each cue, 1 to 8 of them.
    samples : int
        Size of the population, 1 to 1,048,576.
    support : (float, float)
        Ends of the uniform prior.
    seed : int
        Of the population.
    stratified : bool
        One sample in each of ``samples`` equal parts of the support. The error is then far smaller
        than ``standard_error``, which speaks of independent samples.
    device : str, optional
        See :func:`spynq.devices.names`; by default :func:`spynq.devices.default`.

    Returns
    -------
    Fusion

    Raises
    ------
    ValueError
        A number is beyond its limit; nothing has been started.
    SpynqError
        No sample fits the cues.
    """
    began = time.perf_counter()
    pairs = _pairs(cues)
    low, high = _support(support)
    for name, number, least in (("samples", samples, 1), ("seed", seed, 0)):
        if not isinstance(number, (int, np.integer)) or number < least:
            raise ValueError(f"{name} must be a whole number of at least {least}, not {number!r}")
    device = device or devices.default()
    drawn = _population(samples, low, high, seed, stratified)
    edges = np.linspace(low, high, BINS + 1)
    grid = Grid.covering([low, high], [value for value, _ in pairs])
    _check_widths(pairs, grid)
    with Population(drawn, cues_on=[0] * len(pairs), bins=edges, grid=grid, device=device) as population:
        found = population.infer(pairs)
    exact, exact_histogram = _exact(pairs, low, high)
    assert found.histogram is not None and found.histogram_error is not None and found.weights is not None
    return Fusion(
        cues=pairs,
        mean=found.mean,
        standard_error=found.standard_error,
        standard_deviation=found.standard_deviation,
        ess=found.ess,
        log_evidence=found.log_evidence,
        histogram=found.histogram,
        histogram_error=found.histogram_error,
        edges=edges,
        exact_mean=exact.mean,
        exact_standard_deviation=exact.sd,
        exact_histogram=exact_histogram,
        population=drawn,
        weights=found.weights,
        samples=samples,
        seed=seed,
        device=device,
        cycles=found.cycles,
        flags=found.flags,
        seconds=time.perf_counter() - began,
        notes=_notes(found.ess),
    )


def _notes(ess: float) -> list[str]:
    if ess >= _FEW:
        return []
    count = f"{ess:.0f} effective sample{'s' * (round(ess) != 1)}"
    return [f"only {count}, so that the standard error is uncertain too: draw more, or narrow the support"]
