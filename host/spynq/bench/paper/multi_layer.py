"""Table 3: A over (B1, B2) over (C1, C2) and C3; four populations of 1,000 neurons, three edges."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np

from spynq.bayes.network import Floats
from spynq.bench.paper import loops
from spynq.bench.paper.compiled import numba_edge, torch_edge
from spynq.bench.paper.published import NEURONS
from spynq.bench.paper.timing import Contender, in_parts
from spynq.stm.tree.estimator import edge_density, estimate
from spynq.stm.tree.evidence import read_evidence
from spynq.stm.tree.experiments import multilayer
from spynq.stm.tree.infer import Options, populations_of
from spynq.stm.tree.plan import Pool, plan

__all__ = ["NETWORK", "PER_POOL", "contenders", "question", "reference"]

NETWORK, POWER = 0, 4.0
PER_POOL = NEURONS // 4
_EDGES = (("C12", "B"), ("C3", "B"), ("B", "A"))


@cache
def question() -> tuple[Any, Pool, dict[str, Any]]:
    """Tree, plan, and populations with every neuron as a point of its own."""
    tree, evidence = multilayer(NETWORK, POWER)
    drawn = populations_of(tree, Options(neurons=PER_POOL, rao_blackwell=False))
    top = plan(tree, read_evidence(tree, evidence))
    return tree, top, {pool.name: drawn[pool.name].spread_out() for pool in top.walk()}


@cache
def _inputs() -> tuple[dict[str, Floats], dict[tuple[str, str], Floats], dict[tuple[str, str], Any]]:
    """Likelihoods of the leaves, tables of pair densities, and the states that choose from them."""
    _, top, populations = question()
    pools = {pool.name: pool for pool in top.walk()}
    leaves = {}
    for name in ("C12", "C3"):
        log = sum(c.log_likelihood[populations[name].points[c.node]] for c in pools[name].cues)  # type: ignore[union-attr]
        leaves[name] = np.exp(np.asarray(log))
    tables, states = {}, {}
    for child, parent in _EDGES:
        lower, upper = populations[child], populations[parent]
        above = pools[child].above
        assert above is not None
        joint = np.zeros(len(lower.counts), np.int64)
        for node in pools[child].nodes:
            joint = 4 * joint + lower.points[node.name]
        table = np.zeros((int(joint.max()) + 1, 4))
        table[joint] = edge_density(pools[child], lower, upper)[:, _first_of_each(upper.points[above])]
        tables[child, parent] = table
        states[child, parent] = (joint, upper.points[above])
    return leaves, tables, states


def _first_of_each(states: Any) -> Any:
    return np.array([int(np.argmax(states == s)) for s in range(4)])


def _run(exchange: Any) -> Floats:
    """Messages up the tree by a function of (table, child states, child weights, parent states)."""
    leaves, tables, states = _inputs()

    def send(edge: tuple[str, str], weights: Floats) -> Floats:
        lower, upper = states[edge]
        return np.asarray(exchange(tables[edge], lower, weights, upper))

    b = send(("C12", "B"), leaves["C12"]) * send(("C3", "B"), leaves["C3"])
    return send(("B", "A"), b)


def reference(rows: int) -> Floats:
    """Weights of A's neurons, by the float64 estimator."""
    _, top, populations = question()
    return estimate(top, populations).weights


def _plain_edge(table: Floats, lower: Any, weights: Floats, upper: Any) -> list[float]:
    return loops.table_rows(list(zip(table[lower].tolist(), strict=True)), weights.tolist(), upper.tolist())


def _shared_edge(
    table: Floats, lower: Any, weights: Floats, upper: Any, how: Callable[..., list[list[float]]], count: int
) -> Floats:
    rows = list(zip(table[lower].tolist(), strict=True))
    parts = how(loops.table_rows, loops.split(count, rows, weights.tolist()), upper.tolist())
    message: Floats = np.sum(parts, axis=0)
    return message


def _numpy_edge(table: Floats, lower: Any, weights: Floats, upper: Any) -> Floats:
    density = table[np.ix_(lower, range(4))][:, upper]
    message: Floats = (weights / density.sum(axis=1)) @ density
    return message


def _single_edge(table: Floats, lower: Any, weights: Floats, upper: Any) -> Floats:
    return _numpy_edge(table.astype(np.float32), lower, weights.astype(np.float32), upper)


def _collapsed_edge(table: Floats, lower: Any, weights: Floats, upper: Any) -> Floats:
    """Equal neurons once: counts per state, the same estimator to the last rounding."""
    counts, child = np.bincount(upper, minlength=4), np.bincount(lower, weights, len(table))
    total = table @ counts
    shares = np.divide(child, total, out=np.zeros_like(total), where=total > 0)
    message: Floats = (shares @ table)[upper]
    return message


def contenders() -> list[Contender]:
    """From the paper's loops to the best there is; every one does all three edges."""

    def whole(edge: Any, rows: int) -> Floats:
        return _run(edge)

    def shared(rows: int, **parts: Any) -> Floats:
        return _run(partial(_shared_edge, **parts))

    def of(name: str, edge: Any) -> Contender:
        return Contender(name, partial(whole, edge), NEURONS)

    return [
        of("Python, loops", _plain_edge),
        *in_parts(shared, NEURONS, NEURONS),
        of("NumPy, float64", _numpy_edge),
        of("NumPy, float32", _single_edge),
        of("torch CPU, float32", torch_edge),
        of("numba, float32, 1 thread", numba_edge),
        of("NumPy, collapsed by state (the same estimator)", _collapsed_edge),
    ]
