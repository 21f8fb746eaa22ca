"""Reset values, read-back, read-only, aliasing: every kernel of the registry, on golden and rtl."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from spynq.contract import Register
from spynq.devices import open_kernel
from spynq.kernels import get, kernels
from spynq.lif.params import LifConfig
from spynq.stm.params import StmConfig

# Small builds: the suite is about registers, and a model of the default build takes minutes to compile.
SMALL: dict[str, Any] = {
    "stm": StmConfig(
        lanes=1, terms=1, population=2, columns=1, bins=4, states=4, state_bits=2, parents=1, program=8,
        table=16, targets=2,
    ),
    "lif": LifConfig(columns=1, weights=64, banks=2, maps=16, units=8, rounds=2, dsp=False),
}  # fmt: skip


@pytest.fixture(
    params=[(name, device) for name in sorted(kernels()) for device in ("golden", "rtl")], ids="-".join
)
def driver(request: pytest.FixtureRequest) -> Iterator[Any]:
    name, device = request.param
    with open_kernel(name, device, SMALL.get(name)) as opened:
        yield opened


def _plain(driver: Any) -> list[Register]:
    """Registers without side effects."""
    return [r for r in driver.kernel.all_registers() if r.access == "rw"]


def test_reset_values(driver: Any) -> None:
    kernel = driver.kernel
    config = SMALL.get(kernel.name) or get(kernel.name).config_class()
    expected = {r.name: r.reset for r in kernel.all_registers()}
    expected |= config.capabilities() | {
        "ID": kernel.ident_word,
        "VERSION": kernel.version_word,
        "CTRL": 0b100,
    }
    assert {r.name: driver.read(r.offset) for r in kernel.all_registers()} == expected


def test_every_register_holds_its_own_value(driver: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    registers = _plain(driver)
    for _ in range(3):
        written = {r.name: int(rng.integers(0, 1 << 32)) for r in registers}
        for index in rng.permutation(len(registers)):
            driver.write(registers[index].offset, written[registers[index].name])
        for index in rng.permutation(len(registers)):
            register = registers[index]
            assert driver.read(register.offset) == written[register.name] & (1 << register.width) - 1, (
                register.name
            )


def test_every_bit_alone(driver: Any) -> None:
    for register in _plain(driver):
        for bit in range(32):
            driver.write(register.offset, 1 << bit)
            assert driver.read(register.offset) == (1 << bit if bit < register.width else 0), (
                register.name,
                bit,
            )
        driver.write(register.offset, 0)


def test_read_only_and_absent_registers_ignore_writes(driver: Any) -> None:
    present = {r.offset: r for r in driver.kernel.all_registers()}
    for offset in range(0, 1 << driver.kernel.address_width, 4):
        register = present.get(offset)
        if register is None or register.access == "ro":
            before = driver.read(offset)
            driver.write(offset, 0xFFFF_FFFF)
            assert driver.read(offset) == before, hex(offset)
            assert register is not None or before == 0, hex(offset)
    assert driver.read(0x00) == 0b100


def test_interrupt_registers(driver: Any) -> None:
    driver.write(0x08, 0b11)
    assert driver.read(0x08) == 0b11
    assert driver.read(0x0C) == 0
    driver.write(0x0C, 0b01)
    assert driver.read(0x0C) == 0b01
    driver.write(0x0C, 0b11)
    assert driver.read(0x0C) == 0b10
    driver.write(0x04, 0xFFFF_FFFF)
    assert driver.read(0x04) == 1


def test_refused_run_ends_at_once_and_says_so(driver: Any) -> None:
    # All registers at zero fit no kernel.
    driver.start()
    driver.wait("a refused run", timeout=10)
    assert driver.status()["REFUSED"]
    assert driver.read(0x00) == 0b100


def test_reset_after_random_writes(driver: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    before = {r.name: driver.read(r.offset) for r in driver.kernel.all_registers()}
    for register in driver.kernel.all_registers():
        if register.name != "CTRL":
            driver.write(register.offset, int(rng.integers(0, 1 << 32)))
    driver.reset()
    assert {r.name: driver.read(r.offset) for r in driver.kernel.all_registers()} == before
