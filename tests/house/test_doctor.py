"""spynq doctor: what it reports, and the commands it names for what is missing."""

from __future__ import annotations

import json
import shutil

import pytest

from spynq import devices, doctor
from spynq.cli import main
from spynq.doctor import Finding, Report
from spynq.errors import MissingDependency


@pytest.fixture
def only_golden(monkeypatch: pytest.MonkeyPatch) -> None:
    """Devices whose opening compiles nothing."""
    monkeypatch.setattr(devices, "names", lambda: ("golden", "board"))


@pytest.mark.usefixtures("only_golden")
def test_json_names_packages_programs_devices_and_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert set(report) == {"system", "packages", "programs", "devices", "commands"}
    assert {"numpy", "amaranth", "pynq"} <= {package["name"].lower() for package in report["packages"]}
    assert {"g++", "perl", "iverilog", "lz4.h"} <= {program["name"] for program in report["programs"]}
    golden, board = report["devices"]
    assert golden["works"] is True
    assert board["works"] is (board["state"].startswith("works"))


@pytest.mark.usefixtures("only_golden")
def test_a_missing_program_is_named_with_its_package(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda program: None)
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "apt-get install -y ccache g++ iverilog liblz4-dev make perl tcl zlib1g-dev" in out


@pytest.mark.usefixtures("only_golden")
def test_a_missing_package_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = doctor._version
    monkeypatch.setattr(
        doctor, "_version", lambda name: None if name in ("amaranth", "nbclient") else found(name)
    )
    assert main(["doctor"]) == 0
    assert "[hw,notebooks]'" in capsys.readouterr().out


def test_absent_training_is_not_called_missing() -> None:
    report = Report({}, [Finding("torch", None, "spynq[train]", "train")], [], [])
    assert report.commands == []


def test_a_package_of_the_core_that_is_missing_is_got_with_it() -> None:
    report = Report({}, [Finding("tqdm", None, "spynq")], [], [])
    (command,) = report.commands
    assert " -m pip install " in command and "[" not in command and command.endswith("'")


def test_one_device_that_fails_hides_no_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = devices.open_kernel

    def open_kernel(kernel: str, device: str) -> object:
        if device == "broken":
            raise RuntimeError("two\nlines")
        if device == "absent":
            raise MissingDependency("device absent needs a cable")
        return real(kernel, device)

    monkeypatch.setattr(devices, "names", lambda: ("broken", "absent", "golden"))
    monkeypatch.setattr(devices, "open_kernel", open_kernel)
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "broken  no: two lines" in out
    assert "absent  no: device absent needs a cable" in out
    assert "golden  works" in out


def test_without_a_golden_device_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "names", lambda: ())
    assert main(["doctor"]) == 1
