"""`make setup` where something is missing: in a folder of its own, with a PATH of stand-ins."""

from __future__ import annotations

import os
import shutil
import subprocess
from importlib.metadata import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("bash", "dirname", "tr", "touch", "rm")
FAKE_PYTHON = """#!{bash}
# A Python that makes no environment: it notes what it was asked for.
case "$*" in
    *sys.version_info*) exit {fits} ;;
    --version) echo "Python 3.11.0" ;;
    "-m venv .venv") {mkdir} -p .venv/bin && {cp} "$0" .venv/bin/python ;;
    *) echo "called: $*" ;;
esac
"""


class House:
    """A checkout with the set-up script alone, and a PATH with nothing but what a test puts there."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder / "checkout", folder / "bin"
        (self.folder / ".ci").mkdir(parents=True)
        self.path.mkdir()
        shutil.copy(ROOT / ".ci/setup", self.folder / ".ci/setup")
        (self.folder / "pyproject.toml").touch()
        for tool in TOOLS:
            (self.path / tool).symlink_to(shutil.which(tool) or "/missing")
        self.program("id", "echo 1000")

    def program(self, name: str, body: str) -> None:
        file = self.path / name
        file.write_text(body if body.startswith("#!") else f"#!{shutil.which('bash')}\n{body}\n")
        file.chmod(0o755)

    def python(self, name: str, fits: bool = True) -> None:
        names = {tool: shutil.which(tool) for tool in ("bash", "mkdir", "cp")}
        self.program(name, FAKE_PYTHON.format(fits=0 if fits else 1, **names))

    def tools(self) -> None:
        for name in ("g++", "make", "perl", "iverilog", "ccache", "tclsh"):
            self.program(name, "exit 0")

    def setup(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.folder / ".ci/setup"],
            env={"PATH": str(self.path)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_without_a_fitting_python_it_says_which_and_how(house: House) -> None:
    house.tools()
    house.python("python3", fits=False)
    answer = house.setup()
    assert answer.returncode == 1
    assert "no Python from 3.10 to 3.12 with venv was found" in answer.stderr
    assert "PYTHON=/path/to/python make setup" in answer.stderr
    assert not (house.folder / ".venv").exists()


@pytest.mark.parametrize("name", ["python3.10", "python3.12", "python3", "python"])
def test_any_fitting_python_is_taken(house: House, name: str) -> None:
    house.tools()
    house.python("python3.11", fits=False)
    house.python(name)
    answer = house.setup()
    assert answer.returncode == 0, answer.stderr
    assert "making .venv" in answer.stdout
    assert "called: -m pip install" in answer.stdout
    assert "apt-get" not in answer.stdout


def test_missing_packages_are_named_in_one_command_and_set_up_goes_on(house: House) -> None:
    house.python("python3.11")
    answer = house.setup()
    assert answer.returncode == 0, answer.stderr
    commands = [line.strip() for line in answer.stdout.splitlines() if "apt-get" in line]
    assert commands == ["sudo apt-get install -y g++ make perl iverilog ccache tcl liblz4-dev zlib1g-dev"]
    assert "called: -m pip install" in answer.stdout


def test_root_installs_what_is_missing(house: House) -> None:
    house.python("python3.11")
    house.tools()
    (house.path / "iverilog").unlink()
    house.program("id", "echo 0")
    house.program("apt-get", f'echo "$*" >> "{house.folder}/apt.log"')
    answer = house.setup()
    assert answer.returncode == 0, answer.stderr
    log = (house.folder / "apt.log").read_text().splitlines()
    assert log == ["update -qq", "install -qq -y --no-install-recommends iverilog"]


def test_the_second_time_does_nothing_until_pyproject_changes(house: House) -> None:
    house.tools()
    house.python("python3.11")
    assert house.setup().returncode == 0
    assert house.setup().stdout == ""
    later = (house.folder / ".venv/.spynq-setup").stat().st_mtime + 10
    os.utime(house.folder / "pyproject.toml", (later, later))
    assert "using the .venv that is there" in house.setup().stdout


def test_an_installation_that_fails_is_tried_again(house: House) -> None:
    house.tools()
    house.python("python3.11")
    script = (house.path / "python3.11").read_text()
    house.program("python3.11", script.replace('*) echo "called: $*" ;;', "*) exit 7 ;;"))
    for _ in range(2):
        answer = house.setup()
        assert answer.returncode == 1
        assert "pip could not install" in answer.stderr


def test_extras_of_the_set_up_exist() -> None:
    (line,) = (row for row in (ROOT / ".ci/setup").read_text().splitlines() if "extras=" in row)
    assert set(line.split('"')[1].split(",")) <= set(metadata("spynq").get_all("Provides-Extra") or [])
