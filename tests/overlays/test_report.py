"""``spynq overlay report``: sizes beside what was accepted; place and route on the proxy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spynq.cli import main
from spynq.echo.params import EchoConfig
from spynq.errors import MissingDependency, SpynqError
from spynq_hw import proxy
from spynq_hw.estimate import KEPT, count
from spynq_hw.export import module_name, rtlil
from spynq_sim import sizes
from spynq_sim.sizes import ACCEPTED, BUILDS, Build, Size, accept, builds, measure

CELLS = {"LUT6": 1000, "FDRE": 500, "DSP48E2": 10, "RAMB36E2": 2, "RAMB18E2": 1}
ECHO = Build("echo", "echo", EchoConfig())


def _size(accepted: dict[str, float], **changed: int) -> Size:
    return Size(ECHO, count({**CELLS, **changed}), accepted)


def _figures() -> dict[str, float]:
    return {"lut": 1000.0, "ff": 500.0, "dsp": 10.0, "bram36": 2.5, "uram": 0.0}


def test_figures_and_changes() -> None:
    same = _size(_figures())
    assert same.figures == _figures()
    assert set(same.changes.values()) == {0.0}
    assert same.settled


@pytest.mark.parametrize(
    ("cells", "settled"), [({"LUT6": 1050}, True), ({"LUT6": 1051}, False), ({"DSP48E2": 9}, False)]
)
def test_five_per_cent_is_the_limit(cells: dict[str, int], settled: bool) -> None:
    assert _size(_figures(), **cells).settled is settled


def test_what_was_never_accepted_is_not_settled() -> None:
    assert not _size({}).settled


def test_accepting_keeps_the_others(tmp_path: Path) -> None:
    file = tmp_path / "sizes.json"
    file.write_text(json.dumps({"other": {"lut": 1.0}}))
    accept([_size({}), Size(ECHO, None, {})], file)
    assert json.loads(file.read_text()) == {"other": {"lut": 1.0}, "echo": _figures()}


def test_published_builds_were_accepted_and_every_accepted_one_is_published() -> None:
    """A figure of a build that is no longer published, or one that nobody accepted, is a mistake."""
    assert set(json.loads(ACCEPTED.read_text())) == set(BUILDS)
    assert {build.name for build in builds()} == set(BUILDS)


def test_kept_estimates_are_within_what_was_accepted() -> None:
    """Whoever synthesises anew must accept a change above 5 % by hand."""
    kept = {entry["what"]: count(entry["cells"]) for entry in json.loads(KEPT.read_text()).values()}
    accepted = json.loads(ACCEPTED.read_text())
    for build in builds():
        found = kept.get(str(build.config))
        if found is not None:
            size = Size(build, found, accepted[build.name])
            assert size.settled, (
                f"{build.name}: {size.changes}; spynq overlay report --accept, if it is meant"
            )


@pytest.mark.full
def test_published_builds_are_as_large_as_accepted() -> None:
    """Synthesis of every build whose design has changed."""
    for size in measure(builds(), synthesise=False):
        assert size.estimate is not None, f"{size.build.name} has changed: spynq overlay report --synthesise"
        assert size.settled, size.changes


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Echo as the only published build, its figures in files of the test."""
    monkeypatch.setattr(sizes, "builds", lambda names=(): [ECHO])
    monkeypatch.setattr(sizes, "ACCEPTED", tmp_path / "sizes.json")
    monkeypatch.setattr(sizes, "known", lambda text, top: count(CELLS))
    return tmp_path / "sizes.json"


def test_the_command_prints_accepts_and_notices(
    small: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sizes.measure, "__kwdefaults__", {**sizes.measure.__kwdefaults__, "file": small})
    monkeypatch.setattr(sizes.accept, "__defaults__", (small,))
    assert main(["overlay", "report", "--quiet"]) == 1
    assert main(["overlay", "report", "--quiet", "--accept"]) == 0
    assert json.loads(small.read_text()) == {"echo": _figures()}
    capsys.readouterr()
    assert main(["overlay", "report", "--quiet", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["builds"]
    assert row["used"] == _figures() and row["available"]["lut"] == 230400
    monkeypatch.setattr(sizes, "known", lambda text, top: count({**CELLS, "FDRE": 600}))
    assert main(["overlay", "report", "--quiet"]) == 1
    assert "+20.0%" in capsys.readouterr().out


def test_a_changed_design_says_how_to_measure_it(
    small: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sizes, "known", lambda text, top: None)
    assert main(["overlay", "report", "--quiet"]) == 0
    assert "design changed: --synthesise" in capsys.readouterr().out


def test_an_unknown_build_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["overlay", "report", "nothing"]) == 1
    assert "there is no build 'nothing'; there are" in capsys.readouterr().err


def test_the_proxy_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy, "find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match=r"pip install 'spynq\[hw,proxy\]'"):
        proxy.place_and_route("", "top")


@pytest.mark.full
def test_the_proxy_places_and_routes_a_kernel() -> None:
    from spynq.kernels import get

    config: Any = get("echo").config_class(bus=32)
    placed = proxy.place_and_route(rtlil("echo", config), module_name(get("echo").kernel, config))
    assert 10 < placed.mhz < 500
    assert 500 < placed.cells < placed.available


@pytest.mark.full
def test_a_design_the_proxy_cannot_take_is_told() -> None:
    with pytest.raises(SpynqError, match="place and route on the proxy failed"):
        proxy.place_and_route("module \\top\nend\n", "other")
