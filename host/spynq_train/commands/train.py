"""``spynq train METHOD``: train, judge, export, draw."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from spynq.cli.output import on_terminal, print_json, table
from spynq.errors import SpynqError
from spynq_train.presets import preset, preset_for

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> int:
    """Run ``spynq train METHOD``."""
    from spynq_train.data import load
    from spynq_train.engine import write_samples
    from spynq_train.fit import device_named
    from spynq_train.learning import draw, learn
    from spynq_train.recipes import OPTIONS, PLAN, prepare

    name = arguments.method
    chosen = arguments.preset or preset_for(name, arguments.data)
    preset(name, chosen)
    place = device_named(arguments.device)
    data = load(arguments.data, arguments.folder, train=arguments.train, test=arguments.test)
    given = {key: getattr(arguments, key, None) for key in (*OPTIONS[name], *PLAN)}
    ready = prepare(name, data, chosen, arguments.seed, **given)
    out = Path(arguments.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    checkpoint = Path(arguments.checkpoint) if arguments.checkpoint else out.with_suffix(".checkpoint")
    try:
        outcome = learn(
            ready,
            data,
            device=place,
            checkpoint=checkpoint,
            out=out,
            bwo=getattr(arguments, "bwo", 0) or 0,
            hold_out=arguments.hold_out,
            progress=not arguments.no_progress and on_terminal(),
        )
    except KeyboardInterrupt:
        if checkpoint.exists():
            print(f"spynq: {checkpoint} is kept, and the same command goes on from there", file=sys.stderr)
        raise
    if arguments.samples:
        write_samples(out.with_suffix(".npz"), data, ready.plan, arguments.samples)
    picture, failure = None, None
    try:
        picture = arguments.plot or out.with_suffix(".png")
        draw(outcome).savefig(picture, dpi=120)
    except (SpynqError, OSError) as error:
        picture, failure = None, error
    result = {**outcome.as_json(), "source": data.source, "device": str(place), "out": str(out)}
    result["samples"] = str(out.with_suffix(".npz")) if arguments.samples else None
    result |= {"picture": str(picture) if picture else None, "checkpoint": str(checkpoint)}
    if arguments.json:
        print_json(result)
    else:
        print(_text(result))
    if failure is not None:
        raise failure
    return 0


def _text(result: dict[str, Any]) -> str:
    settings = result["settings"]
    rows = [
        (layer["layer"], layer["rate"], 100 * layer["silent"], 100 * layer["dead"])
        for layer in result["layers"]
    ]
    lines = [
        "{method}: {network}, T = {steps}, {data}, seed {seed}".format(**settings),
        "accuracy {accuracy:.2f} % of {test_samples:,} test samples ({source})".format(**result),
        "",
        table(("layer", "spikes per neuron and step", "silent, %", "dead, %"), rows),
        "",
    ]
    if result["held_out"]:
        lines.append("held out, % after each epoch: " + ", ".join(f"{one:.2f}" for one in result["held_out"]))
    if "heads" in result:
        lines.append("heads, %: " + ", ".join(f"{head:.2f}" for head in result["heads"]))
    if "full_layers" in result:
        names = ", ".join(map(str, result["full_layers"])) or "none"
        lines.append(f"layers at full precision: {names}; {result['bits_per_weight']:.2f} bits per weight")
    lines.append(
        "{cpu_seconds:.1f} CPU seconds of training; one batch keeps {saved_bytes:,} bytes for its backward "
        "pass".format(**result)
    )
    lines.append(f"network in {result['out']}, curves in {result['picture']}")
    if result["samples"]:
        lines.append(f"on the engine: spynq lif run {result['out']} --input {result['samples']}")
    return "\n".join(lines)
