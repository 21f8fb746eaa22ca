"""Exact inference against enumeration, pyAgrum, and the shared reference posteriors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from spynq.bayes import exact as exact_module
from spynq.bayes import pyagrum
from spynq.bayes.exact import exact
from spynq.bayes.network import Network
from spynq.errors import ImpossibleEvidence, SpynqError
from spynq.stm import example
from spynq.stm.accuracy import reference_cases


def enumerated(
    network: Network, evidence: Mapping[str, int], soft: Mapping[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], float]:
    """Posterior of every node by summing over all joint states."""
    names = list(network.nodes)
    marginals = {name: np.zeros(network[name].size) for name in names}
    total = 0.0
    for states in product(*(range(network[name].size) for name in names)):
        here = dict(zip(names, states, strict=True))
        if any(here[name] != state for name, state in evidence.items()):
            continue
        p = math.prod(
            float(n.table[(*(here[q] for q in n.parents), here[n.name])]) for n in network.nodes.values()
        )
        p *= math.prod(float(values[here[name]]) for name, values in soft.items())
        total += p
        for name in names:
            marginals[name][here[name]] += p
    return {name: m / total for name, m in marginals.items()} if total else marginals, total


def question(rng: np.random.Generator, network: Network) -> tuple[dict[str, int], dict[str, np.ndarray]]:
    names = list(rng.permutation(list(network.nodes)))
    evidence = {name: int(rng.integers(network[name].size)) for name in names[: int(rng.integers(0, 3))]}
    soft = {name: rng.random(network[name].size) + 0.01 for name in names[2 : 2 + int(rng.integers(0, 3))]}
    return evidence, soft


def test_equals_enumeration(random_network, seed: int) -> None:
    rng = np.random.default_rng(seed)
    possible = 0
    for _ in range(40):
        network = random_network(rng, nodes=6, states=3, zeros=0.3)
        evidence, soft = question(rng, network)
        marginals, total = enumerated(network, evidence, soft)
        if total == 0:
            with pytest.raises(ImpossibleEvidence, match="has probability zero: n"):
                exact(network, None, evidence, soft)
            continue
        possible += 1
        found = exact(network, None, evidence, soft)
        assert abs(found.log_evidence - math.log(total)) < 1e-9
        for name in found.probabilities:
            assert np.abs(np.array(list(found.probabilities[name].values())) - marginals[name]).max() < 1e-10
    assert possible > 10


def test_equals_pyagrum(random_network, seed: int) -> None:
    pytest.importorskip("pyagrum")
    rng = np.random.default_rng(seed)
    for _ in range(10):
        # pyAgrum 3 answers wrongly beside nodes of one state; enumeration covers those.
        network = random_network(rng, nodes=14, states=4, zeros=0.0, least=2)
        evidence, soft = question(rng, network)
        ours, theirs = exact(network, None, evidence, soft), pyagrum.exact(network, None, evidence, soft)
        assert abs(ours.log_evidence - theirs.log_evidence) < 1e-8
        for name, states in ours.probabilities.items():
            assert max(abs(p - theirs.probabilities[name][s]) for s, p in states.items()) < 1e-8


def test_equals_the_reference_posteriors_of_twelve_networks(shared_data: Path) -> None:
    count = 0
    for _, case in reference_cases(shared_data / "static" / "bn"):
        found = exact(case.network, None, case.evidence)
        assert abs(found.log_evidence - case.log_evidence) < 1e-7
        for name, values in case.exact.items():
            assert (
                np.abs(np.array(list(found.probabilities[name].values())) - np.array(list(values))).max()
                < 1e-7
            )
        count += 1
    assert count == 48


def test_targets_may_be_few_and_may_be_observed() -> None:
    network = example("asia")
    few = exact(network, ["lung", "xray"], {"xray": "yes"})
    assert list(few.probabilities) == ["lung", "xray"] and few.probabilities["xray"] == {
        "yes": 1.0,
        "no": 0.0,
    }
    everything = exact(network, None, {"xray": "yes"})
    assert few.probabilities["lung"]["yes"] == pytest.approx(
        everything.probabilities["lung"]["yes"], abs=1e-14
    )


def test_a_thousand_nodes_in_a_row_do_not_underflow() -> None:
    from spynq.bayes.network import Node

    table = np.array([[0.9, 0.1], [0.2, 0.8]])
    nodes = [Node("x0", ("a", "b"), (), np.array([0.5, 0.5]))]
    for i in range(1, 1000):
        nodes.append(Node(f"x{i}", ("a", "b"), (f"x{i - 1}",), table))
        nodes.append(Node(f"y{i}", ("a", "b"), (f"x{i}",), np.array([[0.001, 0.999], [0.001, 0.999]])))
    evidence = {f"y{i}": 0 for i in range(1, 1000)}
    found = exact(Network(nodes), ["x999"], evidence)
    assert found.log_evidence == pytest.approx(999 * math.log(0.001))
    assert found.probabilities["x999"]["a"] == pytest.approx(2 / 3)


def test_wide_networks_are_refused_with_the_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact_module, "LARGEST_TABLE", 16)
    with pytest.raises(SpynqError, match=r"needs a table of \d+ entries, the limit is 16; use query\(\)"):
        exact(example("alarm"))
