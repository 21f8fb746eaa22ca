"""The software rival answers what exact inference answers, with nothing left out."""

from __future__ import annotations

import time

import numpy as np
import pytest

from spynq.bayes.exact import exact
from spynq.bayes.network import Network, Node
from spynq.bench.software import Sampler, Stopwatch, alias_table, plan


def network() -> Network:
    rng = np.random.default_rng(5)

    def table(*shape: int) -> np.ndarray:
        return rng.dirichlet(np.ones(shape[-1]), shape[:-1] or None)

    def states(count: int) -> tuple[str, ...]:
        return tuple(f"s{i}" for i in range(count))

    return Network(
        [
            Node("a", states(3), (), table(3)),
            Node("b", states(2), ("a",), table(3, 2)),
            Node("c", states(5), ("a", "b"), table(3, 2, 5)),
            Node("d", states(1), ("c",), np.ones((5, 1))),
            Node("e", states(4), ("c", "d", "b"), table(5, 1, 2, 4)),
            Node("f", states(2), ("a", "e"), table(3, 4, 2)),
        ]
    )


@pytest.mark.parametrize("log2_states", [0, 1, 2, 3, 5])
def test_alias_table_holds_the_row(log2_states: int, fresh_seed: int) -> None:
    rng = np.random.default_rng(fresh_seed)
    length = 1 << log2_states
    row = rng.dirichlet(np.ones(max(1, length - log2_states // 2)))
    entries = alias_table(row, log2_states)
    got = np.zeros(length)
    for column, entry in enumerate(entries.tolist()):
        got[column] += (entry & 0xFFFFFF) / (1 << 24) / length
        got[entry >> 24] += (1 - (entry & 0xFFFFFF) / (1 << 24)) / length
    np.testing.assert_allclose(got[: len(row)], row, atol=2e-7)


def test_every_node_is_kept() -> None:
    steps, _, _ = plan(network(), {"c": "s1"})
    assert len(steps) == 6
    assert [step.weigh for step in steps].count(True) == 1


@pytest.mark.parametrize(
    ("evidence", "target"),
    [
        ({}, "e"),
        ({"f": "s1", "b": "s0"}, "c"),
        ({"e": "s3"}, "a"),
        ({"a": "s2", "d": "s0"}, "e"),
    ],
)
def test_posterior_is_exact_inference_within_four_standard_errors(
    evidence: dict[str, str], target: str, fresh_seed: int
) -> None:
    pytest.importorskip("numba")
    net = network()
    rate = Sampler(net, evidence, target, threads=2).run(1 << 19, fresh_seed)
    wanted = np.array(list(exact(net, target, evidence).probabilities[target].values()))
    p, total = rate.probabilities, rate.sums.sum()
    error = np.sqrt((1 - 2 * p) * rate.squares + p**2 * rate.squares.sum()) / total
    assert np.all(np.abs(p - wanted) <= 4.5 * error + 1e-6)


def test_the_target_may_not_be_evidence() -> None:
    with pytest.raises(ValueError, match="a is evidence; the target of a sampler must be another node"):
        Sampler(network(), {"a": "s0"}, "a")


def test_waiting_for_others_does_not_slow_a_rival() -> None:
    clock = Stopwatch(threads=2)
    time.sleep(0.3)
    assert clock.seconds() < 0.15
