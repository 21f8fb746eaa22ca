"""The wheels: each builds and holds its packages and nothing else; the core needs NumPy alone."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CORE, TOOLS = {"spynq", "spynq_overlays", "spynq_notebooks"}, {"spynq_hw", "spynq_sim", "spynq_train"}

ALONE = '''
"""Import every module of spynq while nothing but NumPy and the standard library can be found."""
import importlib, pkgutil, sys

ALLOWED = {"spynq", "numpy"}
NEEDS_PYNQ = {"spynq.ip"}  # binds drivers to pynq's IP classes; the only module with pynq at its top


class Refuse:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in ALLOWED and top not in sys.stdlib_module_names:
            raise ModuleNotFoundError(f"{name} is not the core's to import", name=name)


sys.meta_path.insert(0, Refuse())
import spynq

modules = {m.name for m in pkgutil.walk_packages(spynq.__path__, "spynq.")} - NEEDS_PYNQ
for module in sorted(modules):
    importlib.import_module(module)
from spynq.cli import main
assert main(["--version"]) == 0
assert main(["registers", "echo"]) == 0
print("imported", len(modules), "from", spynq.__path__[0])
'''


def test_each_holds_its_packages_and_nothing_else(wheel: Path, tools: Path) -> None:
    # The .pth file lets SPYNQ_DEVICE reach plain pynq; it must do nothing when that is not set.
    for archive, packages in ((wheel, CORE | {"spynq_device.pth"}), (tools, TOOLS)):
        names = zipfile.ZipFile(archive).namelist()
        assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == packages
        assert [name for name in names if name.endswith((".pyc", ".fst", ".vcd"))] == []
        assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_tools_ask_for_the_core_of_the_same_commit(wheel: Path, tools: Path) -> None:
    version = wheel.name.split("-")[1]
    assert tools.name.split("-")[1] == version
    archive = zipfile.ZipFile(tools)
    (name,) = (name for name in archive.namelist() if name.endswith("METADATA"))
    wishes = [line for line in archive.read(name).decode().splitlines() if line.startswith("Requires-Dist")]
    assert wishes[0] == f"Requires-Dist: spynq[hw,sim]=={version}"
    assert all(f"=={version}" in wish for wish in wishes)


def test_both_hold_every_source_and_data_file(wheel: Path, tools: Path) -> None:
    names = {name for archive in (wheel, tools) for name in zipfile.ZipFile(archive).namelist()}
    wanted = {
        str(path.relative_to(ROOT / folder))
        for folder in ("host", "hw", "overlays", "sim", "notebooks")
        for suffix in ("py", "bif", "json", "nir", "cpp", "hpp", "v", "tcl", "h", "ipynb", "typed")
        for path in (ROOT / folder).rglob(f"*.{suffix}")
        if ".ipynb_checkpoints" not in path.parts
    }
    assert wanted - names == set()


def test_declares_its_entry_points(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (name,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
    parsed = ConfigParser()
    parsed.read_string(archive.read(name).decode())
    assert set(parsed) >= {"console_scripts", "pynq.overlays", "pynq.notebooks", "pynq.lib", "spynq.devices"}
    assert set(parsed["spynq.devices"]) == {"golden", "rtl", "board"}


def test_both_together_simulate_a_kernel(wheel: Path, tools: Path, tmp_path: Path) -> None:
    for archive in (wheel, tools):
        zipfile.ZipFile(archive).extractall(tmp_path)
    program = f"""
import sys; sys.path.insert(0, {str(tmp_path)!r})
import spynq_sim.open, spynq.devices
assert {str(tmp_path)!r} in spynq_sim.__file__ and {str(tmp_path)!r} in spynq.devices.__file__
with spynq.devices.open_kernel("echo", "rtl") as driver: print(driver.kernel.ident)
"""
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip() == "ECHO"


def test_core_imports_with_numpy_alone(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{ALONE}"
    answer = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert str(tmp_path) in answer.stdout


def test_the_refusal_works(tmp_path: Path) -> None:
    program = ALONE.replace("import spynq\n", "import tqdm\n")
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "tqdm is not the core's to import" in answer.stderr
