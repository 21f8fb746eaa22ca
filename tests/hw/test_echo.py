"""The echo kernel inside its shell, against sums done here, on both simulators."""

from __future__ import annotations

from pathlib import Path

import pytest

from spynq.echo.params import EchoConfig
from spynq.errors import SpynqError
from spynq_hw.export import export
from spynq_sim.bench import SIMULATORS, run_bench

BENCH = Path(__file__).with_name("bench_echo.py")


@pytest.mark.parametrize(("bus", "simulator"), [(128, "verilator"), (32, "icarus"), (64, "icarus")])
def test_echo_moves_and_adds_every_word(bus: int, simulator: str, seed: int) -> None:
    kernel = export("echo", EchoConfig(bus=bus))
    ran = run_bench(
        kernel.verilog, kernel.top, BENCH, simulator=simulator, seed=seed, settings={"BUS": str(bus)}
    )
    assert ran == 5


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_echo_works_between_bus_models_of_another_hand(simulator: str, fresh_seed: int) -> None:
    kernel = export("echo")
    ran = run_bench(
        kernel.verilog, kernel.top, BENCH.with_name("bench_second.py"), simulator=simulator, seed=fresh_seed
    )
    assert ran == 1


def test_a_bench_that_fails_says_which_case_and_shows_the_log(tmp_path: Path) -> None:
    failing = tmp_path / "bench_failing.py"
    failing.write_text(
        "import cocotb\n@cocotb.test()\nasync def never_right(dut):\n    assert False, 'as planned'\n"
    )
    kernel = export("echo", EchoConfig(bus=32))
    with pytest.raises(SpynqError, match=r"1 of 1 failed \(never_right\)(.|\n)*as planned"):
        run_bench(kernel.verilog, kernel.top, failing, simulator="icarus")


def test_verilog_that_does_not_compile_is_an_error_with_the_log() -> None:
    with pytest.raises(SpynqError, match="broken does not compile with icarus"):
        run_bench("module broken(input a; endmodule", "broken", BENCH, simulator="icarus")


def test_waves_are_kept_where_asked_for(tmp_path: Path) -> None:
    bench = tmp_path / "bench_short.py"
    bench.write_text(
        "import cocotb\nfrom cocotb.triggers import Timer\n"
        "@cocotb.test()\nasync def waits(dut):\n    await Timer(10, unit='ns')\n"
    )
    kernel = export("echo", EchoConfig(bus=32))
    run_bench(kernel.verilog, kernel.top, bench, simulator="icarus", waves=tmp_path / "waves")
    assert (tmp_path / "waves" / "dump.fst").stat().st_size > 100


def test_an_unknown_simulator_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown simulator 'modelsim'; known are verilator, icarus"):
        run_bench("", "top", BENCH, simulator="modelsim")
