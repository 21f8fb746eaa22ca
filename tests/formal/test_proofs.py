"""Every adapter, buffer and register block of the shell, proved without bound, covers reached."""

from __future__ import annotations

import importlib
import inspect
import types
from collections.abc import Callable
from typing import Any

import pytest

from spynq_sim.formal import check
from spynq_sim.proofs import buffers, control, engines

# Narrow and few: the proofs look at every state, and width or depth adds none of a new kind.
BLOCKS: dict[str, tuple[type, str, Callable[[Any], Any]]] = {
    "skid": (buffers.SkidProof, "fifo", lambda module: module.Skid(4)),
    "queue": (buffers.QueueProof, "fifo", lambda module: module.Queue(4, 4)),
    "stream in": (buffers.StreamInProof, "streams", lambda module: module.StreamIn(8)),
    "stream out": (buffers.StreamOutProof, "streams", lambda module: module.StreamOut(8)),
    "bursts": (engines.BurstsProof, "bursts", lambda module: module.Bursts(64)),
    "reader": (engines.ReaderProof, "reader", lambda module: module.Reader(32, 2)),
    "writer": (engines.WriterProof, "writer", lambda module: module.Writer(32, 2)),
    "lite": (control.LiteProof, "lite", lambda module: module.LiteSlave(6)),
    "handshake": (control.HandshakeProof, "handshake", lambda module: module.Handshake()),
    "control": (control.ControlProof, "control", lambda module: module.Control(control.SMALL, {})),
}

BUGS = [
    ("skid", "m.d.sync += spare_full.eq(1)", "m.d.sync += spare_full.eq(self.o.valid & self.i.payload[0])"),
    ("queue", "(head ^ tail) != self.depth", "(head ^ tail) != self.depth + 1"),
    ("stream out", "self.bus.tkeep.eq(~0)", "self.bus.tkeep.eq(self.bus.tvalid)"),
    ("bursts", "final.eq(left <= reach + 1)", "final.eq(left <= reach)"),
    ("bursts", "position.eq(0)", "position.eq(1)"),
    ("reader", "bus.rready.eq(skid.i.ready)", "bus.rready.eq(1)"),
    ("reader", "bus.arvalid.eq(burst.valid & flight.i.ready)", "bus.arvalid.eq(burst.valid)"),
    ("writer", "self.idle.eq(~bursts.busy & ~flight.o.valid)", "self.idle.eq(~bursts.busy)"),
    ("writer", "m.d.sync += position.eq(0)", "m.d.sync += position.eq(1)"),
    ("writer", "m.d.sync += self.mark.eq(flight.head)", "m.d.sync += self.mark.eq(flight.tail)"),
    ("writer", "flight.tail == self.mark", "flight.o.ready"),
    ("lite", "bus.wready.eq(addressed & ~bus.bvalid)", "bus.wready.eq(addressed)"),
    ("lite", "with m.If(bus.bready):", "with m.If(bus.bready | bus.awvalid):"),
    ("handshake", "ap_start.eq(auto_restart)", "ap_start.eq(0)"),
    ("handshake", "| (self.ier & ended.replicate(2))", "| ended.replicate(2)"),
    ("control", "slave.write & open_ &", "slave.write &"),
]
"""One line of a block changed; the proof must fail."""


def with_bug(name: str, line: str, changed: str) -> types.ModuleType:
    """The module of a block with one line changed."""
    source = inspect.getsource(importlib.import_module(f"spynq_hw.{name}"))
    assert source.count(line) == 1, f"{name} has the line {source.count(line)} times: {line}"
    module = types.ModuleType(f"spynq_hw.{name}")
    exec(compile(source.replace(line, changed), f"{name}.py", "exec"), module.__dict__)
    return module


@pytest.mark.parametrize("name", BLOCKS)
def test_keeps_its_promises_for_ever(name: str) -> None:
    proof, module, make = BLOCKS[name]
    block = make(importlib.import_module(f"spynq_hw.{module}"))
    verdict = check(proof(block), mode="prove", depth=2)
    assert verdict.passed, f"{verdict.status} {verdict.places}\n{verdict.log[-2000:]}"


@pytest.mark.parametrize("name", BLOCKS)
def test_every_case_that_the_proof_speaks_of_can_happen(name: str) -> None:
    proof, module, make = BLOCKS[name]
    block = make(importlib.import_module(f"spynq_hw.{module}"))
    verdict = check(proof(block), mode="cover", depth=20)
    assert verdict.passed, f"{verdict.status} {verdict.places}\n{verdict.log[-2000:]}"


@pytest.mark.parametrize(("name", "line", "changed"), BUGS)
def test_a_planted_bug_is_found(name: str, line: str, changed: str) -> None:
    proof, module, make = BLOCKS[name]
    verdict = check(proof(make(with_bug(module, line, changed))), mode="bmc", depth=12)
    assert verdict.status == "FAIL"
    assert any("proofs/" in place for place in verdict.places), verdict.places


def test_unknown_mode_and_solver_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown mode 'hope'; known are prove, cover, bmc"):
        check(None, mode="hope")
    with pytest.raises(ValueError, match="unknown solver 'luck'; known are yices, z3, boolector"):
        check(None, solver="luck")
