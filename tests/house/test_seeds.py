"""Seeds can be repeated and are printed; broken by planting a failing test in a run of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

FAILING = "def test_it(seed):\n    assert seed < 0\n"


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with our conftest and one test that fails."""
    shutil.copy(Path(__file__).parents[1] / "conftest.py", pytester.path / "conftest.py")
    pytester.makepyfile(FAILING)
    monkeypatch.setenv("SPYNQ_SEED", "4711")
    return pytester


def test_a_failure_prints_its_seed_and_how_to_repeat_it(run: pytest.Pytester) -> None:
    result = run.runpytest_subprocess("-p", "no:randomly")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["seeds: fixed * fresh 4711 (repeat with SPYNQ_SEED=4711)"])
    result.stdout.fnmatch_lines(["fresh seed 4711; repeat with SPYNQ_SEED=4711"])
    result.stdout.fnmatch_lines(["fixed seed *; repeat with SPYNQ_SEED=4711"])


def test_workers_share_the_fresh_seed(run: pytest.Pytester) -> None:
    run.makepyfile(test_share="import os\ndef test_a(fresh_seed):\n    assert fresh_seed == 4711\n")
    run.runpytest_subprocess("-n", "2", "test_share.py").assert_outcomes(passed=1)


def test_own_cases_of_seed_are_kept(run: pytest.Pytester) -> None:
    run.makepyfile(
        test_own="import pytest\n"
        "@pytest.mark.parametrize(('seed', 'k'), [(3, 1)])\n"
        "def test_it(seed, k):\n    assert seed == 3\n"
    )
    run.runpytest_subprocess("test_own.py").assert_outcomes(passed=1)


def test_a_seed_that_is_no_number_is_refused(run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPYNQ_SEED", "abc")
    result = run.runpytest_subprocess()
    result.stderr.fnmatch_lines(["*SPYNQ_SEED must be a number from 0, not 'abc'*"])
