"""Memory records as layouts: what the declaration says, with its names in lower case."""

from amaranth import Shape, signed, unsigned
from amaranth.lib import data

from spynq.contract import Beat
from spynq.lif.formats import CHANNEL, DESCRIPTOR, PLAN

__all__ = ["BEAT", "CHANNEL_LAYOUT", "DESCRIPTOR_LAYOUT", "PLAN_LAYOUT", "beats"]

BEAT = 128
"""Bits of a word of memory."""

_SIGNED = {"X_FIRST", "Y_FIRST", "THETA", "ZETA", "BIAS", "V_RESET", "REST"}


def _layout(record: Beat) -> data.FlexibleLayout:
    def shape(name: str, width: int) -> Shape:
        code = record is PLAN and name.startswith("CODE")
        return signed(width) if code or (name in _SIGNED and record is not DESCRIPTOR) else unsigned(width)

    fields = {f.name.lower(): data.Field(shape(f.name, f.width), f.lsb) for f in record.fields}
    return data.FlexibleLayout(record.width, fields)


DESCRIPTOR_LAYOUT = _layout(DESCRIPTOR)
PLAN_LAYOUT = _layout(PLAN)
CHANNEL_LAYOUT = _layout(CHANNEL)


def beats(record: Beat) -> int:
    """Words of memory of a record."""
    return record.width // BEAT
