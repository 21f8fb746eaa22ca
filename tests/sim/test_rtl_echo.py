"""The echo kernel's RTL behind the real pynq gives what its golden model gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from spynq.devices import open_kernel
from spynq.echo.params import EchoConfig

Board = Callable[..., Any]


def _settings(rng: np.random.Generator) -> dict[str, int]:
    return {
        "pauses": int(rng.choice([0, 30, 128, 230])),
        "latency": int(rng.integers(0, 60)),
        "outstanding": int(rng.integers(1, 17)),
        "seed": int(rng.integers(1 << 30)),
        "access_cycles": int(rng.integers(1, 60)),
    }


@pytest.mark.parametrize("bus", [32, 64, 128])
def test_memory_to_memory_equals_golden(board: Board, bus: int, seed: int) -> None:
    rng = np.random.default_rng([seed, bus])
    config = EchoConfig(bus)
    for _ in range(4):
        rtl = board("echo", config, strict=True, **_settings(rng))
        golden = open_kernel("echo", "golden", config, strict=True)
        for _ in range(4):
            words = rng.integers(0, 1 << 32, int(rng.integers(1, 3000)), dtype=np.uint32)
            add = int(rng.integers(0, 1 << 32))
            assert rtl.copy(words, add).tolist() == golden.copy(words, add).tolist()
            assert rtl.get("SUM") == golden.get("SUM")
            assert rtl.status() == golden.status()


def test_streams_through_pynq_dma_equal_golden(board: Board, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(4):
        rtl = board("echo", strict=True, **_settings(rng))
        golden = open_kernel("echo", "golden")
        dma = rtl._overlay.echo_0_dma
        for _ in range(4):
            count, add = int(rng.integers(1, 2000)), int(rng.integers(0, 1 << 32))
            source, target = rtl.allocate(count), rtl.allocate(count)
            source[:] = rng.integers(0, 1 << 32, count, dtype=np.uint32)
            for driver in (rtl, golden):
                driver.configure(count, add)
            golden.streams["s_axis"].extend((int(word), False) for word in source)
            golden.start_and_wait("a stream")
            rtl.start()
            dma.recvchannel.transfer(target)
            dma.sendchannel.transfer(source)
            dma.sendchannel.wait()
            dma.recvchannel.wait()
            rtl.wait("a stream")
            beats = [golden.streams["m_axis"].popleft() for _ in range(count)]
            assert np.asarray(target).tolist() == [word for word, _ in beats]
            assert dma.recvchannel.transferred == 4 * count
            assert rtl.get("SUM") == golden.get("SUM")
            source.freebuffer()
            target.freebuffer()


def test_both_ways_to_clock_the_model_agree_to_the_cycle(
    board: Board, seed: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    from spynq_sim import build

    rng = np.random.default_rng(seed)
    settings = _settings(rng)
    words = rng.integers(0, 1 << 32, 1000, dtype=np.uint32)
    results = []
    for split in (True, False):
        if not split:
            # The portable evaluation, which is the fallback, in a cache of its own.
            monkeypatch.setattr(build, "_splits", lambda place: False)
            monkeypatch.setenv("SPYNQ_CACHE", str(tmp_path))
        echo = board("echo", EchoConfig(64), **settings)
        echo.copy(words, 3)
        kernel = echo.device.loaded.kernels["echo_0"]
        results.append((echo.cycles(), echo.get("STALL_READ"), echo.get("STALL_WRITE"), kernel.now))
    assert results[0] == results[1]


def test_kernel_cycles_do_not_depend_on_how_the_host_polls(board: Board) -> None:
    found = set()
    for access, step in ((1, 1), (30, 8192), (1000, 1000)):
        echo = board("echo", access_cycles=access, longest_step=step)
        echo.copy(np.arange(1000, dtype=np.uint32))
        found.add(echo.cycles())
        spent = echo.device.cycles("echo_0")
        assert spent["interrupt"] == 0 and spent["access"] > 0
    assert len(found) == 1


def test_latency_and_pauses_cost_cycles(board: Board) -> None:
    cycles = []
    slow = {"latency": 200, "outstanding": 1}
    for settings in ({}, slow, {**slow, "pauses": 128}):
        echo = board("echo", **settings)
        echo.copy(np.arange(4000, dtype=np.uint32))
        cycles.append(echo.cycles())
    assert cycles[0] < cycles[1] < cycles[2]


def test_same_seed_same_cycles(board: Board, seed: int) -> None:
    found = []
    for _ in range(2):
        echo = board("echo", pauses=100, seed=seed)
        echo.copy(np.arange(999, dtype=np.uint32))
        found.append(echo.cycles())
    assert found[0] == found[1]
