"""A line of the build scripts that is deleted is noticed: by an error, a breach of the rules, or a lapse."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from spynq.kernels import kernels
from spynq_hw.export import ExportedKernel, export
from spynq_overlays.description import OverlayDescription, describe
from spynq_overlays.vivado_project import SCRIPTS, STEPS, write_project
from spynq_sim.vivado.rules import breaches, calls_of, commands_of, run_step
from spynq_sim.vivado.session import lapses

pytestmark = pytest.mark.skipif(shutil.which("tclsh") is None, reason="tclsh is not installed (Debian: tcl)")

CELLS = ("echo", "echo", "stm")
"""Five masters, so that two share a memory port; two cells of one IP."""
FORGOTTEN = {
    "common.tcl": "open_project $project_file",
    "package_ip.tcl": "set_property version $version $core",
    "block_design.tcl": "validate_bd_design",
    "synthesise.tcl": "finish_run synth_1",
    "implement.tcl": "reset_run impl_1",
    "report.tcl": "open_run impl_1",
    "collect.tcl": "write_hw_platform",
    "processor_ultrascale.tcl": "return $processor/SAXIGP",
}
"""One line of each file, for every change; all lines are tried by `make test-full`."""
OWN_TESTS = ("refuse ", "return -code error", "puts ", "lappend properties CONFIG.c_")
"""Refusals, warnings and the widths of a DMA: test_vivado.py."""
HARMLESS = {
    "set slacks {}": "dict set makes it",
    "file mkdir $folder/reports": "the mock writes no report",
    "lappend packaged $module": "an IP that two cells share would be packaged twice",
}
"""What may be missing under the mock, and why."""


@pytest.fixture(scope="module")
def verilog() -> dict[str, ExportedKernel]:
    return {name: export(name) for name in kernels() if name in CELLS}


def _steps(file: str) -> list[str]:
    """Steps that a file is part of, the first of them alone where that says enough."""
    name = file.partition(".")[0]
    return [name] if name in STEPS else ["block_design"] if "processor" in name else list(STEPS)


def _noticed(scripts: Path, steps: list[str], folder: Path, verilog: dict[str, ExportedKernel]) -> bool:
    board = "pynq-z2" if (scripts / "seven").exists() else "zcu104"
    described = describe(
        "one", [(f"{kernel}_{i}", kernel, None) for i, kernel in enumerate(CELLS)], board=board
    )
    place = _project(folder, described, verilog)
    ips = {k.kernel.vlnv: verilog[k.kernel.name].verilog for k in described.kernels}
    for step in steps:
        result, record = run_step(scripts / f"{step}.tcl", place)
        calls = calls_of(record)
        if result.returncode or breaches(calls, ips, step == "block_design") or lapses(step, calls):
            return True
    return steps[-1] == "collect" and len(list((place / "result").iterdir())) != 2


def _project(folder: Path, described: OverlayDescription, verilog: dict[str, ExportedKernel]) -> Path:
    exported = {kernel.instance: verilog[kernel.kernel.name] for kernel in described.kernels}
    place = write_project(folder / "project", described, exported, clock_mhz=100).parent
    (place / "one_wrapper.bit").touch()
    (place / "one.hwh").touch()
    name = f"spynq_{described.name}"
    (place / name).mkdir(exist_ok=True)
    (place / name / f"{name}.xpr").touch()
    return place


def _without(file: str, number: int, folder: Path) -> Path:
    """Copy of the scripts without the command that begins in a line."""
    scripts = folder / "scripts"
    shutil.copytree(SCRIPTS, scripts)
    lines = (scripts / file).read_text().splitlines()
    end = number
    while lines[end - 1].endswith("\\"):
        end += 1
    lines[number - 1 : end] = [""] * (end - number + 1)
    (scripts / file).write_text("\n".join(lines) + "\n")
    if "seven" in file:
        (scripts / "seven").touch()
    return scripts


def _whole_commands(file: Path) -> dict[int, str]:
    """Commands that a deletion leaves the script well-formed without, by the number of their line."""
    lines, found = file.read_text().splitlines(), {}
    for number in sorted(commands_of(file)):
        text, end = lines[number - 1], number
        while lines[end - 1].endswith("\\"):
            text, end = text + lines[end], end + 1
        if text.count("{") == text.count("}") and text.count("[") == text.count("]"):
            found[number] = text.strip()
    return found


def test_complete_scripts_have_no_lapse(tmp_path: Path, verilog: dict[str, ExportedKernel]) -> None:
    assert not _noticed(SCRIPTS, list(STEPS), tmp_path, verilog)


@pytest.mark.parametrize("file", FORGOTTEN)
def test_a_forgotten_line_is_noticed(file: str, tmp_path: Path, verilog: dict[str, ExportedKernel]) -> None:
    found = [n for n, text in _whole_commands(SCRIPTS / file).items() if text.startswith(FORGOTTEN[file])]
    (number,) = found
    assert _noticed(_without(file, number, tmp_path), _steps(file), tmp_path, verilog)


@pytest.mark.full
@pytest.mark.timeout(2400)
@pytest.mark.parametrize("file", sorted(path.name for path in SCRIPTS.glob("*.tcl")))
def test_every_forgotten_line_is_noticed(
    file: str, tmp_path: Path, verilog: dict[str, ExportedKernel]
) -> None:
    left = []
    for number, text in _whole_commands(SCRIPTS / file).items():
        if text.startswith(OWN_TESTS) or text in HARMLESS:
            continue
        folder = tmp_path / str(number)
        if not _noticed(_without(file, number, folder), _steps(file), folder, verilog):
            left.append(f"{number}: {text}")
        shutil.rmtree(folder)
    assert not left
