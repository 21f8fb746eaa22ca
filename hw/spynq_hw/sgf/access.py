"""Commands among the events: the window, and forgetting."""

from amaranth import Cat, Module, Mux, Signal, Value
from amaranth.utils import exact_log2

from spynq.sgf.params import Kind, SgfConfig, Window
from spynq_hw.sgf.condition import item_layout
from spynq_hw.sgf.counters import Work
from spynq_hw.sgf.parts import Parts
from spynq_hw.sgf.table import SlotWork

__all__ = ["Access"]


class Access:
    """Steps of :class:`spynq.sgf.window.Store` in a module shared with the parts.

    Parameters
    ----------
    config : SgfConfig
        Build parameters.
    parts : Parts
        What it works with.

    Attributes
    ----------
    start, item, done : Signal
        A command, held from ``start`` until the pulse of ``done``.
    busy : Signal
        From the cycle after ``start``.
    bad : Signal
        Pulse: it names what is not there.
    """

    def __init__(self, config: SgfConfig, parts: Parts) -> None:
        self.config, self.parts = config, parts
        self.start, self.done, self.busy, self.bad = (
            Signal(name=f"command_{name}") for name in ("start", "done", "busy", "bad")
        )
        self.item = Signal(item_layout(config.size))
        self._address, self._left = Signal(16), Signal(16)
        self._row = Signal(range(config.rows + 1))

    def add(self, m: Module) -> None:
        """Put the steps into ``m``."""
        item, config = self.item, self.config
        in_model, in_setting = self._where(m)
        m.d.comb += self.busy.eq(1)
        with m.FSM(name="access_state"):
            with m.State("IDLE"):
                m.d.comb += self.busy.eq(0)
                m.d.sync += [
                    self._address.eq(item.address),
                    self._left.eq(item.time),
                    self._row.eq(item.address),
                ]
                with m.If(self.start):
                    self._dispatch(m)
            with m.State("CLEAR"):
                self._erase(m, SlotWork.CLEAR, self._row == 0)
                m.next = "CLEARING"
            with m.State("CLEARING"):
                with m.If(~self._working()):
                    m.d.sync += self._row.eq(self._row + 1)
                    m.next = "CLEAR"
                    with m.If(self._row == config.rows - 1):
                        self._end(m)
            with m.State("FORGET"):
                self._erase(m, SlotWork.FORGET, 1)
                m.next = "WAIT"
            with m.State("WRITE"):
                # ADD is for counters alone; a READ comes in through the state READ.
                adds = item.kind == Kind.ADD
                with m.If(in_model & ~(adds & self._is_table)):
                    self._reach(m, write=True, add=adds)
                    m.next = "WAIT"
                with m.Else():
                    m.d.comb += self.bad.eq(~in_setting | adds)
                    with m.If(in_setting & ~adds):
                        self._configure(m)
                    self._end(m)
            with m.State("WAIT"):
                with m.If(~self._working()):
                    self._end(m)
            with m.State("READ"):
                with m.If(self._left == 0):
                    self._end(m)
                with m.Else():
                    m.d.comb += self.bad.eq(~in_model)
                    self._reach(m, write=False, enable=in_model)
                    m.next = "READING"
            with m.State("READING"):
                with m.If(~self._working()):
                    m.next = "HAND_ON"
            with m.State("HAND_ON"):
                self._hand_on(m, in_model)

    def _where(self, m: Module) -> tuple[Value, Value]:
        """Whether the address is in the model's part, or in the configuration."""
        config, address = self.config, self._address
        bit, word = address[:8], address[:4]
        words = -(-config.bits // 32)
        self._is_trials, self._is_table, is_count = Signal(), Signal(), Signal()
        m.d.comb += [
            self._is_trials.eq((address >= Window.TRIALS) & (address < Window.TRIALS + config.rows)),
            self._is_table.eq(
                (address >= Window.TABLE) & (address < Window.TABLE + 16 * config.table) & (word <= words)
            ),
            is_count.eq(
                (address >= Window.COUNT) & (address < Window.COUNT + 256 * config.rows) & (bit < config.bits)
            ),
        ]
        spans = {"theta": (Window.THETA, config.thetas), "unit": (Window.UNIT, 3)}
        spans |= {"gate": (Window.GATE, config.rows), "path": (Window.PATH, config.classes)}
        self._parts_hit = {
            part: (address >= first) & (address < first + count) for part, (first, count) in spans.items()
        }
        self._is_bit = (address >= Window.BIT) & (address < Window.BIT + 3 * 256) & (bit < config.bits)
        setting = self._is_bit
        for hit in self._parts_hit.values():
            setting = setting | hit
        in_model, in_setting = Signal(), Signal()
        m.d.comb += [in_model.eq(self._is_trials | self._is_table | is_count), in_setting.eq(setting)]
        return in_model, in_setting

    def _working(self) -> Value:
        table = self.parts.table
        counters = self.parts.counters.busy
        return counters if table is None else counters | table.busy

    def _end(self, m: Module) -> None:
        m.d.comb += self.done.eq(1)
        m.next = "IDLE"

    def _dispatch(self, m: Module) -> None:
        item = self.item
        with m.Switch(item.kind):
            with m.Case(Kind.CLEAR):
                m.d.sync += self._row.eq(0)
                m.next = "CLEAR"
            with m.Case(Kind.FORGET):
                m.next = "FORGET"
                with m.If(item.address >= self.config.rows):
                    m.next = "IDLE"
                    m.d.comb += [self.bad.eq(1), self.done.eq(1)]
            with m.Case(Kind.WRITE, Kind.ADD):
                m.next = "WRITE"
            with m.Case(Kind.READ):
                m.next = "READ"
            with m.Default():
                m.d.comb += [self.bad.eq(1), self.done.eq(1)]

    def _erase(self, m: Module, work: SlotWork, table_too: Value | int) -> None:
        counters, table = self.parts.counters, self.parts.table
        m.d.comb += [counters.start.eq(1), counters.work.eq(Work.ERASE), counters.row.eq(self._row)]
        if table is not None:
            m.d.comb += [table.start.eq(table_too), table.work.eq(work)]
            # The slots of a row are looked at with the row held.
            m.d.sync += self._forget_row.eq(self._row)

    def _reach(self, m: Module, *, write: bool, add: Value | int = 0, enable: Value | int = 1) -> None:
        counters, table, address = self.parts.counters, self.parts.table, self._address
        to_table = Value.cast(self._is_table)
        m.d.comb += [
            counters.start.eq(Value.cast(enable) & ~to_table),
            counters.work.eq(Work.ACCESS),
            counters.row.eq(Mux(self._is_trials, address, address >> 8)),
        ]
        m.d.sync += [self._writes.eq(int(write)), self._adds.eq(add)]
        if table is not None:
            m.d.comb += [
                table.start.eq(Value.cast(enable) & to_table),
                table.work.eq(SlotWork.ACCESS),
                table.slot.eq(address >> 4),
            ]

    def hold(self, m: Module) -> None:
        """Values that an access needs all along; the other steps do not look at them."""
        counters, table = self.parts.counters, self.parts.table
        self._writes, self._adds = Signal(name="access_writes"), Signal(name="access_adds")
        self._forget_row = Signal(range(self.config.rows))
        m.d.comb += [
            counters.access_bit.eq(self._address),
            counters.access_trials.eq(self._address < Window.TABLE),
            counters.access_write.eq(self._writes),
            counters.access_add.eq(self._adds),
            counters.access_data.eq(self.item.time),
        ]
        if table is not None:
            m.d.comb += [
                table.word.eq(self._address),
                table.access_write.eq(self._writes),
                table.access_data.eq(self.item.time),
                table.first.eq(self._forget_row),
            ]

    def _configure(self, m: Module) -> None:
        setting, vectors, address = self.parts.setting, self.parts.vectors, self._address
        m.d.comb += [
            setting.place.eq(address),
            setting.value.eq(self.item.time),
            vectors.bit_place.eq(Cat(address[: exact_log2(self.config.bits)], address[8:10])),
            vectors.bit_value.eq(self.item.time),
            vectors.write_bit.eq(self._is_bit),
        ]
        for part, hit in self._parts_hit.items():
            m.d.comb += getattr(setting, f"write_{part}").eq(hit)

    def _hand_on(self, m: Module, in_model: Value) -> None:
        parts = self.parts
        value = Value.cast(parts.counters.access_value)
        if parts.table is not None:
            value = Mux(self._is_table, parts.table.access_value, value)
        word = Signal(32, name="read_word")
        m.d.comb += [
            word.eq(Mux(in_model, value, 0)),
            parts.out_valid.eq(1),
            parts.out_data.eq(Cat(word, self._address)),
        ]
        with m.If(parts.out_ready):
            m.d.sync += [self._address.eq(self._address + 1), self._left.eq(self._left - 1)]
            m.next = "READ"
