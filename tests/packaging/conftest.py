"""The wheels, each built once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).parent))


def _build(project: Path, folder: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    answer = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheel of this checkout: the core, overlays and notebooks."""
    return _build(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheel of gateware, simulator and trainings."""
    return _build(ROOT / "tools", tmp_path_factory.mktemp("tools"))
