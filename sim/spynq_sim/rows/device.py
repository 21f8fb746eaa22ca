"""Rows of ``spynq bench device``: the simulated board, and other simulators on the same kernel."""

from __future__ import annotations

from statistics import median

from spynq.bench import Measured, bench
from spynq_sim.bench_device import TURNS, Comparison, comparison, second_start
from spynq_sim.peers.measure import COCOTBPYNQ, WORDS

_TURNS = f"median of {TURNS} turns that alternate with the peers, echo kernel, Verilator on both sides"
_PEERS = {"ours": "the simulated board", "cocotbpynq": COCOTBPYNQ, "cocotb": "cocotb + cocotbext-axi"}


def _ratio(peer: str, figure: str, what: str) -> Measured:
    found: Comparison = comparison()
    own, other = found.rate("ours", figure), found.rate(peer, figure)
    how = f"{what}; {own:,.0f} against {other:,.0f} per second; {_TURNS}"
    return Measured(found.ratio(peer, figure), how)


def _rate(who: str, figure: str, what: str) -> Measured:
    return Measured(comparison().rate(who, figure), f"{what}, {_PEERS[who]}; {_TURNS}")


_ACCESS = "as many reads as writes of a 32-bit register through MMIO"
_STREAM = f"{4 * WORDS:,} bytes out and back through DMA per transfer, bytes of one direction"


@bench("device", f"register accesses against {COCOTBPYNQ}", unit="x", must=">= 40", moonshot=">= 60")
def accesses_against_cocotbpynq() -> Measured:
    """Same kernel, same register, the API of pynq on both sides."""
    return _ratio("cocotbpynq", "accesses_per_second", _ACCESS)


@bench("device", f"stream bytes against {COCOTBPYNQ}", unit="x", must=">= 60", moonshot=">= 200")
def stream_against_cocotbpynq() -> Measured:
    """Same kernel, same length, send and receive channel of a DMA on both sides."""
    return _ratio("cocotbpynq", "stream_bytes_per_second", _STREAM)


@bench("device", "busy cycles as a share of the free-running model", unit="%", must=">= 40", moonshot=">= 80")
def busy_share() -> Measured:
    """How much the bus models cost while memory is read and written in every cycle."""
    found = comparison()
    share = median(t["busy_cycles_per_second"] / t["free_cycles_per_second"] for t in found.ours)
    return Measured(100 * share, f"memory copy of 1 MiB against the clock alone, all idle; {_TURNS}")


@bench("device", "second start of a built model", unit="s", must="<= 1")
def start() -> Measured:
    """A new interpreter: imports, overlay, first register read."""
    second_start()
    times = [second_start() for _ in range(5)]
    return Measured(median(times), "new interpreter to first register access, imports included, median of 5")


@bench("device", "register accesses against cocotb + cocotbext-axi", unit="x")
def accesses_against_cocotb() -> Measured:
    """The same against plain cocotb."""
    return _ratio("cocotb", "accesses_per_second", _ACCESS)


@bench("device", "stream bytes against cocotb + cocotbext-axi", unit="x")
def stream_against_cocotb() -> Measured:
    """The same against plain cocotb."""
    return _ratio("cocotb", "stream_bytes_per_second", _STREAM)


@bench("device", "master bytes against cocotb + cocotbext-axi", unit="x")
def master_against_cocotb() -> Measured:
    """Memory to memory; cocotbpynq has no memory model."""
    return _ratio("cocotb", "master_bytes_per_second", "bytes copied from memory to memory")


@bench("device", "register accesses", unit="1/s")
def accesses() -> Measured:
    """Absolute figure of ours."""
    return _rate("ours", "accesses_per_second", _ACCESS)


@bench("device", "register accesses, cocotbpynq", unit="1/s")
def accesses_of_cocotbpynq() -> Measured:
    """Absolute figure of the peer."""
    return _rate("cocotbpynq", "accesses_per_second", _ACCESS)


@bench("device", "stream bytes", unit="B/s")
def stream() -> Measured:
    """Absolute figure of ours."""
    return _rate("ours", "stream_bytes_per_second", _STREAM)


@bench("device", "stream bytes, cocotbpynq", unit="B/s")
def stream_of_cocotbpynq() -> Measured:
    """Absolute figure of the peer."""
    return _rate("cocotbpynq", "stream_bytes_per_second", _STREAM)


@bench("device", "master bytes", unit="B/s")
def master() -> Measured:
    """Absolute figure of ours."""
    return _rate("ours", "master_bytes_per_second", "copy of 1 MiB from memory to memory")


@bench("device", "simulated cycles while busy", unit="1/s")
def busy() -> Measured:
    """Absolute figure of ours."""
    return _rate("ours", "busy_cycles_per_second", "copy of 1 MiB from memory to memory")


@bench("device", "simulated cycles running free", unit="1/s")
def free() -> Measured:
    """Absolute figure of ours."""
    return _rate("ours", "free_cycles_per_second", "clock alone, kernel and bus models idle")


@bench("device", "simulated cycles running free, cocotb + cocotbext-axi", unit="1/s")
def free_of_cocotb() -> Measured:
    """Absolute figure of the peer."""
    return _rate("cocotb", "free_cycles_per_second", "clock alone, kernel and bus models idle")


@bench("device", "import to first access", unit="s")
def first_access() -> Measured:
    """In turns with the peers, built models."""
    return _rate("ours", "first_access_seconds", "new interpreter to first register access")


@bench("device", "import to first access, cocotbpynq", unit="s")
def first_access_of_cocotbpynq() -> Measured:
    """From the start of the simulator; the runner's own interpreter is not counted."""
    return _rate("cocotbpynq", "first_access_seconds", "start of the simulator to first register access")


@bench("device", "import to first access, cocotb + cocotbext-axi", unit="s")
def first_access_of_cocotb() -> Measured:
    """From the call of the runner."""
    return _rate("cocotb", "first_access_seconds", "call of the runner to first register access")
