"""The core on the oldest and the newest versions it declares, each in an environment with nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import environments
import pytest
from environments import QUICK, WIDE, Environment

MOST_SECONDS, MOST_BYTES = 10.0, 1_000_000
NEWEST = ("3.14", "3.13", "3.12", "3.11")
BEYOND = ("pydantic", "torch", "amaranth", "pynq", "matplotlib")
FOREIGN = """
import importlib.util as u, sys
import numpy, spynq
print(sys.version_info[:2], numpy.__version__, spynq.__file__)
print([name for name in {names!r} if u.find_spec(name) is not None])
"""


@pytest.fixture(scope="session")
def oldest(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Python 3.10 with the lowest declared versions, each at its last correction."""
    pins = [f"{name}=={version}.*" for name, version in environments.declared().items()]
    python = environments.find_python("3.10")
    return environments.make(tmp_path_factory.mktemp("oldest") / "env", python, wheel, pins)


@pytest.fixture(scope="session")
def newest(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The newest Python here with whatever the index offers."""
    names = list(environments.declared())
    python = environments.find_python(*NEWEST)
    return environments.make(tmp_path_factory.mktemp("newest") / "env", python, wheel, names)


@pytest.fixture(params=["oldest", "newest"])
def environment(request: pytest.FixtureRequest) -> Environment:
    found: Environment = request.getfixturevalue(request.param)
    return found


def test_the_versions_are_those_that_were_meant(oldest: Environment, newest: Environment) -> None:
    assert environments.declared()["numpy"] == "1.21"
    first = oldest.run("-c", FOREIGN.format(names=BEYOND)).stdout.splitlines()
    assert first[0].startswith("(3, 10) 1.21."), first
    last = newest.run("-c", FOREIGN.format(names=BEYOND)).stdout.splitlines()
    assert int(last[0].split()[2].partition(".")[0]) >= 2, last
    # Nothing that the core must do without, and the wheel, not the checkout.
    for lines, made in ((first, oldest), (last, newest)):
        assert lines[1] == "[]"
        assert str(made.python.parent.parent) in lines[0]


def test_the_core_passes_its_tests(environment: Environment) -> None:
    answer = environment.test(*QUICK)
    assert answer.returncode == 0, answer.stdout[-4000:]
    assert environments.passed(answer.stdout) > 250


@pytest.mark.full
@pytest.mark.timeout(2400)
def test_the_core_passes_more_of_its_tests(environment: Environment) -> None:
    answer = environment.test(*WIDE)
    assert answer.returncode == 0, answer.stdout[-4000:]
    assert environments.passed(answer.stdout) > 1000


def test_a_test_that_fails_there_fails_here(oldest: Environment, tmp_path: Path) -> None:
    (tmp_path / "test_wrong.py").write_text("import spynq.nothing_of_this_name\n")
    answer = oldest.test(str(tmp_path / "test_wrong.py"))
    assert answer.returncode != 0
    assert "nothing_of_this_name" in answer.stdout


def test_the_wheel_installs_in_seconds(environment: Environment) -> None:
    """Of a processor: two or three on a quiet machine, and no others on a busy one."""
    assert environment.seconds < MOST_SECONDS


def test_the_wheel_is_at_most_a_megabyte(wheel: Path) -> None:
    """What is downloaded, whole."""
    assert wheel.stat().st_size <= MOST_BYTES


def test_what_the_core_leaves_out_is_named_with_its_command(environment: Environment) -> None:
    absent = {
        ("overlay", "build", "echo", "--project-only"): "spynq_hw is not installed: pip install spynq-tools",
        ("overlay", "report"): "spynq_sim is not installed: pip install spynq-tools",
        ("stm", "fuse", "--cue", "5,4", "--device", "rtl"): (
            "device rtl needs spynq_sim, which is not installed: pip install spynq-tools"
        ),
        ("train", "costs", "--network", "lenet-1"): (
            "spynq_train is not installed: pip install 'spynq-tools[train]'"
        ),
    }
    for arguments, told in absent.items():
        answer = environment.run("-m", "spynq", *arguments)
        assert (answer.returncode, answer.stderr) == (1, f"spynq: {told}\n")
    assert told_by_doctor(environment) == "spynq_sim is not installed: pip install spynq-tools"


def told_by_doctor(environment: Environment) -> str:
    """What ``spynq doctor`` says of the device ``rtl``."""
    report = json.loads(environment.run("-m", "spynq", "doctor", "--json").stdout)
    (state,) = (device["state"] for device in report["devices"] if device["name"] == "rtl")
    return str(state)
