"""Figures out of Vivado's text reports: resources used and available, and slack."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from spynq.errors import FormatError

__all__ = ["parse_reports", "parse_timing", "parse_utilization"]

# Names differ between families: CLB on UltraScale+, Slice on the 7 series.
_RESOURCES = {
    "lut": r"(?:CLB|Slice) LUTs\*?",
    "ff": r"(?:CLB|Slice) Registers",
    "bram36": r"Block RAM Tile",
    "uram": r"URAM",
    "dsp": r"DSPs",
}


def parse_utilization(text: str) -> dict[str, dict[str, float]]:
    """``{resource: {"used": ..., "available": ...}}`` of a ``report_utilization``.

    Raises
    ------
    FormatError
        It has no row for LUTs, so it is no such report.
    """
    found = {}
    for name, pattern in _RESOURCES.items():
        row = re.search(rf"^\|\s*{pattern}\s*\|(.*)\|\s*$", text, flags=re.M)
        if row is not None:
            cells = [cell.strip() for cell in row[1].split("|")]
            # Used, fixed, (prohibited,) available, share: the last two are the same in every version.
            found[name] = {"used": float(cells[0]), "available": float(cells[-2])}
    if "lut" not in found:
        raise FormatError("no row for LUTs: this is no report_utilization of Vivado")
    return found


def parse_timing(text: str) -> dict[str, float]:
    """Worst slack in ns, by kind (setup, hold, pulse width), of a ``report_timing_summary``.

    Raises
    ------
    FormatError
        It has no design timing summary.
    """
    table = re.search(
        r"Design Timing Summary.*?^\s*-{3,}[- ]*$\s*^(?P<row>\s*[-\d.].*)$", text, flags=re.M | re.S
    )
    if table is None:
        raise FormatError("no design timing summary: this is no report_timing_summary of Vivado")
    values = table["row"].split()
    # WNS TNS failing total, WHS THS failing total, WPWS TPWS failing total.
    return {"setup": float(values[0]), "hold": float(values[4]), "pulse_width": float(values[8])}


def parse_reports(folder: Path) -> dict[str, Any]:
    """All figures of the ``reports`` folder of a project.

    Parameters
    ----------
    folder : Path
        Holds ``utilization.rpt`` and ``timing.rpt``.

    Returns
    -------
    dict
        ``utilization`` and ``slack_ns``.
    """
    return {
        "utilization": parse_utilization((folder / "utilization.rpt").read_text(encoding="utf-8")),
        "slack_ns": parse_timing((folder / "timing.rpt").read_text(encoding="utf-8")),
    }
