"""Whatever goes wrong ends with one sentence, and the next run is whole."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from spynq.errors import BusError, DeviceTimeout, SpynqError

Board = Callable[..., Any]
WORDS = np.arange(100, dtype=np.uint32)
POLLED = r"ten words not done: echo_0: CTRL was polled for \d+ cycles .*AP_START.*0 bytes read"
LATE = r"ten words not done after 0.05 s \(CTRL = 0x01: AP_START, STATUS: no flag, 0 bytes"


def _still_works(echo: Any) -> None:
    assert echo.copy(WORDS, 5).tolist() == (WORDS + 5).tolist()


def test_kernel_that_never_finishes(board: Board) -> None:
    echo = board("echo", patience=50_000)
    echo.configure(10)
    with pytest.raises(DeviceTimeout, match=POLLED):
        echo.start_and_wait("ten words")
    _still_works(echo)


def test_timeout_in_seconds_names_status_and_bytes(board: Board) -> None:
    echo = board("echo")
    echo.configure(10)
    with pytest.raises(DeviceTimeout, match=LATE):
        echo.start_and_wait("ten words", timeout=0.05)
    _still_works(echo)


def test_endless_wait_of_pynq_dma_is_bounded(board: Board) -> None:
    echo = board("echo", patience=50_000)
    dma = echo._overlay.echo_0_dma
    target = echo.allocate(100)
    echo.configure(50)
    echo.start()
    dma.recvchannel.transfer(target)
    source = echo.allocate(10)
    dma.sendchannel.transfer(source)
    with pytest.raises(
        DeviceTimeout, match=r"echo_0_dma S2MM SR was polled .*S2MM moved 40 of 400 bytes, SR = 0x0"
    ):
        dma.recvchannel.wait()
    echo.reset()
    _still_works(echo)


def test_packet_longer_than_the_buffer_is_an_error_of_the_dma(board: Board) -> None:
    echo = board("echo")
    dma = echo._overlay.echo_0_dma
    source, target = echo.allocate(20), echo.allocate(10)
    echo.configure(20)
    echo.start()
    dma.recvchannel.transfer(target)
    dma.sendchannel.transfer(source)
    # An error halts the channel; whether pynq's wait says the one or the other is a matter of time.
    with pytest.raises(RuntimeError, match=r"DMA Internal Error|DMA channel not started"):
        dma.recvchannel.wait()
    assert dma.recvchannel.error
    echo.reset()
    _still_works(echo)


@pytest.mark.parametrize("side", ["SOURCE", "TARGET"])
def test_address_outside_memory_names_ip_port_and_cycle(board: Board, side: str) -> None:
    echo = board("echo")
    buffer = echo.allocate(16)
    echo.configure(16, memory=True)
    for name in ("SOURCE", "TARGET"):
        echo.set_address(name, 0x40 if name == side else buffer.device_address)
    kind = "read" if side == "SOURCE" else "write"
    with pytest.raises(
        BusError, match=rf"echo_0: m_axi_gmem.{kind} burst of 64 bytes at 0x40 in cycle \d+ leaves"
    ):
        echo.start_and_wait("a run")
    _still_works(echo)


@pytest.mark.parametrize(("side", "flag"), [("SOURCE", "READ_ERROR"), ("TARGET", "WRITE_ERROR")])
def test_error_response_reaches_status(board: Board, side: str, flag: str) -> None:
    echo = board("echo", decode_errors="answer")
    buffer = echo.allocate(16)
    echo.configure(16, memory=True)
    for name in ("SOURCE", "TARGET"):
        echo.set_address(name, 0x40 if name == side else buffer.device_address)
    with pytest.raises(BusError, match=r"of the burst at 0x40 met an error response during a run"):
        echo.start_and_wait("a run")
    assert echo.status()[flag]
    _still_works(echo)


def test_missing_flush_and_missing_invalidate_show_in_strict_memory(board: Board) -> None:
    echo = board("echo", strict=True)
    source, target = echo.allocate(16), echo.allocate(16)
    source[:] = 7

    def run() -> None:
        echo.configure(16, 1, memory=True)
        echo.set_address("SOURCE", source.device_address)
        echo.set_address("TARGET", target.device_address)
        echo.start_and_wait("a run")

    run()
    target.sync_from_device()
    assert set(target.tolist()) == {1}
    source.sync_to_device()
    run()
    assert set(target.tolist()) == {1}
    target.sync_from_device()
    assert set(target.tolist()) == {8}


def test_interrupt_by_ctrl_c_leaves_a_working_device(board: Board) -> None:
    echo = board("echo")
    echo.configure(10)

    def strike(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, strike)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            echo.start_and_wait("ten words", timeout=20)
        assert time.monotonic() - began < 5
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    _still_works(echo)


def test_exception_in_mid_transfer_does_not_reuse_the_memory(board: Board) -> None:
    echo = board("echo")
    dma = echo._overlay.echo_0_dma
    with pytest.raises(ZeroDivisionError), echo.allocate(1000) as target:
        place = target.device_address
        echo.configure(1000)
        echo.start()
        dma.recvchannel.transfer(target)
        raise ZeroDivisionError
    del target
    assert echo.allocate(1000).device_address != place
    echo.reset()
    _still_works(echo)


def test_closed_driver_says_so(board: Board) -> None:
    echo = board("echo")
    echo.close()
    echo.close()
    with pytest.raises(SpynqError, match="echo_0 belongs to an overlay that is no longer loaded"):
        echo.get("ID")


def test_two_boards_at_once_do_not_meet(board: Board, seed: int) -> None:
    rng = np.random.default_rng(seed)
    boards = [board("echo", pauses=60, seed=n) for n in range(3)]
    for echo in boards:
        echo.set("SCRATCH", int(rng.integers(1 << 32)))
    kept = [echo.get("SCRATCH") for echo in boards]
    for _ in range(3):
        for echo in rng.permutation(np.array(boards, dtype=object)):
            _still_works(echo)
    assert [echo.get("SCRATCH") for echo in boards] == kept
    boards[0].close()
    _still_works(boards[1])


def test_unknown_setting_and_values_out_of_range_are_refused(board: Board) -> None:
    with pytest.raises(ValueError, match="device rtl has no setting 'speed'; its settings are waves, access"):
        board("echo", speed=3)
    with pytest.raises(ValueError, match="outstanding must be 1 to 32, not 33"):
        board("echo", outstanding=33)
    with pytest.raises(ValueError, match="decode_errors must be 'raise' or 'answer', not 'hang'"):
        board("echo", decode_errors="hang")
    with pytest.raises(ValueError, match="allocate on device rtl knows no option 'bank'"):
        board("echo").device.allocate(4, bank=1)


def test_start_while_busy_is_refused_and_an_old_done_does_not_end_the_next_wait(board: Board) -> None:
    echo = board("echo")
    dma = echo._overlay.echo_0_dma
    source, target = echo.allocate(10), echo.allocate(10)
    echo.configure(10)
    echo.start()
    with pytest.raises(SpynqError, match=r"echo is still busy with the last run \(CTRL = 0x01\)"):
        echo.start()
    dma.recvchannel.transfer(target)
    dma.sendchannel.transfer(source)
    dma.recvchannel.wait()
    # Nobody asked whether that run was done.
    _still_works(echo)
