"""Memory records as layouts: what the declaration says, with its names in lower case."""

from typing import Any

from amaranth import Cat, Module, Shape, Signal, Value, signed, unsigned
from amaranth.lib import data

from spynq.contract import Beat
from spynq.lif.formats import CHANNEL, DESCRIPTOR, FIR, PLAN

__all__ = ["BEAT", "CHANNEL_LAYOUT", "DESCRIPTOR_LAYOUT", "FIR_LAYOUT", "PLAN_LAYOUT", "beats", "drive"]

BEAT = 128
"""Bits of a word of memory."""

_SIGNED = {"X_FIRST", "Y_FIRST", "THETA", "ZETA", "BIAS", "V_RESET", "REST"}


def _layout(record: Beat) -> data.FlexibleLayout:
    def shape(name: str, width: int) -> Shape:
        code = (record is PLAN and name.startswith("CODE")) or (record is FIR and name.startswith("TAP"))
        return signed(width) if code or (name in _SIGNED and record is not DESCRIPTOR) else unsigned(width)

    fields = {f.name.lower(): data.Field(shape(f.name, f.width), f.lsb) for f in record.fields}
    return data.FlexibleLayout(record.width, fields)


DESCRIPTOR_LAYOUT = _layout(DESCRIPTOR)
PLAN_LAYOUT = _layout(PLAN)
CHANNEL_LAYOUT = _layout(CHANNEL)
FIR_LAYOUT = _layout(FIR)


def beats(record: Beat) -> int:
    """Words of memory of a record."""
    return record.width // BEAT


def drive(m: Module, target: data.View, **values: Any) -> None:
    """Drive all fields of a structure in one statement; those that are not named are 0.

    Field by field the exported Verilog would have processes that a simulator with unknown values
    does not run before an input changes.
    """
    parts = []
    for name, field in target.shape().members.items():
        part = Signal(field, name=name)
        m.d.comb += Value.cast(part).eq(values.get(name, 0))
        parts.append(Value.cast(part))
    m.d.comb += target.as_value().eq(Cat(parts))
