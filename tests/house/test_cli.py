"""The command line: exit status, one sentence per error, what --help and --version say."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

from spynq import __version__
from spynq.bayes.files import example_path
from spynq.cli import main, registers
from spynq.errors import SpynqError
from spynq.kernels import kernels

KERNELS = ", ".join(sorted(kernels()))


def _refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(arguments) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1, err
    return err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["nonsense"], "invalid choice: 'nonsense'"),
        (["stm", "query"], "the following arguments are required: FILE"),
        (
            ["stm", "query", str(example_path("asia")), "--evidence", "b"],
            "--evidence takes NODE=STATE, not 'b'",
        ),
        (
            ["stm", "query", str(example_path("asia")), "--evidence", "=b"],
            "--evidence takes NODE=STATE, not '=b'",
        ),
        (
            ["stm", "query", str(example_path("asia")), "--evidence", "b=c", "b=d"],
            "--evidence says b=c and b=d; keep one of them",
        ),
        (
            ["stm", "query", "x.bif", "--target", "a", "--samples", "many"],
            "argument --samples: invalid int value",
        ),
        (
            ["stm", "query", "x.bif", "--target", "a", "--samples", "9", "--tolerance", "0.1"],
            "--samples and --tolerance exclude each other; give one of them",
        ),
        (
            ["stm", "query", "x.bif", "--target", "a", "--device", "moon"],
            "unknown device 'moon'; known devices are golden, rtl, board",
        ),
        (["stm", "query", "/no/such/file.bif", "--target", "a"], "/no/such/file.bif"),
        (["stm", "fuse", "--cue", "3"], "--cue takes VALUE,SD, such as 3.5,8, not '3'"),
        (["stm", "fuse", "--cue", "3,wide"], "--cue takes VALUE,SD, such as 3.5,8, not '3,wide'"),
        (["bench", "nonsense"], "unknown bench 'nonsense'; known benches are"),
        (["registers"], f"name a kernel: {KERNELS}"),
        (["registers", "nonsense"], f"unknown kernel 'nonsense'; known kernels are {KERNELS}"),
    ],
)
def test_an_error_is_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sentence in _refused(arguments, capsys)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (SpynqError("the kernel\n  is busy"), "spynq: the kernel is busy\n"),
        (
            FileNotFoundError(2, "No such file or directory", "a.bif"),
            "spynq: a.bif: No such file or directory\n",
        ),
        (KeyError("x"), "spynq: a bug of spynq, KeyError: 'x'; --debug shows where, please report it\n"),
    ],
)
def test_what_a_command_raises_becomes_one_line(
    error: Exception, sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: object) -> int:
        raise error

    monkeypatch.setattr(registers, "run", fail)
    assert _refused(["registers", "stm"], capsys) == sentence


@pytest.mark.parametrize("arguments", [["--debug", "registers", "x"], ["registers", "x", "--debug"]])
def test_debug_shows_the_traceback(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 1
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.splitlines()[-1].startswith("spynq: unknown kernel")


def test_ctrl_c_returns_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(registers, "run", interrupt)
    assert main(["registers", "stm"]) == 130
    assert capsys.readouterr().err == "spynq: interrupted\n"


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"spynq {__version__}\n"


def test_a_reader_that_leaves_is_no_error() -> None:
    # Long output meets the closed pipe while it is printed, short output when it is flushed.
    for kernel in ("stm", "echo"):
        command = (
            f"{sys.executable} -m spynq registers {kernel} | (read line; echo $line; exec 0<&-; sleep 1)"
        )
        answer = subprocess.run(command, shell=True, capture_output=True, text=True)
        assert answer.stdout.startswith(f"# {kernel}: ")
        assert answer.stderr == ""


def test_closed_standard_streams_are_no_error() -> None:
    query = "stm fuse --cue 3,4 --device golden"
    for closed in ("<&-", "2>&-", "<&- 2>&-", ">&-"):
        answer = subprocess.run(
            f"{sys.executable} -m spynq {query} {closed}", shell=True, capture_output=True, text=True
        )
        assert answer.returncode == 0 and answer.stderr == "", closed
        assert answer.stdout.startswith("mean ") or closed == ">&-"


def test_a_package_that_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert main(["bench", "stm"]) == 1
    assert capsys.readouterr().err == (
        "spynq: tqdm is not installed; 'spynq doctor' shows the command that gets it\n"
    )


def test_the_command_line_starts_without_heavy_imports() -> None:
    heavy = "{'numpy.random', 'matplotlib', 'pynq', 'tqdm', 'amaranth'}"
    program = f"import sys; from spynq.cli import parser; parser(); print({heavy} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(answer.stdout.split()) <= {"set()", "{'numpy.random'}"}


@pytest.mark.parametrize("command", ["stm", "bench", "demo", "doctor", "registers"])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert import_module(f"spynq.cli.{command}").__doc__
    assert main([command, "--help"]) == 0
    assert f"spynq {command}" in capsys.readouterr().out
