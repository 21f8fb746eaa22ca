"""The HLS twin (flat populations and trees): constants of its header, and runs to compare it in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from spynq.stm import golden, golden_edge, params
from spynq.stm.corners import FLAT_CORNERS, refusals
from spynq.stm.starts import Start
from spynq.stm.step import MAX_EDGE_TERMS, Op
from spynq.stm.vectors import random_flat, resident_flat
from spynq.stm.vectors_tree import TREE_CORNERS, random_tree

__all__ = ["SMALL", "cases", "constants"]


def constants(config: params.StmConfig) -> dict[str, Any]:
    """Build parameters, limits and tables by their names in C++."""
    limits = {name: getattr(params, name) for name in ("IMPOSSIBLE", "L_MAX", "SATZ_LIMIT")}
    limits |= {"QUOTIENT_BITS": golden_edge.QUOTIENT_BITS, "MAX_EDGE_TERMS": MAX_EDGE_TERMS}
    operations = {f"OP_{op.name}": int(op) for op in Op}
    tables = {"T0": golden.T0, "T1": golden.T1, "L0": golden_edge.L0, "L1": golden_edge.L1}
    return {**config.capabilities(), **limits, **operations, **tables}


SMALL = params.StmConfig(lanes=4, terms=2, population=64, columns=4, bins=16, states=0, edge=4)
"""Build whose runs are compared: small, so that many fit into a test."""


def cases(rng: np.random.Generator) -> Iterator[Start]:
    """Runs of what the twin has, without an end: corners and refusals first, then random ones."""
    for corner in (*FLAT_CORNERS.values(), *TREE_CORNERS.values()):
        yield corner(rng, SMALL)
    yield from refusals(rng, SMALL)
    while True:
        start = random_flat(rng, SMALL)
        yield start
        yield resident_flat(rng, SMALL, start)
        yield random_tree(rng, SMALL)
