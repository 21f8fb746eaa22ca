"""Builds an overlay where Vivado is installed; anywhere else it leaves a project to carry there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from spynq.errors import MissingDependency, SpynqError
from spynq.kernels import kernels
from spynq_overlays.boards import board as find_board
from spynq_overlays.description import OverlayDescription, describe, manifest_of
from spynq_overlays.finder import description_of, folder
from spynq_overlays.reports import parse_reports
from spynq_overlays.vivado_project import SCRIPTS, STEPS, Exported, write_project

__all__ = ["ALL", "VERSIONS", "build", "described", "find_vivado", "install", "prepare"]

ALL = "all"
"""Name of the overlay that holds every kernel with an overlay of its own."""
VERSIONS = "2022.1 to 2024.2"
"""Versions of Vivado the scripts are meant for; none of them has run them yet."""
_EXAMPLES = {"echo"}
"""Kernels that exist for tests of the house, and go into no shared overlay."""


def described(name: str, *, board: str = "zcu104", clock_mhz: float = 100.0) -> OverlayDescription:
    """Layout of one of our overlays for a board.

    Parameters
    ----------
    name : str
        A kernel with an overlay, or ``"all"``.
    board : str
        One of :data:`spynq_overlays.boards.BOARDS`.
    clock_mhz : float
        Clock asked for.

    Raises
    ------
    ValueError
        There is no such overlay or board; the message names those there are.
    """
    target = find_board(board).name
    own = [kernel for kernel in kernels() if (folder(kernel) / "manifest.json").exists()]
    if name == ALL:
        cells: list[tuple[str, str, Any]] = []
        for kernel in own:
            if kernel not in _EXAMPLES:
                found = description_of(folder(kernel) / f"{kernel}.bit")
                cells += [(k.instance, k.kernel.name, k.config) for k in found.kernels]
    elif name in own:
        found = description_of(folder(name) / f"{name}.bit")
        cells = [(k.instance, k.kernel.name, k.config) for k in found.kernels]
    else:
        raise ValueError(f"there is no overlay {name!r}; there are {', '.join([*own, ALL])}")
    return describe(name, cells, clock_mhz=clock_mhz, board=target)


def prepare(
    place: Path, description: OverlayDescription, exported: Mapping[str, Exported], *, jobs: int = 2
) -> Path:
    """Write a project that any machine with Vivado can build: Verilog, ``design.tcl``, scripts, ``build.sh``.

    Parameters
    ----------
    place : Path
        Folder of the project.
    description : OverlayDescription
        What to build, with its clock.
    exported : mapping of str to Exported
        Verilog by instance.
    jobs : int
        Processes Vivado may use.

    Returns
    -------
    Path
        The folder.
    """
    write_project(place, description, exported, clock_mhz=description.clock_mhz, jobs=jobs)
    shutil.copytree(SCRIPTS, place / "scripts", dirs_exist_ok=True)
    (place / "manifest.json").write_text(manifest_of(description), encoding="utf-8")
    lines = [
        "#!/bin/sh",
        "# Builds the overlay with the Vivado on PATH; result/ holds it in the end.",
        "set -eu",
        'cd "$(dirname "$0")"',
        *(
            f"vivado -mode batch -nojournal -log {step}.log -source scripts/{step}.tcl -tclargs ."
            for step in STEPS
        ),
    ]
    script = place / "build.sh"
    script.write_text("\n".join(lines) + "\n", encoding="utf-8")
    script.chmod(0o755)
    return place


def find_vivado(place: Path | None = None) -> str:
    """The program ``vivado``.

    Parameters
    ----------
    place : Path, optional
        A prepared project, named in the refusal, since it can be built elsewhere.

    Raises
    ------
    MissingDependency
        It is not on PATH.
    """
    program = shutil.which("vivado")
    if program is None:
        carry = f"; or carry {place} to a machine that has it and run build.sh there" if place else ""
        raise MissingDependency(
            f"Vivado is not on PATH; install one of {VERSIONS} and source its settings64.sh first{carry}"
        )
    return program


def build(place: Path, vivado: str, tell: Callable[[str], None] = lambda step: None) -> dict[str, Any]:
    """Run every step of a prepared project.

    Parameters
    ----------
    place : Path
        The project.
    vivado : str
        The program.
    tell : callable
        Called with the name of each step before it runs.

    Returns
    -------
    dict
        Figures of the reports; also in ``result/report.json``.

    Raises
    ------
    SpynqError
        A step failed; the message has its reason and the log that holds the rest.
    """
    for step in STEPS:
        tell(step)
        log = place / f"{step}.log"
        options = ["-mode", "batch", "-nojournal", "-log", str(log)]
        source = str(place / "scripts" / f"{step}.tcl")
        run = subprocess.run(
            [vivado, *options, "-source", source, "-tclargs", str(place)],
            cwd=place,
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode:
            raise SpynqError(
                f"step {step} failed: {_reason(run.stdout + run.stderr)}; the whole log is {log}"
            )
    figures = parse_reports(place / "reports")
    text = json.dumps(figures, indent=2) + "\n"
    (place / "result" / "report.json").write_text(text, encoding="utf-8")
    shutil.copy(place / "manifest.json", place / "result")
    return figures


def _reason(output: str) -> str:
    ours = re.findall(r"spynq: (.*)", output)
    errors = re.findall(r"^ERROR: (.*)", output, flags=re.M)
    lines = output.strip().splitlines()
    return next(iter([*ours, *errors, *lines[-1:]]), "it said nothing")


def install(place: Path, target: Path) -> Iterator[Path]:
    """Copy what was built to where pynq and the drivers look for it.

    Parameters
    ----------
    place : Path
        A project that has been built.
    target : Path
        Folder, such as ``spynq_overlays/<kernel>``.

    Yields
    ------
    Path
        Every file written.
    """
    target.mkdir(parents=True, exist_ok=True)
    for file in sorted((place / "result").iterdir()):
        part = target / f"{file.name}.part"
        # Under its own name only when it is whole: a full disk leaves the old overlay as it was.
        shutil.copyfile(file, part)
        yield part.replace(target / file.name)
