"""Checks of one kernel: handshake, registers, memory, golden vectors, bandwidth, interrupt.

Each is ``check(driver, seed) -> (detail, figures)``; it raises what it finds wrong.
"""

from __future__ import annotations

import asyncio
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from spynq.contract import Register
from spynq.devices import open_kernel
from spynq.errors import SpynqError
from spynq.kernels import get

__all__ = ["KERNEL_CHECKS", "Skipped", "event_loop"]

_PATTERNS = (0x0000_0000, 0xFFFF_FFFF, 0xAAAA_AAAA, 0x5555_5555)
_MEMORY_WORDS = 1 << 18
_INTERRUPT_SECONDS = 10.0
_loops: set[asyncio.AbstractEventLoop] = set()

Outcome = tuple[str, dict[str, float]]


class Skipped(Exception):
    """The check says nothing here; the message says why."""


def event_loop() -> asyncio.AbstractEventLoop:
    """The loop that pynq ties its file of interrupts to when an overlay is first loaded.

    A wait in any other, such as that of ``asyncio.run``, never hears of an interrupt on a board.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that pynq has to ask otherwise some day
        try:
            loop = asyncio.get_event_loop()
        except RuntimeError:
            loop = asyncio.new_event_loop()
            asyncio.set_event_loop(loop)
    # It has to live as long as that file, which is never closed.
    _loops.add(loop)
    return loop


def _expect(found: int, wanted: int, what: str) -> None:
    if found != wanted:
        raise SpynqError(f"{what} is {found:#010x}, not {wanted:#010x}")


def handshake(driver: Any, seed: int) -> Outcome:
    """ID, version and capabilities."""
    driver._check()
    major, minor = driver.kernel.version
    config = get(driver.kernel.name).config_from(driver.capabilities)
    return f"{driver.kernel.ident} version {major}.{minor}, {config}", {}


def registers(driver: Any, seed: int) -> Outcome:
    """Every writable register holds its own value, bit by bit; the others ignore writes."""
    rng = np.random.default_rng(seed)
    plain = [register for register in driver.kernel.all_registers() if register.access == "rw"]
    before = {register.name: driver.read(register.offset) for register in plain}
    try:
        for pattern in (*_PATTERNS, None):
            _hold(driver, plain, pattern, rng)
        _walk_bits(driver, plain)
        for register in driver.kernel.all_registers():
            if register.access == "ro":
                value = driver.read(register.offset)
                driver.write(register.offset, value ^ 0xFFFF_FFFF)
                _expect(driver.read(register.offset), value, f"{register.name}, which can only be read,")
    finally:
        for register in plain:
            driver.write(register.offset, before[register.name])
    return f"{len(plain)} registers hold every bit, {len(driver.kernel.all_registers())} in all", {}


def _hold(driver: Any, plain: list[Register], pattern: int | None, rng: np.random.Generator) -> None:
    values = {r.name: int(rng.integers(1 << 32)) if pattern is None else pattern for r in plain}
    for register in plain:
        driver.write(register.offset, values[register.name])
    # Read when all are written: two registers at one address would show.
    for register in plain:
        wanted = values[register.name] & (1 << register.width) - 1
        _expect(driver.read(register.offset), wanted, f"{register.name} after {values[register.name]:#010x}")


def _walk_bits(driver: Any, plain: list[Register]) -> None:
    for register in plain:
        for bit in range(register.width):
            driver.write(register.offset, 1 << bit)
            _expect(driver.read(register.offset), 1 << bit, f"{register.name} with bit {bit} alone")


def memory(driver: Any, seed: int) -> Outcome:
    """A buffer keeps what is written over a flush and an invalidate."""
    words = np.random.default_rng(seed).integers(0, 1 << 32, _MEMORY_WORDS, dtype=np.uint32)
    buffer = driver.allocate((_MEMORY_WORDS,), "u4")
    try:
        begin = time.perf_counter()
        buffer[:] = words
        buffer.sync_to_device()
        buffer.sync_from_device()
        seconds = time.perf_counter() - begin
        wrong = np.flatnonzero(np.asarray(buffer) != words)
        if wrong.size:
            raise SpynqError(f"{wrong.size} of {words.size} words changed, the first at {4 * wrong[0]:#x}")
        return f"{words.nbytes} bytes at {buffer.device_address:#x}", {
            "host_bytes_per_second": words.nbytes / seconds
        }
    finally:
        buffer.freebuffer()


def _declared(driver: Any, name: str) -> Callable[..., Any]:
    found: Callable[..., Any] | None = get(driver.kernel.name).selftest(name)
    if found is None:
        raise Skipped(f"the kernel declares no {name} in its self-test")
    return found


def bandwidth(driver: Any, seed: int) -> Outcome:
    """Bytes between memory and kernel in a run made for it."""
    begin = time.perf_counter()
    moved = _declared(driver, "moved")(driver)
    seconds = time.perf_counter() - begin
    figures = {"bytes_per_second": moved / seconds}
    if cycles := driver.cycles():
        figures["bytes_per_cycle"] = moved / cycles
    return f"{moved} bytes", figures


def golden_vectors(driver: Any, seed: int) -> Outcome:
    """The kernel's runs give, bit for bit, what its integer model gives."""
    entry, vectors, count, cycles = get(driver.kernel.name), _declared(driver, "runs"), 0, 0
    with open_kernel(entry.name, "golden", entry.config_from(driver.capabilities)) as golden:
        runs = zip(vectors(driver, seed), vectors(golden, seed), strict=True)
        for (name, found), (_, wanted) in runs:
            for key, value in wanted.items():
                if not np.array_equal(np.asarray(found[key]), np.asarray(value)):
                    raise SpynqError(f"run {name!r}: {key} differs from the integer model")
            count, cycles = count + 1, cycles + driver.cycles()
    return f"{count} runs equal the integer model", {"cycles": cycles}


def interrupt(driver: Any, seed: int) -> Outcome:
    """A run that is awaited by its interrupt instead of by polling."""
    pin: Any = getattr(driver, "irq", None)
    if not hasattr(pin, "wait"):
        raise Skipped("this device brings no interrupt to Python")
    seconds: list[float] = []
    offset = driver.kernel.offset

    def wait(what: str, timeout: float = _INTERRUPT_SECONDS) -> None:
        begin = time.perf_counter()
        try:
            event_loop().run_until_complete(asyncio.wait_for(pin.wait(), _INTERRUPT_SECONDS))
        except asyncio.TimeoutError:
            raise SpynqError(f"no interrupt within {_INTERRUPT_SECONDS:g} s of a start") from None
        seconds.append(time.perf_counter() - begin)
        _expect(driver.read(offset("IP_ISR")) & 1, 1, "IP_ISR, bit 0,")
        driver.write(offset("IP_ISR"), 1)

    vectors = _declared(driver, "runs")
    driver.write(offset("GIER"), 1)
    driver.write(offset("IP_IER"), 1)
    # In place of the driver's own, so that the run is an ordinary one in everything else.
    driver.wait = wait
    try:
        next(iter(vectors(driver, seed)))
    finally:
        del driver.wait
        driver.write(offset("IP_IER"), 0)
        driver.write(offset("GIER"), 0)
    return "done raised the interrupt", {"start_to_interrupt_seconds": min(seconds)}


KERNEL_CHECKS = {
    "handshake": handshake,
    "registers": registers,
    "memory": memory,
    "golden vectors": golden_vectors,
    "bandwidth": bandwidth,
    "interrupt": interrupt,
}
"""Checks in the order they run; a failed handshake ends the kernel's."""
