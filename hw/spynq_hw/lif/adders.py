"""Sums of weights in DSP48E2 slices used as adders, and the same in fabric."""

from amaranth import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spynq_hw.lif.dsp import dsp48e2

__all__ = ["LATENCY", "Accumulator", "Adders", "Control", "opmode"]

LATENCY = 2
"""Cycles from weights to the sums that hold them."""

Control = data.StructLayout({"take": 2, "fresh": 1, "double": 1, "negate": 1})
"""What a cycle does: operands added, start from zero, sums doubled (with no operand), subtract."""

_X_AB, _X_P, _Y_C, _Z_P, _SUBTRACT = 0b11, 0b10, 0b11, 0b010, 0b0011
_SIMD = {2: "TWO24", 4: "FOUR12"}


def opmode(m: Module, control: data.View) -> Signal:
    """OPMODE of the slices that do what ``control`` says."""
    mode = Signal(9)
    m.d.comb += [
        mode[0:2].eq(Mux(control.double, _X_P, Mux(control.take[0], _X_AB, 0))),
        mode[2:4].eq(Mux(control.take[1], _Y_C, 0)),
        mode[4:7].eq(Mux(control.fresh, 0, _Z_P)),
    ]
    return mode


class Accumulator(wiring.Component):
    """One DSP48E2 as two accumulators of 24 bits or four of 12, of two operands each.

    ``P = (fresh ? 0 : P) +- (operand 0 + operand 1)``, or ``P = 2 P``; carries never cross from one
    field to the next. Latency 2 cycles.

    Parameters
    ----------
    fields : int
        2 (TWO24) or 4 (FOUR12).
    dsp : bool
        Instantiate the primitive; otherwise fabric that behaves the same.

    Members
    -------
    operands : In(ArrayLayout(ArrayLayout(signed(48 // fields), fields), 2))
        What may be added.
    opmode : In(9), negate : In(1)
        In the same cycle: :func:`opmode`, and whether operands are subtracted.
    sums : Out(ArrayLayout(signed(48 // fields), fields))
        The accumulators.
    """

    def __init__(self, fields: int = 2, dsp: bool = True) -> None:
        if fields not in _SIMD:
            raise ValueError(f"a DSP48E2 adds in 2 fields of 24 bits or 4 of 12, not in {fields}")
        self.fields, self.dsp = fields, dsp
        word = data.ArrayLayout(signed(48 // fields), fields)
        super().__init__(
            {"operands": In(data.ArrayLayout(word, 2)), "opmode": In(9), "negate": In(1), "sums": Out(word)}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if self.dsp:
            self._primitive(m)
        else:
            self._fabric(m)
        return m

    def _primitive(self, m: Module) -> None:
        alumode, product = Signal(4), Signal(48)
        first, second = (self.operands[i].as_value() for i in range(2))
        m.d.comb += [
            alumode.eq(Mux(self.negate, _SUBTRACT, 0)),
            self.sums.as_value().eq(product),
        ]
        m.submodules.dsp = dsp48e2(
            False, _SIMD[self.fields], A=first[18:48], B=first[0:18], C=second, OPMODE=self.opmode,
            ALUMODE=alumode, P=product,
        )  # fmt: skip

    def _fabric(self, m: Module) -> None:
        taken = Signal.like(self.operands, reset_less=True)
        mode, negate = Signal.like(self.opmode), Signal()
        m.d.sync += [taken.eq(self.operands), mode.eq(self.opmode), negate.eq(self.negate)]
        x, y, z = mode[0:2], mode[2:4], mode[4:7]
        for field in range(self.fields):
            total, base, change = (Signal.like(self.sums[field], name=n) for n in ("total", "base", "change"))
            first = Mux(x == _X_P, total, Mux(x == _X_AB, taken[0][field], 0))
            m.d.comb += [
                base.eq(Mux(z == _Z_P, total, 0)),
                change.eq(first + Mux(y == _Y_C, taken[1][field], 0)),
                self.sums[field].eq(total),
            ]
            m.d.sync += total.eq(Mux(negate, base - change, base + change))


class Adders(wiring.Component):
    """The 16 sums of a column: eight accumulators in pairs of 24 bits.

    Golden step: accumulate. Latency 2 cycles.

    Parameters
    ----------
    lanes : int
        Sums, an even number.
    dsp : bool
        As in :class:`Accumulator`.

    Members
    -------
    weights : In(ArrayLayout(ArrayLayout(signed(8), lanes), 2))
        Weights that two spikes meet.
    control : In(Control)
        In the same cycle.
    sums : Out(ArrayLayout(signed(24), lanes))
        Sums of all lanes.
    """

    def __init__(self, lanes: int = 16, dsp: bool = True) -> None:
        if lanes < 2 or lanes % 2:
            raise ValueError(f"adders come in pairs, so there are 2, 4, ... lanes, not {lanes}")
        self.lanes, self.dsp = lanes, dsp
        super().__init__(
            {
                "weights": In(data.ArrayLayout(data.ArrayLayout(signed(8), lanes), 2)),
                "control": In(Control),
                "sums": Out(data.ArrayLayout(signed(24), lanes)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        pairs = [Accumulator(2, self.dsp) for _ in range(self.lanes // 2)]
        mode = opmode(m, self.control)
        for number, pair in enumerate(pairs):
            m.submodules[f"pair{number}"] = pair
            for operand in range(2):
                for field in range(2):
                    m.d.comb += pair.operands[operand][field].eq(self.weights[operand][2 * number + field])
            m.d.comb += [pair.opmode.eq(mode), pair.negate.eq(self.control.negate)]
        m.d.comb += self.sums.as_value().eq(Cat(pair.sums.as_value() for pair in pairs))
        return m
