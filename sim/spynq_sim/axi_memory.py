"""AXI4 memory of the benches: latency, pauses, error responses, and the rules of the bus."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from spynq_sim.bus_models import Bench, Ports, ProtocolError
from spynq_sim.pauses import pauses

__all__ = ["AxiMemory", "Transfer"]

_LONGEST = 16
_PAGE = 4096
_SLAVE_ERROR = 2
_ADDRESS_SIGNALS = ("addr", "len", "size", "burst", "id")


@dataclass
class Transfer:
    """A burst on its way.

    Parameters
    ----------
    address : int
        Byte address.
    beats : int
        Words.
    due : int
        First cycle of its answer.
    """

    address: int
    beats: int
    due: int
    done: int = 0
    data: list[int] = field(default_factory=list)


class AxiMemory:
    """AXI4 slave memory that answers bursts in order.

    Parameters
    ----------
    bench : Bench
        The model adds itself to it.
    prefix : str
        Bus name.
    size : int
        Bytes; addresses wrap to it.
    latency : int
        Cycles from an address (or the last written word) to the first word (or the response).
    style : str
        Pauses of each of the five channels.
    seed : int
        Of the pauses.
    bad : callable, optional
        Says of a burst's address whether it is answered with an error.
    """

    def __init__(
        self,
        bench: Bench,
        prefix: str = "m_axi_gmem",
        *,
        size: int = 1 << 16,
        latency: int = 1,
        style: str = "none",
        seed: int = 0,
        bad: Callable[[int], bool] = lambda address: False,
    ) -> None:
        self.bench, self.bus, self.latency, self.bad = bench, Ports(bench.dut, prefix), latency, bad
        self.content = bytearray(size)
        self.word = len(self.bus.wdata) // 8
        self._pause = [pauses(style, seed + i) for i in range(5)]
        self.forget()
        bench.models.append(self)

    def forget(self) -> None:
        """Drop all that is in flight, as a reset of both sides does."""
        bus = self.bus
        self.reads: deque[Transfer] = deque()
        self.unwritten: deque[Transfer] = deque()
        self.unanswered: deque[Transfer] = deque()
        self.read_bursts: list[tuple[int, int]] = []
        self.write_bursts: list[tuple[int, int]] = []
        self._offered: dict[str, Any] = {}
        self._ready = {"ar": False, "aw": False, "w": False}
        self._answering = {"r": False, "b": False}
        for signal in (bus.arready, bus.awready, bus.wready, bus.rvalid, bus.bvalid):
            signal.value = 0
        for signal in (bus.rdata, bus.rresp, bus.rlast, bus.rid, bus.bresp, bus.bid):
            signal.value = 0

    @property
    def busy(self) -> bool:
        """Something is in flight."""
        return bool(self.reads or self.unwritten or self.unanswered)

    def load(self, address: int, data: bytes) -> None:
        """Store bytes without the bus."""
        self.content[address : address + len(data)] = data

    def dump(self, address: int, nbytes: int) -> bytes:
        """Bytes without the bus."""
        return bytes(self.content[address : address + nbytes])

    def step(self) -> None:
        """One clock cycle."""
        for channel, bursts in (("ar", self.read_bursts), ("aw", self.write_bursts)):
            transfer = self._address(channel)
            if transfer is not None:
                bursts.append((transfer.address, transfer.beats))
                (self.reads if channel == "ar" else self.unwritten).append(transfer)
        self._write_data()
        self._read_data()
        self._response()

    def _steady(self, channel: str, valid: Any, names: tuple[str, ...]) -> tuple[int, ...] | None:
        """Values of a channel if it is valid; they may not change before they are taken."""
        now = tuple(int(getattr(self.bus, f"{channel}{n}").value) for n in names) if valid.value else None
        before = self._offered.get(channel)
        if before is not None and now != before:
            raise ProtocolError(f"{channel}: {before} became {now} before it was taken")
        self._offered[channel] = None if self._ready[channel] else now
        return now

    def _accept(self, channel: str, pause: int) -> None:
        self._ready[channel] = not next(self._pause[pause])
        getattr(self.bus, f"{channel}ready").value = self._ready[channel]

    def _address(self, channel: str) -> Transfer | None:
        valid = getattr(self.bus, f"{channel}valid")
        was_ready = self._ready[channel]
        values = self._steady(channel, valid, _ADDRESS_SIGNALS)
        self._accept(channel, 0 if channel == "ar" else 1)
        if values is None or not was_ready:
            return None
        address, length, size, burst, ident = values
        beats = length + 1
        if beats > _LONGEST or 1 << size != self.word or burst != 1 or ident or address % self.word:
            raise ProtocolError(f"{channel}: burst of {beats} at {address:#x}, size {size}, type {burst}")
        if address // _PAGE != (address + beats * self.word - 1) // _PAGE:
            raise ProtocolError(f"{channel}: {beats} beats at {address:#x} cross 4 KiB")
        return Transfer(address, beats, self.bench.cycle + self.latency)

    def _write_data(self) -> None:
        was_ready = self._ready["w"]
        values = self._steady("w", self.bus.wvalid, ("data", "strb", "last"))
        if values is not None and was_ready:
            if not self.unwritten:
                raise ProtocolError("w: a word came before the address of its burst")
            data, strobe, last = values
            transfer = self.unwritten[0]
            transfer.data.append(data)
            if strobe != (1 << self.word) - 1 or last != (len(transfer.data) == transfer.beats):
                raise ProtocolError(
                    f"w: word {len(transfer.data)} of {transfer.beats}, strb {strobe:#x}, last {last}"
                )
            if last:
                self._store(self.unwritten.popleft())
        self._accept("w", 2)

    def _store(self, transfer: Transfer) -> None:
        if not self.bad(transfer.address):
            block = b"".join(word.to_bytes(self.word, "little") for word in transfer.data)
            at = transfer.address % len(self.content)
            self.content[at : at + len(block)] = block
        transfer.due = self.bench.cycle + self.latency
        self.unanswered.append(transfer)

    def _read_data(self) -> None:
        bus = self.bus
        if self._answering["r"]:
            if not bus.rready.value:
                return
            transfer = self.reads[0]
            transfer.done += 1
            if transfer.done == transfer.beats:
                self.reads.popleft()
            self._answering["r"] = False
        holding = next(self._pause[3])
        if self.reads and self.bench.cycle >= self.reads[0].due - 1 and not holding:
            transfer = self.reads[0]
            at = (transfer.address + transfer.done * self.word) % len(self.content)
            bus.rdata.value = int.from_bytes(self.content[at : at + self.word], "little")
            bus.rresp.value = _SLAVE_ERROR if self.bad(transfer.address) else 0
            bus.rlast.value = transfer.done == transfer.beats - 1
            self._answering["r"] = True
        bus.rvalid.value = self._answering["r"]

    def _response(self) -> None:
        bus = self.bus
        if self._answering["b"]:
            if not bus.bready.value:
                return
            self.unanswered.popleft()
            self._answering["b"] = False
        holding = next(self._pause[4])
        if self.unanswered and self.bench.cycle >= self.unanswered[0].due - 1 and not holding:
            bus.bresp.value = _SLAVE_ERROR if self.bad(self.unanswered[0].address) else 0
            self._answering["b"] = True
        bus.bvalid.value = self._answering["b"]
