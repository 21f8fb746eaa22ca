"""Table 1: the network of the paper's Figure 3, 1,000 neurons per node, two stimuli."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from itertools import chain

import numpy as np

from spynq.bayes.network import Floats
from spynq.bench import registry, runner
from spynq.bench.paper import loops
from spynq.bench.paper.compiled import numba_batch, numba_shares, torch_shares
from spynq.bench.paper.timing import Contender, in_parts

__all__ = ["NEURONS", "batch_contenders", "contenders", "means", "reference", "sizes"]

NEURONS = 1000
_BATCH = 1000
_CUES = ((1.0, 1.0), (-0.5, 2.0))
_SIZES = {"DSP": "its size: DSP", "LUT": "its size: LUT", "FF": "its size: FF", "BRAM": "its size: BRAM36"}


@cache
def samples() -> Floats:
    """B1 and B2 of each neuron, shape [neurons, 2]."""
    drawn: Floats = np.random.default_rng(1).normal(0, 3, (NEURONS, 2))
    return drawn


def reference(rows: int) -> Floats:
    """Weight of each neuron, in float64."""
    weights = np.exp(-0.5 * sum(((samples()[:, d] - c) / sd) ** 2 for d, (c, sd) in enumerate(_CUES)))
    shares: Floats = weights / weights.sum()
    return shares


def _normalised(weights: list[float]) -> Floats:
    total = sum(weights)
    return np.array([weight / total for weight in weights])


def plain(rows: int) -> Floats:
    """Loops."""
    return _normalised(loops.fusion_weights(samples().tolist(), _CUES))


def shared(rows: int, how: Callable[..., list[list[float]]], count: int) -> Floats:
    """The same loops in threads or processes, each with its part of the neurons."""
    parts = how(loops.fusion_weights, loops.split(count, samples().tolist()), _CUES)
    return _normalised(list(chain.from_iterable(parts)))


def vectorised(rows: int) -> Floats:
    """NumPy, float32."""
    b = samples().astype(np.float32)
    weights = np.exp(np.float32(-0.5) * sum(((b[:, d] - c) / sd) ** 2 for d, (c, sd) in enumerate(_CUES)))
    shares: Floats = (weights / weights.sum()).astype(np.float64)
    return shares


def compiled(rows: int) -> Floats:
    """numba, float32, own power of two."""
    population, _ = _batch()
    return numba_shares()(population, _CUES)


def torch_weights(rows: int) -> Floats:
    """torch on the CPU, float32."""
    return torch_shares(samples().astype(np.float32), _CUES)


@cache
def _batch() -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    cues = np.random.default_rng(2).normal(0, 3, (_BATCH, 2)).astype(np.float32)
    return np.ascontiguousarray(samples().T, np.float32), cues


def means(rows: int) -> Floats:
    """Posterior means of B1 under the batch's evidences, in float64."""
    population, cues = _batch()
    found = []
    for evidence in cues[:rows].astype(np.float64):
        square = sum(((x - c) / sd) ** 2 for x, c, (_, sd) in zip(population, evidence, _CUES, strict=True))
        weights = np.exp(-0.5 * np.asarray(square, np.float64))
        found.append(float(weights @ population[0] / weights.sum()))
    return np.array(found)


def batch(rows: int, threads: int) -> Floats:
    """numba, float32 polynomial: posterior means under so many evidences on one population."""
    population, cues = _batch()
    return numba_batch(threads)(population, cues[:rows], [sd for _, sd in _CUES])


def contenders() -> list[Contender]:
    """One evidence at a time, all weights."""
    return [
        Contender("Python, loops", plain, 1),
        *in_parts(shared, 1, 1),
        Contender("NumPy, float32", vectorised, 1),
        Contender("torch CPU, float32", torch_weights, 1),
        Contender("numba, float32 polynomial", compiled, 1),
    ]


def batch_contenders() -> list[Contender]:
    """One evidence of a batch of 1,000, moments only."""
    return [
        Contender(
            f"numba, float32 polynomial, batch of 1,000, {n} thread(s)", partial(batch, threads=n), _BATCH, n
        )
        for n in (1, 2)
    ]


def sizes() -> dict[str, float | str]:
    """Open-synthesis estimate of the 32-lane kernel, from the rows of ``spynq bench stm``."""
    found: dict[str, float | str] = {}
    rows = {target.name: target for target in registry.rows_of("stm")}
    for name, row in _SIZES.items():
        if row in rows:
            measured = runner.measure(rows[row])
            found[name] = measured.how if measured.value is None else measured.value
    return found
