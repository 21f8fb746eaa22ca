"""Trees, spikes and learning on the simulated board: bit for bit what the golden device answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from spynq import devices
from spynq.selftest.kernel_checks import golden_vectors
from spynq.stm import example
from spynq.stm.params import StmConfig
from spynq.stm.tree.experiments import causal_gaussian, multilayer, multisensory

pytest.importorskip("spynq_sim.open", reason="device rtl needs spynq[sim]")

CONFIG = StmConfig(
    lanes=4, terms=0, population=1024, columns=6, bins=4, edge=4,
    states=8, state_bits=1, program=16, table=128, targets=8, counts=True,
)  # fmt: skip
"""One build for everything: tree front end, and likelihood weighting that counts records."""
SEEN = {"I1": 1.0, "I2": 2.5, "I3": 0.3, "I4": 1.7}


@pytest.fixture(scope="module")
def rtl() -> Iterator[Any]:
    with devices.open_kernel("stm", "rtl", CONFIG) as driver:
        yield driver


@pytest.fixture(scope="module")
def golden() -> Iterator[Any]:
    with devices.open_kernel("stm", "golden", CONFIG) as driver:
        yield driver


@pytest.mark.parametrize("rule", ["lambda", "published"])
def test_discrete_trees(rtl: Any, golden: Any, rule: str) -> None:
    tree, evidence = multilayer(2, 3.0)
    found, expected = (tree.infer(evidence, neurons=200, rule=rule, device=d) for d in (rtl, golden))
    assert np.array_equal(found.weights, expected.weights)
    assert found.device == "rtl" and found.cycles > 0 and expected.cycles == 0


def test_every_neuron_apart(rtl: Any, golden: Any) -> None:
    tree, evidence = multilayer(2)
    found, expected = (tree.infer(evidence, neurons=40, collapsed=False, device=d) for d in (rtl, golden))
    assert np.array_equal(found.weights, expected.weights)


def test_gaussian_trees_in_a_batch(rtl: Any, golden: Any) -> None:
    batch = {name: [value, -value] for name, value in SEEN.items()}
    found, expected = (causal_gaussian().infer_batch(batch, neurons=150, device=d) for d in (rtl, golden))
    for one, other in zip(found, expected, strict=True):
        assert np.array_equal(one.weights, other.weights)


def test_streams(rtl: Any, golden: Any) -> None:
    answers = []
    for device in (rtl, golden):
        with multisensory().stream(device=device, neurons=100) as stream:
            stream.update({"haptic": 3.0})
            answers.append(stream.update({"visual": -1.0}))
    assert np.array_equal(answers[0].weights, answers[1].weights)


@pytest.mark.parametrize("poisson", [False, True])
def test_spikes(rtl: Any, golden: Any, poisson: bool) -> None:
    cues = {"haptic": 3.0, "visual": -1.0}
    found, expected = (
        multisensory().spikes(cues, 60, poisson=poisson, neurons=90, device=d) for d in (rtl, golden)
    )
    assert np.array_equal(found.counts, expected.counts) and found.total > 0


def test_learning(rtl: Any, golden: Any) -> None:
    network = example("asia")
    data = np.random.default_rng(5).integers(-1, 2, (6, 8))
    fits = [network.fit(data, prior=1.0, iterations=2, start="uniform", device=d) for d in (rtl, golden)]
    for name, node in fits[0].network.nodes.items():
        assert np.array_equal(node.table, fits[1].network[name].table)
    assert fits[0].cycles_per_record > 0 and fits[1].cycles == 0


def test_the_self_test_runs_every_front_end_of_the_build(rtl: Any, seed: int) -> None:
    assert golden_vectors(rtl, seed)[0] == "5 runs equal the integer model"
