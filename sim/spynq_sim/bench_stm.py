"""Cycles and sizes of the stm kernel, for ``spynq bench stm``: RTL runs and open synthesis.

Every kernel that is measured is built for its job, and the same build is measured for cycles and
for size. Cycles come from the kernel's own counter, from start to done.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from statistics import median

import numpy as np

from spynq.bayes.files import example
from spynq.bayes.network import Network
from spynq.bench.peers import PlainLoop, pyagrum_rate
from spynq.bench.software import Sampler
from spynq.devices import open_kernel
from spynq.kernels import get
from spynq.stm.compiler import compile_network
from spynq.stm.params import StmConfig
from spynq_hw.estimate import Estimate, estimate, keep
from spynq_hw.export import module_name, rtlil
from spynq_sim.bench_tree import CHIP, EDGE

__all__ = [
    "BATCH",
    "FLAT",
    "SAMPLES",
    "WEIGHTING",
    "FlatCycles",
    "SoftwareRates",
    "alarm_cycles",
    "alarm_query",
    "flat_cycles",
    "size",
    "software_rates",
    "start_estimates",
]

FLAT = StmConfig(lanes=32, terms=2, population=1024, columns=2, bins=64, states=0)
WEIGHTING = StmConfig(
    lanes=64, terms=0, bins=4, states=32, state_bits=2, parents=4, program=64, table=1024, targets=2
)
"""64 lanes for ALARM: 772 table entries, four states at most."""
_BUILDS = (FLAT, WEIGHTING, EDGE, CHIP)
_BY_PARTS = (CHIP,)
SAMPLES = 16_384
BATCH = 256
POPULATION = 1_000
_SOFTWARE_SAMPLES = 1 << 24
_PLAIN_SAMPLES = 1 << 20
_TURNS = 5
_BINS = 64


@dataclass(frozen=True)
class FlatCycles:
    """Cycles of the multisensory network: two cues, 1,000 samples.

    Parameters
    ----------
    moments : int
        Population resident, cues and moments in registers.
    per_evidence : float
        Of a batch of 256 evidences, records to memory.
    moved : int
        Three arrays read (both columns and the labels), all weights, the record and the histogram written.
    """

    moments: int
    per_evidence: float
    moved: int


@dataclass(frozen=True)
class SoftwareRates:
    """Samples per second of ALARM, two threads where the software has them."""

    numba: float
    plain: float
    pyagrum: float

    @property
    def fastest(self) -> float:
        """The rival."""
        return max(self.numba, self.plain, self.pyagrum)


@cache
def flat_cycles(config: StmConfig = FLAT) -> FlatCycles:
    """Measured on device rtl, the answers checked against the golden device."""
    rng = np.random.default_rng(1)
    population = rng.normal(0, 6000, (2, POPULATION)).astype(int).clip(-32768, 32767)
    labels = rng.integers(0, _BINS, POPULATION)
    cues, gains = rng.integers(-6000, 6000, (BATCH, 2)), rng.integers(300_000, 900_000, (BATCH, 2))
    found, answers = [], []
    for name in ("rtl", "golden"):
        with open_kernel("stm", name, config=config) as driver:
            driver.load_population(population)
            driver.flat(cues[0], gains[0])
            runs = [
                driver.flat(cues[0], gains[0]),
                driver.flat(cues, gains),
            ]
            driver.load_population(population, labels, _BINS)
            runs.append(driver.flat(cues[0], gains[0], histogram=True, weights=True))
        found.append([run.cycles for run in runs])
        answers.append([run.records for run in runs] + [runs[2].weights])
    assert all(np.array_equal(a, b) for a, b in zip(*answers, strict=True)), "rtl and golden differ"
    return FlatCycles(found[0][0], found[0][1] / BATCH, found[0][2])


@cache
def alarm_query() -> tuple[Network, dict[str, str], str]:
    """ALARM, the first three leaves observed in their first state, and the queried node."""
    network = example("alarm")
    parents = {parent for node in network.nodes.values() for parent in node.parents}
    leaves = [name for name in network.order if name not in parents][:3]
    return network, {name: network[name].states[0] for name in leaves}, "LVFAILURE"


@cache
def alarm_cycles() -> int:
    """Cycles of 16,384 samples on 64 lanes from start to done: image load, all nodes, records out."""
    network, evidence, target = alarm_query()
    with open_kernel("stm", "rtl", config=WEIGHTING) as driver:
        compiled = compile_network(network, target, evidence, None, driver.capabilities, False, 0)
        run = compiled.runs[0]
        driver.load_program(run.program, run.targets, compiled.table, run.bins)
        cycles: int = driver.weighting(SAMPLES, 1).cycles
    return cycles


@cache
def software_rates() -> SoftwareRates:
    """Medians of five turns in which the programs alternate; compiling is not counted."""
    network, evidence, target = alarm_query()
    fast, plain = Sampler(network, evidence, target), PlainLoop(network, evidence, target)
    fast.run(1)
    plain.run(1)
    rates: list[tuple[float, float]] = []
    for turn in range(_TURNS):
        rates.append((fast.run(_SOFTWARE_SAMPLES, turn).per_second, plain.run(_PLAIN_SAMPLES)[0]))
    return SoftwareRates(
        median(r for r, _ in rates), median(r for _, r in rates), pyagrum_rate(network, evidence)
    )


@cache
def start_estimates() -> dict[StmConfig, Future[Estimate]]:
    """Synthesis of every build, two at a time in processes of their own; results are kept on disk."""
    pool = ThreadPoolExecutor(2, thread_name_prefix="estimate")
    futures = {config: pool.submit(_estimate, config) for config in _BUILDS}
    pool.shutdown(wait=False)
    return futures


def size(config: StmConfig) -> Estimate:
    """Cells of a build, waited for."""
    return start_estimates()[config].result()


def _estimate(config: StmConfig) -> Estimate:
    top = module_name(get("stm").kernel, config)
    return estimate(rtlil("stm", config), top, parts=config in _BY_PARTS)


def main() -> None:
    """``python -m spynq_sim.bench_stm``: synthesise every build and keep the figures in the project."""
    for config in _BUILDS:
        top = module_name(get("stm").kernel, config)
        keep(rtlil("stm", config), top, str(config), parts=config in _BY_PARTS)


if __name__ == "__main__":
    main()
