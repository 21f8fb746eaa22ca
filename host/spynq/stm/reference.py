"""The sampling tree in float64, written apart from the integer contract, to judge it.

Self-normalised importance sampling with the prior as proposal: the weight of a sample is the
likelihood of the evidence, divided by the sum over the population.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spynq.stm import golden
from spynq.stm.golden import Operation
from spynq.stm.params import CHUNK, IMPOSSIBLE, SLOTS

__all__ = [
    "Estimate",
    "estimate",
    "f16_error",
    "gaussian_log_likelihood",
    "normalised",
    "product_of_gaussians",
    "sd_of_gain",
    "total_variation",
    "weigh_network",
]

Floats = npt.NDArray[np.float64]


def gaussian_log_likelihood(samples: npt.ArrayLike, cues: npt.ArrayLike, sds: npt.ArrayLike) -> Floats:
    """Natural log of the product of cue densities, shape [..., samples].

    Parameters
    ----------
    samples : array_like of float, shape [terms, samples]
    cues, sds : array_like of float, shape [..., terms]
        An infinite sd is a cue that says nothing and has no constant.
    """
    x = np.asarray(samples, np.float64)
    c, sd = np.asarray(cues, np.float64)[..., None], np.asarray(sds, np.float64)[..., None]
    peak = np.where(np.isinf(sd), 0.0, -np.log(np.where(np.isinf(sd), 1.0, sd) * math.sqrt(2 * math.pi)))
    total: Floats = np.sum(peak - 0.5 * ((x - c) / sd) ** 2, axis=-2)
    return total


def normalised(log_likelihood: npt.ArrayLike) -> Floats:
    """Weights that sum to one along the last axis; all zero where nothing is possible."""
    value = np.asarray(log_likelihood, np.float64)
    best = value.max(axis=-1, keepdims=True)
    w = np.exp(value - np.where(np.isfinite(best), best, 0.0))
    total = w.sum(axis=-1, keepdims=True)
    shares: Floats = np.divide(w, total, out=np.zeros_like(w), where=total > 0)
    return shares


@dataclass(frozen=True)
class Estimate:
    """What importance sampling says about one function.

    Parameters
    ----------
    mean, standard_error : float
        Estimate of the posterior mean and of its sampling error, sqrt(sum w^2 (f - mean)^2).
    sd : float
        Posterior standard deviation.
    ess : float
        Effective sample size, 1 / sum of w^2.
    log_evidence : float
        Natural log of the mean likelihood.
    """

    mean: float
    standard_error: float
    sd: float
    ess: float
    log_evidence: float


def estimate(values: npt.ArrayLike, log_likelihood: npt.ArrayLike) -> Estimate:
    """Posterior mean of a function with values [samples] under log-likelihoods [samples]."""
    f, value = np.asarray(values, np.float64), np.asarray(log_likelihood, np.float64)
    w = normalised(value)
    mean = float(w @ f)
    deviation = f - mean
    best = float(value.max())
    return Estimate(
        mean=mean,
        standard_error=float(np.sqrt(w**2 @ deviation**2)),
        sd=float(np.sqrt(w @ deviation**2)),
        ess=float(1 / (w @ w)),
        log_evidence=best + math.log(float(np.mean(np.exp(value - best)))),
    )


def product_of_gaussians(cues: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Mean and sd of the posterior of one coordinate under cues (value, sd) and a flat prior."""
    precision = [1 / sd**2 for _, sd in cues]
    total = sum(precision)
    return sum(p * value for p, (value, _) in zip(precision, cues, strict=True)) / total, total**-0.5


def total_variation(p: npt.ArrayLike, q: npt.ArrayLike) -> float:
    """Half the sum of absolute differences of two distributions, each scaled to sum to one."""
    a, b = np.asarray(p, np.float64).ravel(), np.asarray(q, np.float64).ravel()
    return float(0.5 * np.abs(a / a.sum() - b / b.sum()).sum())


def sd_of_gain(gains: npt.ArrayLike) -> Floats:
    """Standard deviation in grid steps that a gain stands for; infinite for gain 0."""
    g = np.asarray(gains, np.float64)
    with np.errstate(divide="ignore"):
        return math.sqrt(math.log2(math.e) / 2) * 2.0**31 / g


def f16_error(samples: npt.ArrayLike, cues: npt.ArrayLike, gains: npt.ArrayLike) -> float:
    """Total variation between F16 and float64 weights on the same quantised population.

    Parameters
    ----------
    samples : array_like of int, shape [terms, samples]
    cues, gains : array_like of int, shape [terms]
    """
    nll = golden.log_likelihood(samples, cues, gains)
    integer = golden.weights(nll, golden.minimum(nll))
    exact = normalised(gaussian_log_likelihood(samples, cues, sd_of_gain(gains)))
    return total_variation(integer, exact)


def weigh_network(
    program: Sequence[Operation], table: npt.ArrayLike, words: npt.NDArray[np.uint32]
) -> tuple[Floats, list[npt.NDArray[np.int64]]]:
    """Likelihood weighting of one chunk in float64, from the same random words.

    Parameters
    ----------
    program : sequence of Operation
    table : array_like of int
        Alias entries (threshold / 2**24, alias) and negative log2 probabilities / 1024.
    words : ndarray of uint32, shape [drawing operations * 16, 64]
        Output of the generators.

    Returns
    -------
    weights : ndarray of float64, shape [1024]
        Shares that sum to one.
    drawn : list of ndarray
        States that each drawing operation drew, in program order.
    """
    entries = np.asarray(table, np.int64)
    threshold, alias = (entries % 2**24) / 2.0**24, entries // 2**24
    uniform = words.reshape(-1, SLOTS * words.shape[1]) / 2.0**32
    held: dict[int, npt.NDArray[np.int64]] = {}
    drawn: list[npt.NDArray[np.int64]] = []
    bits = np.zeros(CHUNK)
    for operation in program:
        line = np.zeros(CHUNK, np.int64)
        for column, stride in operation.parents:
            line = line + stride * held[column]
        if operation.weigh:
            entry = entries[operation.base + line] % 2**24
            bits = bits + np.where(entry == IMPOSSIBLE, np.inf, entry / 1024.0)
            continue
        width = 2**operation.log2_states
        place = uniform[len(drawn)] * width
        column_drawn = np.floor(place).astype(np.int64)
        address = operation.base + line * width + column_drawn
        # 24 bits of the rest are compared, as the threshold has no more.
        rest = np.floor((place - column_drawn) * 2.0**24) / 2.0**24
        state = np.where(rest < threshold[address], column_drawn, alias[address])
        held[operation.column] = state
        drawn.append(state)
    return normalised(-bits * math.log(2)), drawn
