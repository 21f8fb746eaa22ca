"""The HLS twins under a plain compiler: bit for bit the integer model. Vitis HLS has never seen them."""

from __future__ import annotations

import shutil
import subprocess
from collections import deque
from dataclasses import replace
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from spynq.cli import main
from spynq.errors import MissingDependency, SpynqError
from spynq.kernels import get, kernels
from spynq.lif.params import mask
from spynq_sim.hls import compile_twin
from spynq_sim.hls.compare import Streams, cases, compare, small
from spynq_sim.hls.twin import SOURCES, vendor_headers
from spynq_sim.hls.vectors import write_bench

TWINS = sorted(name for name in kernels() if (SOURCES / f"{name}.cpp").exists())
BEATS = 100_000

pytestmark = pytest.mark.skipif(
    find_spec("hls4ml") is None or shutil.which("g++") is None,
    reason="needs g++ and the headers that hls4ml brings (pip install --no-deps hls4ml)",
)


@pytest.mark.parametrize("name", TWINS)
def test_a_twin_equals_the_model_over_many_beats(name: str, fresh_seed: int) -> None:
    # A run of sgf moves thousands of beats, one of stm about a hundred.
    assert compare(name, fresh_seed, {"sgf": 4 * BEATS}.get(name, BEATS)) >= 90


@pytest.mark.parametrize("name", TWINS)
def test_a_planted_mistake_is_noticed(name: str, tmp_path: Path) -> None:
    """One digit in the arithmetic of each twin."""
    good, bad = {
        "lif": ("u >= channel.theta", "u > channel.theta"),
        "sgf": ("potential >= 2", "potential >= 3"),
        "stm": ("* rest + 16) >> 5", "* rest + 15) >> 5"),
    }[name]
    sources = tmp_path / "hls"
    shutil.copytree(SOURCES, sources)
    files = [*sources.glob(f"{name}.?pp"), *sources.glob(f"{name}/*.hpp")]
    (file,) = (path for path in files if good in path.read_text())
    file.write_text(file.read_text().replace(good, bad))
    twin, right = compile_twin(name, small(name), sources), compile_twin(name, small(name))

    for _, played in zip(range(400), cases(name, 1), strict=False):
        seen = []
        for one in (twin, right):
            memory = np.frombuffer(bytearray(played.before), np.uint8)
            streams = {port: deque(beats) for port, beats in played.streams.items()}
            seen.append((one.start(played.registers, memory, streams), memory.tobytes(), streams))
        if seen[0] != seen[1]:
            return
    pytest.fail("the mistake made no difference in 400 runs")


def test_a_build_of_lif_without_parts_refuses_the_same(
    monkeypatch: pytest.MonkeyPatch, fresh_seed: int
) -> None:
    """Runs of all features, on a build that has some of them: the twin stops where the model does."""
    lean = replace(
        small("lif"), features=mask("gather", "slice", "planes", "second", "state", "codebook", "static")
    )
    monkeypatch.setattr("spynq.lif.twin.SMALL", lean)
    unfit = [f.mask for f in get("lif").kernel.status_flags if f.name == "UNFIT"]
    met = [played.results["STATUS"] in unfit for played in islice(cases("lif", fresh_seed), 100)]
    assert 10 < sum(met) < 90
    assert compare("lif", fresh_seed, BEATS // 4) > 20


@pytest.mark.parametrize("name", TWINS)
def test_the_vendors_bench_passes_here(name: str, tmp_path: Path) -> None:
    """What Vitis HLS would simulate, compiled with g++: the same sources, a main, recorded runs."""
    write_bench(name, tmp_path, runs=40)
    program = tmp_path / "bench"
    command = ["g++", "-std=c++14", "-O1", "-w", "-I", str(tmp_path), "-I", str(SOURCES)]
    command += ["-isystem", str(vendor_headers()), str(SOURCES / f"{name}.cpp")]
    command += [
        str(SOURCES / "csim" / f"{name}.cpp"),
        str(SOURCES / "csim" / "bench.cpp"),
        "-o",
        str(program),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    done = subprocess.run([program, tmp_path / "runs.bin"], capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout) == (0, f"40 runs of {name} equal\n")
    damaged = bytearray((tmp_path / "runs.bin").read_bytes())
    damaged[-1] ^= 1
    (tmp_path / "runs.bin").write_bytes(damaged)
    done = subprocess.run([program, tmp_path / "runs.bin"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 1 and "run 40" in done.stdout


@pytest.mark.parametrize("name", TWINS)
def test_the_header_holds_the_contract(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["registers", name, "--header"]) == 0
    header = capsys.readouterr().out
    for register in get(name).kernel.all_registers():
        assert f"{register.name}_OFFSET = {register.offset};" in header
    for capability, value in get(name).config_class().capabilities().items():
        assert f" {capability} = {value};" in header


def test_a_kernel_without_a_twin_says_where_twins_are() -> None:
    with pytest.raises(MissingDependency, match="the twins are in the source tree"):
        compile_twin("echo")


def test_a_twin_that_does_not_compile_tells_its_first_error(tmp_path: Path) -> None:
    sources = tmp_path / "hls"
    shutil.copytree(SOURCES, sources)
    (sources / "stm.cpp").write_text("int broken(")
    with pytest.raises(SpynqError, match=r"the twin of stm does not compile: .*stm.cpp:1"):
        compile_twin("stm", small("stm"), sources)


def test_what_a_twin_prints_is_an_error(tmp_path: Path) -> None:
    """The vendor's stream only prints when it is read while empty."""
    sources = tmp_path / "hls"
    shutil.copytree(SOURCES, sources)
    program = sources / "csim" / "stm.cpp"
    program.write_text(
        "#include <cstdio>\n"
        + program.read_text().replace("    auto word", '    std::puts("read while empty");\n    auto word')
    )
    twin = compile_twin("stm", small("stm"), sources)
    played = next(iter(cases("stm", 1)))

    with pytest.raises(SpynqError, match="the twin of stm printed: read while empty"):
        twin.start(played.registers, np.frombuffer(bytearray(played.before), np.uint8))


def test_missing_headers_name_their_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spynq_sim.hls.twin.find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match="pip install --no-deps hls4ml"):
        vendor_headers()


def test_a_run_without_an_end_is_told_and_not_waited_for() -> None:
    registers = next(iter(cases("sgf", 1))).registers
    streams: Streams = {"s_axis": deque(), "m_axis": deque()}
    with pytest.raises(SpynqError, match="no PAUSE is among the words"):
        compile_twin("sgf", small("sgf")).start(registers, np.zeros(16, np.uint8), streams)
