"""Rows of ``spynq bench stm`` that judge answers: against exact inference, and against float64."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spynq.bayes.files import example
from spynq.bench import Measured, NotMeasured, bench
from spynq.bench.data import data_root
from spynq.stm import golden, reference
from spynq.stm.accuracy import Accuracy, measure, reference_cases
from spynq.stm.params import CHUNK, IMPOSSIBLE, L_FRACTION

_SAMPLES = 16_384
_NETWORKS, _CASES = 12, 48
_TRIALS = 100
_SEED = 1


def data_folder() -> Path:
    """Folder of the reference networks."""
    return data_root() / "static" / "bn"


@cache
def _accuracies() -> list[tuple[str, Accuracy]]:
    folder = data_folder()
    if not (folder / "reference_posteriors.json").exists():
        raise NotMeasured(
            "the reference networks are absent; point SPYNQ_DATA to a folder with static/bn/*.bif and "
            "reference_posteriors.json"
        )
    found = [(name, measure(case, samples=_SAMPLES, seed=_SEED)) for name, case in reference_cases(folder)]
    if len(found) != _CASES or len({name for name, _ in found}) != _NETWORKS:
        raise NotMeasured(f"{folder} holds {len(found)} cases, not {_CASES} of {_NETWORKS} networks")
    return found


_HOW = (
    f"{_NETWORKS} networks, {_CASES} cases, every node without evidence, {_SAMPLES:,} samples, seed {_SEED}, "
    "device golden (the RTL is equal to it bit for bit)"
)


@bench("stm", "TV against exact at 16,384 samples: worst, in standard errors", unit="standard errors",
       must="<= 4")  # fmt: skip
def worst_deviation() -> Measured:
    """The largest deviation of any state of any node."""
    name, found = max(_accuracies(), key=lambda item: item[1].worst_errors)
    worst_tv = max(item.worst_tv for _, item in _accuracies())
    return Measured(
        found.worst_errors, f"{_HOW}; largest over all states, met in {name}; worst TV {worst_tv:.4f}"
    )


@bench("stm", "TV against exact at 16,384 samples: mean", unit="TV", must="<= 0.01")
def mean_deviation() -> Measured:
    """Mean over nodes, then over cases."""
    return Measured(float(np.mean([found.mean_tv for _, found in _accuracies()])), _HOW)


@bench("stm", "F16 against float64 on the same samples", unit="TV", must="<= 5e-4")
def number_format() -> Measured:
    """Integer weights against float64 weights of the same population or the same random words."""
    rng = np.random.default_rng(_SEED)
    flat = []
    for trial in range(_TRIALS):
        samples = rng.integers(-25_600, 25_600, (1, 1_000 if trial % 2 else 4_000)).repeat(3, axis=0)
        cues, sds = rng.integers(-8_000, 8_000, 3), rng.uniform(1_000, 4_000, 3)
        gains = np.floor(np.sqrt(math.log2(math.e) / 2) / sds * 2**31 + 0.5).astype(np.int64)
        flat.append(reference.f16_error(samples, cues, gains))
    network = max(_network_error(rng) for _ in range(16))
    return Measured(
        max(*flat, network),
        f"worst over samples; {_TRIALS} populations of 1,000 and 4,000 samples under three cues "
        f"({max(flat):.1e}), 16 chunks of ALARM with three leaves observed ({network:.1e}), seed {_SEED}",
    )


def _network_error(rng: np.random.Generator) -> float:
    """F16 against float64 weights of 1,024 forward samples of ALARM, evidence drawn from the network."""
    network = example("alarm")
    parents = {parent for node in network.nodes.values() for parent in node.parents}
    leaves = [name for name in network.order if name not in parents][:3]
    weight, nll = np.ones(CHUNK), np.zeros(CHUNK, np.int64)
    states: dict[str, npt.NDArray[np.int64]] = {}
    for name in network.order:
        node = network[name]
        rows = node.table[tuple(states[parent] for parent in node.parents)]
        rows = np.broadcast_to(rows, (CHUNK, node.size))
        states[name] = np.minimum((rng.random((CHUNK, 1)) >= rows.cumsum(1)).sum(1), node.size - 1)
        if name in leaves:
            # The state the first sample drew: possible, and as likely as the network makes it.
            probability = rows[:, states[name][0]]
            weight = weight * probability
            with np.errstate(divide="ignore"):
                code = np.round(-np.log2(probability) * (1 << L_FRACTION))
            nll = np.where(np.isinf(code) | (nll == IMPOSSIBLE), IMPOSSIBLE, nll + code).astype(np.int64)
    return reference.total_variation(golden.weights(nll, golden.minimum(nll)), weight)
