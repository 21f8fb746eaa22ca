"""Building a tree: what is refused, with the value, the limit and the way out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from spynq.errors import ImpossibleEvidence
from spynq.stm import Tree
from spynq.stm.tree.evidence import batch_rows, read_evidence
from spynq.stm.tree.experiments import causal, causal_gaussian, multilayer, multisensory


def coin() -> Tree:
    return Tree("coin").discrete("A", [0.25, 0.75], states=["heads", "tails"])


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda t: t.discrete("A", [1.0]), "coin has a node A already; give another name"),
        (lambda t: t.discrete("B", [1.0]), "B needs a parent=: coin has its root, A, already"),
        (lambda t: t.discrete("", [[1.0]], parent="A"), "a node needs a name"),
        (lambda t: t.discrete("B", [1.0], parent="A"), "must have shape .parent states, states., not .1."),
        (lambda t: t.discrete("B", [[1.0]], parent="A"), "needs 2 rows, one per state of A, not 1"),
        (lambda t: t.discrete("B", [[0.5, 0.4], [0, 1]], parent="A"), "row 1 sums to 0.9, not one"),
        (lambda t: t.discrete("B", [[1.0], [1.0]], parent="a"), "no node 'a'; did you mean A"),
        (lambda t: t.discrete("B", [[1.0], [1.0]], parent="A", states="xy"), "needs 1 different names"),
        (lambda t: t.gaussian("B", parent="A", sd=[1.0, 0.0]), "sd of B must be above 0, not 0"),
        (lambda t: t.gaussian("B", parent="A", sd=[1, 2, 3]), "needs a sd for each of 2 states"),
        (lambda t: t.gaussian("B", parent="A", sd=1, slope=2), "parent, A, hence means and no slope"),
        (lambda t: t.gaussian("B", parent="A", sd=1, mean=np.nan), "mean of B must be finite"),
        (lambda t: t.uniform("B", 0, 1), "B needs a parent=: coin has its root"),
    ],
)
def test_a_node_that_cannot_be_is_refused(build: Callable[[Tree], object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        build(coin())


def test_continuous_nodes_are_checked() -> None:
    tree = Tree("line").gaussian("A", sd=1)
    with pytest.raises(ValueError, match="sd of B must be above 0, not -1"):
        tree.gaussian("B", parent="A", sd=-1)
    with pytest.raises(ValueError, match="slope of B must not be 0"):
        tree.gaussian("B", parent="A", sd=1, slope=0)
    with pytest.raises(ValueError, match="sd of B must be a number, not 'wide'"):
        tree.gaussian("B", parent="A", sd="wide")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="B is discrete and cannot be a child of A, which is continuous"):
        tree.discrete("B", [[1.0]], parent="A")
    with pytest.raises(ValueError, match="two ends, low < high, not 2 and 1"):
        Tree().uniform("S", 2, 1)
    with pytest.raises(ValueError, match="tree has no node yet"):
        _ = Tree().root


def test_only_siblings_of_one_kind_share_a_population() -> None:
    tree = coin().gaussian("B", parent="A", sd=1, pool="P").gaussian("C", parent="B", sd=1)
    with pytest.raises(ValueError, match="D and B cannot share the population P: their parents are B and A"):
        tree.gaussian("D", parent="B", sd=1, pool="P")
    with pytest.raises(ValueError, match="cannot share the population P: one is discrete"):
        tree.discrete("E", [[1.0], [1.0]], parent="A", pool="P")


def test_a_population_of_too_many_joint_states_is_refused() -> None:
    tree = coin()
    table = np.full((2, 256), 1 / 256)
    tree.discrete("B", table, parent="A", pool="P").discrete("C", table, parent="A", pool="P")
    with pytest.raises(ValueError, match="would have 16777216 joint states, the limit is 65536"):
        tree.discrete("D", table, parent="A", pool="P")


@pytest.mark.parametrize(
    ("evidence", "sentence"),
    [
        ({"Z": 1}, "no node 'Z'"),
        ({"D": "up"}, "no state 'up'"),
        ({"D": 3}, "states 0 to 1, not 3"),
        ({"D": [0.5]}, "needs 2 likelihoods"),
        ({"D": [-1, 1]}, "must be finite and not negative"),
        ({"X": "far"}, "X takes a number, or a pair of value and sd, not 'far'"),
        ({"X": (1, 2, 3)}, "X takes a number, or a pair"),
        ({"X": (1, 0)}, "the sd of a cue on X must be above 0, not 0"),
        ({"X": np.inf}, "evidence on X must be finite"),
        ({"A": "heads"}, "A is the root, which is asked for"),
        ([("D", 1)], "evidence maps each node to what was seen, not list"),
    ],
)
def test_evidence_that_cannot_be_is_refused(evidence: object, sentence: str) -> None:
    tree = coin().discrete("D", [[0.5, 0.5], [0.1, 0.9]], parent="A").gaussian("X", parent="A", sd=1)
    with pytest.raises(ValueError, match=sentence):
        tree.infer(evidence, device="reference")  # type: ignore[arg-type]


def test_likelihoods_that_are_all_zero_are_impossible() -> None:
    with pytest.raises(ImpossibleEvidence, match="soft evidence on A gives every state the likelihood 0"):
        coin().exact({"A": [0, 0]})


def test_missing_values_say_nothing() -> None:
    tree = coin().gaussian("X", parent="A", sd=1)
    assert read_evidence(tree, {"X": np.nan, "A": None}) == {}


def test_a_batch_needs_equally_many_evidences_of_every_node() -> None:
    tree = multisensory()
    with pytest.raises(ValueError, match="at least one, for every node, not haptic 2"):
        batch_rows(tree, {"haptic": [1, 2], "visual": [1]})
    with pytest.raises(ValueError, match="at least one node"):
        batch_rows(tree, {})
    rows = batch_rows(tree, {"haptic": [1, np.nan], "visual": [[0, 1], [2, 3]]})
    assert [len(row) for row in rows] == [2, 1]


def test_a_discrete_tree_is_a_network_with_the_same_answers() -> None:
    tree, evidence = multilayer(5)
    network = tree.network().exact("A", evidence)
    assert tree.exact(evidence).probabilities == pytest.approx(network.probabilities["A"], abs=1e-12)
    assert tree.exact(evidence).log_evidence == pytest.approx(network.log_evidence, abs=1e-12)
    with pytest.raises(ValueError, match="A is continuous; only a tree of discrete nodes is a Network"):
        causal_gaussian().network()


@pytest.mark.parametrize("t", range(4))
def test_rerooted_discrete_tree_answers_about_any_node(t: int) -> None:
    for make in (causal, multilayer):
        tree, evidence = make(t)
        for name in tree.nodes:
            if name in evidence:
                continue
            found = tree.rerooted(name).exact(evidence)
            truth = tree.network().exact(name, evidence)
            assert found.probabilities == pytest.approx(truth.probabilities[name], abs=1e-12)
            assert found.log_evidence == pytest.approx(truth.log_evidence, abs=1e-12)


def test_rerooted_gaussian_tree_has_the_same_evidence() -> None:
    tree, evidence = causal_gaussian(), {"I1": 1.0, "I2": -2.0, "I3": (0.5, 2.0)}
    for name in ("B1", "B3", "B4"):
        turned = tree.rerooted(name)
        assert turned.exact(evidence).log_evidence == pytest.approx(tree.exact(evidence).log_evidence)
        assert turned.rerooted("A").exact(evidence).mean == pytest.approx(tree.exact(evidence).mean)


def test_arrows_without_an_inverse_are_refused() -> None:
    with pytest.raises(ValueError, match="X is Gaussian by the state of A"):
        coin().gaussian("X", parent="A", sd=1).rerooted("X")
    with pytest.raises(ValueError, match="S is uniform"):
        multisensory().rerooted("visual")
