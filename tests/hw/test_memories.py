"""Initial content of memories in exported Verilog."""

from __future__ import annotations

from threading import Thread

from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from spynq_hw.export import component_rtlil, component_verilog
from spynq_hw.memories import zeros_left_out


class Two(wiring.Component):
    """A memory of zeros beside one with content."""

    def __init__(self) -> None:
        super().__init__({"address": In(4), "data": In(9), "zero": Out(9), "word": Out(5)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.zeros = zeros = Memory(shape=9, depth=16, init=[])
        m.submodules.words = words = Memory(shape=5, depth=16, init=range(3, 19))
        write, read, known = zeros.write_port(), zeros.read_port(), words.read_port()
        m.d.comb += [
            write.addr.eq(self.address),
            write.data.eq(self.data),
            write.en.eq(1),
            read.addr.eq(self.address),
            known.addr.eq(self.address),
            self.zero.eq(read.data),
            self.word.eq(known.data),
        ]
        return m


def test_a_memory_of_zeros_is_cleared_by_a_loop_and_content_is_kept() -> None:
    text = component_verilog(Two(), "two")
    assert text.count("for (") == 1
    assert "reg [8:0] zeros [15:0];\n  integer zeros_place;" in text
    assert "zeros_place <= 15;" in text
    assert "words[15] = 5'h12;" in text


def test_only_memories_with_content_are_spelled_out() -> None:
    text = component_rtlil(Two(), "two")
    assert text.count("cell $meminit_v2") == 1


def test_threads_that_export_side_by_side_get_the_same_text() -> None:
    """Leaving zeros out is a state of the converter: whoever ends first must not end it for the other."""
    alone, texts = component_rtlil(Two(), "two"), []
    other = Thread(target=lambda: texts.append(component_rtlil(Two(), "two")))
    with zeros_left_out():
        other.start()
        other.join(0.2)
        assert other.is_alive() and not texts
    other.join(60)
    assert texts == [alone] == [component_rtlil(Two(), "two")]
