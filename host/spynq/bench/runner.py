"""Measure the rows of a bench one by one, and write what came out."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterable
from pathlib import Path

from spynq.bench.registry import Target
from spynq.bench.verdict import Row
from spynq.errors import SpynqError

__all__ = ["commit", "machine", "measure", "report", "write"]


def measure(target: Target) -> Row:
    """Measure one row; whatever goes wrong becomes the reason of a row without a value."""
    try:
        result = target.measure()
        value, how = float(result.value), result.how
    except (SpynqError, OSError, ValueError) as error:
        return _without_value(target, f"not measured: {error}")
    except Exception as error:  # one row's bug must not lose the others, which take minutes
        return _without_value(target, f"not measured, a bug: {type(error).__name__}: {error}")
    return Row(target.name, value, target.unit, target.must, target.moonshot, how)


def _without_value(target: Target, why: str) -> Row:
    return Row(target.name, None, target.unit, target.must, target.moonshot, why)


def machine() -> str:
    """Processor, cores this process may use, system and Python, in one line."""
    processor = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                processor = line.partition(":")[2].strip()
                break
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{processor}, {cores} cores, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}"
    )


def commit() -> str | None:
    """Commit of the checkout this runs from, with ``+`` if it was changed; ``None`` outside of git."""
    here = Path(__file__).parent
    try:
        # --exclude='*' leaves the bare commit id: no tag is taken for a name.
        command = ["git", "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=+"]
        answer = subprocess.run(command, cwd=here, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None


def report(rows: Iterable[Row]) -> dict[str, object]:
    """Rows, machine and commit, as they are written to a file."""
    return {"rows": [row.as_json() for row in rows], "machine": machine(), "commit": commit()}


def write(rows: Iterable[Row], path: Path) -> None:
    """Write the report of ``rows`` to ``path`` as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report(rows), indent=2, allow_nan=False) + "\n", encoding="utf-8")
