"""The golden device: control registers as in the gateware, arena, refusals, errors."""

from __future__ import annotations

import sys
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from spynq.devices import default, names, open_kernel, use
from spynq.echo.params import EchoConfig
from spynq.errors import BusError, KernelMismatch, MissingDependency, SpynqError
from spynq.kernels import get, kernels
from spynq.memory import ALIGNMENT, Arena


@pytest.mark.parametrize("name", sorted(kernels()))
def test_identity_and_capabilities_of_every_kernel(name: str) -> None:
    entry = get(name)
    with open_kernel(name, "golden") as driver:
        assert driver.get("ID") == entry.kernel.ident_word
        assert driver.get("VERSION") == entry.kernel.version_word
        assert driver.capabilities == entry.config_class().capabilities()


def test_copy_adds_modulo_two_to_the_32(seed: int) -> None:
    rng = np.random.default_rng(seed)
    with open_kernel("echo", "golden", strict=True) as echo:
        for _ in range(10):
            words = rng.integers(0, 1 << 32, rng.integers(1, 300), dtype=np.uint32)
            add = int(rng.integers(0, 1 << 32))
            got = echo.copy(words, add)
            assert got.tolist() == [(int(word) + add) % (1 << 32) for word in words]
        assert echo.arena.in_use == 0


def test_done_is_cleared_by_reading_and_interrupt_is_a_level() -> None:
    with open_kernel("echo", "golden") as echo:
        echo.write(0x04, 1)
        echo.write(0x08, 1)
        echo.configure(0x10 // 4, memory=True)
        buffer = echo.allocate(4)
        echo.set_address("SOURCE", buffer.device_address)
        echo.set_address("TARGET", buffer.device_address)
        assert echo.read(0x00) == 0b0100
        echo.start()
        assert echo.interrupt
        assert echo.read(0x00) == 0b1110
        assert echo.read(0x00) == 0b0100
        echo.write(0x0C, 1)
        assert not echo.interrupt


def test_streams_move_words_and_mark_the_last() -> None:
    with open_kernel("echo", "golden") as echo:
        echo.streams["s_axis"].extend((word, False) for word in (1, 2, 3))
        echo.configure(3, 10)
        echo.start_and_wait("three words")
        assert list(echo.streams["m_axis"]) == [(11, False), (12, False), (13, True)]
        assert echo.get("SUM") == 36


def test_too_few_stream_words_are_named() -> None:
    with open_kernel("echo", "golden") as echo:
        echo.configure(3)
        with pytest.raises(SpynqError, match="echo needs 3 words in s_axis, and 0 are there"):
            echo.start()


def test_refused_registers_raise() -> None:
    with open_kernel("echo", "golden") as echo:
        echo.configure(3, memory=True)
        with pytest.raises(SpynqError, match=r"refused a bad run, .*CAP_BUS = 128"):
            echo.start_and_wait("a bad run")


def test_address_outside_the_arena_raises() -> None:
    with open_kernel("echo", "golden") as echo:
        echo.configure(4, memory=True)
        echo.set_address("SOURCE", 0x40)
        with pytest.raises(BusError, match="a read of 16 bytes at 0x40 leaves the memory"):
            echo.start_and_wait("a run")


def test_driver_refuses_another_kernel_and_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    echo = open_kernel("echo", "golden")
    echo._values["ID"] = 0x53544D31
    with pytest.raises(KernelMismatch, match=r"ID is 0x53544d31, not 0x4543484f \(ECHO\)"):
        echo._check()
    echo._values["ID"] = echo.kernel.ident_word
    for word in (0x20000, 0x0FFFF):
        echo._values["VERSION"] = word
        with pytest.raises(KernelMismatch, match=r"the driver needs 1\.0 or a later minor"):
            echo._check()
    echo._values["VERSION"] = 0x10007
    echo._check()


def test_set_refuses_what_does_not_fit() -> None:
    with open_kernel("echo", "golden") as echo:
        with pytest.raises(ValueError, match="MODE takes 0 to 1, not 2"):
            echo.set("MODE", 2)
        with pytest.raises(ValueError, match="SUM of echo can only be read"):
            echo.set("SUM", 1)
        with pytest.raises(ValueError, match="words must be 1 to 16777216, not 0; split the block"):
            echo.copy([])


def test_reset_restores_every_register() -> None:
    with open_kernel("echo", "golden") as echo:
        before = [echo.read(offset) for offset in range(0, 0x100, 4)]
        echo.set("ADD", 5)
        echo.set("SCRATCH", 6)
        echo.reset()
        assert [echo.read(offset) for offset in range(0, 0x100, 4)] == before


def test_unknown_device_and_kernel_are_answered_with_the_known_ones() -> None:
    assert names()[:3] == ("golden", "rtl", "board")
    with pytest.raises(ValueError, match="unknown device 'gold'; known devices are golden, rtl, board"):
        open_kernel("echo", "gold")
    with pytest.raises(ValueError, match="unknown kernel 'ech'; known kernels are"):
        open_kernel("ech", "golden")
    with pytest.raises(TypeError, match="speed"):
        open_kernel("echo", "golden", speed=1)


def test_missing_simulator_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "spynq_sim.open", raising=False)
    monkeypatch.setitem(sys.modules, "spynq_sim.open", None)
    with pytest.raises(MissingDependency, match="pip install spynq-tools"):
        open_kernel("echo", "rtl")


def test_a_tool_that_a_device_misses_later_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def open_without_amaranth(*arguments: object) -> None:
        raise ModuleNotFoundError("No module named 'amaranth'", name="amaranth")

    monkeypatch.setitem(sys.modules, "spynq_sim.open", SimpleNamespace(open_kernel=open_without_amaranth))
    told = r"device rtl needs amaranth, which is not installed: pip install 'spynq\[sim\]'"
    with pytest.raises(MissingDependency, match=told):
        open_kernel("echo", "rtl")


def test_wrong_registers_values_and_lengths_are_told() -> None:
    with open_kernel("echo", "golden") as echo:
        for name, value, told in (
            ("SCRATHC", 1, "echo has no register SCRATHC; there is SCRATCH"),
            ("OXYGEN", 1, "echo has no register OXYGEN; there is a register page: spynq registers echo"),
            ("SCRATCH", 1.5, "SCRATCH takes a whole number, not 1.5"),
            ("SCRATCH", -1, "SCRATCH takes 0 to 4294967295, not -1"),
            ("ID", 1, "ID of echo can only be read"),
        ):
            with pytest.raises(ValueError, match=told):
                echo.set(name, value)
        echo.set("SCRATCH", np.uint64(7))
        assert echo.get("SCRATCH") == 7
        with pytest.raises(ValueError, match="a buffer has lengths of at least 0, not -1"):
            echo.allocate(-1)
    with pytest.raises(ValueError, match="STATUS has no field LATE; its fields are READ_ERROR, "):
        echo.kernel.register("STATUS").field("LATE")


def test_board_is_refused_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    with pytest.raises(
        MissingDependency, match=r"device board needs a PYNQ board \(aarch64\), and this machine is"
    ):
        open_kernel("echo", "board")
    with pytest.raises(SpynqError, match="open echo without a config"):
        open_kernel("echo", "board", EchoConfig())


def test_default_device_comes_from_use_then_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spynq.devices._chosen", None)
    monkeypatch.delenv("SPYNQ_DEVICE", raising=False)
    assert default() == "golden"
    monkeypatch.setenv("SPYNQ_DEVICE", "rtl")
    assert default() == "rtl"
    use("golden")
    assert default() == "golden"
    with pytest.raises(SpynqError, match="device golden has no settings, yet memory came"):
        use("golden", memory=1)


# The arena --------------------------------------------------------------------------------------------


def test_buffers_never_overlap_and_all_room_comes_back(seed: int) -> None:
    rng = np.random.default_rng(seed)
    arena = Arena(64 * ALIGNMENT)
    held: list[np.ndarray] = []  # type: ignore[type-arg]
    for _ in range(300):
        if held and rng.random() < 0.5:
            held.pop(int(rng.integers(len(held)))).freebuffer()
        else:
            try:
                held.append(arena.allocate(int(rng.integers(1, 4 * ALIGNMENT)), "u1"))
            except SpynqError:
                continue
        spans = sorted((b.device_address, b.device_address + b.nbytes) for b in held)
        assert all(first[1] <= second[0] for first, second in pairwise(spans))
    for buffer in held:
        buffer.freebuffer()
    assert arena.in_use == 0
    assert arena.allocate(64 * ALIGNMENT, "u1").nbytes == 64 * ALIGNMENT


def test_slices_know_their_address_and_results_of_arithmetic_do_not() -> None:
    arena = Arena(4 * ALIGNMENT)
    buffer = arena.allocate((8, 4))
    assert buffer[2:].device_address == buffer.device_address + 32
    assert buffer.view("u1").reshape(-1)[5:].device_address == buffer.device_address + 5
    with pytest.raises(ValueError, match="no device address, as it is a copy"):
        _ = (buffer + 1).device_address


def test_strict_memory_moves_bytes_only_when_told() -> None:
    arena = Arena(4 * ALIGNMENT, strict=True)
    buffer = arena.allocate(4)
    buffer[:] = [1, 2, 3, 4]
    assert arena.read(buffer.device_address, 4) == bytes(4)
    buffer[:2].sync_to_device()
    assert arena.read(buffer.device_address, 16) == bytes([1, 0, 0, 0, 2] + 11 * [0])
    arena.write(buffer.device_address, bytes([9]))
    assert buffer[0] == 1
    buffer.sync_from_device()
    assert buffer.tolist() == [9, 2, 0, 0]


def test_arena_refusals() -> None:
    with pytest.raises(ValueError, match="a positive multiple of 4096 bytes, not 5"):
        Arena(5)
    with pytest.raises(ValueError, match="starts at a positive multiple of 4096, not 0x0"):
        Arena(4096, base=0)
    arena = Arena(4096)
    with pytest.raises(SpynqError, match="no room for a buffer of 8192 bytes: the largest hole"):
        arena.allocate(8192, "u1")
    with pytest.raises(ValueError, match="it was freed before or never allocated"):
        arena.release(arena.base)
    with pytest.raises(BusError, match="a flush of 8192 bytes"):
        arena.flush(arena.base, 8192)


def test_freed_memory_is_handed_out_zeroed() -> None:
    arena = Arena(4096)
    buffer = arena.allocate(4)
    buffer[:] = 7
    buffer.freebuffer()
    assert arena.allocate(4).tolist() == [0, 0, 0, 0]
