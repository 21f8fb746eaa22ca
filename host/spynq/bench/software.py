"""Likelihood weighting in software, as fast as numba makes it: the rival of the kernel.

One function is generated per network, evidence and target, with every base address, stride and
shift a literal and the tables constants, so that LLVM turns each step into vector instructions
with gathers (AVX-512 where the processor has it). Per block of 256 samples a step computes one
node for all of them: xoshiro128++ (one generator per place), row sum, alias entry, select. All
nodes are kept, as in the kernel's measurement; weights are float32 products, so that some
hundred evidence nodes would underflow.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spynq.bayes.network import Evidence, Floats, Network
from spynq.errors import MissingDependency

__all__ = ["Rate", "Sampler", "Stopwatch", "alias_table", "plan"]

Words = npt.NDArray[np.uint32]

BLOCK = 256
"""Samples per block: generators, states and weights of ALARM then stay in a 48 KiB cache."""
_THRESHOLD = 1 << 24


@dataclass(frozen=True)
class Step:
    """One node: where its table begins, which states move the row, what happens.

    Parameters
    ----------
    base : int
        First entry of the node's table (of the likelihood table if ``weigh``).
    log2_states : int
        log2 of the padded row length.
    parents : tuple of (int, int)
        Step whose state is read, and entries per state of it.
    weigh : bool
        Multiply the weight by the entry; else draw.
    """

    base: int
    log2_states: int
    parents: tuple[tuple[int, int], ...]
    weigh: bool


class Stopwatch:
    """Seconds a program needs on cores of its own: wall time, or CPU time per thread if that is less.

    So other work on the machine makes no rival slower than it is.
    """

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads
        self._wall, self._processor = time.perf_counter(), time.process_time()

    def wall(self) -> float:
        """Wall time since the start: of work that other processes do."""
        return time.perf_counter() - self._wall

    def seconds(self) -> float:
        """Since the start."""
        wall = self.wall()
        return min(wall, (time.process_time() - self._processor) / self._threads)


@dataclass(frozen=True)
class Rate:
    """Samples per second and the sums they gave.

    Parameters
    ----------
    per_second : float
        Samples per second, by :class:`Stopwatch`.
    sums, squares : ndarray of float64, shape [states]
        Sum of weights and of squared weights per state of the target.
    """

    per_second: float
    sums: Floats
    squares: Floats

    @property
    def probabilities(self) -> Floats:
        """Posterior of the target."""
        posterior: Floats = self.sums / self.sums.sum()
        return posterior


def alias_table(row: npt.ArrayLike, log2_states: int) -> Words:
    """Alias table of a probability row by Vose's method: threshold in 24 bits, alias above.

    Parameters
    ----------
    row : array_like of float, shape [states]
    log2_states : int
        The table has ``2**log2_states`` entries.
    """
    length = 1 << log2_states
    share = np.zeros(length)
    values = np.asarray(row, float)
    share[: len(values)] = values * length
    threshold = np.full(length, _THRESHOLD - 1, np.int64)
    alias = np.arange(length)
    small = [i for i in range(length) if share[i] < 1]
    large = [i for i in range(length) if share[i] >= 1]
    while small and large:
        low, high = small.pop(), large[-1]
        threshold[low] = min(round(share[low] * _THRESHOLD), _THRESHOLD - 1)
        alias[low] = high
        share[high] -= 1 - share[low]
        if share[high] < 1:
            small.append(large.pop())
    return (threshold | alias << 24).astype(np.uint32)


def plan(network: Network, evidence: Evidence) -> tuple[list[Step], Words, npt.NDArray[np.float32]]:
    """Steps in topological order, the alias tables and the likelihood tables; no node is left out."""
    clamped = network.clamp(evidence)
    place = {name: index for index, name in enumerate(network.order)}
    steps: list[Step] = []
    draws: list[Words] = []
    likelihoods: list[Floats] = []
    drawn = weighed = 0
    for name in network.order:
        node = network[name]
        weigh = name in clamped
        log2_states = 0 if weigh else max(node.size - 1, 0).bit_length()
        stride, parents = 1 << log2_states, []
        for parent in reversed(node.parents):
            parents.append((place[parent], stride))
            stride *= network[parent].size
        rows = node.table.reshape(-1, node.size)
        if weigh:
            steps.append(Step(weighed, 0, tuple(parents), True))
            likelihoods.append(rows[:, clamped[name]])
            weighed += len(rows)
        else:
            steps.append(Step(drawn, log2_states, tuple(parents), False))
            draws += [alias_table(row, log2_states) for row in rows]
            drawn += len(rows) << log2_states
    table = np.concatenate(draws) if draws else np.zeros(1, np.uint32)
    likelihood = np.concatenate(likelihoods) if likelihoods else np.ones(1)
    return steps, table, likelihood.astype(np.float32)


def _source(steps: Sequence[Step], clamped: dict[int, int], target: int, states: int) -> str:
    """Text of the function that draws one block; z holds generators, then one row of states per step."""
    lines = ["def block(z, w, sums, squares):", f" for j in range({BLOCK}): w[j] = F(1)"]
    for index, step in enumerate(steps):
        terms = [f"U({step.base})"]
        for parent, stride in step.parents:
            known = clamped.get(parent)
            terms.append(f"U({stride * known})" if known is not None else f"U({stride}) * {_at(4 + parent)}")
        row = f"U({' + '.join(terms)})"
        if step.weigh:
            lines += [f" for j in range({BLOCK}): w[j] *= LIKELIHOOD[{row}]"]
            continue
        if step.log2_states == 0:
            continue
        lines += [
            f" for j in range({BLOCK}):",
            f"  a = {_at(0)}; b = {_at(1)}; c = {_at(2)}; d = {_at(3)}",
            "  q = U(a + d); r = U(U(U(q << U(7)) | (q >> U(25))) + a); t = U(b << U(9))",
            "  c ^= a; d ^= b; b ^= c; a ^= d; c ^= t; d = U(U(d << U(11)) | (d >> U(21)))",
            f"  {_at(0)} = a; {_at(1)} = b; {_at(2)} = c; {_at(3)} = d",
            f"  k = r >> U({32 - step.log2_states})",
            f"  e = TABLE[U({row} + k)]",
            f"  u = (r >> U({8 - step.log2_states})) & U(0xFFFFFF)",
            f"  {_at(4 + index)} = k if u < (e & U(0xFFFFFF)) else e >> U(24)",
        ]
    for state in range(states):
        lines += [
            " h = F(0); g = F(0)",
            f" for j in range({BLOCK}):",
            f"  v = w[j] if {_at(4 + target)} == U({state}) else F(0)",
            "  h += v; g += v * v",
            f" sums[{state}] += h; squares[{state}] += g",
        ]
    return "\n".join(lines)


def _at(row: int) -> str:
    return f"z[{row * BLOCK} + j]"


class Sampler:
    """Likelihood weighting of one query, compiled for this processor.

    Parameters
    ----------
    network : Network
    evidence : mapping of str to state
    target : str
        The queried node; not among the evidence.
    threads : int
        Threads to use, each with generators of its own.

    Raises
    ------
    MissingDependency
        numba is not installed.
    """

    def __init__(self, network: Network, evidence: Evidence, target: str, threads: int = 2) -> None:
        if target in evidence:
            raise ValueError(f"{target} is evidence; the target of a sampler must be another node")
        steps, table, likelihood = plan(network, evidence)
        place = {name: index for index, name in enumerate(network.order)}
        clamped = {place[name]: state for name, state in network.clamp(evidence).items()}
        self.threads, self.states = threads, network[target].size
        self._steps = len(steps)
        source = _source(steps, clamped, place[target], self.states)
        self._run = _compile(source, table, likelihood)

    def run(self, samples: int, seed: int = 1) -> Rate:
        """Draw at least ``samples`` samples (a multiple of 256 per thread) and time it."""
        blocks = max(1, -(-samples // (BLOCK * self.threads)))
        generators = np.random.SeedSequence(seed).generate_state(self.threads * 4 * BLOCK, np.uint32)
        scratch = np.zeros((self.threads, (4 + self._steps) * BLOCK), np.uint32)
        scratch[:, : 4 * BLOCK] = generators.reshape(self.threads, -1)
        sums, squares = np.zeros((2, self.threads, max(self.states, 16)))
        clock = Stopwatch(self.threads)
        self._run(blocks, scratch, sums, squares)
        seconds = clock.seconds()
        rate = blocks * BLOCK * self.threads / seconds
        return Rate(rate, sums.sum(0)[: self.states], squares.sum(0)[: self.states])


def _compile(source: str, table: Words, likelihood: npt.NDArray[np.float32]) -> Any:
    try:
        import numba
    except ImportError as error:
        raise MissingDependency("numba is not installed: pip install 'spynq[bayes]'") from error
    names: dict[str, Any] = {"U": np.uint32, "F": np.float32, "TABLE": table, "LIKELIHOOD": likelihood}
    exec(compile(source, "<spynq.bench.software>", "exec"), names)
    block = numba.njit(fastmath=True, boundscheck=False, error_model="numpy")(names["block"])

    def run(blocks: int, scratch: Words, sums: Floats, squares: Floats) -> None:
        for thread in numba.prange(scratch.shape[0]):
            weights = np.empty(BLOCK, np.float32)
            for _ in range(blocks):
                block(scratch[thread], weights, sums[thread], squares[thread])

    return numba.njit(parallel=True)(run)
