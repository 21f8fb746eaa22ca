"""Reduction over the lanes: smallest value and sum, four to one per clock."""

from typing import Any

from amaranth import Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from spynq.stm.params import IMPOSSIBLE, L_BITS

__all__ = ["Minimum", "Sum", "depth"]

_RADIX = 4


def depth(lanes: int) -> int:
    """Clocks until at most four values are left."""
    stages = 0
    while lanes > _RADIX:
        lanes //= _RADIX
        stages += 1
    return stages


def _smaller(a: Value, b: Value) -> Value:
    return Mux(a < b, a, b)


def _smallest(values: list[Value]) -> Value:
    while len(values) > 1:
        pairs = zip(values[::2], values[1::2], strict=False)
        values = [_smaller(a, b) for a, b in pairs] + values[len(values) & ~1 :]
    return values[0]


def _delayed(m: Module, value: Value, clocks: int, name: str) -> Value:
    for i in range(clocks):
        later = Signal(len(value), name=f"{name}{i}")
        m.d.sync += later.eq(value)
        value = later
    return value


class Minimum(wiring.Component):
    """Smallest log-likelihood of each population.

    Golden model: :func:`spynq.stm.golden.minimum`. ``done`` follows ``depth(lanes) + 1`` cycles
    after the last group.

    Parameters
    ----------
    lanes : int
        Values per group, a power of two.

    Members
    -------
    valid : In(1), last : In(1), l : In(ArrayLayout(24, lanes))
        A group, the last one of its population.
    done : Out(1), l_min : Out(24)
        The smallest value of a population, for one cycle.
    """

    def __init__(self, lanes: int) -> None:
        self.lanes = lanes
        super().__init__(
            {
                "valid": In(1),
                "last": In(1),
                "l": In(data.ArrayLayout(L_BITS, lanes)),
                "done": Out(1),
                "l_min": Out(L_BITS),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        level = [self.l[i] for i in range(self.lanes)]
        stages = depth(self.lanes)
        for stage in range(stages):
            found = []
            for i in range(0, len(level), _RADIX):
                least = Signal(L_BITS, name=f"least{stage}_{i // _RADIX}")
                m.d.sync += least.eq(_smallest(level[i : i + _RADIX]))
                found.append(least)
            level = found
        valid = _delayed(m, self.valid, stages, "valid")
        last = _delayed(m, self.last, stages, "last")
        first = Signal(init=1)
        m.d.sync += self.done.eq(valid & last)
        with m.If(valid):
            m.d.sync += [
                self.l_min.eq(_smaller(Mux(first, IMPOSSIBLE, self.l_min), _smallest(level))),
                first.eq(last),
            ]
        return m


class Sum(wiring.Component):
    """Exact sum over the lanes and over groups, ready ``depth(lanes) + 1`` cycles later.

    Golden model: :func:`spynq.stm.golden.sums`.

    Parameters
    ----------
    lanes : int
        Values per group, a power of two.
    shape : Shape
        Shape of a value.
    width : int
        Bits of the sum, signed if the values are.

    Members
    -------
    values : In(ArrayLayout(shape, lanes))
        A group.
    add : In(1), first : In(1)
        Add the group whose values leave the registered stages now (``depth(lanes)`` cycles
        after they came in); ``first`` starts a new sum.
    total : Out(width)
        Sum of the groups since ``first``.
    """

    def __init__(self, lanes: int, shape: Any, width: int) -> None:
        self.lanes, self.width = lanes, width
        layout = data.ArrayLayout(shape, lanes)
        self._signed = bool(layout.elem_shape.signed)
        super().__init__(
            {
                "values": In(layout),
                "add": In(1),
                "first": In(1),
                "total": Out(self._shape(width)),
            }
        )

    def _shape(self, width: int) -> object:
        return signed(width) if self._signed else unsigned(width)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        level = [self.values[i] for i in range(self.lanes)]
        bits = len(level[0])
        for stage in range(depth(self.lanes)):
            bits += exact_log2(_RADIX)
            sums = []
            for i in range(0, len(level), _RADIX):
                part = Signal(self._shape(bits), name=f"sum{stage}_{i // _RADIX}")
                m.d.sync += part.eq(sum(level[i : i + _RADIX]))
                sums.append(part)
            level = sums
        with m.If(self.add):
            m.d.sync += self.total.eq(Mux(self.first, 0, self.total) + sum(level))
        return m
