"""What a board needs can be had for its processor: aarch64, and the Python of its image."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import environments
import pytest
from packaging.requirements import Requirement

pytestmark = pytest.mark.full

PLATFORMS = ("manylinux2014", "manylinux_2_17", "manylinux_2_28", "manylinux_2_34", "manylinux_2_35")
"""What the image's C library (2.35) can load."""
SOURCES = ("pynq", "pynqmetadata", "pynqutils")
"""Offered as source alone; a board's image holds them built."""
NAMED_EXTRAS = ("plot", "events", "nir")
"""Extras of use on a board, beside ``board`` itself."""


def _demands() -> list[str]:
    """What must come as a wheel: of the core, its extras, and the libraries that come as source."""
    environment = {"platform_machine": "aarch64", "python_version": "3.10", "sys_platform": "linux"}
    found = []
    for name, extras in (("spynq", ("board", *NAMED_EXTRAS)), *((name, ()) for name in SOURCES)):
        for text in requires(name) or []:
            wish = Requirement(text)
            asked = any(
                wish.marker is None or wish.marker.evaluate({**environment, "extra": extra})
                for extra in ("", *extras)
            )
            if asked and wish.name not in SOURCES:
                found.append(f"{wish.name}{wish.specifier}")
    return found


def _resolve(folder: Path, *demands: str, python: str) -> subprocess.CompletedProcess[str]:
    places = [word for name in PLATFORMS for word in ("--platform", f"{name}_aarch64")]
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--target", str(folder), *places]
    command += ["--only-binary=:all:", "--implementation", "cp", "--python-version", python, *demands]
    return subprocess.run(command, capture_output=True, text=True, timeout=600)


@pytest.mark.parametrize("python", ["3.10", "3.12"])
def test_every_dependency_comes_as_a_wheel_for_aarch64(python: str, tmp_path: Path) -> None:
    demands = _demands()
    assert {"numpy", "tqdm", "cffi", "grpcio", "matplotlib"} <= {Requirement(d).name for d in demands}
    answer = _resolve(tmp_path, *demands, python=python)
    assert answer.returncode == 0, answer.stderr[-2000:]
    (line,) = (line for line in answer.stdout.splitlines() if line.startswith("Would install"))
    assert " numpy-1." in line and " grpcio-1.64.0" in line


def test_a_library_without_a_wheel_is_noticed(tmp_path: Path) -> None:
    assert _resolve(tmp_path, "pynq==4.0.0", python="3.10").returncode != 0


@pytest.mark.timeout(3600)
def test_the_core_passes_its_tests_on_emulated_arm64(wheel: Path, tmp_path: Path) -> None:
    """A Debian root for arm64, its Python and NumPy, our wheel, and the quick tests of the core."""
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare of util-linux")
    script = environments.ROOT / ".ci" / "arm64"
    command = [str(script), str(wheel), str(tmp_path / "root"), *environments.QUICK]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=3500)
    if answer.returncode == 77:
        pytest.skip(answer.stderr.strip().splitlines()[-1])
    assert answer.returncode == 0, answer.stdout[-3000:] + answer.stderr[-2000:]
    assert "machine aarch64" in answer.stdout
    assert environments.passed(answer.stdout) > 250
