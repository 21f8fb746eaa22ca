"""Exact answers of trees against other ways to them: dense Gaussians, sums over a grid, pyAgrum."""

from __future__ import annotations

import math

import numpy as np
import pytest

from spynq.bayes import pyagrum
from spynq.errors import ImpossibleEvidence
from spynq.stm import Tree
from spynq.stm.tree.experiments import causal, multilayer, multisensory
from spynq.stm.tree.nodes import GaussianNode


def random_gaussian_tree(rng: np.random.Generator, nodes: int) -> Tree:
    tree = Tree("random").gaussian("n0", mean=rng.normal(), sd=rng.uniform(0.5, 3))
    for i in range(1, nodes):
        tree.gaussian(
            f"n{i}",
            parent=f"n{rng.integers(i)}",
            slope=rng.uniform(0.5, 2) * rng.choice([-1, 1]),
            mean=rng.normal(),
            sd=rng.uniform(0.3, 2),
        )
    return tree


def dense(tree: Tree) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Mean and covariance of all nodes, from the equations one by one."""
    names = list(tree.nodes)
    mean, mix = np.zeros(len(names)), np.zeros((len(names), len(names)))
    for i, node in enumerate(tree.nodes.values()):
        assert isinstance(node, GaussianNode)
        if node.parent is not None:
            p = names.index(node.parent)
            mean[i], mix[i] = node.slope * mean[p], node.slope * mix[p]
        mean[i] += node.offset
        mix[i, i] = node.sd
    return mean, mix @ mix.T, names


@pytest.mark.parametrize("case", range(10))
def test_gaussian_trees_against_one_dense_gaussian(seed: int, case: int) -> None:
    rng = np.random.default_rng([seed, case])
    tree = random_gaussian_tree(rng, 8)
    mean, covariance, names = dense(tree)
    seen = [str(n) for n in rng.choice(names[1:], 4, replace=False)]
    # The last one is vague: a reading with noise of its own, whose density has no factor 1/sd.
    values, noise = rng.normal(0, 2, 4), np.array([0.0, 0.0, 0.0, 0.8])
    told = [(v, s) if s else v for v, s in zip(values.tolist(), noise.tolist(), strict=True)]
    evidence = dict(zip(seen, told, strict=True))
    at = [names.index(n) for n in seen]
    inner = covariance[np.ix_(at, at)] + np.diag(noise**2)
    away = values - mean[at]
    gain = np.linalg.solve(inner, covariance[at, 0])
    log = -0.5 * away @ np.linalg.solve(inner, away) - 0.5 * np.linalg.slogdet(2 * np.pi * inner)[1]
    found = tree.exact(evidence)
    assert found.mean == pytest.approx(mean[0] + gain @ away)
    assert found.standard_deviation**2 == pytest.approx(covariance[0, 0] - gain @ covariance[at, 0])
    assert found.log_evidence == pytest.approx(log + math.log(0.8 * math.sqrt(2 * math.pi)))


@pytest.mark.parametrize("t", range(6))
def test_discrete_trees_against_pyagrum(t: int) -> None:
    pytest.importorskip("pyagrum")
    for make in (causal, multilayer):
        tree, evidence = make(t, 3.0)
        truth = pyagrum.exact(tree.network(), "A", evidence)
        found = tree.exact(evidence)
        assert found.probabilities == pytest.approx(truth.probabilities["A"], abs=1e-9)
        assert found.log_evidence == pytest.approx(truth.log_evidence, abs=1e-9)


def test_mixed_tree_against_sums_over_a_grid() -> None:
    tree = Tree("mixed").discrete("D", [0.2, 0.5, 0.3])
    tree.gaussian("X", parent="D", mean=[-2, 0, 3], sd=[1, 0.5, 2])
    tree.gaussian("Y", parent="X", slope=2, mean=1, sd=0.7).gaussian("Z", parent="X", sd=0.5)
    tree.gaussian("O", parent="Y", sd=0.4).gaussian("M", parent="D", mean=[1, 2, 3], sd=1)

    def normal(x: np.ndarray, mean: object, sd: float) -> np.ndarray:
        return np.exp(-0.5 * ((x - mean) / sd) ** 2) / (sd * math.sqrt(2 * math.pi))

    x = np.linspace(-15, 20, 35001)[:, None]
    likelihood = normal(np.full_like(x, 3.0), 2 * x + 1, math.hypot(0.7, 0.4))
    # Z is vague with sd 0.3 and peak 1.
    likelihood *= normal(np.full_like(x, 1.2), x, math.hypot(0.5, 0.3)) * 0.3 * math.sqrt(2 * math.pi)
    prior = normal(x, np.array([-2, 0, 3.0]), np.array([1, 0.5, 2]))  # type: ignore[arg-type]
    direct = normal(np.full(3, 2.5), np.array([1, 2, 3.0]), 1.0)
    joint = (prior * likelihood).sum(axis=0) * (x[1, 0] - x[0, 0]) * np.array([0.2, 0.5, 0.3]) * direct
    found = tree.exact({"O": 3.0, "Z": (1.2, 0.3), "M": 2.5})
    assert found.probabilities is not None
    assert list(found.probabilities.values()) == pytest.approx(joint / joint.sum(), abs=1e-6)
    assert found.log_evidence == pytest.approx(math.log(joint.sum()), abs=1e-6)


def test_what_a_seen_node_separates_still_counts_as_evidence() -> None:
    tree = Tree("chain").gaussian("A", sd=2).gaussian("B", parent="A", sd=1).gaussian("C", parent="B", sd=1)
    both, one = tree.exact({"B": 1.0, "C": 3.0}), tree.exact({"B": 1.0})
    assert both.mean == one.mean
    step = -0.5 * (3 - 1) ** 2 - 0.5 * math.log(2 * math.pi)
    assert both.log_evidence - one.log_evidence == pytest.approx(step)


def test_uniform_root_is_cut_at_its_ends() -> None:
    found = multisensory({"visual": 30.0}).exact({"visual": 45.0})
    assert found.mean < 45 and 10 < found.mean and found.standard_deviation < 30
    assert multisensory().exact().mean == pytest.approx(0, abs=1e-6)


def test_impossible_evidence_is_told() -> None:
    tree = Tree("sure").discrete("A", [0.5, 0.5]).discrete("B", [[1, 0], [1, 0]], parent="A")
    with pytest.raises(ImpossibleEvidence, match="the evidence has probability zero: B = 1; take back"):
        tree.exact({"B": 1})
