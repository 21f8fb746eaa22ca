"""Back-pressure of the results, with bus models on both streams."""

from __future__ import annotations

from pathlib import Path

import pytest

from spynq.sgf.params import SgfConfig

pytest.importorskip("cocotb", reason="the benches need spynq[sim]")


def test_results_that_nobody_takes_hold_the_input_back(fresh_seed: int) -> None:
    from spynq_hw.export import export
    from spynq_sim.bench import run_bench

    # The build of the contract tests, so that it is compiled once.
    config = SgfConfig(size=8, frames=4, classes=5, rows=8, bits=16, thetas=1, table=4)
    kernel = export("sgf", config)
    bench = Path(__file__).with_name("bench_pressure.py")
    assert run_bench(kernel.verilog, kernel.top, bench, seed=fresh_seed) == 1
