"""Golden device of the LIF engine: one start, from registers and memory to registers and memory."""

from __future__ import annotations

from collections.abc import Mapping

from spynq.contract import STATUS_FLAGS
from spynq.lif.codes import Op
from spynq.lif.descriptor import Descriptor
from spynq.lif.features import fits
from spynq.lif.formats import COUNTERS
from spynq.lif.golden import Counts, Trace, carry_out, read_plan
from spynq.lif.params import BEAT_BYTES, KERNEL, LifConfig
from spynq.lif.records import pack
from spynq.model import Memory, Streams

__all__ = ["LifModel"]

_REFUSED = next(flag.mask for flag in STATUS_FLAGS if flag.name == "REFUSED")
_FLAGS = {flag.name: flag.mask for flag in KERNEL.status_flags}
_CLOCKED = {"cycles": 0, "wait_input": 0, "wait_weights": 0, "wait_output": 0}
_LONG, _SHORT = (1 << 64) - 1, (1 << 32) - 1


class LifModel:
    """Whole runs in integers.

    Parameters
    ----------
    config : LifConfig
        Build parameters. The column count changes no result.

    Attributes
    ----------
    trace : callable, optional
        See :data:`spynq.lif.golden.Trace`; set it to watch every step.
    """

    def __init__(self, config: LifConfig) -> None:
        self.config = config
        self.trace: Trace | None = None
        self._results = {r.name: 0 for r in KERNEL.registers if r.access == "ro"}

    def start(
        self, registers: Mapping[str, int], memory: Memory, streams: Streams | None = None
    ) -> dict[str, int]:
        """Do one run; see :class:`spynq.model.Model`. A refused run leaves the results as they were."""
        base = registers["BASE_LO"] | registers["BASE_HI"] << 32
        if registers["LIMIT"] == 0 or base % BEAT_BYTES:
            return {**self._results, "STATUS": _REFUSED}
        total, executed, status = Counts(), 0, 0
        place = registers["LIST"]
        while True:
            d = Descriptor.unpack(memory.read(base + place * BEAT_BYTES, 64))
            if d.op == Op.END:
                break
            if executed == registers["LIMIT"]:
                status = _FLAGS["ENDLESS"]
                break
            if not self._fits(memory, base, d):
                status = _FLAGS["UNFIT"]
                break
            counts = carry_out(memory, base, d, self.trace)
            if registers["MODE"] & 1:
                record = {**vars(counts), "number": executed, **_CLOCKED}
                at = base + (registers["RECORDS"] + 4 * executed) * BEAT_BYTES
                memory.write(at, pack(COUNTERS, record, "counters"))
            total, executed, place = total + counts, executed + 1, d.next
        self._keep(total, executed)
        return {**self._results, "STATUS": status}

    def _fits(self, memory: Memory, base: int, d: Descriptor) -> bool:
        if d.op == Op.BARRIER:
            return True
        return fits(d, read_plan(memory, base, d), self.config)

    def _keep(self, total: Counts, executed: int) -> None:
        self._results["EXECUTED"] = executed
        self._results["SATURATED"] = total.saturated & _SHORT
        for name in ("events", "spikes_in", "spikes_out"):
            value = getattr(total, name) & _LONG
            self._results[f"{name.upper()}_LO"] = value & _SHORT
            self._results[f"{name.upper()}_HI"] = value >> 32
