"""How fast the simulated board is, beside cocotbpynq and plain cocotb on the same echo kernel.

Ours and the peers take turns in one run, and every ratio is the median of the ratios of the turns,
so that other work on the machine falls on both sides.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from statistics import median
from typing import Any

import numpy as np

from spynq.bench.registry import NotMeasured
from spynq.errors import SpynqError
from spynq_sim.peers.measure import WORDS, cocotbpynq, plain_cocotb

__all__ = ["Comparison", "comparison", "ours", "second_start"]

Figures = Mapping[str, float]

TURNS = 3
_ACCESSES = 5_000
_TRANSFERS = 20
_COPY_WORDS = 1 << 18
_FREE_CYCLES = 1_000_000

_FIRST_ACCESS = """
import sys
from spynq.devices import open_kernel
driver = open_kernel("echo", "rtl")
assert driver.get("ID")
sys.stdout.write("done")
driver.close()
"""


@dataclass
class Comparison:
    """Figures of each turn, and why a peer could not be measured."""

    ours: list[Figures] = field(default_factory=list)
    peers: dict[str, list[Figures]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def rate(self, who: str, name: str) -> float:
        """Median figure of ``"ours"`` or a peer."""
        return median(self.figure(turn, name) for turn in self._of(who))

    def ratio(self, peer: str, name: str) -> float:
        """Median over the turns of our figure divided by the peer's."""
        pairs = zip(self.ours, self._of(peer), strict=True)
        return median(self.figure(a, name) / self.figure(b, name) for a, b in pairs)

    def _of(self, who: str) -> list[Figures]:
        if who in self.reasons:
            raise NotMeasured(self.reasons[who])
        return self.ours if who == "ours" else self.peers[who]

    @staticmethod
    def figure(turn: Figures, name: str) -> float:
        """One figure; ``accesses_per_second`` is as many reads as writes."""
        if name == "accesses_per_second":
            return 2 / (1 / turn["writes_per_second"] + 1 / turn["reads_per_second"])
        return turn[name]


def ours(words: int = WORDS) -> Figures:
    """The figures of the simulated board, through pynq: MMIO, DMA, buffers.

    Parameters
    ----------
    words : int
        32-bit words of one stream transfer, as the peers move them.
    """
    from pynq import Overlay

    from spynq_sim.open import activate, overlay_file

    device = activate(tag="bench")
    try:
        overlay = Overlay(str(overlay_file("echo")), device=device)
        return {
            **_registers(overlay.echo_0),
            "stream_bytes_per_second": _stream(device, overlay.echo_0, overlay.echo_0_dma, words),
            **_memory(device, overlay.echo_0),
            "free_cycles_per_second": _free(device),
        }
    finally:
        device.close()


def _registers(echo: Any) -> Figures:
    scratch = echo.kernel.offset("SCRATCH")
    writes, reads = [], []
    # Five rounds and their median, as the peers do: one alone is at the mercy of the scheduler.
    for _ in range(5):
        begin = time.perf_counter()
        for value in range(_ACCESSES):
            echo.write(scratch, value)
        middle = time.perf_counter()
        for _ in range(_ACCESSES):
            got = echo.read(scratch)
        writes.append(_ACCESSES / (middle - begin))
        reads.append(_ACCESSES / (time.perf_counter() - middle))
        assert got == _ACCESSES - 1
    return {"writes_per_second": median(writes), "reads_per_second": median(reads)}


def _stream(device: Any, echo: Any, dma: Any, words: int) -> float:
    source, target = device.allocate((words,), "u4"), device.allocate((words,), "u4")
    source[:] = np.arange(words)
    rates = []
    for _ in range(_TRANSFERS):
        target[:] = 0
        echo.configure(words, 7)
        begin = time.perf_counter()
        echo.start()
        dma.recvchannel.transfer(target)
        dma.sendchannel.transfer(source)
        dma.sendchannel.wait()
        dma.recvchannel.wait()
        rates.append(4 * words / (time.perf_counter() - begin))
        assert (np.asarray(target) == np.asarray(source) + 7).all()
        echo.wait("the stream")
    source.freebuffer()
    target.freebuffer()
    return float(median(rates))


def _memory(device: Any, echo: Any) -> Figures:
    """A large copy: every cycle of it has beats on the memory port in both directions."""
    model = device.loaded.kernels["echo_0"]
    words = np.arange(_COPY_WORDS, dtype=np.uint32)
    bytes_rates, cycle_rates = [], []
    source, target = device.allocate(words.shape, "u4"), device.allocate(words.shape, "u4")
    source[:] = words
    source.sync_to_device()
    for _ in range(3):
        echo.configure(_COPY_WORDS, 3, memory=True)
        echo.set_address("SOURCE", source.device_address)
        echo.set_address("TARGET", target.device_address)
        before, begin = model.evaluated, time.perf_counter()
        echo.start_and_wait("a copy")
        seconds = time.perf_counter() - begin
        cycle_rates.append((model.evaluated - before) / seconds)
        bytes_rates.append(4 * _COPY_WORDS / seconds)
    target.sync_from_device()
    assert (np.asarray(target) == words + 3).all()
    source.freebuffer()
    target.freebuffer()
    return {
        "master_bytes_per_second": median(bytes_rates),
        "busy_cycles_per_second": median(cycle_rates),
    }


def _free(device: Any) -> float:
    """Cycles per second of the clock alone: kernel and bus models idle, every cycle evaluated."""
    model = device.loaded.kernels["echo_0"]
    rates = []
    for _ in range(3):
        begin = time.perf_counter()
        ran = int(model.run(_FREE_CYCLES))
        rates.append(ran / (time.perf_counter() - begin))
    return float(median(rates))


def second_start() -> float:
    """Seconds from the start of a new interpreter to the first register read of a built model."""
    begin = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", _FIRST_ACCESS], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        answer = process.stdout.read(4)
        seconds = time.perf_counter() - begin
    if answer != "done":
        raise NotMeasured("the interpreter that opens device rtl failed; run spynq doctor")
    return seconds


@cache
def comparison() -> Comparison:
    """All turns, measured once per process."""
    found = Comparison()
    ours()
    runs: dict[str, Callable[[], Figures]] = {"cocotbpynq": cocotbpynq, "cocotb": plain_cocotb}
    for turn in range(TURNS + 1):
        for peer, run in runs.items():
            if peer in found.reasons:
                continue
            try:
                figures = run()
            except (SpynqError, OSError, RuntimeError) as error:
                found.reasons[peer] = str(error)
                continue
            # The first turn compiles.
            if turn:
                found.peers.setdefault(peer, []).append(figures)
        if turn:
            found.ours.append({**ours(), "first_access_seconds": second_start()})
    return found
