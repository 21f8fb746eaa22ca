"""The knowledge graph says what the counters hold."""

from __future__ import annotations

import numpy as np
import pytest

from spynq.sgf import Group, Setup
from spynq.sgf.counters import Counters
from spynq.sgf.knowledge import Knowledge
from spynq.sgf.setting import Bit
from spynq.sgf.statistics import names

SETUP = Setup(("a", "b", "c"), ("a", Group(("b", "c"), "C")))
PLACE = names(SETUP.build)
BITS = {"A": (Bit(PLACE["area_L"], 12), Bit(PLACE["sum_left"], 3)), "C": (Bit(PLACE["rot_W"], -1),)}


@pytest.fixture
def knowledge() -> Knowledge:
    counters = Counters(SETUP.build)
    for vector in ([1, 0], [1, 1], [1, 1], [1, 1]):
        counters.teach(0, np.array(vector, bool))
    for vector in ([0, 1], [0, 0]):
        counters.teach(1, np.array(vector, bool))
        counters.teach(2, np.array([1], bool))
    return Knowledge(SETUP, BITS, counters)


def test_shares_are_counts_over_trials(knowledge: Knowledge) -> None:
    rows, shares = knowledge.shares("A")
    assert rows == ["a", "b | c"]
    assert shares.tolist() == [[1.0, 0.75], [0.0, 0.5]]
    assert knowledge.shares("C")[0] == ["b"]  # c was never taught


def test_the_most_telling_bit_comes_first(knowledge: Knowledge) -> None:
    first, second, *_ = knowledge.edges("A", each=2)
    assert (first.row, first.bit, first.share, first.lead) == ("a", "area_L > 12", 1.0, 1.0)
    assert (second.bit, second.lead) == ("sum_left > 3", 0.25)
    assert [edge.lead for edge in knowledge.edges("A", each=1)] == [1.0, -1.0]
    assert [edge.row for edge in knowledge.edges("C")] == ["b"]


def test_the_table_holds_whole_vectors(knowledge: Knowledge) -> None:
    assert knowledge.table() == [
        ("A: a", 3, "c0"),
        ("A: a", 1, "80"),
        ("A: b | c", 1, "00"),
        ("A: b | c", 1, "40"),
        ("C: b", 2, "80"),
    ]
    assert knowledge.as_json()["trials"] == {"A": {"a": 4, "b | c": 2}, "C": {"b": 2, "c": 0}}


def test_it_draws_a_line_per_edge(knowledge: Knowledge) -> None:
    pytest.importorskip("matplotlib")
    figure = knowledge.plot(each=2)
    lines = [axes.get_lines() for axes in figure.axes]
    assert [len(found) - 2 for found in lines] == [4, 1]  # beside the two columns of nodes


def test_nothing_taught_is_nothing_to_draw() -> None:
    with pytest.raises(ValueError, match="nothing has been taught yet, so there is no knowledge to draw"):
        Knowledge(SETUP, BITS, Counters(SETUP.build)).plot()
