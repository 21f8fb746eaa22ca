"""What every test may ask for: seeds that can be repeated, and the shared data sets."""

from __future__ import annotations

import os
import secrets
from collections.abc import Generator
from pathlib import Path

import pytest

FIXED_SEED = 20260729
_VARIABLE = "SPYNQ_SEED"
_DATA = "SPYNQ_DATA"
_used = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Draw the fresh seed once, before xdist starts its workers, which inherit the environment."""
    os.environ.setdefault(_VARIABLE, str(secrets.randbelow(1 << 31)))
    try:
        _fresh_seed()
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None


def _fresh_seed() -> int:
    text = os.environ[_VARIABLE]
    if not text.isdecimal():
        raise ValueError(f"{_VARIABLE} must be a number from 0, not {text!r}")
    return int(text)


def pytest_report_header() -> str:
    """Both seeds, and how to repeat the run."""
    return f"seeds: fixed {FIXED_SEED}, fresh {_fresh_seed()} (repeat with {_VARIABLE}={_fresh_seed()})"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for ``seed`` once with the fixed and once with the fresh one."""
    if "seed" not in metafunc.fixturenames:
        return
    for mark in metafunc.definition.iter_markers("parametrize"):
        names = mark.args[0] if mark.args else mark.kwargs["argnames"]
        if "seed" in (names.replace(" ", "").split(",") if isinstance(names, str) else names):
            return
    # The names stay the same from run to run, so that a failed test can be named again.
    metafunc.parametrize("seed", ["fixed", "fresh"], indirect=True)


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """A seed: one case with the fixed one, one with this run's fresh one."""
    value = FIXED_SEED if request.param == "fixed" else _fresh_seed()
    request.node.stash[_used] = f"{request.param} seed {value}"
    return value


@pytest.fixture
def fresh_seed(request: pytest.FixtureRequest) -> int:
    """The seed of this run alone, for tests with cases of their own."""
    value = _fresh_seed()
    request.node.stash[_used] = f"fresh seed {value}"
    return value


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Print the seed with a failure."""
    report = yield
    if report.failed and _used in item.stash:
        report.sections.append(("seed", f"{item.stash[_used]}; repeat with {_VARIABLE}={_fresh_seed()}"))
    return report


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the shared data sets, beside the checkout or where ``SPYNQ_DATA`` says."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get(_DATA, beside))
    if not folder.is_dir():
        pytest.skip(f"the shared data sets are not at {folder}; name their folder with {_DATA}")
    return folder
