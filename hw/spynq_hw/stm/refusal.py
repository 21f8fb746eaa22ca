"""Register values that do not fit the kernel."""

from amaranth import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spynq.stm.golden_records import MOST_COUNTED
from spynq.stm.params import CHUNK, KERNEL, StmConfig
from spynq_hw.core import own_registers

__all__ = ["MODE", "Refusal"]

MODE = {field.name.lower(): field.lsb for field in KERNEL.register("MODE").fields}
"""Bit of each field of MODE."""
_ADDRESSES = {"image": "load", "batch": "batch", "result": "records", "weight": "weights"}
_BEAT = 16


class Refusal(wiring.Component):
    """Says whether a start has to be refused; combinational.

    Golden model: ``StmModel``. What a run does not use is not looked at, but for BINS.

    Parameters
    ----------
    config : StmConfig
        Build parameters.

    Members
    -------
    <register> : In
        Every writable register in lower case.
    refused : Out(1)
        Some value does not fit.
    """

    def __init__(self, config: StmConfig) -> None:
        self.limit = config.capabilities()
        inputs = {
            register.name.lower(): In(register.width)
            for register in own_registers(KERNEL)
            if register.access == "rw"
        }
        super().__init__({**inputs, "refused": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        mode = {name: self.mode[bit] for name, bit in MODE.items()}
        data = mode["data"] & mode["weighting"]
        histogram = mode["histogram"] & ~data
        used = mode | {
            "batch": (mode["batch"] & ~mode["weighting"]) | data,
            "weights": (mode["weights"] & ~mode["weighting"]) | data,
        }
        crooked = [
            used[field] & getattr(self, f"{name}_lo")[: _BEAT.bit_length() - 1].any()
            for name, field in _ADDRESSES.items()
        ]
        general = Signal()
        m.d.comb += [
            general.eq(
                (self.samples == 0)
                | (self.bins > Mux(data, self.limit["CAP_COUNTS"], self.limit["CAP_BINS"]))
                | (histogram & (self.bins == 0))
                | (data & self._data())
                | Cat(crooked).any()
            ),
            self.refused.eq(
                Mux(
                    mode["tree"],
                    self._tree(),
                    general | Mux(mode["weighting"], self._weighting(), self._flat(mode["batch"])),
                )
            ),
        ]
        return m

    def _tree(self) -> Value | int:
        if not self.limit["CAP_EDGE"]:
            return 1
        return (self.samples == 0) | self.image_lo[: _BEAT.bit_length() - 1].any()

    def _data(self) -> Value | int:
        if not self.limit["CAP_COUNTS"]:
            return 1
        return (
            (self.evidences == 0)
            | (self.samples > CHUNK)
            | (self.bins == 0)
            | (self.columns == 0)
            | (self.columns > self.limit["CAP_STATES"])
            | (self.targets > MOST_COUNTED)
        )

    def _weighting(self) -> Value | int:
        if not self.limit["CAP_STATES"]:
            return 1
        return (
            (self.program == 0)
            | (self.program > self.limit["CAP_PROGRAM"])
            | (self.targets > self.limit["CAP_TARGETS"])
            | ((self.table << 2) > self.limit["CAP_TABLE"])
        )

    def _flat(self, batch: Value) -> Value | int:
        if not self.limit["CAP_TERMS"]:
            return 1
        return (
            (self.samples > self.limit["CAP_POPULATION"])
            | (self.terms == 0)
            | (self.terms > self.limit["CAP_COLUMNS"])
            | (batch & (self.evidences == 0))
        )
