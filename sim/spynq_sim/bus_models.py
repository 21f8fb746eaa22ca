"""Bus models of the benches, with random pauses and the rules of the bus built in.

One :class:`Bench` owns time: it lets clock cycles pass, and in each of them every model looks at
the values before the edge and sets those after it. A model raises :class:`ProtocolError` as soon
as the device breaks a rule of AXI4.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from cocotb.clock import Clock
from cocotb.triggers import RisingEdge, Timer

from spynq_sim.pauses import pauses

__all__ = ["Bench", "LiteMaster", "Ports", "ProtocolError", "Stepped", "StreamSink", "StreamSource"]

PERIOD_NS = 10
"""Clock period of every bench."""
PATIENCE = 1_000
"""Cycles a channel of the control port may take."""


class ProtocolError(AssertionError):
    """A rule of the bus was broken."""


class Stepped(Protocol):
    """A model that acts once per clock cycle."""

    def step(self) -> None:
        """Look at the values before the clock edge, then set those after it."""


class Ports:
    """Handles of a bus by signal name: ``Ports(dut, "s_axi_control").awvalid``."""

    def __init__(self, dut: Any, prefix: str) -> None:
        self._dut, self.prefix = dut, prefix

    def __getattr__(self, name: str) -> Any:
        handle = getattr(self._dut, f"{self.prefix}_{name}")
        self.__dict__[name] = handle
        return handle


class Bench:
    """Clock, reset and models of one device under test.

    Parameters
    ----------
    dut : Any
        Top-level handle.
    clock, reset : str
        Port names; a reset that ends in ``n`` is active low.
    """

    def __init__(self, dut: Any, clock: str = "aclk", reset: str = "aresetn") -> None:
        self.dut = dut
        self.clock, self.reset_port = getattr(dut, clock), getattr(dut, reset)
        self._active = 0 if reset.endswith("n") else 1
        self.models: list[Stepped] = []
        self.cycle = 0

    async def begin(self) -> None:
        """Assert reset, then start the clock, so that no edge meets an unknown reset."""
        self.clock.value = 0
        self.reset_port.value = self._active
        await Timer(PERIOD_NS, unit="ns")
        Clock(self.clock, PERIOD_NS, unit="ns").start(start_high=False)
        await self.cycles(4, stepping=False)
        self.reset_port.value = 1 - self._active

    async def reset(self, cycles: int = 2) -> None:
        """Reset the device in the middle of whatever it does."""
        self.reset_port.value = self._active
        await self.cycles(cycles, stepping=False)
        self.reset_port.value = 1 - self._active
        await self.cycles(1, stepping=False)

    async def cycles(self, count: int, *, stepping: bool = True) -> None:
        """Let ``count`` clock cycles pass."""
        edge = RisingEdge(self.clock)
        for _ in range(count):
            await edge
            self.cycle += 1
            if stepping:
                for model in self.models:
                    model.step()

    async def until(self, condition: Callable[[], bool], what: str, patience: int = 20_000) -> int:
        """Let cycles pass until a condition holds; returns how many. Raises after ``patience``."""
        begun = self.cycle
        while not condition():
            if self.cycle - begun >= patience:
                raise TimeoutError(f"{what}: not after {patience} cycles")
            await self.cycles(1)
        return self.cycle - begun


class LiteMaster:
    """AXI4-Lite master; one access at a time, channels paused on their own.

    Parameters
    ----------
    bench : Bench
        Where time comes from.
    prefix : str
        Bus name.
    style : str
        Pauses (:mod:`spynq_sim.pauses`) of each of the five channels.
    seed : int
        Of the pauses.
    """

    def __init__(
        self, bench: Bench, prefix: str = "s_axi_control", style: str = "none", seed: int = 0
    ) -> None:
        self.bench, self.bus = bench, Ports(bench.dut, prefix)
        self._pause = [pauses(style, seed + i) for i in range(5)]
        self.quiet()

    def quiet(self) -> None:
        """Drive all outputs low."""
        bus = self.bus
        for signal in (bus.awvalid, bus.wvalid, bus.bready, bus.arvalid, bus.rready):
            signal.value = 0
        for signal in (bus.awaddr, bus.wdata, bus.wstrb, bus.araddr):
            signal.value = 0

    async def _send(self, valid: Any, ready: Any, pause: Iterator[bool]) -> None:
        while next(pause):
            await self.bench.cycles(1)
        valid.value = 1
        for _ in range(PATIENCE):
            await self.bench.cycles(1)
            if ready.value:
                valid.value = 0
                return
        raise TimeoutError(f"a channel of the control port was not taken for {PATIENCE} cycles")

    async def _receive(self, valid: Any, ready: Any, pause: Iterator[bool], value: Any) -> int:
        before: int | None = None
        for _ in range(PATIENCE):
            holding = next(pause)
            ready.value = not holding
            await self.bench.cycles(1)
            now = int(value.value) if valid.value else None
            if before is not None and now != before:
                raise ProtocolError(f"{self.bus.prefix}: answer {before:#x} became {now} before it was taken")
            before = now
            if now is not None and not holding:
                ready.value = 0
                return now
        raise TimeoutError(f"the control port did not answer for {PATIENCE} cycles")

    async def write(self, offset: int, value: int, strobe: int = 15) -> None:
        """Write a register; the answer must be OKAY."""
        bus = self.bus
        bus.awaddr.value, bus.wdata.value, bus.wstrb.value = offset, value, strobe
        await self._send(bus.awvalid, bus.awready, self._pause[0])
        await self._send(bus.wvalid, bus.wready, self._pause[1])
        if await self._receive(bus.bvalid, bus.bready, self._pause[2], bus.bresp):
            raise ProtocolError(f"write to {offset:#x} was answered with an error")

    async def read(self, offset: int) -> int:
        """Read a register; the answer must be OKAY."""
        bus = self.bus
        bus.araddr.value = offset
        await self._send(bus.arvalid, bus.arready, self._pause[3])
        value = await self._receive(bus.rvalid, bus.rready, self._pause[4], bus.rdata)
        if bus.rresp.value:
            raise ProtocolError(f"read of {offset:#x} was answered with an error")
        return value


class StreamSource:
    """Sends beats over AXI4-Stream: a valid beat stays until it is taken.

    Parameters
    ----------
    bench : Bench
        The model adds itself to it.
    prefix : str
        Bus name.
    style, seed
        Pauses.
    """

    def __init__(self, bench: Bench, prefix: str, style: str = "none", seed: int = 0) -> None:
        self.bus = Ports(bench.dut, prefix)
        self.beats: deque[tuple[int, bool]] = deque()
        self._pause = pauses(style, seed)
        self._keep = (1 << len(self.bus.tkeep)) - 1
        self.quiet()
        bench.models.append(self)

    def quiet(self) -> None:
        """Drive all outputs low."""
        for signal in (self.bus.tvalid, self.bus.tdata, self.bus.tlast, self.bus.tkeep):
            signal.value = 0
        self._offered = False

    def step(self) -> None:
        """One clock cycle."""
        bus = self.bus
        if self._offered and bus.tready.value:
            self.beats.popleft()
            self._offered = False
        holding = next(self._pause)
        if not self._offered and self.beats and not holding:
            word, last = self.beats[0]
            bus.tdata.value, bus.tlast.value, bus.tkeep.value = word, last, self._keep
            self._offered = True
        bus.tvalid.value = self._offered


class StreamSink:
    """Takes beats of an AXI4-Stream; a beat that changes before it is taken is an error.

    Parameters
    ----------
    bench : Bench
        The model adds itself to it.
    prefix : str
        Bus name.
    style, seed
        Pauses.
    """

    def __init__(self, bench: Bench, prefix: str, style: str = "none", seed: int = 0) -> None:
        self.bus = Ports(bench.dut, prefix)
        self.beats: list[tuple[int, bool]] = []
        self._pause = pauses(style, seed)
        self._keep = (1 << len(self.bus.tkeep)) - 1
        self.quiet()
        bench.models.append(self)

    def quiet(self) -> None:
        """Take nothing, and forget the beat that waits."""
        self.bus.tready.value = 0
        self._ready = False
        self._waiting: tuple[int, bool] | None = None

    def step(self) -> None:
        """One clock cycle."""
        bus = self.bus
        beat = (int(bus.tdata.value), bool(bus.tlast.value)) if bus.tvalid.value else None
        if self._waiting is not None and beat != self._waiting:
            raise ProtocolError(f"{bus.prefix}: beat {self._waiting} became {beat} before it was taken")
        self._waiting = beat
        if beat is not None and self._ready:
            if int(bus.tkeep.value) != self._keep:
                raise ProtocolError(f"{bus.prefix}: tkeep is {bus.tkeep.value}")
            self.beats.append(beat)
            self._waiting = None
        self._ready = not next(self._pause)
        bus.tready.value = self._ready
