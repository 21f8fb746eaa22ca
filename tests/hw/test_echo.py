"""The echo kernel inside its shell, against sums done here, on both simulators."""

from __future__ import annotations

from pathlib import Path

import pytest

from spynq.echo.params import EchoConfig
from spynq_hw.export import export
from spynq_sim.bench import run_bench

BENCH = Path(__file__).with_name("bench_echo.py")


@pytest.mark.parametrize(("bus", "simulator"), [(128, "verilator"), (32, "icarus"), (64, "icarus")])
def test_echo_moves_and_adds_every_word(bus: int, simulator: str, seed: int) -> None:
    kernel = export("echo", EchoConfig(bus=bus))
    ran = run_bench(
        kernel.verilog, kernel.top, BENCH, simulator=simulator, seed=seed, settings={"BUS": str(bus)}
    )
    assert ran == 5
