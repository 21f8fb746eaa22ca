"""The build scripts under tclsh, against a mock of Vivado that notes and judges every call.

What it cannot show: that Vivado itself accepts them. Vivado was never at hand.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spynq.kernels import get, kernels
from spynq.lif import generator
from spynq.sgf import samples
from spynq_hw.export import ExportedKernel, export
from spynq_overlays.boards import BOARDS
from spynq_overlays.description import OverlayDescription, describe
from spynq_overlays.vivado_project import SCRIPTS, STEPS, tcl, write_project
from spynq_sim.vivado import session
from spynq_sim.vivado.rules import breaches, calls_of, commands_of, lines_of, run_step

pytestmark = pytest.mark.skipif(shutil.which("tclsh") is None, reason="tclsh is not installed (Debian: tcl)")

BUILDS: dict[str, Any] = {"lif": generator.SMALL, "sgf": samples.SMALL}
"""In place of default builds: the scripts see ports and names, and 16 columns take a minute to write."""
ran: set[tuple[str, int]] = set()
"""Lines of the scripts that some test of this file ran."""


@pytest.fixture(scope="module")
def verilog() -> dict[str, ExportedKernel]:
    """Every kernel of the registry, exported once."""
    return {name: export(name, BUILDS.get(name)) for name in kernels()}


def _overlay(name: str, cells: list[str], board: str = "zcu104") -> OverlayDescription:
    laid = [(f"{kernel}_{i}", kernel, BUILDS.get(kernel)) for i, kernel in enumerate(cells)]
    return describe(name, laid, board=board)


@pytest.fixture
def build(tmp_path: Path, verilog: dict[str, ExportedKernel]) -> Callable[..., Path]:
    """Writes a project and gives its folder."""

    def write(description: OverlayDescription, clock_mhz: float = 100) -> Path:
        exported = {kernel.instance: verilog[kernel.kernel.name] for kernel in description.kernels}
        return write_project(tmp_path / "project", description, exported, clock_mhz=clock_mhz).parent

    return write


def _run(step: Path, folder: Path, *answers: str) -> tuple[subprocess.CompletedProcess[str], Path]:
    result, record = run_step(step, folder, *answers)
    ran.update(lines_of(record))
    return result, record


def _ips(description: OverlayDescription, verilog: dict[str, ExportedKernel]) -> dict[str, str]:
    return {k.kernel.vlnv: verilog[k.kernel.name].verilog for k in description.kernels}


OVERLAYS = [[name] for name in sorted(kernels())] + [sorted(kernels())]


@pytest.mark.parametrize("board", sorted(BOARDS))
@pytest.mark.parametrize("cells", OVERLAYS, ids="+".join)
def test_every_step_runs_to_its_end_and_breaks_no_rule(
    cells: list[str], board: str, build: Callable[..., Path], verilog: dict[str, ExportedKernel]
) -> None:
    description = _overlay("one", cells, board)
    folder = build(description)
    (folder / "one_wrapper.bit").touch()
    (folder / "one.hwh").touch()
    for step in STEPS:
        result, record = _run(SCRIPTS / f"{step}.tcl", folder)
        assert result.returncode == 0, f"{step}: {result.stderr}"
        assert "WARNING" not in result.stdout
        complete = step == "block_design"
        assert breaches(calls_of(record), _ips(description, verilog), complete) == []
        assert session.lapses(step, calls_of(record)) == []
    assert {path.name for path in (folder / "result").iterdir()} == {"one.bit", "one.hwh"}


@pytest.mark.parametrize("cells", OVERLAYS, ids="+".join)
def test_addresses_and_clock_are_the_descriptions(
    cells: list[str], build: Callable[..., Path], verilog: dict[str, ExportedKernel]
) -> None:
    description = _overlay("one", cells)
    _, record = _run(SCRIPTS / "block_design.tcl", build(description, clock_mhz=300))
    calls = calls_of(record)
    assigned = {
        call.options()[1][0].split(":")[1].split("/")[0]: int(call.options()[0]["-offset"], 0)
        for call in calls
        if call.name == "assign_bd_address" and "-offset" in call.words
    }
    assert assigned == dict(description.slaves)
    asked = [
        word for call in calls if call.name == "set_property" for word in call.words if "FREQMHZ" in word
    ]
    assert [re.search(r"REF_CTRL__FREQMHZ (\S+)", word)[1] for word in asked] == ["300"]  # type: ignore[index]


def test_a_dma_is_as_wide_as_its_streams(build: Callable[..., Path]) -> None:
    description = _overlay("one", ["echo"])
    _, record = _run(SCRIPTS / "block_design.tcl", build(description))
    said = {
        word: value
        for call in calls_of(record)
        if call.name == "set_property" and "-dict" in call.words
        for words in [call.options()[0]["-dict"].split()]
        for word, value in zip(words[::2], words[1::2], strict=True)
    }
    into, out = (stream.width for stream in get("echo").kernel.streams)
    assert said["CONFIG.c_m_axis_mm2s_tdata_width"] == str(into)
    assert said["CONFIG.c_s_axis_s2mm_tdata_width"] == str(out)
    assert {said[f"CONFIG.c_m_axi_{way}_data_width"] for way in ("mm2s", "s2mm")} == {"32"}


def test_packaged_registers_are_the_declaration(
    build: Callable[..., Path], verilog: dict[str, ExportedKernel]
) -> None:
    """Names, offsets and texts survive the way through Tcl, whatever characters they hold."""
    for name in kernels():
        _, record = _run(SCRIPTS / "package_ip.tcl", build(_overlay("one", [name])))
        calls = calls_of(record)
        added = [call.words[0] for call in calls if call.name == "ipx::add_register"]
        texts = [
            call.words[1]
            for call in calls
            if call.name == "set_property" and call.words[0] == "description" and "register:" in call.words[2]
        ]
        registers = get(name).kernel.all_registers()
        assert added == [register.name for register in registers]
        assert texts == [register.doc for register in registers]


PLANTED = {
    "unknown command": ("block_design.tcl", "save_bd_design", "save_block_design", "unknown command"),
    "unknown option": ("block_design.tcl", "make_wrapper -top", "make_wrapper -all", "unknown option -all"),
    "unknown property": (
        "block_design.tcl",
        "CONFIG.C_IRQ_IS_LEVEL",
        "CONFIG.C_IRQ_LEVEL",
        "axi_intc has no property CONFIG.C_IRQ_LEVEL",
    ),
    "unknown IP": ("block_design.tcl", "ip:smartconnect", "ip:smart_connect", "the catalogue has no"),
    "unknown pin": ("block_design.tcl", "$instance/aresetn", "$instance/resetn", "has no pin resetn"),
    "interface left open": (
        "block_design.tcl",
        "    attach memory_$port/M00_AXI",
        "    list ",
        "is not connected",
    ),
    "interface used twice": (
        "block_design.tcl",
        "        incr index\n    }\n}\n\n# Memory",
        "    }\n}\n\n# Memory",
        "is connected twice",
    ),
    "clock forgotten": ("block_design.tcl", "    clock $name/aclk\n", "", "aclk is not connected"),
    "reset forgotten": ("block_design.tcl", "    reset $instance/aresetn\n", "", "aresetn is not connected"),
    "interrupt forgotten": ("block_design.tcl", "$interrupt_pin]", "axi_intc_0/intr]", "driven twice"),
    "addresses overlap": (
        "block_design.tcl",
        "-offset [dict get $slave base]",
        "-offset 0xA0000000",
        "overlaps",
    ),
    "memory not reached": (
        "block_design.tcl",
        "        assign_bd_address -target",
        "        list -target",
        "reaches no memory",
    ),
    "port not switched on": (
        "processor_ultrascale.tcl",
        "CONFIG.PSU__USE__M_AXI_GP0 1",
        "CONFIG.PSU__USE__M_AXI_GP0 0",
        "has no interface pin M_AXI_HPM0_FPD",
    ),
    "master to master": (
        "block_design.tcl",
        "attach $instance/M_AXIS_MM2S [dict get $dma send_port]",
        "attach $instance/M_AXIS_MM2S [dict get $dma receive_port]",
        "both masters",
    ),
    "register property": (
        "package_ip.tcl",
        "set_property size 32",
        "set_property bits 32",
        "a register has no property bits",
    ),
}


@pytest.mark.parametrize("mistake", PLANTED)
def test_a_planted_mistake_is_caught(
    mistake: str, tmp_path: Path, build: Callable[..., Path], verilog: dict[str, ExportedKernel]
) -> None:
    file, good, bad, sentence = PLANTED[mistake]
    scripts = tmp_path / "scripts"
    shutil.copytree(SCRIPTS, scripts)
    text = (scripts / file).read_text()
    assert good in text, f"{good!r} is not in {file}: the mistake must be planted anew"
    (scripts / file).write_text(text.replace(good, bad))
    description = _overlay("one", ["echo", "stm"])
    step = "package_ip" if file == "package_ip.tcl" else "block_design"
    _, record = run_step(scripts / f"{step}.tcl", build(description))
    found = breaches(calls_of(record), _ips(description, verilog), step == "block_design")
    assert any(sentence in breach for breach in found), found


REFUSALS = {
    "no arguments": ("synthesise", [], "a step takes the folder of one project"),
    "no design": ("synthesise", ["empty"], "holds no design.tcl"),
    "no project": ("synthesise", ["fresh"], "run the step block_design first"),
    "run failed": ("implement", ["get_property/PROGRESS", "37%"], "impl_1 stopped at 37%"),
    "timing not met": ("report", ["get_property/SLACK", "-0.31"], "does not meet timing at 100 MHz"),
    "no clock": ("report", ["get_timing_paths", ""], "no setup path was timed"),
    "no hand-off": ("collect", ["get_files", ""], "Vivado wrote no one.hwh"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_step_refuses_in_one_sentence(case: str, tmp_path: Path, build: Callable[..., Path]) -> None:
    step, answers, sentence = REFUSALS[case]
    folder = build(_overlay("one", ["echo"]))
    (folder / "one_wrapper.bit").touch()
    if answers == ["empty"]:
        folder = tmp_path
        answers = []
    elif answers and answers != ["fresh"]:
        _run(SCRIPTS / "block_design.tcl", folder)
    if case == "no arguments":
        program = f"set argv {{}}; source {SCRIPTS / 'common.tcl'}"
        result = subprocess.run(["tclsh"], input=program, capture_output=True, text=True, check=False)
        assert sentence in result.stderr
        return
    result, _ = _run(SCRIPTS / f"{step}.tcl", folder, *(a for a in answers if a != "fresh"))
    assert result.returncode == 1
    assert sentence in result.stderr
    assert result.stderr.startswith("spynq: ")


def test_another_version_of_vivado_is_warned_of(build: Callable[..., Path]) -> None:
    result, _ = _run(SCRIPTS / "package_ip.tcl", build(_overlay("one", ["echo"])), "version", "2019.2")
    assert result.returncode == 0
    assert "WARNING: spynq: Vivado 2019.2; the scripts are meant for 2022.1 to 2024.2" in result.stdout


def test_more_than_sixteen_slaves_are_refused(build: Callable[..., Path]) -> None:
    result, _ = _run(SCRIPTS / "block_design.tcl", build(_overlay("one", ["stm"] * 17)))
    assert "would have 1 inputs and 18 outputs" in result.stderr


def test_no_line_of_the_scripts_is_left_untried(build: Callable[..., Path], tmp_path: Path) -> None:
    """It makes the runs that it needs by itself, so that the order of the tests does not matter."""
    for board in BOARDS:
        folder = build(_overlay("one", ["echo", "stm"], board))
        (folder / "one_wrapper.bit").touch()
        (folder / "one.hwh").touch()
        for step in STEPS:
            _run(SCRIPTS / f"{step}.tcl", folder)
        shutil.rmtree(folder)
    for case in REFUSALS:
        test_a_step_refuses_in_one_sentence(case, tmp_path, build)
        shutil.rmtree(tmp_path / "project")
    for test in (test_another_version_of_vivado_is_warned_of, test_more_than_sixteen_slaves_are_refused):
        test(build)
    ran_in = {file for file, _ in ran}
    assert ran_in >= {path.name for path in SCRIPTS.glob("*.tcl")}
    left = {
        path.name: sorted(commands_of(path) - {line for file, line in ran if file == path.name})
        for path in SCRIPTS.glob("*.tcl")
    }
    # The one line that runs in a plain tclsh, outside the mock, is tried by the case "no arguments".
    assert left.pop("common.tcl") == [11]
    assert all(not lines for lines in left.values()), left


def test_tcl_words_survive_tclsh() -> None:
    words: list[Any] = [
        "plain",
        "",
        "a b",
        'quote " and ; and $x [y]',
        "open { brace",
        "back\\slash",
        "two\nlines",
        "é|#",
    ]
    script = f"set words {tcl(words)}\nforeach word $words {{puts [string length $word]:$word}}\n"
    result = subprocess.run(["tclsh"], input=script, capture_output=True, text=True, check=True)
    assert result.stdout == "".join(f"{len(word)}:{word}\n" for word in words)
    nested = json.loads('{"a": [1, 2.5, true], "b": {"c": "d e"}}')
    script = f"set d {tcl(nested)}\nputs [dict get [dict get $d b] c]|[lindex [dict get $d a] 2]\n"
    result = subprocess.run(["tclsh"], input=script, capture_output=True, text=True, check=True)
    assert result.stdout == "d e|1\n"


def test_a_clock_the_board_does_not_offer_is_refused(build: Callable[..., Path]) -> None:
    with pytest.raises(ValueError, match="zcu104 is built at 100, 200, 300 MHz, not at 150"):
        build(_overlay("one", ["echo"]), clock_mhz=150)


def test_an_unknown_board_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="unknown board 'zcu102'; known boards are zcu104, kv260, pynq-z2"):
        _overlay("one", ["echo"], "zcu102")
