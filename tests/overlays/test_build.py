"""``spynq overlay``: with no Vivado, and with a stand-in for it that runs the scripts under the mock."""

from __future__ import annotations

import errno
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from spynq.cli import main
from spynq.errors import FormatError
from spynq_overlays import build as builder
from spynq_overlays.reports import parse_timing, parse_utilization

# In the shape of the vendor's reports (UltraScale+, then 7 series); the figures are invented.
UTILIZATION = """\
Copyright 1986-2022 Xilinx, Inc. All Rights Reserved.
| Tool Version : Vivado v.2022.2 (lin64) Build 3671981
1. CLB Logic
+----------------------------+-------+-------+------------+-----------+-------+
|          Site Type         |  Used | Fixed | Prohibited | Available | Util% |
+----------------------------+-------+-------+------------+-----------+-------+
| CLB LUTs                   | 31250 |     0 |          0 |    230400 | 13.56 |
|   LUT as Logic             | 30012 |     0 |          0 |    230400 | 13.03 |
| CLB Registers              | 18640 |     0 |          0 |    460800 |  4.05 |
| Block RAM Tile    |  8.5 |     0 |          0 |       312 |  2.72 |
| URAM              |    0 |     0 |          0 |        96 |  0.00 |
| DSPs      |  160 |     0 |          0 |      1728 |  9.26 |
"""
SEVEN = """\
| Slice LUTs*             | 3120 |     0 |     53200 |  5.86 |
| Slice Registers         | 2210 |     0 |    106400 |  2.08 |
| Block RAM Tile |    2 |     0 |       140 |  1.43 |
| DSPs           |    4 |     0 |       220 |  1.82 |
"""
TIMING = """\
| Design Timing Summary
| ---------------------
-------------------------

    WNS(ns)      TNS(ns)  TNS Failing Endpoints  TNS Total Endpoints      WHS(ns)      THS(ns)  THS Failing Endpoints  THS Total Endpoints     WPWS(ns)     TPWS(ns)  TPWS Failing Endpoints  TPWS Total Endpoints
    -------      -------  ---------------------  -------------------      -------      -------  ---------------------  -------------------     --------     --------  ----------------------  --------------------
      1.204        0.000                      0                41812        0.012        0.000                      0                41812        3.500        0.000                       0                 19011


All user specified timing constraints are met.
"""  # noqa: E501
STAND_IN = """#!{python}
import pathlib, sys
from spynq_sim.vivado.rules import run_step
step, folder = (pathlib.Path(sys.argv[sys.argv.index(o) + 1]) for o in ("-source", "-tclargs"))
if step.stem == "report":
    (folder / "reports").mkdir(exist_ok=True)
    (folder / "reports/utilization.rpt").write_text({utilization!r})
    (folder / "reports/timing.rpt").write_text({timing!r})
if step.stem == "collect":
    for suffix in ("_wrapper.bit", ".hwh"):
        (folder / f"{name}{{suffix}}").write_text(suffix)
result, _ = run_step(step, folder, *{answers!r})
print(result.stdout, result.stderr)
sys.exit(result.returncode)
"""


@pytest.fixture
def vivado(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a stand-in on PATH; the answers it is given replace the mock's usual ones."""
    if shutil.which("tclsh") is None:
        pytest.skip("tclsh is not installed (Debian: tcl)")

    def put(*answers: str) -> None:
        program = tmp_path / "bin" / "vivado"
        program.parent.mkdir(exist_ok=True)
        text = STAND_IN.format(
            python=sys.executable, utilization=UTILIZATION, timing=TIMING, name="echo", answers=answers
        )
        program.write_text(text)
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent), prepend=":")

    return put


def _build(tmp_path: Path, *more: str) -> int:
    folder = tmp_path / "project"
    return main(["overlay", "build", "echo", "--folder", str(folder), "--quiet", *more])


def test_without_vivado_the_project_is_written_and_the_versions_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    which = shutil.which
    monkeypatch.setattr(builder.shutil, "which", lambda name: None if name == "vivado" else which(name))
    assert _build(tmp_path) == 1
    told = capsys.readouterr().err
    assert told.startswith("spynq: Vivado is not on PATH; install one of 2022.1 to 2024.2")
    assert f"carry {tmp_path / 'project'} to a machine that has it and run build.sh" in told
    assert {"build.sh", "design.tcl", "manifest.json", "scripts"} <= {
        path.name for path in (tmp_path / "project").iterdir()
    }


def test_the_project_builds_itself_elsewhere(tmp_path: Path, vivado: Any) -> None:
    assert _build(tmp_path, "--project-only") == 0
    vivado()
    moved = tmp_path / "elsewhere"
    shutil.move(tmp_path / "project", moved)
    subprocess.run([moved / "build.sh"], check=True, capture_output=True, timeout=300)
    assert {path.name for path in (moved / "result").iterdir()} == {"echo.bit", "echo.hwh"}


def test_a_build_installs_bitstream_hand_off_and_figures(
    tmp_path: Path, vivado: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    vivado()
    assert _build(tmp_path, "--into", str(tmp_path / "installed"), "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["utilization"]["lut"] == {"used": 31250, "available": 230400}
    assert told["slack_ns"] == {"setup": 1.204, "hold": 0.012, "pulse_width": 3.5}
    assert {path.name for path in (tmp_path / "installed").iterdir()} == {
        "echo.bit",
        "echo.hwh",
        "manifest.json",
        "report.json",
    }
    assert json.loads((tmp_path / "installed/manifest.json").read_text())["clock_mhz"] == 100


def test_the_table_for_people_names_the_files(
    tmp_path: Path, vivado: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    vivado()
    assert _build(tmp_path, "--into", str(tmp_path / "installed")) == 0
    told = capsys.readouterr().out
    assert "dsp" in told
    assert str(tmp_path / "installed/echo.bit") in told


def test_a_step_that_fails_names_itself_its_reason_and_its_log(
    tmp_path: Path, vivado: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    vivado("get_property/SLACK", "-0.4")
    assert _build(tmp_path, "--into", str(tmp_path / "installed")) == 1
    told = capsys.readouterr().err
    assert "step report failed: the design does not meet timing at 100 MHz" in told
    assert "build it with a slower --clock" in told
    assert "report.log" in told
    assert not (tmp_path / "installed").exists()


def test_a_full_disk_leaves_the_old_overlay(
    tmp_path: Path, vivado: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    vivado()
    target = tmp_path / "installed"
    target.mkdir()
    (target / "echo.bit").write_text("old")

    copyfile = shutil.copyfile

    def full(source: Any, destination: Any, **options: Any) -> Any:
        if Path(destination).parent == target:
            raise OSError(errno.ENOSPC, "No space left on device", str(destination))
        return copyfile(source, destination, **options)

    monkeypatch.setattr(builder.shutil, "copyfile", full)
    assert _build(tmp_path, "--into", str(target)) == 1
    assert "No space left on device" in capsys.readouterr().err
    assert (target / "echo.bit").read_text() == "old"


def test_a_disk_that_is_full_while_the_project_is_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_text = Path.write_text

    def full(path: Path, text: str, *rest: Any, **options: Any) -> int:
        if path.name == "design.tcl":
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return write_text(path, text, *rest, **options)

    monkeypatch.setattr(Path, "write_text", full)
    assert _build(tmp_path, "--project-only") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "design.tcl: No space left on device" in line


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nothing"], "there is no overlay 'nothing'; there are"),
        (["echo", "--board", "zcu102"], "unknown board 'zcu102'; known boards are zcu104, kv260, pynq-z2"),
        (["echo", "--clock", "150"], "zcu104 is built at 100, 200, 300 MHz, not at 150"),
        (["echo", "--jobs", "0"], "--jobs must be at least 1, not 0"),
    ],
)
def test_what_cannot_be_built_is_refused(
    arguments: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["overlay", "build", *arguments, "--folder", str(tmp_path / "p"), "--quiet"]) == 1
    assert sentence in capsys.readouterr().err


def test_all_holds_every_kernel_but_the_examples() -> None:
    from spynq.kernels import kernels

    described = builder.described("all")
    assert {k.kernel.name for k in described.kernels} == set(kernels()) - {"echo"}
    assert described.clock_mhz == 100
    assert builder.described("all", board="pynq-z2").kernels[0].base == 0x4000_0000


def test_list_says_what_is_missing_and_how_to_get_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["overlay", "list"]) == 0
    assert "spynq overlay build stm" in capsys.readouterr().out
    assert main(["overlay", "list", "--json"]) == 0
    assert {"name": "stm", "bitstream": None} in json.loads(capsys.readouterr().out)["overlays"]


def test_reports_of_both_families_are_read() -> None:
    assert parse_utilization(UTILIZATION)["bram36"] == {"used": 8.5, "available": 312}
    found = parse_utilization(SEVEN)
    assert found["lut"] == {"used": 3120, "available": 53200}
    assert "uram" not in found
    assert parse_timing(TIMING)["setup"] == 1.204


def test_other_texts_are_no_reports() -> None:
    with pytest.raises(FormatError, match="no report_utilization of Vivado"):
        parse_utilization(TIMING)
    with pytest.raises(FormatError, match="no report_timing_summary of Vivado"):
        parse_timing(UTILIZATION)
