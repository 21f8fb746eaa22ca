"""Measurements held against targets: ``spynq bench NAME``.

A row is a function that measures one number; :func:`bench` holds its target. Modules of rows lie
in :mod:`spynq.bench.rows` and, where they need gateware or the simulator, in ``spynq_sim.rows``; each
is found by its place alone.
"""

from __future__ import annotations

from spynq.bench.registry import Measured, NotMeasured, Target, bench, benches, rows_of
from spynq.bench.runner import measure
from spynq.bench.verdict import Row, Verdict, verdict

__all__ = [
    "Measured",
    "NotMeasured",
    "Row",
    "Target",
    "Verdict",
    "bench",
    "benches",
    "measure",
    "rows_of",
    "verdict",
]
