"""The shape of the house: folders, sizes of files and functions, import directions."""

from __future__ import annotations

import ast
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = {".ci", "docs", "hls", "host", "hw", "notebooks", "overlays", "sim", "tests", "tools"}
PACKAGES = {
    "host": {"spynq", "spynq_train", "spynq_device.pth"},
    "hw": {"spynq_hw"},
    "notebooks": {"spynq_notebooks"},
    "overlays": {"spynq_overlays"},
    "sim": {"spynq_sim"},
}
MEDIAN_LINES, MOST_LINES = 200, 400
FUNCTION_LINES, ELABORATE_LINES = 60, 80


def _tracked() -> list[Path]:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("this tree is not a git checkout, so what belongs to it is not known")
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [path for path in map(Path, answer.stdout.splitlines()) if (ROOT / path).exists()]


def _long_functions(source: str) -> list[str]:
    """Functions that are too long, not counting their docstrings."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            lines = node.end_lineno - node.lineno + 1
            if ast.get_docstring(node) is not None:
                lines -= (node.body[0].end_lineno or 0) - node.body[0].lineno + 1
            if lines > (ELABORATE_LINES if node.name == "elaborate" else FUNCTION_LINES):
                found.append(f"{node.name}: {lines} lines")
    return found


def test_no_other_top_level_folder() -> None:
    assert {path.parts[0] for path in _tracked() if len(path.parts) > 1} <= FOLDERS


@pytest.mark.parametrize("folder", sorted(PACKAGES))
def test_a_folder_holds_its_packages_and_nothing_else(folder: str) -> None:
    inside = {path.parts[1] for path in _tracked() if path.parts[0] == folder}
    assert inside == PACKAGES[folder]


def test_files_stay_short() -> None:
    lines = {path: len((ROOT / path).read_text().splitlines()) for path in _tracked() if path.suffix == ".py"}
    assert [f"{path}: {count}" for path, count in lines.items() if count > MOST_LINES] == []
    assert statistics.median(lines.values()) < MEDIAN_LINES


def test_functions_stay_short() -> None:
    found = {
        str(path): long
        for path in _tracked()
        if path.suffix == ".py" and (long := _long_functions((ROOT / path).read_text()))
    }
    assert found == {}


def test_a_long_function_is_noticed() -> None:
    body = "    pass\n"
    assert _long_functions("def f():\n" + body * FUNCTION_LINES) == ["f: 61 lines"]
    assert _long_functions("def f():\n" + body * (FUNCTION_LINES - 1)) == []
    text = '    """' + "A sentence.\n" * FUNCTION_LINES + '"""\n'
    assert _long_functions("def f():\n" + text + body) == []
    assert _long_functions("def elaborate():\n" + body * FUNCTION_LINES) == []


def test_an_import_against_the_direction_is_refused(tmp_path: Path) -> None:
    """lint-imports runs in `make test`; here a copy of the house with one wrong import must fail it."""
    for folder in PACKAGES:
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "host/spynq/wrong.py").write_text("import spynq_hw\n")
    program = "import sys; from importlinter.cli import lint_imports_command as run; sys.exit(run())"
    environment = {
        "PYTHONPATH": ":".join(str(tmp_path / folder) for folder in PACKAGES),
        "PATH": "/usr/bin:/bin",
    }
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert answer.returncode == 1
    assert "spynq.wrong -> spynq_hw" in answer.stdout
