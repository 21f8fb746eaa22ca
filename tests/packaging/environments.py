"""Environments without anything but the core: a Python of some version, the wheel, its two dependencies."""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("pytest", "pytest-timeout", "hypothesis")
QUICK = (
    "tests/devices/test_golden_device.py",
    "tests/house/test_cli.py",
    "tests/house/test_registers.py",
    "tests/events/test_arrays.py",
    "tests/events/test_command.py",
    "tests/events/test_formats.py",
    "tests/stm/test_golden.py",
    "tests/sgf/test_knowledge.py",
)
"""What a user of the core needs first: golden device, command line, event files, files of networks."""
WIDE = (
    *QUICK,
    "tests/house/test_bench.py",
    "tests/house/test_cli_stm.py",
    "tests/events",
    "tests/lif/test_golden_cases.py",
    "tests/lif/test_golden_maps.py",
    "tests/stm/test_bif.py",
    "tests/lif/test_refusals.py",
    "tests/sgf/test_command.py",
    "tests/sgf/test_levels.py",
    "tests/sgf/test_properties.py",
    "tests/sgf/test_protocol.py",
    "tests/sgf/test_setup.py",
    "tests/sgf/test_sgf.py",
    "tests/stm/test_compiler.py",
    "tests/stm/test_driver.py",
    "tests/stm/test_exact.py",
    "tests/stm/test_golden_edge.py",
    "tests/stm/test_golden_records.py",
    "tests/stm/test_golden_spikes.py",
    "tests/stm/test_golden_weighting.py",
    "tests/stm/test_model.py",
    "tests/stm/test_network.py",
    "tests/stm/test_population.py",
    "tests/stm/test_reference.py",
    "tests/stm/test_tree_exact.py",
    "tests/stm/test_tree_infer.py",
    "tests/stm/test_tree_model.py",
)
_ALONE = {
    "PYTHONNOUSERSITE": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_INPUT": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


@dataclass(frozen=True)
class Environment:
    """A virtual environment that holds the wheel."""

    python: Path
    seconds: float
    """Seconds of a processor that pip took for the wheel alone, its dependencies being there."""

    def run(self, *arguments: str, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        """Run this Python on arguments, in the folder of the checkout."""
        return subprocess.run(
            [self.python, *arguments], cwd=ROOT, env=_environment(), capture_output=True, text=True,
            timeout=timeout,
        )  # fmt: skip

    def test(self, *files: str) -> subprocess.CompletedProcess[str]:
        """Run test files of the checkout on the installed wheel."""
        plain = ("-q", "-p", "no:cacheprovider", "-p", "no:randomly", "--tb=short")
        return self.run("-m", "pytest", *plain, *files, timeout=1800)


def declared() -> dict[str, str]:
    """Lowest version of each dependency of the core, from pyproject.toml."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (block,) = re.findall(r"^dependencies = \[\n(.*?)^\]", text, flags=re.DOTALL | re.MULTILINE)
    return dict(re.findall(r'"(\w+)>=([\d.]+)"', block))


def find_python(*versions: str) -> Path:
    """The first of some Python versions that runs here; skips the test, naming them, if none does."""
    roots = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for version in versions:
        found = [shutil.which(f"python{version}"), *sorted(roots.glob(f"{version}.*/bin/python"))]
        if uv := shutil.which("uv"):
            found.append(_said([uv, "python", "find", version]))
        for candidate in filter(None, found):
            # A stand-in of a version manager may be on PATH without a Python behind it.
            says = "import sys, venv; print('%d.%d' % sys.version_info[:2])"
            if _said([str(candidate), "-c", says]) == version:
                return Path(candidate)
    pytest.skip(f"no Python {' or '.join(versions)} on PATH, under pyenv or from uv")


def _said(command: list[str]) -> str:
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return answer.stdout.strip() if answer.returncode == 0 else ""


def passed(output: str) -> int:
    """Tests that passed, by pytest's closing line."""
    found = re.search(r"(\d+) passed", output)
    return int(found.group(1)) if found else 0


def make(folder: Path, python: Path, wheel: Path, dependencies: list[str]) -> Environment:
    """Environment with dependencies as wheels, test tools, and our wheel; skips where no index answers."""
    subprocess.run([python, "-m", "venv", "--without-pip", folder], check=True, env=_environment())
    made = folder / "bin" / "python"
    answer = _pip(made, "--only-binary=:all:", "--no-compile", *dependencies, *TOOLS)
    if "No matching distribution" in answer.stderr and "from versions: none" in answer.stderr:
        pytest.skip(f"no package index answers: {answer.stderr.splitlines()[-1]}")
    assert answer.returncode == 0, answer.stderr
    begin = _children()
    answer = _pip(made, "--no-index", str(wheel))
    assert answer.returncode == 0, answer.stderr
    return Environment(made, _children() - begin)


def _children() -> float:
    """Processor time of the processes that have ended: a busy machine changes nothing about it."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _pip(python: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=_environment(), timeout=600)


def _environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "SPYNQ_DEVICE")}
    return kept | _ALONE
