"""Words of the input stream to places in the frame: scale, mirror, range."""

from amaranth import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spynq.sgf.params import COMMAND, EVENT_WORD, KERNEL, SgfConfig
from spynq_hw.core import beat

__all__ = ["Condition", "item_layout"]

_MODE = {field.name: field.lsb for field in KERNEL.register("MODE").fields}
_WORD = 64


def item_layout(size: int) -> data.StructLayout:
    """A word, understood."""
    place = range(size)
    return data.StructLayout(
        {
            "is_command": 1,
            "valid": 1,  # an event
            "inside": 1,  # whose place lies in the frame
            "x": place,
            "y": place,
            "bright": 1,
            "end": 1,
            "time": 32,
            "address": 16,
            "kind": 4,
            "teach": 1,
            "unteach": 1,
        }
    )


class Condition(wiring.Component):
    """One word per clock, two clocks late.

    Golden model: :func:`spynq.sgf.frames.conditioned`.

    Parameters
    ----------
    config : SgfConfig
        Uses ``size``.

    Members
    -------
    words : In(stream)
        Beats of the input port.
    items : Out(stream)
        The same, understood. In a command ``time`` holds its data.
    mode, scale_x, scale_y : In
        Registers.
    """

    def __init__(self, config: SgfConfig) -> None:
        self.size = config.size
        super().__init__(
            {
                "words": In(stream.Signature(beat(_WORD))),
                "items": Out(stream.Signature(item_layout(config.size))),
                "mode": In(8),
                "scale_x": In(18),
                "scale_y": In(18),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        moves = Signal()
        word, full = Signal(beat(_WORD)), Signal()
        x, y = self._scaled(m, moves)
        m.d.comb += [
            moves.eq(self.items.ready | ~self.items.valid),
            self.words.ready.eq(moves),
        ]
        with m.If(moves):
            m.d.sync += [word.eq(self.words.payload), full.eq(self.words.valid), self.items.valid.eq(full)]
            self._understand(m, word, x, y)
        return m

    def _scaled(self, m: Module, moves: Signal) -> tuple[Value, Value]:
        """Products are registered beside the word."""
        found = []
        for name, factor in (("X", self.scale_x), ("Y", self.scale_y)):
            place = _field(EVENT_WORD, self.words.payload.data, name)
            product = Signal(len(place) + len(factor), name=f"product_{name.lower()}")
            with m.If(moves):
                m.d.sync += product.eq(place * factor)
            found.append(product[16:])
        return found[0], found[1]

    def _understand(self, m: Module, word: data.View, x: Value, y: Value) -> None:
        item, bits = self.items.payload, word.data
        is_command = _field(EVENT_WORD, bits, "COMMAND")
        last = self.size - 1
        m.d.sync += [
            item.is_command.eq(is_command),
            item.valid.eq(_field(EVENT_WORD, bits, "VALID")),
            item.inside.eq((x < self.size) & (y < self.size)),
            item.x.eq(Mux(self.mode[_MODE["MIRROR_X"]], last - x, x)),
            item.y.eq(Mux(self.mode[_MODE["MIRROR_Y"]], last - y, y)),
            item.bright.eq(_field(EVENT_WORD, bits, "P")),
            item.end.eq(~is_command & (_field(EVENT_WORD, bits, "END") | word.last)),
            item.time.eq(_field(EVENT_WORD, bits, "T")),
            item.address.eq(_field(COMMAND, bits, "ADDRESS")),
            item.kind.eq(_field(COMMAND, bits, "KIND")),
            item.teach.eq(_field(COMMAND, bits, "TEACH")),
            item.unteach.eq(_field(COMMAND, bits, "UNTEACH")),
        ]


def _field(layout: object, bits: Value, name: str) -> Value:
    field = next(f for f in layout.fields if f.name == name)  # type: ignore[attr-defined]
    return Cat(bits[field.lsb : field.lsb + field.width])
