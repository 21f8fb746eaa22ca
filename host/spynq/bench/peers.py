"""Other software on the same query: pyAgrum's WeightedSampling, and the loop most people would write."""

from __future__ import annotations

from statistics import median
from typing import Any

import numpy as np

from spynq.bayes.network import Evidence, Floats, Network
from spynq.bayes.pyagrum import to_pyagrum
from spynq.bench.software import Step, Stopwatch, plan
from spynq.errors import MissingDependency

__all__ = ["PlainLoop", "pyagrum_rate"]

_PYAGRUM_SAMPLES = 20_000


def pyagrum_rate(network: Network, evidence: Evidence, repeats: int = 3) -> float:
    """Samples per second of pyAgrum's WeightedSampling: one thread (it has no more), median.

    It estimates all nodes; asking for one raises NotFound inside it when that node is no leaf (3.3.1).
    """
    bayes_net = to_pyagrum(network)
    from pyagrum import WeightedSampling

    rates = []
    for _ in range(repeats):
        engine = WeightedSampling(bayes_net)
        engine.setEvidence(dict(evidence))
        # It stops at a precision unless told that none is enough.
        engine.setEpsilon(1e-12)
        engine.setMinEpsilonRate(1e-12)
        engine.setPeriodSize(1000)
        engine.setMaxIter(_PYAGRUM_SAMPLES)
        clock = Stopwatch()
        engine.makeInference()
        rates.append(engine.nbrIterations() / clock.seconds())
    return median(rates)


class PlainLoop:
    """Likelihood weighting sample by sample in numba, for any network without compiling again.

    The usual way to write it: two nested loops, ``np.random.random``, cumulative rows.

    Parameters
    ----------
    network : Network
    evidence : mapping of str to state
    target : str
    threads : int
        Threads to use.
    """

    def __init__(self, network: Network, evidence: Evidence, target: str, threads: int = 2) -> None:
        try:
            import numba
        except ImportError as error:
            raise MissingDependency("numba is not installed: pip install 'spynq[bayes]'") from error
        clamped = network.clamp(evidence)
        steps, _, _ = plan(network, evidence)
        self._threads = threads
        self._arrays = _flat(network, steps)
        self._known = np.array([clamped.get(name, -1) for name in network.order])
        self._target = network.order.index(target)
        self.states = network[target].size

        def run(samples: int, threads: int, known: Any, target: int, sums: Any, arrays: Any) -> None:
            sizes, bases, first, parents, strides, rows = arrays
            for thread in numba.prange(threads):
                state = np.zeros(len(known), np.int64)
                for _ in range(samples):
                    weight = 1.0
                    for node in range(len(known)):
                        place = bases[node]
                        for edge in range(first[node], first[node + 1]):
                            place += strides[edge] * state[parents[edge]]
                        if known[node] >= 0:
                            state[node] = known[node]
                            below = rows[place + known[node] - 1] if known[node] else 0.0
                            weight *= rows[place + known[node]] - below
                        else:
                            uniform = np.random.random()
                            drawn = 0
                            while drawn < sizes[node] - 1 and uniform >= rows[place + drawn]:
                                drawn += 1
                            state[node] = drawn
                    sums[thread, state[target]] += weight

        self._run = numba.njit(parallel=True)(run)

    def run(self, samples: int) -> tuple[float, Floats]:
        """Samples per second, and the posterior of the target."""
        sums = np.zeros((self._threads, max(self.states, 16)))
        each = max(1, samples // self._threads)
        clock = Stopwatch(self._threads)
        self._run(each, self._threads, self._known, self._target, sums, self._arrays)
        seconds = clock.seconds()
        total = sums.sum(0)[: self.states]
        return each * self._threads / seconds, total / total.sum()


def _flat(network: Network, steps: list[Step]) -> tuple[Any, ...]:
    """Sizes, bases, edges and cumulative rows of all nodes, as arrays."""
    sizes = np.array([network[name].size for name in network.order])
    bases, rows, used = [], [], 0
    first, parents, strides = [0], [], []
    for name, step in zip(network.order, steps, strict=True):
        node = network[name]
        bases.append(used)
        rows.append(np.cumsum(node.table.reshape(-1, node.size), axis=1).ravel())
        used += rows[-1].size
        stride = node.size
        for (place, _), parent in zip(step.parents, reversed(node.parents), strict=True):
            parents.append(place)
            strides.append(stride)
            stride *= network[parent].size
        first.append(len(parents))
    return (
        sizes,
        np.array(bases),
        np.array(first),
        np.array(parents, np.int64),
        np.array(strides, np.int64),
        np.concatenate(rows),
    )
