"""Judges what the build scripts told the mock of Vivado: every breach is one sentence with its line."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CompletedProcess, run

from spynq_sim.vivado.catalogue import COMMANDS, IP_PROPERTIES, PROPERTIES, Pins, kernel_pins, pins_of

__all__ = ["Call", "Design", "breaches", "calls_of", "commands_of", "lines_of", "run_step"]

_CLOCKS = {"pl_clk0", "FCLK_CLK0"}
_MOCK = Path(__file__).with_name("mock.tcl")


def run_step(step: Path, folder: Path, *answers: str) -> tuple[CompletedProcess[str], Path]:
    """Run one script against the mock.

    Parameters
    ----------
    step : Path
        The script.
    folder : Path
        Folder of its project, where the record goes too.
    *answers : str
        Commands and what they are to answer instead of the usual, in turn.

    Returns
    -------
    CompletedProcess, Path
        How it ended, and the record of its calls.
    """
    record, copies = folder / f"{step.stem}.record", folder / "with_lines"
    copies.mkdir(exist_ok=True)
    for script in step.parent.glob("*.tcl"):
        (copies / script.name).write_text(_with_lines(script))
    command = ["tclsh", str(_MOCK), str(copies / step.name), str(folder), str(record), *answers]
    return run(command, capture_output=True, text=True, timeout=120, check=False), record


@dataclass(frozen=True)
class Call:
    """One call of a command of Vivado."""

    file: str
    line: int
    name: str
    words: tuple[str, ...]

    def options(self) -> tuple[dict[str, str], list[str]]:
        """Options with their values, and positional words."""
        known, found, places = COMMANDS[self.name], {}, []
        words = iter(self.words)
        for word in words:
            if word in known.valued:
                found[word] = next(words, "")
            elif word.startswith("-"):
                found[word] = ""
            else:
                places.append(word)
        return found, places


def _records(record: Path) -> Iterable[list[str]]:
    undo = {"\\\\": "\\", "\\t": "\t", "\\n": "\n"}
    for line in record.read_text().splitlines():
        yield [re.sub(r"\\[\\tn]", lambda m: undo[m.group()], word) for word in line.split("\t")]


def commands_of(script: Path) -> set[int]:
    """Numbers of the lines that hold the beginning of a command."""
    found, continued = set(), False
    for number, line in enumerate(script.read_text().splitlines(), 1):
        bare = line.strip()
        if bare and not bare.startswith(("#", "}")) and not continued:
            found.add(number)
        continued = bare.endswith("\\")
    return found


def _with_lines(script: Path) -> str:
    """The script, with a note in front of every line of :func:`commands_of`; the numbers stay."""
    chosen = commands_of(script)
    lines = enumerate(script.read_text().splitlines(), 1)
    return "\n".join(f"mock_line {script.name} {n}; {line}" if n in chosen else line for n, line in lines)


def calls_of(record: Path) -> list[Call]:
    """Calls in the order they came."""
    return [
        Call(words[1], int(words[2]), words[3], tuple(words[4:]))
        for words in _records(record)
        if words[0] == "call"
    ]


def lines_of(record: Path) -> set[tuple[str, int]]:
    """Lines that ran, as ``(file, line)``."""
    return {(words[1], int(words[2])) for words in _records(record) if words[0] == "line"}


@dataclass
class Design:
    """The block design that a run of scripts has described so far."""

    verilog: dict[str, str]
    """Text of the Verilog of every packaged kernel, by the first three parts of its name and version."""
    cells: dict[str, str] = field(default_factory=dict)
    config: dict[str, dict[str, str]] = field(default_factory=dict)
    interfaces: Counter[str] = field(default_factory=Counter)
    driver: dict[str, str] = field(default_factory=dict)
    segments: dict[str, list[tuple[int, int, str]]] = field(default_factory=dict)

    def pins(self, cell: str) -> Pins:
        """Pins of a cell as it is configured now."""
        vlnv = self.cells[cell]
        if vlnv in self.verilog:
            return kernel_pins(self.verilog[vlnv])
        return pins_of(vlnv.split(":")[2], self.config[cell])


def breaches(calls: list[Call], verilog: dict[str, str], complete: bool) -> list[str]:
    """All that is wrong.

    Parameters
    ----------
    calls : list of Call
        What was recorded.
    verilog : dict
        Verilog of the kernels by VLNV.
    complete : bool
        The calls describe a whole block design, so that what is missing counts too.
    """
    design, found = Design(verilog), []
    for call in calls:
        for breach in _judge(call, design):
            found.append(f"{call.file}:{call.line}: {call.name}: {breach}")
    return found + (list(_missing(design)) if complete else [])


def _judge(call: Call, design: Design) -> Iterable[str]:
    known = COMMANDS.get(call.name)
    if known is None:
        yield "unknown command"
        return
    options, places = call.options()
    for option in options:
        if option not in known.valued | known.flags:
            yield f"unknown option {option}"
    if not known.least <= len(places) <= known.most:
        yield f"takes {known.least} to {known.most} words, not {len(places)}: {' '.join(places)}"
        return
    judge = _JUDGES.get(call.name)
    if judge is not None:
        yield from judge(design, options, places)


def _set_property(design: Design, options: dict[str, str], places: list[str]) -> Iterable[str]:
    kind, _, name = places[-1].partition(":")
    words = options["-dict"].split() if "-dict" in options else [places[0], "".join(places[1:2])]
    for key in words[::2]:
        if kind == "bd_cell":
            ip = design.cells.get(name, "::::").split(":")[2]
            if not re.fullmatch(rf"CONFIG\.({IP_PROPERTIES.get(ip, '(?!)')})", key):
                yield f"{ip or name} has no property {key}"
        elif key not in PROPERTIES.get(kind, set()):
            yield f"a {kind} has no property {key}"
    if kind == "bd_cell" and name in design.config:
        pairs = zip(words[::2], words[1::2], strict=True)
        design.config[name] |= {key.removeprefix("CONFIG."): value for key, value in pairs}


def _get_property(design: Design, options: dict[str, str], places: list[str]) -> Iterable[str]:
    kind = places[1].partition(":")[0]
    if places[0] not in PROPERTIES.get(kind, set()):
        yield f"a {kind} has no property {places[0]}"


def _create_cell(design: Design, options: dict[str, str], places: list[str]) -> Iterable[str]:
    vlnv, name = options.get("-vlnv", ""), places[0]
    if name in design.cells:
        yield f"two cells are called {name}"
    if vlnv not in design.verilog and vlnv.rpartition(":")[2] not in IP_PROPERTIES:
        yield f"the catalogue has no {vlnv}"
        return
    design.cells[name], design.config[name] = vlnv, {}


def _pin(design: Design, path: str, interface: bool) -> str | None:
    """Why a pin is not there, if it is not."""
    cell, _, pin = path.partition("/")
    if cell not in design.cells:
        return f"there is no cell {cell}"
    pins = design.pins(cell)
    if pin not in (pins.interfaces if interface else pins.scalars):
        return f"{cell} has no {'interface ' if interface else ''}pin {pin}"
    return None


def _get_pins(design: Design, options: dict[str, str], places: list[str]) -> Iterable[str]:
    if reason := _pin(design, places[0], interface=False):
        yield reason


def _get_interface(design: Design, options: dict[str, str], places: list[str]) -> Iterable[str]:
    if reason := _pin(design, places[0], interface=True):
        yield reason


def _get_cell(design: Design, options: dict[str, str], places: list[str]) -> Iterable[str]:
    if places[0] not in design.cells:
        yield f"there is no cell {places[0]}"


def _get_segment(design: Design, options: dict[str, str], places: list[str]) -> Iterable[str]:
    cell, *rest = places[0].split("/")
    if cell not in design.cells or len(rest) != 2 or not all(rest):
        yield f"there is no address segment {places[0]!r}"


def _named(word: str) -> str:
    return word.partition(":")[2]


def _connect_net(design: Design, options: dict[str, str], places: list[str]) -> Iterable[str]:
    source, sink = map(_named, places)
    if _pin(design, source, False) or _pin(design, sink, False):
        return
    if source.partition("/")[2] not in design.pins(source.partition("/")[0]).outputs:
        yield f"{source} drives nothing"
    if sink in design.driver:
        yield f"{sink} is driven twice, by {design.driver[sink]} and {source}"
    design.driver[sink] = source


def _connect_interface(design: Design, options: dict[str, str], places: list[str]) -> Iterable[str]:
    ends = []
    for path in map(_named, places):
        cell, _, pin = path.partition("/")
        if _pin(design, path, True):
            return
        design.interfaces[path] += 1
        if design.interfaces[path] > 1:
            yield f"{path} is connected twice"
        ends.append(design.pins(cell).interfaces[pin])
    (protocol, side), (other, far) = ends
    if protocol != other:
        yield f"{places[0]} is {protocol} and {places[1]} is {other}"
    if {side, far} != {"master", "slave"}:
        yield f"{places[0]} and {places[1]} are both {side}s"


def _assign(design: Design, options: dict[str, str], places: list[str]) -> Iterable[str]:
    space = _named(options.get("-target_address_space", ""))
    segment = _named(places[0])
    ranges = design.segments.setdefault(space, [])
    if "-offset" not in options:
        ranges.append((-1, 0, segment))
        return
    base, size = int(options["-offset"], 0), int(options["-range"], 0)
    for low, length, other in ranges:
        if low < base + size and base < low + length:
            yield f"{segment} at {base:#x} overlaps {other} at {low:#x}"
    if base % size:
        yield f"{segment} at {base:#x} is not aligned to its {size:#x} bytes"
    ranges.append((base, size, segment))


_JUDGES = {
    "set_property": _set_property,
    "get_property": _get_property,
    "create_bd_cell": _create_cell,
    "get_bd_cells": _get_cell,
    "get_bd_pins": _get_pins,
    "get_bd_intf_pins": _get_interface,
    "get_bd_addr_segs": _get_segment,
    "connect_bd_net": _connect_net,
    "connect_bd_intf_net": _connect_interface,
    "assign_bd_address": _assign,
}


def _missing(design: Design) -> Iterable[str]:
    for cell in design.cells:
        pins = design.pins(cell)
        for name in pins.interfaces:
            path = f"{cell}/{name}"
            if not design.interfaces[path]:
                yield f"interface {path} is not connected"
        for name in pins.clocks | pins.resets | pins.inputs:
            if f"{cell}/{name}" not in design.driver:
                yield f"pin {cell}/{name} is not connected"
        for name in pins.clocks & {pin for pin in pins.clocks if f"{cell}/{pin}" in design.driver}:
            source = design.driver[f"{cell}/{name}"].partition("/")[2]
            if source not in _CLOCKS:
                yield f"clock {cell}/{name} hangs on {source}"
    mapped = {segment for ranges in design.segments.values() for _, _, segment in ranges}
    for cell, vlnv in design.cells.items():
        if vlnv.rsplit(":", 1)[-1] in ("smartconnect", "zynq_ultra_ps_e", "processing_system7"):
            continue
        for name, (protocol, side) in design.pins(cell).interfaces.items():
            if (
                protocol == "aximm"
                and side == "slave"
                and not any(s.startswith(f"{cell}/{name}/") for s in mapped)
            ):
                yield f"slave {cell}/{name} has no address"
            if protocol == "aximm" and side == "master" and not _reaches(design, cell, name):
                yield f"master {cell}/{name} reaches no memory"


def _reaches(design: Design, cell: str, name: str) -> bool:
    spaces = {f"{cell}/{name}", f"{cell}/Data_{name.removeprefix('M_AXI_')}"}
    return any(space in spaces for space in design.segments)
