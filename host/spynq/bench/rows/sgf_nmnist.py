"""Rows of ``spynq bench sgf`` on real events: N-MNIST as a task for histograms."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from spynq.bench import Measured, bench
from spynq.bench.sgf_nmnist import setup, trials
from spynq.sgf.params import DECISION
from spynq.sgf.protocol import Outcome, hold_out


@cache
def _outcome(scoring: str) -> Outcome:
    return hold_out(setup(scoring), trials("train"), trials("test"))


def _row(scoring: str) -> Callable[[], Measured]:
    def measure() -> Measured:
        outcome = _outcome(scoring)
        how = f"1,000 samples taught in one pass, 100 asked (4 points of chance); {outcome.bits['A']} bits"
        return Measured(outcome.accuracy, f"{how}, {outcome.model_bytes:,} bytes of counters; golden model")

    return measure


for _scoring in DECISION[:2]:
    bench("sgf", f"N-MNIST, small set, {_scoring}", unit="%")(_row(_scoring))
