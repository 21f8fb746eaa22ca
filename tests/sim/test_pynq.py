"""What a notebook does with pynq on a board works on the simulated one, with nothing changed."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spynq.devices import open_kernel
from spynq.errors import BusError, SpynqError
from spynq_overlays.description import describe, manifest_of
from spynq_sim.device import SimDevice


@pytest.fixture
def device() -> Iterator[SimDevice]:
    """A simulated board that is pynq's active device, as after ``use("rtl")``."""
    from pynq.pl_server.device import Device

    before = getattr(Device, "_active_device", None)
    made = SimDevice()
    Device.active_device = made
    yield made
    made.close()
    if before is not None:
        Device.active_device = before


def _overlay(place: Path, *cells: tuple[str, str, Any]) -> str:
    described = describe("mine", cells)
    (place / "manifest.json").write_text(manifest_of(described), encoding="utf-8")
    (place / "mine.bit").touch()
    return str(place / "mine.bit")


def test_overlay_by_name_binds_the_driver_and_its_register_map(device: SimDevice) -> None:
    from pynq import PL, Clocks, Overlay

    overlay = Overlay("echo.bit")
    assert overlay.is_loaded()
    assert PL.bitfile_name.endswith("echo.rtl.bit")
    assert type(overlay.echo_0).__name__ == "PynqEchoDriver"
    echo = overlay.echo_0
    echo.register_map.ADD = 5
    assert int(echo.register_map.ADD) == echo.get("ADD") == 5
    assert echo.register_map.CTRL.AP_IDLE == 1
    echo.register_map.MODE.MEMORY = 1
    assert echo.get("MODE") == 1
    assert Clocks.fclk0_mhz == pytest.approx(187.5, abs=0.01)
    assert Clocks.cpu_mhz > 0


def test_mmio_array_behaves_like_the_board(device: SimDevice) -> None:
    from pynq import Overlay

    echo = Overlay("echo.bit").echo_0
    array = echo.mmio.array
    assert np.array(array[4:6]).tolist() == [echo.get("ID"), echo.get("VERSION")]
    assert array[4:6].tolist() == [echo.get("ID"), echo.get("VERSION")]
    array[0x84 // 4] = -1
    assert echo.get("ADD") == 0xFFFF_FFFF
    array[0x8C // 4 : 0x94 // 4] = [1, 2]
    assert (echo.get("SOURCE_LO"), echo.get("SOURCE_HI")) == (1, 2)
    assert array.view("u8")[0x90 // 8] == 2
    assert len(array) == 0x4000 and array.dtype == np.uint32 and array.shape == (0x4000,)
    with pytest.raises(IndexError, match="word 16384 is out of a window of 16384 words"):
        _ = array[0x4000]
    with pytest.raises(ValueError, match="Data type must be int or bytes"):
        echo.mmio.write(0x84, np.uint32(1))
    assert [echo.read(offset) for offset in (0x44, 0x7C, 0xA0, 0xFFC)] == [0, 0, 0, 0]


def test_awaited_dma_and_kernel_interrupt(device: SimDevice) -> None:
    from pynq import Overlay, allocate

    overlay = Overlay("echo.bit")
    echo, dma = overlay.echo_0, overlay.echo_0_dma
    source, target = allocate(500), allocate(500)
    source[:] = np.arange(500)
    echo.configure(500, 3)

    async def through_dma() -> list[int]:
        echo.start()
        dma.recvchannel.transfer(target)
        dma.sendchannel.transfer(source)
        await dma.sendchannel.wait_async()
        await dma.recvchannel.wait_async()
        return np.asarray(target).tolist()

    async def through_kernel() -> list[int]:
        echo.write(0x04, 1)
        echo.write(0x08, 1)
        target[:] = 0
        dma.recvchannel.transfer(target)
        dma.sendchannel.transfer(source)
        echo.start()
        await echo.irq.wait()
        echo.write(0x0C, 1)
        dma.recvchannel.wait()
        return np.asarray(target).tolist()

    async def all_ways() -> list[list[int]]:
        # One loop: pynq binds the events of an overlay to the first loop that awaits them.
        return [await way() for way in (through_dma, through_dma, through_kernel, through_dma)]

    assert asyncio.run(all_ways()) == 4 * [list(range(3, 503))]
    assert device.cycles("echo_0")["interrupt"] > 0


def test_awaited_interrupt_that_never_comes_ends(device: SimDevice, monkeypatch: pytest.MonkeyPatch) -> None:
    from pynq import Overlay, allocate

    from spynq.errors import DeviceTimeout
    from spynq_sim import fabric

    monkeypatch.setattr(fabric, "QUIET_SECONDS", 0.2)
    overlay = Overlay("echo.bit")
    dma = overlay.echo_0_dma

    async def wait() -> None:
        dma.recvchannel.transfer(allocate(16))
        await dma.recvchannel.wait_async()

    device.loaded.settings = type(device.settings)(patience=50_000)
    with pytest.raises(
        DeviceTimeout, match=r"echo_0: no interrupt and no beat for \d+ cycles .*moved 0 of 64 bytes"
    ):
        asyncio.run(wait())
    overlay.echo_0.reset()

    async def wait_for_nothing() -> None:
        await overlay.echo_0.irq.wait()
        overlay.echo_0.get("ID")

    with pytest.raises(DeviceTimeout, match=r"awaited for 0\.2 s while nothing ran"):
        asyncio.run(wait_for_nothing())


def test_second_overlay_replaces_the_first_and_reloading_resets(device: SimDevice, tmp_path: Path) -> None:
    from pynq import Overlay

    first = Overlay("echo.bit")
    old = first.echo_0
    old.set("SCRATCH", 7)
    second = Overlay(_overlay(tmp_path, ("a", "echo", {"bus": 32}), ("b", "echo", {"bus": 64})))
    assert not first.is_loaded() and second.is_loaded()
    with pytest.raises(RuntimeError, match="Overlay not currently loaded"):
        _ = first.echo_0
    with pytest.raises(SpynqError, match="echo_0 belongs to an overlay that is no longer loaded"):
        old.get("ID")
    assert (second.a.capabilities["CAP_BUS"], second.b.capabilities["CAP_BUS"]) == (32, 64)
    words = np.arange(77, dtype=np.uint32)
    for cell in (second.a, second.b, second.a):
        assert cell.copy(words, 1).tolist() == (words + 1).tolist()
    first.download()
    assert first.echo_0.get("SCRATCH") == 0


def test_kernels_of_one_overlay_share_time_and_interrupt_lines(device: SimDevice, tmp_path: Path) -> None:
    from pynq import Overlay

    overlay = Overlay(_overlay(tmp_path, ("a", "echo", {"bus": 32}), ("b", "echo", {"bus": 64})))
    kernels = device.loaded.kernels
    overlay.a.copy(np.arange(5000, dtype=np.uint32))
    overlay.b.get("ID")
    assert kernels["b"].now >= kernels["a"].now > 1000
    overlay.a.get("ID")
    assert kernels["a"].now >= kernels["b"].now

    async def both() -> None:
        for cell in (overlay.a, overlay.b):
            cell.write(0x04, 1)
            cell.write(0x08, 1)
            buffer = cell.allocate(64)
            cell.configure(64, memory=True)
            cell.set_address("SOURCE", buffer.device_address)
            cell.set_address("TARGET", buffer.device_address)
            cell.start()
        await asyncio.gather(overlay.a.irq.wait(), overlay.b.irq.wait())

    asyncio.run(both())
    assert overlay.a.read(0x00) & 2 and overlay.b.read(0x00) & 2


def test_addresses_nobody_answers_are_refused(device: SimDevice) -> None:
    from pynq import MMIO, Overlay

    Overlay("echo.bit")
    with pytest.raises(BusError, match="no IP answers at 0xb0000000 to 0xb000000f"):
        MMIO(0xB000_0000, 16)


def test_freed_buffers_come_back(device: SimDevice) -> None:
    from pynq import allocate

    for _ in range(3):
        with allocate((1000, 10), "f8") as buffer:
            assert buffer.device_address % 4096 == 0 and not buffer.any()
        kept = allocate(10)[3:5]
        assert kept.device_address == device.arena.base + 12 or device.arena.in_use
        del kept, buffer
        gc.collect()
        assert device.arena.in_use == 0


def test_waveforms_on_request(tmp_path: Path) -> None:
    waves = tmp_path / "echo.fst"
    with open_kernel("echo", "rtl", waves=waves) as echo:
        words = np.arange(100, dtype=np.uint32)
        assert echo.copy(words).tolist() == words.tolist()
        cycles = echo.cycles()
    assert waves.stat().st_size > 1000
    with open_kernel("echo", "rtl") as echo:
        echo.copy(words)
        assert echo.cycles() == cycles


def _run(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_environment_variable_reaches_plain_pynq() -> None:
    code = "from pynq import Overlay; o = Overlay('echo.bit'); print(o.echo_0.capabilities['CAP_BUS'])"
    assert _run(code, SPYNQ_DEVICE="rtl") == "128"


def test_use_reaches_plain_pynq_and_memory_is_a_setting() -> None:
    code = (
        "import spynq.devices; spynq.devices.use('rtl', memory=1 << 20)\n"
        "from pynq import Overlay, allocate\n"
        "o = Overlay('echo.bit')\n"
        "print(o.echo_0.copy([1, 2, 3, 4], 1).tolist(), o.device.arena.size)"
    )
    assert _run(code) == "[2, 3, 4, 5] 1048576"


def test_two_processes_may_build_at_once(tmp_path: Path) -> None:
    code = "from spynq.devices import open_kernel; print(open_kernel('echo', 'rtl').copy([1], 1).tolist())"
    environment = {**os.environ, "SPYNQ_CACHE": str(tmp_path)}
    running = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert [process.communicate(timeout=240)[0].strip() for process in running] == ["[2]", "[2]"]
    assert len(list((tmp_path / "models").iterdir())) == 1
    assert not list((tmp_path / "build").iterdir())
