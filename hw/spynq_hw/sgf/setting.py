"""The configuration part of the window."""

from amaranth import Module, Value
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from spynq.contract import Beat
from spynq.sgf.params import GATE, PATH, UNIT, UNITS, SgfConfig
from spynq_hw.sgf.cells import COUNT_BITS

__all__ = ["Setting", "layout_of"]

_WORD = 32


def layout_of(beat: Beat) -> data.FlexibleLayout:
    """Fields of a word, in lower case."""
    return data.FlexibleLayout(
        beat.width, {field.name.lower(): data.Field(field.width, field.lsb) for field in beat.fields}
    )


class Setting(wiring.Component):
    """Thresholds, units, gates and paths.

    Parameters
    ----------
    config : SgfConfig
        Build parameters.

    Members
    -------
    write_<part>, place, value : In
        Store a word.
    thetas, units : Out
        All of them.
    row, gate : In, Out
        Gate of a row, in the same cycle.
    number, path : In, Out
        Path of a class, in the same cycle.
    """

    def __init__(self, config: SgfConfig) -> None:
        self.config = config
        super().__init__(
            {
                **{f"write_{part}": In(1) for part in ("theta", "unit", "gate", "path")},
                "place": In(5),
                "value": In(_WORD),
                "thetas": Out(data.ArrayLayout(COUNT_BITS, config.thetas)),
                "units": Out(data.ArrayLayout(layout_of(UNIT), len(UNITS))),
                "row": In(range(config.rows)),
                "gate": Out(layout_of(GATE)),
                "number": In(range(max(2, config.classes))),
                "path": Out(layout_of(PATH)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for i in range(self.config.thetas):
            with m.If(self.write_theta & (self.place == i)):
                m.d.sync += self.thetas[i].eq(self.value)
        for i in range(len(UNITS)):
            with m.If(self.write_unit & (self.place[:4] == i)):
                m.d.sync += Value.cast(self.units[i]).eq(self.value)
        parts = (
            ("gates", self.config.rows, self.write_gate, self.row, self.gate),
            ("paths", self.config.classes, self.write_path, self.number, self.path),
        )
        for name, depth, enable, address, out in parts:
            memory = Memory(shape=_WORD, depth=max(2, depth), init=[], attrs={"ram_style": "distributed"})
            m.submodules[name] = memory
            write, read = memory.write_port(), memory.read_port(domain="comb")
            m.d.comb += [
                write.en.eq(enable),
                write.addr.eq(self.place),
                write.data.eq(self.value),
                read.addr.eq(address),
                Value.cast(out).eq(read.data),
            ]
        return m
