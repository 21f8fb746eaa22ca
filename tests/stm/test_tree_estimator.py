"""The float64 estimator: identities that hold exactly, and what its standard error is worth."""

from __future__ import annotations

import numpy as np
import pytest

from spynq.stm import Tree
from spynq.stm.tree.draw import Population, draw, joint_shares, pool_nodes
from spynq.stm.tree.estimator import Estimate, estimate, exchange
from spynq.stm.tree.evidence import read_evidence
from spynq.stm.tree.experiments import causal, causal_gaussian, multilayer
from spynq.stm.tree.plan import Pool, plan


def ask(
    tree: Tree, evidence: object, neurons: int, seed: int, kind: str = "random"
) -> tuple[Pool, dict[str, Population]]:
    top = plan(tree, read_evidence(tree, evidence))  # type: ignore[arg-type]
    rng = np.random.default_rng(seed)
    return top, {pool.name: draw(tree, pool.name, neurons, rng, kind) for pool in top.walk()}


@pytest.mark.parametrize("rule", ["lambda", "published"])
def test_collapsing_is_an_identity(seed: int, rule: str) -> None:
    """Every sample as a point of its own, or equal samples as one with a count: the same estimator."""
    tree, evidence = multilayer(3, 2.0)
    top, populations = ask(tree, evidence, 60, seed)
    spread = {name: population.spread_out() for name, population in populations.items()}
    collapsed, pairwise = estimate(top, populations, rule), estimate(top, spread, rule)
    root = spread["A"].points["A"]
    assert np.bincount(root, pairwise.weights, 4) == pytest.approx(collapsed.weights, abs=1e-12)
    assert np.bincount(root, pairwise.squares, 4) == pytest.approx(collapsed.squares, abs=1e-12)


def test_exact_shares_are_belief_propagation() -> None:
    for t in range(5):
        for make in (causal, multilayer):
            tree, evidence = make(t, 4.0)
            top, populations = ask(tree, evidence, 1, 0, "exact")
            found, truth = estimate(top, populations), tree.exact(evidence)
            assert truth.probabilities is not None
            assert found.weights == pytest.approx(list(truth.probabilities.values()), abs=1e-12)
            assert found.log_evidence == pytest.approx(truth.log_evidence, abs=1e-12)


def test_one_child_population_makes_both_rules_the_same(seed: int) -> None:
    tree, evidence = causal(1, 3.0)
    top, populations = ask(tree, evidence, 200, seed)
    assert np.array_equal(estimate(top, populations).weights, estimate(top, populations, "published").weights)


def test_published_rule_is_the_sum_over_pairs_of_the_paper(seed: int) -> None:
    """u_k = sum_ij P(y_i|x_k) P(z_j|x_k) / sum_k' [P(y_i|x_k') P(z_j|x_k')] w_i w_j, written out."""
    tree = Tree("two").discrete("A", [0.3, 0.7])
    rng = np.random.default_rng(seed)
    for name in "YZ":
        tree.discrete(name, rng.dirichlet([1, 1, 1], 2), parent="A")
    evidence = {name: rng.random(3) + 0.1 for name in "YZ"}
    top, populations = ask(tree, evidence, 30, seed)
    a, y, z = (populations[n].spread_out().points[n] for n in "AYZ")
    table = {n: tree[n].table for n in "YZ"}  # type: ignore[union-attr]
    w = {n: evidence[n][p] / evidence[n][p].sum() for n, p in (("Y", y), ("Z", z))}
    u = np.zeros(len(a))
    for i in range(len(y)):
        for j in range(len(z)):
            pair = table["Y"][a, y[i]] * table["Z"][a, z[j]]
            u += pair / pair.sum() * w["Y"][i] * w["Z"][j]
    found = estimate(top, populations, "published").weights
    assert found == pytest.approx(np.bincount(a, u, 2) / u.sum(), abs=1e-12)


def test_published_rule_of_too_many_pairs_is_refused() -> None:
    tree = Tree("wide").gaussian("A", sd=1)
    for name in ("B", "C"):
        tree.gaussian(name, parent="A", sd=1).gaussian(f"I{name}", parent=name, sd=1)
    with pytest.raises(ValueError, match=r"would need 8e\+09 pairs for B, C, the limit is 67108864; use"):
        tree.infer({"IB": 1, "IC": 1}, rule="published", neurons=2000, device="reference")


def test_a_row_without_a_cause_carries_no_message() -> None:
    density = np.array([[1.0, 0.5], [0.0, 0.0]])
    message, shares = exchange(density, np.array([2.0, 3.0]), np.array([1.0, 2.0]))
    assert message.tolist() == [1.0, 0.5] and shares.tolist() == [1.0, 0.0]


def test_child_weight_is_kept_by_the_exchange(seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts, child = rng.integers(1, 9, 7).astype(float), rng.random(11)
    message, _ = exchange(rng.random((11, 7)), child, counts)
    assert counts @ message == pytest.approx(child.sum())


@pytest.mark.parametrize("rule", ["lambda", "published"])
def test_gradients_are_those_of_finite_differences(seed: int, rule: str) -> None:
    tree, evidence = multilayer(7, 2.0)
    top, populations = ask(tree, evidence, 300, seed)
    functions = np.eye(4)
    found = estimate(top, populations, rule, functions)
    assert found.gradients is not None and set(found.gradients) == {"A", "B", "C12", "C3"}
    for name, population in populations.items():
        for point in range(0, len(population.counts), 3):
            step = np.zeros(len(population.counts))
            step[point] = 1e-4

            def moved(sign: int, name: str = name, step: np.ndarray = step) -> np.ndarray:
                p = populations[name]
                other = {**populations, name: Population(p.points, p.counts + sign * step)}
                return estimate(top, other, rule).weights

            slope = (moved(1) - moved(-1)) / 2e-4
            assert found.gradients[name][:, point] == pytest.approx(slope, abs=1e-9)


@pytest.mark.parametrize(("t", "power"), [(2, 1.0), (9, 4.0)])
def test_standard_error_is_the_spread_over_populations(t: int, power: float) -> None:
    tree, evidence = multilayer(t, power)
    estimates, errors = [], []
    for seed in range(300):
        top, populations = ask(tree, evidence, 500, seed)
        found = estimate(top, populations, functions=np.eye(4))
        estimates.append(found.weights)
        errors.append(found.standard_errors(populations))
    ratio = np.mean(errors, axis=0) / np.std(estimates, axis=0)
    assert np.all((0.8 < ratio) & (ratio < 1.2)), ratio


def test_error_is_within_four_standard_errors(seed: int) -> None:
    worst = []
    for t in range(30):
        tree, evidence = causal(t)
        top, populations = ask(tree, evidence, 4000, seed + t)
        found = estimate(top, populations, functions=np.eye(4))
        truth = np.array(list((tree.exact(evidence).probabilities or {}).values()))
        worst.append(np.max(np.abs(found.weights - truth) / found.standard_errors(populations)))
    assert max(worst) < 5 and np.median(worst) < 3


def test_log_evidence_comes_without_bias_worth_the_name(seed: int) -> None:
    tree, evidence = causal_gaussian(), {"I1": 1.0, "I2": 2.5, "I3": 0.3, "I4": 1.7}
    found: list[Estimate] = []
    for index in range(40):
        top, populations = ask(tree, evidence, 400, seed + index)
        found.append(estimate(top, populations))
    logs = np.array([e.log_evidence for e in found])
    assert abs(logs.mean() - tree.exact(evidence).log_evidence) < 4 * logs.std() / np.sqrt(40) + 0.02


def test_error_falls_with_the_square_root_of_the_neurons() -> None:
    tree, evidence = multilayer(4, 2.0)
    truth = np.array(list((tree.exact(evidence).probabilities or {}).values()))

    def rms(neurons: int) -> float:
        away = []
        for seed in range(150):
            top, populations = ask(tree, evidence, neurons, seed)
            away.append(np.abs(estimate(top, populations).weights - truth).sum())
        return float(np.mean(away))

    slope = np.log(rms(6400) / rms(100)) / np.log(64)
    assert -0.56 < slope < -0.44


@pytest.mark.parametrize("kind", ["random", "stratified"])
def test_populations_follow_the_prior(seed: int, kind: str) -> None:
    tree, _ = multilayer(11)
    rng = np.random.default_rng(seed)
    shares = joint_shares(tree, pool_nodes(tree, "C12"))
    counts = draw(tree, "C12", 20000, rng, kind).counts
    assert counts.sum() == 20000
    bound = 1.0 if kind == "stratified" else 5 * np.sqrt(20000 * shares)
    assert np.all(np.abs(counts - 20000 * shares) <= bound + 1e-6)


def test_continuous_populations_follow_the_prior(seed: int) -> None:
    tree = Tree("t").discrete("D", [0.3, 0.7]).gaussian("X", parent="D", mean=[-1, 2], sd=[0.5, 1])
    tree.gaussian("Y", parent="X", slope=-2, mean=1, sd=0.5)
    rng = np.random.default_rng(seed)
    for kind, bound in (("random", 0.15), ("stratified", 0.05)):
        y = draw(tree, "Y", 20000, rng, kind).points["Y"]
        mean_x = 0.3 * -1 + 0.7 * 2
        variance_x = 0.3 * (0.25 + 1) + 0.7 * (1 + 4) - mean_x**2
        assert y.mean() == pytest.approx(1 - 2 * mean_x, abs=bound)
        assert y.var() == pytest.approx(4 * variance_x + 0.25, rel=bound)
