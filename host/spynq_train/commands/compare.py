"""``spynq bench networks``: one table of all methods on the same data."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spynq.bench.runner import commit, machine
from spynq.cli.output import on_terminal, print_json, table
from spynq_train.compare import ENTRIES, compare
from spynq_train.data import load

__all__ = ["run", "text"]

_SEEDS = (0, 1, 2)
_COLUMNS = (
    ("accuracy, %", "accuracy"),
    ("spread", "spread"),
    ("integer, %", "integer"),
    ("differ", "differing"),
    ("ReLU, %", "relu"),
    ("CPU s", "train_seconds"),
    ("kept, MB", "saved_bytes"),
    ("MACs", "macs"),
    ("additions", "synaptic_operations"),
    ("spikes", "spikes"),
    ("cycles", "cycles"),
    ("ReLU MACs", "relu_macs"),
    ("ReLU us", "relu_microseconds"),
    ("CUDA us", "relu_cuda_microseconds"),
    ("PyTorch us", "torch_microseconds"),
    ("paper, %", "paper"),
)


def run(arguments: argparse.Namespace) -> int:
    """Run ``spynq bench networks``."""
    import torch
    from tqdm import tqdm

    torch.set_num_threads(1)
    out = None if arguments.json in (None, "-") else Path(arguments.json)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.open("a").close()
    hidden = arguments.no_progress or not on_terminal()
    rows: list[dict[str, Any]] = []
    with tqdm(total=len(ENTRIES), unit="network", disable=hidden, leave=False) as bar:
        for row in compare(load("digits"), _SEEDS, advance=bar.set_postfix_str):
            rows.append(row)
            bar.update()
            if out is not None:
                out.write_text(json.dumps(_report(rows), indent=2, allow_nan=False) + "\n", encoding="utf-8")
    if arguments.json == "-":
        print_json(_report(rows))
    else:
        print(text(rows))
        print(f"\n{time.process_time():.0f} CPU seconds in all; {machine()}; commit {commit() or 'unknown'}")
    return 0


def _report(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    from spynq_train.learning import resident

    most, seconds = resident(), time.process_time()
    return {
        "rows": list(rows),
        "cpu_seconds": seconds,
        "peak_resident_bytes": most,
        "machine": machine(),
        "commit": commit(),
    }


_NOTES = """
accuracy: PyTorch, mean over seeds, and its standard deviation; integer: the golden model with 8-bit
weights (codebooks where binary); differ: outputs in which golden and the same integers in PyTorch differ;
kept: for one batch's backward pass, counted; MACs of a dense machine, additions that the engine made,
spikes: per sample, all steps; cycles: per sample on simulated gateware with one column; ReLU: the same
layers as a plain network; us: microseconds per sample in batches of 100, of the plain network (on CUDA where
there is one) and of the spiking one in PyTorch; paper: its own figure on its own data and network, not
comparable
"""


def text(rows: Sequence[dict[str, Any]]) -> str:
    """The table and what its columns are."""
    seeds = ", ".join(map(str, _SEEDS))
    header = f"scikit-learn's digits, 1,347 to train, 450 to test, seeds {seeds}; one thread\n"
    lines = [(row["name"], *(_cell(key, row[key]) for _, key in _COLUMNS)) for row in rows]
    rtl = [f"{row['name']}: rtl {row['rtl']}" for row in rows]
    return "\n".join([header, table(("network", *(title for title, _ in _COLUMNS)), lines), _NOTES, *rtl])


def _cell(key: str, value: Any) -> Any:
    if key == "saved_bytes":
        return value / 1e6
    if key in ("accuracy", "integer", "relu"):
        return float(f"{value:.1f}")
    if key in ("macs", "synaptic_operations", "spikes", "cycles", "relu_macs", "differing"):
        return None if value is None else round(value)
    return value or None
