"""Random networks for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from spynq.bayes.network import Network, Node

Maker = Callable[..., Network]


def make_network(
    rng: np.random.Generator,
    nodes: int = 6,
    states: int = 4,
    parents: int = 3,
    zeros: float = 0.2,
    least: int = 1,
) -> Network:
    """A random network: ``least`` to ``states`` states, up to ``parents`` parents, zeros among them."""
    made: list[Node] = []
    for index in range(nodes):
        size = int(rng.integers(least, states + 1))
        count = int(rng.integers(0, min(parents, index) + 1))
        above = [made[i] for i in rng.permutation(index)[:count].tolist()]
        shape = (*(node.size for node in above), size)
        table = rng.gamma(0.7, size=shape) * (rng.random(shape) >= zeros) + 1e-3 * (rng.random(shape) < 0.5)
        table[..., int(rng.integers(size))] += 0.05
        table /= table.sum(axis=-1, keepdims=True)
        names = tuple(f"s{i}" for i in range(size))
        made.append(Node(f"n{index}", names, tuple(node.name for node in above), table))
    order = rng.permutation(nodes).tolist()
    return Network([made[i] for i in order], "random")


@pytest.fixture
def random_network() -> Maker:
    """See :func:`make_network`."""
    return make_network
