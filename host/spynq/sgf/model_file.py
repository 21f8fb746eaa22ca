"""Models as files: JSON with the setup, the bits and the counters, readable by eye."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from spynq.errors import FormatError
from spynq.sgf.counters import Counters
from spynq.sgf.params import UNITS
from spynq.sgf.setting import Bit
from spynq.sgf.setup import Setup
from spynq.sgf.statistics import names

__all__ = ["read", "write"]

_FORMAT = "spynq sgf model 1"

Bits = Mapping[str, tuple[Bit, ...]]


def write(
    path: str | os.PathLike[str], setup: Setup, bits: Bits, counters: Counters, limit: float | None = None
) -> None:
    """Write a model; bits and vectors are named, so that the file means the same to another build."""
    of_place = {place: name for name, place in names(setup.build).items()}
    vectors = [
        {
            "row": int(counters.owners[slot]),
            "count": int(counters.slots[slot]),
            "bits": np.packbits(counters.vectors[slot]).tobytes().hex(),
        }
        for slot in np.flatnonzero(counters.slots)
    ]
    rows = [
        {"row": int(row), "trials": int(counters.trials[row]), "counts": counters.counts[row].tolist()}
        for row in np.flatnonzero(counters.trials)
    ]
    content = {
        "format": _FORMAT,
        "setup": setup.as_json(),
        "bits": {
            unit: [[of_place[b.statistic], b.threshold] for b in listed] for unit, listed in bits.items()
        },
        "limit": limit,
        "rows": rows,
        "table": vectors,
    }
    target = Path(path)
    part = target.with_name(f"{target.name}.part")
    part.write_text(json.dumps(content) + "\n", encoding="ascii")
    part.replace(target)  # whole or not at all


def read(
    path: str | os.PathLike[str],
) -> tuple[Setup, dict[str, tuple[Bit, ...]], Counters, float | None]:
    """Read a model: setup, bits, counters and the limit of agreement.

    Raises
    ------
    spynq.errors.FormatError
        It is no model, or its parts contradict each other; the message says which.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise FormatError(f"{path}: no model of sgf, as it is not JSON: {error}") from None
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise FormatError(f"{path}: no model of sgf; one begins with the format {_FORMAT!r}")
    try:
        setup = Setup.of_json(content["setup"])
        bits = _bits(content["bits"], setup)
        limit = content["limit"]
        if limit is not None and not 0 <= limit <= 1:
            raise ValueError(f"the limit of agreement is a share, not {limit}")
        return setup, bits, _counters(content, setup, bits), limit
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise FormatError(f"{path}: {what}; the file is damaged or of another version") from None


def _bits(listed: Mapping[str, Any], setup: Setup) -> dict[str, tuple[Bit, ...]]:
    places = names(setup.build)
    if not set(listed) <= set(UNITS):
        raise ValueError(f"units are {', '.join(UNITS)}, not {', '.join(listed)}")
    return {
        unit: tuple(Bit(places[name], threshold) for name, threshold in found)
        for unit, found in listed.items()
    }


def _counters(content: Mapping[str, Any], setup: Setup, bits: Bits) -> Counters:
    counters = Counters(setup.build)
    lengths = {row: len(bits.get(unit, ())) for unit, rows in setup.rows().items() for row, _ in rows}
    for entry in content["rows"]:
        row, counts = entry["row"], np.asarray(entry["counts"], np.int64)
        if row not in lengths or len(counts) != setup.build.bits:
            raise ValueError(f"row {row} has {len(counts)} counters and the build holds {setup.build.bits}")
        if counts[lengths[row] :].any():
            raise ValueError(f"row {row} has counts beyond its {lengths[row]} bits")
        if (counts < 0).any() or (counts > entry["trials"]).any():
            raise ValueError(f"row {row} counts more than its {entry['trials']} trials")
        counters.counts[row], counters.trials[row] = counts, entry["trials"]
    for slot, entry in enumerate(content["table"]):
        packed = np.frombuffer(bytes.fromhex(entry["bits"]), np.uint8)
        counters.vectors[slot] = np.unpackbits(packed, count=setup.build.bits)
        counters.owners[slot], counters.slots[slot] = entry["row"], entry["count"]
    return counters
