"""Trees as a user builds them, against exact answers that share no line with ours."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from spynq.stm import Tree

TOWN = {
    "season": (None, 4),
    "rain": ("season", 2),
    "temperature": ("season", 3),
    "road": ("rain", 3),
    "traffic": ("road", 4),
    "heating": ("temperature", 2),
    "ski": ("temperature", 2),
}
"""Node: parent and states."""
SEEN: list[dict[str, Any]] = [
    {},
    {"traffic": 2, "heating": 1},
    {"ski": 0, "rain": [0.2, 0.9]},
    {"traffic": [0.1, 0.5, 0.9, 0.3], "temperature": 2},
    {"season": [0.5, 0.1, 1.0, 0.3], "road": 1},
]


def town(rng: np.random.Generator) -> tuple[Tree, Any]:
    """A random discrete tree, and the same in pyAgrum."""
    gum = pytest.importorskip("pyagrum")
    tree, net = Tree("town"), gum.BayesNet("town")
    for name, (parent, size) in TOWN.items():
        rows = rng.random((TOWN[parent][1], size) if parent else (size,))
        rows /= rows.sum(axis=-1, keepdims=True)
        tree.discrete(name, rows, parent=parent)
        net.add(gum.LabelizedVariable(name, name, size))
        if parent:
            net.addArc(parent, name)
            for state, row in enumerate(rows.tolist()):
                net.cpt(name)[{parent: state}] = row
        else:
            net.cpt(name).fillWith(rows.tolist())
    return tree, net


def by_pyagrum(net: Any, seen: dict[str, Any], target: str) -> np.ndarray:
    import pyagrum as gum

    inference = gum.LazyPropagation(net)
    inference.setEvidence(seen)
    inference.makeInference()
    return np.array(inference.posterior(target).tolist())


@pytest.mark.parametrize("case", range(len(SEEN)))
def test_discrete_trees_have_the_posterior_of_pyagrum(case: int, seed: int) -> None:
    """Exact populations to what the integers leave; random ones to their standard error beside it."""
    tree, net = town(np.random.default_rng(seed))
    seen = SEEN[case]
    truth = by_pyagrum(net, seen, "season")
    assert list((tree.exact(seen).probabilities or {}).values()) == pytest.approx(truth, abs=1e-12)
    exact = tree.infer(seen, populations="exact", device="golden")
    assert np.abs(exact.shares - truth).sum() / 2 <= 5e-4
    found = tree.infer(seen, neurons=4000, seed=seed % 1000, device="golden")
    assert np.all(np.abs(found.shares - truth) <= 5 * np.array(found.standard_error) + 5e-4)


@pytest.mark.parametrize("target", ["road", "temperature", "ski"])
def test_any_node_is_a_root(target: str, seed: int) -> None:
    tree, net = town(np.random.default_rng(seed))
    found = tree.rerooted(target).infer(SEEN[1], populations="exact", device="golden")
    assert np.abs(found.shares - by_pyagrum(net, SEEN[1], target)).sum() / 2 <= 5e-4


PRIOR = np.array([0.7, 0.2, 0.1])
TEMPERATURES = ((40.0, 5.0), (70.0, 8.0), (55.0, 6.0))
NOISE = np.array([[0.9, 0.1], [0.3, 0.7], [0.5, 0.5]])
REPORT = np.array([[0.95, 0.05], [0.2, 0.8]])


def machine() -> Tree:
    """A fault heats a machine (measured) and makes noise (reported): Gaussian and discrete below one node."""
    tree = Tree("machine").discrete("fault", PRIOR, states=["none", "bearing", "belt"])
    means, sds = zip(*TEMPERATURES, strict=True)
    tree.gaussian("heat", parent="fault", mean=means, sd=sds).gaussian("sensor", parent="heat", sd=3)
    tree.discrete("noise", NOISE, parent="fault", states=["quiet", "loud"])
    return tree.discrete("report", REPORT, parent="noise", states=["ok", "complaint"])


def by_hand(sensor: float | None, report: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Heat summed out: its variance and the sensor's add up."""
    p = PRIOR * (NOISE @ (noise * (REPORT @ report)))
    if sensor is not None:
        for state, (mean, sd) in enumerate(TEMPERATURES):
            variance = sd**2 + 9
            p[state] *= math.exp(-((sensor - mean) ** 2) / (2 * variance)) / math.sqrt(variance)
    found: np.ndarray = p / p.sum()
    return found


def test_a_mixed_tree_under_a_batch_of_hard_soft_and_missing_evidence(seed: int) -> None:
    batch = {
        "sensor": [40.0, 60.0, math.nan, 52.5],
        "report": ["complaint", "ok", "complaint", None],
        "noise": [None, None, None, {"quiet": 0.3, "loud": 0.9}],
    }
    one = np.ones(2)
    truth = [
        by_hand(40.0, np.array([0, 1]), one),
        by_hand(60.0, np.array([1, 0]), one),
        by_hand(None, np.array([0, 1]), one),
        by_hand(52.5, one, np.array([0.3, 0.9])),
    ]
    found = machine().infer_batch(batch, neurons=4000, seed=seed % 1000, device="golden")
    for answer, want in zip(found, truth, strict=True):
        assert np.all(np.abs(answer.shares - want) <= 5 * np.array(answer.standard_error) + 5e-4)
