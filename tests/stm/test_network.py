"""Networks: what is checked, how evidence is named, and what the refusals say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pytest

import spynq.stm
from spynq.bayes.network import Network, Node
from spynq.bayes.rows import check_rows
from spynq.errors import FormatError, ImpossibleEvidence
from spynq.stm import example


def coin(name: str = "a", *parents: str, states: tuple[str, ...] = ("True", "False")) -> Node:
    shape = (*([2] * len(parents)), len(states))
    return Node(name, states, parents, np.full(shape, 1 / len(states)))


def test_parents_come_before_children_whatever_the_given_order() -> None:
    network = Network([coin("c", "b"), coin("b", "a"), coin("d"), coin("a")])
    assert network.order == ("d", "a", "b", "c")
    assert network.ancestors(["b"]) == {"a", "b"}
    assert network.children() == {"c": [], "b": ["c"], "d": [], "a": ["b"]}


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([], "no node"),
        ([coin(), coin()], "defined twice"),
        ([coin("a", "b")], "has a parent, yet the network has no node 'b'"),
        ([coin("a", "b"), coin("b", "c"), coin("c", "a")], "cycle: "),
        ([coin("a", "a")], "cycle: a -> a"),
        ([Node("a", ("x", "x"), (), np.ones(2) / 2)], "state 'x' twice"),
        (
            [Node("a", ("x", "y"), (), np.ones(3) / 3)],
            re.escape("has shape (3,), its parents and states demand (2,)"),
        ),
        ([Node("a", (), (), np.ones(0))], "1 to 256 states, not 0"),
        ([coin("a"), Node("b", ("x",), ("a", "a"), np.ones((2, 2, 1)))], "names a parent twice"),
        ([Node("a", ("x", "y"), (), np.array([0.5, 0.4]))], "row 1 sums to 0.9, not one"),
        ([Node("a", ("x", "y"), (), np.array([1.5, -0.5]))], "1.5 is no probability"),
    ],
)
def test_wrong_networks_are_refused_in_one_sentence(nodes: list[Node], message: str) -> None:
    with pytest.raises(FormatError, match=message) as caught:
        Network(nodes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("row", "notes"),
    [
        ([0.5, 0.5], 0),
        ([0.5, 0.5 + 9e-7], 0),
        ([0.5, 0.5 + 5e-6], 1),
        ([0.5, 0.5 - 9e-5], 1),
        ([0.333, 0.333, 0.333], 1),
        ([0.3333, 0.3333, 0.3333], 1),
        ([0.143] * 7, 1),
    ],
)
def test_rows_off_by_rounding_are_scaled_with_a_note(row: list[float], notes: int) -> None:
    rows, remarks = check_rows(np.array([row]), "a")
    assert abs(rows.sum() - 1) < 1e-12 and len(remarks) == notes


@pytest.mark.parametrize(
    "row", [[0.5, 0.499], [0.5, 0.5002], [0.33, 0.33, 0.33], [0.333, 0.333, 0.330], [0.2, 0.3, 0.4]]
)
def test_rows_off_by_more_are_refused(row: list[float]) -> None:
    with pytest.raises(FormatError, match=r"^f:7: node a, row 1 sums to .*, not one; correct the row$"):
        check_rows(np.array([row]), "a", ["f:7: "])


def test_states_by_name_by_number_and_by_truth() -> None:
    network = Network([coin("a"), coin("b", states=("no", "yes", "maybe")), coin("c", states=("0", "1"))])
    assert network.clamp({"a": "False", "b": 2, "c": "1"}) == {"a": 1, "b": 2, "c": 1}
    # True is also the integer 1, and state 1 of a is False.
    assert network.clamp({"a": True}) == {"a": 0}
    assert network.clamp({"a": np.bool_(False), "b": np.int64(1)}) == {"a": 1, "b": 1}
    assert network.clamp(None) == {}


@pytest.mark.parametrize(
    ("evidence", "message"),
    [
        ({"XRAY": "yes"}, "network asia has no node 'XRAY'; did you mean xray?"),
        ({"xrai": "yes"}, "no node 'xrai'; did you mean xray"),
        ({"zzz": "yes"}, "no node 'zzz'; it has asia, tub, smoke"),
        ({"xray": "Yes"}, "node xray has no state 'Yes'; did you mean yes?"),
        ({"xray": "maybe"}, "no state 'maybe'; it has yes, no"),
        ({"xray": 2}, "node xray has states 0 to 1, not 2"),
        ({"xray": -1}, "node xray has states 0 to 1, not -1"),
        ({"xray": 0.5}, "is a name or a number, not float"),
        ({"xray": None}, "is a name or a number, not NoneType"),
        ({"xray": True}, "node xray has no state 'True'"),
    ],
)
def test_unknown_nodes_and_states_are_answered_with_close_names(
    evidence: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        example("asia").clamp(evidence)  # type: ignore[arg-type]


def test_soft_evidence_as_mapping_or_sequence() -> None:
    network = example("asia")
    found = network.likelihoods({"dysp": {"no": 0.25, "yes": 4}, "smoke": [1, 0]})
    assert {name: values.tolist() for name, values in found.items()} == {"dysp": [4, 0.25], "smoke": [1, 0]}


@pytest.mark.parametrize(
    ("soft", "error", "message"),
    [
        ({"dysp": {"yes": 1}}, ValueError, "missing or not a number: no"),
        ({"dysp": [1, 2, 3]}, ValueError, "needs 2 likelihoods (yes, no), not 3"),
        ({"dysp": [1, -1]}, ValueError, "finite and not negative"),
        ({"dysp": [1, float("inf")]}, ValueError, "finite and not negative"),
        ({"dysp": [0, 0]}, ImpossibleEvidence, "every state the likelihood 0"),
        ({"dyps": [0, 1]}, ValueError, "did you mean dysp?"),
        ({"dysp": "yes"}, ValueError, "takes one number for each of yes, no, not 'yes'"),
        ({"dysp": {"yes": "often", "no": 1}}, ValueError, "takes one number for each of yes, no"),
        ({"dysp": {"yes": 1, "maybe": 1}}, ValueError, "node dysp has no state 'maybe'"),
        ("dysp", ValueError, "soft evidence maps each node to its states' likelihoods"),
    ],
)
def test_wrong_soft_evidence_is_refused(
    soft: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        example("asia").likelihoods(soft)  # type: ignore[arg-type]


class Column:
    """What pandas' Series has in common with a mapping; its truth value is an error there as well."""

    def __init__(self, values: dict[Any, Any]) -> None:
        self._values = values

    def keys(self) -> Iterable[Any]:
        return self._values.keys()

    def __getitem__(self, key: object) -> Any:
        return self._values[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values.values())

    def __len__(self) -> int:
        return len(self._values)

    def __bool__(self) -> bool:
        raise ValueError("the truth value of a column is ambiguous")


def test_evidence_and_likelihoods_may_be_columns_of_a_table() -> None:
    network = example("asia")
    column: Any = Column({"xray": "no", np.str_("smoke"): np.int64(0)})
    assert network.clamp(column) == {"xray": 1, "smoke": 0}
    assert "xray" not in network.target_names(None, column)
    # By name, not by place: a column need not be in the order of the states.
    soft: Any = {"dysp": Column({"no": 0.25, "yes": 4})}
    assert network.likelihoods(soft)["dysp"].tolist() == [4, 0.25]


@pytest.mark.parametrize("evidence", ["smoke=yes", ["smoke"], 3])
def test_evidence_that_is_no_mapping_is_refused(evidence: Any) -> None:
    with pytest.raises(ValueError, match=r"evidence maps each node to its state, .*, not (str|list|int)"):
        example("asia").clamp(evidence)


def test_what_is_no_node_is_refused_and_tables_may_be_lists() -> None:
    wrong: Any = ["a"]
    with pytest.raises(ValueError, match="a network is made of Node objects, not of str"):
        Network(wrong)
    table: Any = [0.25, 0.75]
    assert Network([Node("a", ("x", "y"), (), table)])["a"].table.tolist() == [0.25, 0.75]


def test_targets_that_are_no_names_are_refused() -> None:
    targets: Any = 3
    with pytest.raises(ValueError, match="targets are the name of a node, or several, not 3"):
        example("asia").target_names(targets)


def test_targets_in_order_each_once() -> None:
    network = example("asia")
    assert network.target_names("lung") == ("lung",)
    assert network.target_names(["lung", "asia", "lung"]) == ("lung", "asia")
    assert (
        "xray" not in network.target_names(None, {"xray": 0})
        and len(network.target_names(None, {"xray": 0})) == 7
    )


def test_tables_cannot_be_changed_from_outside() -> None:
    with pytest.raises(ValueError, match="read-only"):
        example("asia")["asia"].table[0] = 0


def test_names_of_the_package_are_offered_before_they_are_imported() -> None:
    assert set(spynq.stm.__all__) <= set(dir(spynq.stm))
