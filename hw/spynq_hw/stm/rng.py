"""Random generators of likelihood weighting: xoshiro128++, several streams per lane."""

from amaranth import Cat, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from spynq.stm.params import STREAMS

__all__ = ["GENERATOR_LATENCY", "Generator"]

GENERATOR_LATENCY = 2
"""Cycles from ``step`` to ``word``."""

_State = data.StructLayout({"s0": 32, "s1": 32, "s2": 32, "s3": 32})


class Generator(wiring.Component):
    """The generators of one lane: ``places`` states of xoshiro128++ (Blackman and Vigna 2021).

    Golden model: :func:`spynq.stm.golden.xoshiro`. One step per cycle, of any place; a single
    state is kept in registers, several in LUT memory. Reset leaves the states alone.

    Parameters
    ----------
    places : int
        Streams of this lane, a power of two from 1 to 64.

    Members
    -------
    place : In(range(places))
        Which state is stepped or loaded.
    step : In(1)
        Draw a word.
    load : In(1)
        Replace the state by ``seed``; not together with ``step``.
    seed : In(128)
        Words s0 to s3 from bit 0 up.
    word : Out(32)
        The word of the step two cycles ago.
    """

    def __init__(self, places: int) -> None:
        if not 1 <= places <= STREAMS or places & (places - 1):
            raise ValueError(f"a lane holds a power of two of generators, 1 to {STREAMS}, not {places}")
        self.places = places
        super().__init__(
            {
                "place": In(range(places)),
                "step": In(1),
                "load": In(1),
                "seed": In(128),
                "word": Out(32),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        now, after = Signal(_State), Signal(_State)
        partial = Signal(32, reset_less=True)
        first = Signal(32, reset_less=True)

        c, d = now.s2 ^ now.s0, now.s3 ^ now.s1
        m.d.comb += [
            after.s0.eq(now.s0 ^ d),
            after.s1.eq(now.s1 ^ c),
            after.s2.eq(c ^ (now.s1 << 9)[:32]),
            after.s3.eq(d.rotate_left(11)),
        ]
        m.d.sync += [
            partial.eq(now.s0 + now.s3),
            first.eq(now.s0),
            self.word.eq(partial.rotate_left(7) + first),
        ]
        write = self.step | self.load
        value = Signal(_State)
        m.d.comb += value.eq(after)
        with m.If(self.load):
            m.d.comb += value.eq(self.seed)

        if self.places == 1:
            state = Signal(_State, reset_less=True)
            m.d.comb += now.eq(state)
            with m.If(write):
                m.d.sync += state.eq(value)
        else:
            m.submodules.states = states = Memory(
                shape=128, depth=self.places, init=[], attrs={"ram_style": "distributed"}
            )
            port, old = states.write_port(), states.read_port(domain="comb")
            m.d.comb += [
                port.addr.eq(self.place),
                port.en.eq(write),
                port.data.eq(Cat(value)),
                old.addr.eq(self.place),
                now.eq(old.data),
            ]
        return m
