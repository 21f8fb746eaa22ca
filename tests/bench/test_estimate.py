# amaranth: UnusedElaboratable=no
"""The size estimate counts what was built, and keeps it."""

from __future__ import annotations

from pathlib import Path

import pytest
from amaranth import Module, Signal, signed
from amaranth.back import rtlil
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from spynq.errors import SpynqError
from spynq_hw import estimate as module
from spynq_hw.alike import merged
from spynq_hw.estimate import ZCU104, Estimate, count, estimate, keep


class Probe(wiring.Component):
    """A 27 x 18 product, a register of it, and a memory of 1,024 words of 36 bits."""

    def __init__(self) -> None:
        super().__init__(
            {
                "a": In(signed(27)),
                "b": In(signed(18)),
                "address": In(10),
                "product": Out(signed(45)),
                "word": Out(36),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.memory = memory = Memory(shape=36, depth=1024, init=[], attrs={"ram_style": "block"})
        read, write = memory.read_port(), memory.write_port()
        product = Signal(signed(45))
        m.d.sync += product.eq(self.a * self.b)
        m.d.comb += [
            self.product.eq(product),
            read.addr.eq(self.address),
            read.en.eq(1),
            self.word.eq(read.data),
            write.addr.eq(self.address),
            write.en.eq(self.a[0]),
            write.data.eq(product[:36]),
        ]
        return m


def test_cells_of_a_known_design(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = rtlil.convert(Probe(), name="probe", emit_src=False)
    first = estimate(text, "probe", cache=tmp_path)
    assert first.dsp == 1
    assert first.ramb36 + first.ramb18 == 1
    assert first.ff == 45
    assert first.uram == 0
    assert len(list(tmp_path.iterdir())) == 1

    def refuse(*_: object) -> None:
        raise AssertionError("synthesised again")

    monkeypatch.setattr(module, "_synthesise", refuse)
    assert estimate(text, "probe", cache=tmp_path) == first
    with pytest.raises(AssertionError, match="synthesised again"):
        estimate(text + "\n", "probe", cache=tmp_path)


class Nest(wiring.Component):
    """A probe, one module further down."""

    def __init__(self) -> None:
        super().__init__(
            {"a": In(signed(27)), "b": In(signed(18)), "address": In(10), "product": Out(signed(45))}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.probe = probe = Probe()
        m.d.comb += [
            probe.a.eq(self.a),
            probe.b.eq(self.b),
            probe.address.eq(self.address),
            self.product.eq(probe.product),
        ]
        return m


class Several(wiring.Component):
    """Three nests, each with an input and an output of its own."""

    def __init__(self) -> None:
        ports = {"a": In(signed(27)), "b": In(signed(18)), "address": In(10)}
        super().__init__(ports | {f"product{n}": Out(signed(45)) for n in range(3)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for n in range(3):
            m.submodules[f"nest{n}"] = nest = Nest()
            m.d.comb += [
                nest.a.eq(self.a + n),
                nest.b.eq(self.b),
                nest.address.eq(self.address),
                getattr(self, f"product{n}").eq(nest.product),
            ]
        return m


def test_by_parts_every_copy_of_a_module_counts(tmp_path: Path) -> None:
    """Synthesised once, used three times: three times the cells, as of the whole."""
    text = rtlil.convert(Several(), name="several", emit_src=False)
    parts = estimate(text, "several", parts=True, cache=tmp_path)
    whole = estimate(text, "several", cache=tmp_path)
    assert (parts.dsp, parts.ff) == (whole.dsp, whole.ff) == (3, 135)
    assert parts.cells["several.nest0"] == 3 and "several.nest0" not in whole.cells


def test_modules_of_one_text_become_one_from_the_innermost_outwards() -> None:
    text = rtlil.convert(Several(), name="several", emit_src=False)
    once = merged(text)
    assert (text.count("\nmodule "), once.count("\nmodule ")) == (7, 3)
    assert once.count("cell \\several.nest0 ") == 3
    assert merged(once) == once


def test_ports_named_by_nets_of_the_whole_design_do_not_keep_modules_apart() -> None:
    def used(number: int) -> str:
        part = f"  wire input 1 \\port${number}$7\n  connect \\o \\port${number}$7\nend\n"
        return f"module \\part{number}\n{part}"

    cells = "".join(f"  cell \\part{n} \\c{n}\n    connect \\port${n}$7 \\x\n  end\n" for n in (10, 20))
    once = merged(used(10) + used(20) + f"module \\top\n{cells}end\n")
    assert once.count("module ") == 2 and once.count("cell \\part10 ") == 2
    assert once.count("port$0") == 4 and "port$1" not in once and "port$2" not in once


def test_memory_look_up_tables_and_inverters_count_as_look_up_tables() -> None:
    cells = {"LUT6": 10, "LUT2": 3, "INV": 2, "RAM64M8": 2, "SRL16E": 1, "FDRE": 7, "FDSE": 1, "MUXF7": 5}
    result = count(cells)
    assert (result.lut, result.lut_memory, result.ff) == (10 + 3 + 2 + 16 + 1, 17, 8)


def test_half_block_rams_count_half() -> None:
    assert count({"RAMB36E2": 3, "RAMB18E2": 3}).bram36 == 4.5


def test_copies_are_bound_by_the_scarcest_resource() -> None:
    small = Estimate(lut=1000, lut_memory=0, ff=10, dsp=100, ramb36=0, ramb18=1, uram=0, carry4=0)
    assert small.copies(ZCU104, 0.75) == int(0.75 * 1728 / 100)


def test_a_design_that_yosys_refuses_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpynqError, match=r"Yosys refused the design: .*nothing_here"):
        estimate("module \\probe\nend\n", "nothing_here", cache=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_kept_figure_serves_its_own_design_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[str] = []

    def synthesise(text: str, recipe: str) -> tuple[dict[str, int], float]:
        runs.append(text)
        return {"LUT6": len(runs)}, 1.0

    monkeypatch.setattr(module, "_synthesise", synthesise)
    monkeypatch.setattr(module, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(module, "KEPT", tmp_path / "kept.json")
    assert keep("one", "top", "a kernel", file=module.KEPT).lut == 1
    assert estimate("one", "top", cache=tmp_path / "empty").lut == 1
    assert estimate("two", "top", cache=tmp_path / "empty").lut == 2
    # The later design of the same kernel takes the earlier one's place.
    keep("three", "top", "a kernel", file=module.KEPT)
    assert estimate("one", "top", cache=tmp_path / "other").lut == 4
    assert runs == ["one", "two", "three", "one"]
