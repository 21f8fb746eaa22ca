"""Cues and gains of the evidence at work, from registers or from a batch in memory."""

from amaranth import Module, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spynq.stm.params import MAX_GAIN_BITS

__all__ = ["CUE", "Cues"]

CUE = data.StructLayout({"cue": signed(16), "gain": MAX_GAIN_BITS})
"""One Gaussian term."""
_TERMS_PER_BEAT = 2


class Cues(wiring.Component):
    """Holds one evidence while the next one is fetched.

    Parameters
    ----------
    columns : int
        Most terms of an evidence.

    Members
    -------
    start : In(1), batch : In(1)
        A run begins; its evidences come from memory, else there is one, in ``registers``.
    terms : In(4)
        Terms per evidence.
    registers : In(ArrayLayout(CUE, columns))
        Cues and gains of the registers.
    beats : In(stream.Signature(128))
        Beats of the batch: two terms each, ``ceil(terms / 2)`` per evidence.
    valid : Out(1), values : Out(ArrayLayout(CUE, columns))
        The evidence at work.
    next : In(1)
        It is done; the next one may be there in the next cycle.
    """

    def __init__(self, columns: int) -> None:
        self.columns = columns
        super().__init__(
            {
                "start": In(1),
                "batch": In(1),
                "terms": In(4),
                "registers": In(data.ArrayLayout(CUE, columns)),
                "beats": In(stream.Signature(128)),
                "valid": Out(1),
                "values": Out(data.ArrayLayout(CUE, columns)),
                "next": In(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        fetched = Signal(data.ArrayLayout(CUE, self.columns))
        full, move = Signal(), Signal()
        index = Signal(range((self.columns + 1) // _TERMS_PER_BEAT))

        m.d.comb += [
            move.eq(full & (self.next | ~self.valid)),
            self.beats.ready.eq(self.batch & (~full | move)),
        ]
        with m.If(self.next):
            m.d.sync += self.valid.eq(0)
        with m.If(move):
            m.d.sync += [self.values.eq(fetched), self.valid.eq(1), full.eq(0)]
        with m.If(self.beats.valid & self.beats.ready):
            m.d.sync += index.eq(index + 1)
            for t in range(self.columns):
                place = 64 * (t % _TERMS_PER_BEAT)
                with m.If(index == t // _TERMS_PER_BEAT):
                    m.d.sync += [
                        fetched[t].cue.eq(self.beats.payload[place : place + 16]),
                        fetched[t].gain.eq(self.beats.payload[place + 32 : place + 32 + MAX_GAIN_BITS]),
                    ]
            with m.If((index << 1) + _TERMS_PER_BEAT >= self.terms):
                m.d.sync += [index.eq(0), full.eq(1)]
        with m.If(self.start & ~self.batch):
            m.d.sync += [self.values.eq(self.registers), self.valid.eq(1)]
        return m
