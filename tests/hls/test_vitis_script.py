"""The Vitis HLS script under tclsh, against the mock that judges its calls."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from spynq_sim.hls.twin import SOURCES
from spynq_sim.vivado.rules import breaches, calls_of, commands_of, lines_of, run_step

pytestmark = pytest.mark.skipif(shutil.which("tclsh") is None, reason="tclsh is not installed (Debian: tcl)")

SCRIPT = SOURCES / "vitis.tcl"


@pytest.fixture
def hls(tmp_path: Path) -> Path:
    """A copy of the twins' folder, since the mock writes beside a script's project."""
    shutil.copytree(SOURCES, tmp_path / "hls")
    (tmp_path / "runs.bin").touch()
    return tmp_path / "hls" / "vitis.tcl"


def _calls(hls: Path, *given: str, **answers: str) -> tuple[int, str, list[str], set[tuple[str, int]]]:
    folder = hls.parents[1]
    shutil.copytree(hls.parent, folder / "with_lines", dirs_exist_ok=True)
    pairs = [word for pair in answers.items() for word in pair]
    result, record = run_step(hls, folder, "argv", " ".join(given), *pairs)
    calls = calls_of(record)
    assert breaches(calls, {}, complete=False) == []
    return result.returncode, result.stderr, [call.name for call in calls], lines_of(record)


def test_every_line_runs_and_breaks_no_rule(hls: Path) -> None:
    folder = str(hls.parents[1])
    code, said, names, ran = _calls(hls, "stm", folder)
    assert (code, said) == (0, "")
    assert names[-5:] == ["csim_design", "csynth_design", "cosim_design", "export_design", "close_project"]
    for given, sentence in (
        (("stm",), "name a kernel and the folder"),
        (("nothing", folder), "there is no twin nothing.cpp"),
        (("stm", folder + "/empty"), "holds no runs.bin"),
        (("stm", folder, "5", "place"), "unknown step place; steps are csim csynth cosim export"),
    ):
        code, said, _, more = _calls(hls, *given)
        assert code == 1 and sentence in said
        ran |= more
    code, _, names, more = _calls(hls, "-f", "hls/vitis.tcl", "stm", folder, "5", "csim")
    assert code == 0 and "csynth_design" not in names
    left = commands_of(SCRIPT) - {line for file, line in ran | more if file == "vitis.tcl"}
    assert left == set()
