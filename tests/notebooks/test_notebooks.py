"""Every notebook runs from top to bottom on the simulated board, and is stored without output."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

DRAWS = re.compile(r"\.plot\(|\bplots\.\w+\(|\bpictures\.\w+\(|\.raster\(|\bplt\.loglog\(")
NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks" / "spynq_notebooks").glob("*.ipynb"))
LONG = ("40_compare",)
"""Those that take minutes where no model of the gateware is built yet."""
RUN = [pytest.param(path, marks=[pytest.mark.full] * (path.stem in LONG)) for path in NOTEBOOKS]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("path", RUN, ids=[path.stem for path in NOTEBOOKS])
def test_runs_to_its_end(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPYNQ_DEVICE", raising=False)
    notebook = nbformat.read(path, as_version=4)
    # A cell that fails raises here, with the cell and its error in the message.
    NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()
    executed = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert executed, "a notebook without code teaches nothing"
    warnings = [
        output.text
        for cell in executed
        for output in cell.outputs
        if output.output_type == "stream" and output.name == "stderr" and "Warning" in output.text
    ]
    assert not warnings, f"{path.name} shows a reader warnings: {warnings}"
    blank = [cell.source for cell in executed if DRAWS.search(cell.source) and not _pictures(cell)]
    assert not blank, f"{path.name} draws and shows nothing in: {blank}"


def _pictures(cell: Any) -> int:
    return sum("image/png" in output.get("data", {}) for output in cell.outputs)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_is_stored_without_output(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    kept = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code" and cell.outputs]
    assert not kept, f"cells {kept} of {path.name} hold outputs; clear them before storing"


def test_pynq_delivers_them(tmp_path: Path) -> None:
    """The command of the board's own library finds them by our entry point."""
    program = "from pynq._cli.get_notebooks import main; main()"
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, "spynq", "--path", str(tmp_path)],
        env={**os.environ, "SPYNQ_DEVICE": "rtl"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert answer.returncode == 0, answer.stderr
    assert {path.name for path in (tmp_path / "spynq").iterdir()} == {path.name for path in NOTEBOOKS}


def test_they_read_as_one_course() -> None:
    """Tour, three kernels, comparison; each but the last names a later one, and every name exists."""
    names = [path.stem for path in NOTEBOOKS]
    assert {"00_tour", "10_stm", "20_lif", "30_sgf", "40_compare"} <= set(names)
    for path in NOTEBOOKS:
        cells = nbformat.read(path, as_version=4).cells
        told = [re.findall(r"`(\d\d_\w+)`", cell.source) for cell in cells if cell.cell_type == "markdown"]
        assert {name for found in told for name in found} <= set(names), path.name
        assert path.stem == names[-1] or max(told[-1], default="") > path.stem, f"{path.name} leads nowhere"
