"""The comparison with other simulators is fair, and says so when a peer is absent."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from spynq.bench.registry import NotMeasured
from spynq_hw.export import export
from spynq_sim import bench_device
from spynq_sim.bench_device import Comparison
from spynq_sim.peers import measure
from spynq_sim.peers.handoff import TOP, handoff, wrapper


def test_wrapper_connects_every_port_of_the_kernel_that_is_read() -> None:
    exported = export("echo")
    top = exported.verilog[exported.verilog.index(f"module {exported.top}") :].partition("endmodule")[0]
    header = re.findall(r"^\s+input (?:wire )?(?:\[[^]]+\] )?(\w+);", top, re.MULTILINE)
    ports = {name for name in header if name.startswith(("s_axi", "s_axis", "m_axi"))}
    connected = set(re.findall(r"\.(\w+)\(", wrapper(exported.top)))
    assert ports
    assert ports <= connected


def test_handoff_names_the_wrapper_and_a_seven_series_processor() -> None:
    root = ElementTree.fromstring(handoff(0xA0000000))
    kinds = [module.get("MODTYPE") for module in root.findall("./MODULES/MODULE")]
    assert kinds == [TOP, "axi_dma", "processing_system7"]
    ranges = root.findall(".//MEMRANGE")
    assert [int(str(r.get("BASEVALUE")), 16) for r in ranges] == [0xA0000000, 0xA0010000]
    nets = {b.get("BUSNAME") for b in root.findall("./MODULES/MODULE[2]/BUSINTERFACES/BUSINTERFACE")}
    assert nets <= {b.get("BUSNAME") for b in root.findall("./MODULES/MODULE[1]/BUSINTERFACES/BUSINTERFACE")}


def test_ratio_is_the_median_of_the_turns_and_not_of_the_sides() -> None:
    peer = [{"x": 1.0}, {"x": 8.0}, {"x": 5.0}]
    found = Comparison(ours=[{"x": 10.0}, {"x": 40.0}, {"x": 100.0}], peers={"p": peer})
    assert found.ratio("p", "x") == 10.0
    assert found.rate("ours", "x") / found.rate("p", "x") == 8.0


def test_accesses_are_as_many_reads_as_writes() -> None:
    turn = {"writes_per_second": 1000.0, "reads_per_second": 3000.0}
    assert Comparison.figure(turn, "accesses_per_second") == pytest.approx(2 / (1 / 1000 + 1 / 3000))


def test_a_peer_that_failed_says_why() -> None:
    reason = "no environment for cocotbpynq==0.2.0: offline"
    found = Comparison(ours=[{"x": 1.0}], reasons={"cocotbpynq": reason})
    with pytest.raises(NotMeasured, match=r"no environment for cocotbpynq==0\.2\.0: offline"):
        found.ratio("cocotbpynq", "x")


def test_an_environment_that_cannot_be_made_is_told_with_the_last_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        told = "looking\nERROR: no matching distribution\n"
        return subprocess.CompletedProcess(command, int("pip" in command), "", told)

    monkeypatch.setattr(measure.subprocess, "run", run)
    place = tmp_path / "peer"
    with pytest.raises(NotMeasured, match=r"no environment for cocotbpynq==0\.2\.0: ERROR: no matching"):
        measure.peer_python(place)
    assert not (place / "complete").exists()


def test_one_absent_peer_costs_only_its_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> dict[str, float]:
        raise NotMeasured("offline")

    monkeypatch.setattr(bench_device, "ours", lambda: {"x": 6.0})
    monkeypatch.setattr(bench_device, "second_start", lambda: 0.5)
    monkeypatch.setattr(bench_device, "cocotbpynq", refuse)
    monkeypatch.setattr(bench_device, "plain_cocotb", lambda: {"x": 2.0})
    bench_device.comparison.cache_clear()
    try:
        found = bench_device.comparison()
    finally:
        bench_device.comparison.cache_clear()
    assert found.ratio("cocotb", "x") == 3.0
    assert found.reasons == {"cocotbpynq": "offline"}


@pytest.mark.full
def test_both_sides_move_the_same_words() -> None:
    assert bench_device.ours(words=256)["stream_bytes_per_second"] > 0
    assert measure.plain_cocotb(words=256)["stream_bytes_per_second"] > 0
