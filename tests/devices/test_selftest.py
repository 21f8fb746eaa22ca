"""``spynq selftest``: passes where all is well, and each planted fault fails the check made for it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spynq.cli import main
from spynq.devices import open_kernel
from spynq.errors import KernelMismatch
from spynq.kernels import get, kernels
from spynq.selftest import Check, examine
from spynq.selftest import kernel_checks as checks
from spynq.selftest.run import _one
from spynq.stm.params import StmConfig

SMALL = StmConfig(
    lanes=2, terms=1, population=8, columns=2, bins=4, states=4, state_bits=2, parents=1, program=8,
    table=16, targets=2,
)  # fmt: skip


def _states(report: Any) -> dict[tuple[str, str], str]:
    board = {("board", check.name): check.state for check in report.checks}
    return board | {(k.kernel, check.name): check.state for k in report.kernels for check in k.checks}


def test_everything_passes_on_the_simulated_board() -> None:
    told: list[tuple[str, Check]] = []
    names = ["stm", "echo"]
    report = examine(names, "rtl", configs={"stm": SMALL}, tell=lambda *seen: told.append(seen))
    wanted = {(kernel, check): "passed" for kernel in names for check in checks.KERNEL_CHECKS}
    wanted |= {("board", "clock"): "passed", ("board", "power"): "skipped"}
    assert _states(report) == wanted
    assert report.passed
    assert len(told) == len(wanted)
    figures = {(k.kernel, c.name): c.figures for k in report.kernels for c in k.checks}
    # 128 bits in and 128 bits out per clock are the roof of a copy.
    assert 16 < figures["echo", "bandwidth"]["bytes_per_cycle"] <= 32
    assert figures["stm", "golden vectors"]["cycles"] > 0
    assert figures["stm", "interrupt"]["start_to_interrupt_seconds"] > 0


def test_golden_passes_and_says_what_it_cannot_show() -> None:
    report = examine(["echo"], "golden")
    assert report.passed
    skipped = {name for name, state in _states(report).items() if state == "skipped"}
    assert skipped == {("board", "clock"), ("board", "power"), ("echo", "interrupt")}


@pytest.fixture
def driver() -> Iterator[Any]:
    with open_kernel("echo", "golden") as opened:
        yield opened


def _check(name: str, driver: Any) -> Check:
    return _one(name, checks.KERNEL_CHECKS[name], driver, 1)


def test_a_stuck_register_bit_is_found(driver: Any) -> None:
    read, place = driver.read, driver.kernel.offset("ADD")
    driver.read = lambda offset=0: read(offset) | (offset == place) << 7
    check = _check("registers", driver)
    assert check.state == "failed"
    assert "ADD after 0x00000000 is 0x00000080, not 0x00000000" in check.detail


def test_registers_at_one_address_are_found(driver: Any) -> None:
    read, write = driver.read, driver.write
    one, other = driver.kernel.offset("ADD"), driver.kernel.offset("SCRATCH")
    driver.read = lambda offset=0: read(one if offset == other else offset)
    driver.write = lambda offset, value: write(one if offset == other else offset, value)
    assert _check("registers", driver).state == "failed"


def test_a_register_that_should_be_read_only_is_found(driver: Any) -> None:
    read, write, place = driver.read, driver.write, driver.kernel.offset("ID")
    kept: dict[int, int] = {}
    driver.write = lambda offset, value: (
        kept.update({offset: value}) if offset == place else write(offset, value)
    )
    driver.read = lambda offset=0: kept.get(offset, read(offset))
    check = _check("registers", driver)
    assert check.state == "failed"
    assert "ID, which can only be read" in check.detail


def test_memory_that_changes_is_found(driver: Any) -> None:
    class Leaky:
        def __init__(self, buffer: Any) -> None:
            self.buffer, self.device_address = buffer, 0

        def __setitem__(self, key: Any, value: Any) -> None:
            self.buffer[key] = value

        def __array__(self, *arguments: Any) -> Any:
            return self.buffer.__array__(*arguments)

        def sync_to_device(self) -> None:
            self.buffer[5] ^= 1

        def sync_from_device(self) -> None: ...

        def freebuffer(self) -> None: ...

    allocate = driver.allocate
    driver.allocate = lambda shape, dtype: Leaky(allocate(shape, dtype))
    check = _check("memory", driver)
    assert check.state == "failed"
    assert "1 of 262144 words changed, the first at 0x14" in check.detail


def test_a_kernel_that_computes_wrong_is_found(driver: Any) -> None:
    copy = driver.copy
    driver.copy = lambda words, add=0: copy(words, add + (len(words) == 7))
    check = _check("golden vectors", driver)
    assert check.state == "failed"
    assert check.detail == "SpynqError: run 'copy of 7 words': words differs from the integer model"


def test_a_failed_handshake_ends_the_kernels_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    def other(driver: Any, seed: int) -> Any:
        raise KernelMismatch("ID is 0")

    monkeypatch.setitem(checks.KERNEL_CHECKS, "handshake", other)
    report = examine(["echo"], "golden")
    assert [check.name for check in report.kernels[0].checks] == ["handshake"]
    assert not report.passed


def test_an_interrupt_that_never_comes_is_told(monkeypatch: pytest.MonkeyPatch, driver: Any) -> None:
    class Silent:
        async def wait(self) -> None:
            await asyncio.sleep(60)

    monkeypatch.setattr(checks, "_INTERRUPT_SECONDS", 0.05)
    driver.irq = Silent()
    check = _check("interrupt", driver)
    assert check.state == "failed"
    assert "no interrupt within 0.05 s of a start" in check.detail
    # The driver waits by polling again, and the interrupt is off.
    assert driver.get("GIER") == 0
    assert driver.copy([1, 2], 3).tolist() == [4, 5]


def _twice(driver: Any, seed: int) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "two starts", {"words": [driver.copy([1, 2], add).tolist() for add in (3, 4)]}


def test_every_start_of_a_run_is_awaited_in_one_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_declared", lambda driver, what: _twice)
    with open_kernel("echo", "rtl") as driver:
        assert _check("interrupt", driver).state == "passed"
        assert driver.get("GIER") == 0


def test_the_file_that_pynq_waits_on_wakes_the_self_test(driver: Any) -> None:
    """On a board pynq reads interrupts from a file, in the loop that was there when it was opened."""
    controllers = pytest.importorskip("pynq.uio")
    kernel_side, pynqs_side = os.openpty()
    tty.setraw(pynqs_side)
    checks.event_loop()
    controller = controllers.UioController(os.ttyname(pynqs_side))

    class Pin:
        async def wait(self) -> None:
            event = asyncio.Event()
            controller.add_event(event, 0)
            os.write(kernel_side, bytes(4))
            await event.wait()

    driver.irq = Pin()
    try:
        assert _check("interrupt", driver).state == "passed"
    finally:
        checks.event_loop().remove_reader(controller.uio)
        os.close(kernel_side), os.close(pynqs_side)


def test_a_wrong_clock_is_told_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from spynq_sim.quietly import Device

    import pynq

    from spynq.selftest.board_checks import clock

    with open_kernel("echo", "rtl") as opened:
        assert Device is not None
        monkeypatch.setattr(type(pynq.Clocks), "fclk0_mhz", property(lambda self: 99.999), raising=False)
        check = _one("clock", clock, opened)
    assert check.state == "failed"
    assert "runs at 99.999 MHz and the overlay was built for 200" in check.detail
    assert "set pynq.Clocks.fclk0_mhz = 200" in check.detail


def test_a_device_that_does_not_open_is_a_failed_check() -> None:
    report = examine(["echo"], "board")
    assert not report.passed
    assert report.kernels[0].checks[0].name == "open"
    assert "use device golden or rtl" in report.kernels[0].checks[0].detail


def test_the_command_prints_a_table_and_keeps_the_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOARD", "ZCU104")
    file = tmp_path / "report.json"
    assert main(["selftest", "echo", "--device", "golden", "--into", str(file)]) == 0
    seen = capsys.readouterr()
    assert "echo: registers: passed" in seen.err
    assert "3 runs equal the integer model" in seen.out
    assert re.search(r"2097152 bytes; \S+ bytes per second", seen.out)
    kept = json.loads(file.read_text())
    assert kept["passed"] and kept["host"]["spynq"]
    assert kept["host"]["board"] == "ZCU104" and kept["host"]["time"].endswith("+00:00")
    assert main(["selftest", "echo", "--device", "golden", "--json", "--quiet"]) == 0
    assert json.loads(capsys.readouterr().out).keys() == kept.keys()


def test_the_command_ends_with_1_when_something_failed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["selftest", "echo", "--device", "board", "--quiet"]) == 1
    assert "failed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nothing"], "unknown kernel 'nothing'"),
        (["echo", "--seed", "-1"], "--seed must be at least 0, not -1"),
    ],
)
def test_what_cannot_be_tested_is_refused(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["selftest", *arguments]) == 1
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(kernels()))
def test_every_kernel_has_self_test_runs(name: str) -> None:
    assert get(name).selftest("runs") is not None


@pytest.mark.parametrize(
    "config",
    [
        SMALL,
        StmConfig(),
        StmConfig(terms=0, columns=0),
        StmConfig(states=0),
        StmConfig(lanes=4, counts=True, edge=8),
    ],
    ids=str,
)
def test_build_parameters_come_back_from_their_capabilities(config: StmConfig) -> None:
    found = get("stm").config_from(config.capabilities())
    assert found.capabilities() == config.capabilities()


def test_capabilities_of_no_build_are_refused() -> None:
    wrong = StmConfig().capabilities() | {"CAP_LANES": 3}
    with pytest.raises(ValueError, match="no build of stm has CAP_LANES = 3"):
        get("stm").config_from(wrong)
