"""``spynq sgf``: teach gestures from event files, ask, look at what was learnt."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spynq.cli.events import read, told
from spynq.cli.output import on_terminal, print_json, table

__all__ = ["add_to", "bench", "calibrate", "explain", "infer", "reproduce", "teach"]

_SHOWN = ("winner", "second", "score", "gates", "flags", "events", "frames", "dropped", "cycles")


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the command line."""
    group = commands.add_parser("sgf", parents=[common], help="gestures of event cameras: teach, infer, ...")
    kinds = group.add_subparsers(metavar="WHAT", required=True)
    shared = argparse.ArgumentParser(add_help=False, parents=[common])
    shared.add_argument("--json", action="store_true", help="print one JSON object")
    shared.add_argument("--no-progress", action="store_true", help="no bar while waiting")
    model = argparse.ArgumentParser(add_help=False, parents=[shared])
    model.add_argument("model", metavar="MODEL", type=Path, help="file of the model (JSON)")
    model.add_argument("--device", metavar="D", help="golden, rtl or board")
    files = argparse.ArgumentParser(add_help=False, parents=[model])
    files.add_argument("files", metavar="FILE", nargs="+", type=Path, help="recordings, one trial each")
    files.add_argument("--format", metavar="NAME", help="format of all files (recognised from each header)")
    label = argparse.ArgumentParser(add_help=False)
    label.add_argument("--label", metavar="L", required=True, help="class of all files, by name or number")

    made = kinds.add_parser("calibrate", parents=[files], help="set thresholds; makes MODEL if it is absent")
    made.add_argument("--classes", metavar="A,B,...", help="names of the classes of a new model")
    made.add_argument("--gestures", action="store_true", help="new model: the ten gestures through gates")
    made.add_argument(
        "--scoring", metavar="RULE", help="new model: equation 1, naive Bayes, exact match, ..."
    )
    made.add_argument("--events", metavar="N", type=int, help="new model: events of a frame (1000)")
    made.add_argument("--frames", metavar="N", type=int, help="new model: frames of a trial (80)")
    made.add_argument(
        "--sensor", metavar=("W", "H"), nargs=2, type=int, help="new model: pixels (those of the first FILE)"
    )
    made.set_defaults(run=calibrate)
    kinds.add_parser("teach", parents=[files, label], help="teach trials of one class").set_defaults(
        run=teach
    )
    kinds.add_parser("infer", parents=[files], help="answer trials").set_defaults(run=infer)
    kinds.add_parser("bench", parents=[files, label], help="how often, how fast").set_defaults(run=bench)
    told_ = kinds.add_parser("explain", parents=[model], help="what was learnt")
    told_.add_argument("--plot", metavar="FILE", type=Path, help="draw the knowledge graph there")
    told_.set_defaults(run=explain)
    again = kinds.add_parser("reproduce", parents=[shared], help="the paper's protocol on DvsGesture")
    again.add_argument("folder", metavar="FOLDER", nargs="?", type=Path, help="default: SPYNQ_DVSGESTURE")
    again.set_defaults(run=reproduce)


def calibrate(arguments: argparse.Namespace) -> int:
    """Run ``spynq sgf calibrate``."""
    from spynq.sgf import SGF

    trials = [read(path, arguments) for path in arguments.files]
    asked = _asked(arguments)
    if not arguments.model.exists():
        model = SGF(_new_setup(asked, trials[0]), device=arguments.device)
    elif asked:
        raise ValueError(
            f"{arguments.model} exists, and --{next(iter(asked))} is for a new model; remove one of them"
        )
    else:
        model = _load(arguments)
    with model, told():
        model.calibrate(trials, progress=_visible(arguments))
        model.save(arguments.model)
        bits = {unit: len(found) for unit, found in model.bits.items()}
    if arguments.json:
        print_json(
            {"model": str(arguments.model), "device": model.device, "trials": len(trials), "bits": bits}
        )
    else:
        told_bits = ", ".join(f"{count} of unit {unit}" for unit, count in bits.items())
        print(f"{arguments.model}: thresholds from {len(trials)} trials; bits: {told_bits}")
    return 0


def _asked(arguments: argparse.Namespace) -> dict[str, Any]:
    names = ("classes", "gestures", "scoring", "events", "frames", "sensor")
    return {name: value for name in names if (value := getattr(arguments, name)) not in (None, False)}


def _new_setup(asked: dict[str, Any], trial: Any) -> Any:
    from spynq.sgf import flat, gestures

    options: dict[str, Any] = {name: asked[name] for name in ("scoring", "events", "frames") if name in asked}
    # A file without a header has only its largest coordinates to tell.
    options["sensor"] = tuple(asked.get("sensor", (trial.width, trial.height)))
    if "gestures" in asked and "classes" not in asked:
        return gestures(**options)
    if "classes" in asked and "gestures" not in asked:
        return flat([name.strip() for name in asked["classes"].split(",")], **options)
    raise ValueError("a new model needs --classes A,B,... or --gestures, one of them")


def _load(arguments: argparse.Namespace) -> Any:
    from spynq.sgf import SGF

    if not arguments.model.exists():
        raise ValueError(
            f"{arguments.model} does not exist; "
            f"make it: spynq sgf calibrate {arguments.model} FILE... --classes A,B"
        )
    return SGF.load(arguments.model, device=arguments.device)


def _label(text: str) -> str | int:
    return int(text) if text.isdecimal() else text


def _visible(arguments: argparse.Namespace) -> bool:
    return not arguments.no_progress and on_terminal()


def _trials(arguments: argparse.Namespace) -> Iterator[tuple[Path, Any]]:
    from tqdm import tqdm

    hidden = not _visible(arguments)
    for path in tqdm(arguments.files, unit="file", disable=hidden, leave=False, delay=2):
        yield path, read(path, arguments)


def teach(arguments: argparse.Namespace) -> int:
    """Run ``spynq sgf teach``; what was taught before an error is kept."""
    label, results = _label(arguments.label), []
    with _load(arguments) as model, told():
        model.config.number(label)
        try:
            for path, trial in _trials(arguments):
                results.append((path, model.teach(trial, label)))
        finally:
            model.save(arguments.model)
    return _print(results, arguments)


def infer(arguments: argparse.Namespace) -> int:
    """Run ``spynq sgf infer``."""
    with _load(arguments) as model, told():
        results = [(path, model.infer(trial)) for path, trial in _trials(arguments)]
    return _print(results, arguments)


def bench(arguments: argparse.Namespace) -> int:
    """Run ``spynq sgf bench``: share of right answers and clocks per event of one class's files."""
    label = _label(arguments.label)
    with _load(arguments) as model, told():
        wanted = model.config.classes[model.config.number(label)]
        results = [model.infer(trial) for _, trial in _trials(arguments)]
    events, seconds = sum(r.events for r in results), sum(r.seconds for r in results)
    cycles = None if any(r.cycles is None for r in results) else sum(r.cycles for r in results)
    found = {
        "device": results[0].device,
        "label": wanted,
        "trials": len(results),
        "right": sum(r.winner == wanted for r in results),
        "events": events,
        "cycles": cycles,
        "events_per_cycle": events / cycles if cycles else None,
        "seconds": seconds,
        "events_per_second": events / seconds if seconds else None,
    }
    if arguments.json:
        print_json(found)
    else:
        print(table(tuple(found), [list(found.values())]))
        print("\nseconds are of this device as a program; of a board, cycles are what counts")
    return 0


def explain(arguments: argparse.Namespace) -> int:
    """Run ``spynq sgf explain``."""
    with _load(arguments) as model:
        knowledge = model.explain()
    if arguments.plot is not None:
        figure = knowledge.plot()
        arguments.plot.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(arguments.plot, dpi=150, bbox_inches="tight")
    found = knowledge.as_json()
    if arguments.json:
        print_json(found)
        return 0
    lines = [
        (edge.unit, edge.row, edge.bit, edge.share, edge.lead)
        for unit in knowledge.bits
        for edge in knowledge.edges(unit)
    ]
    print(table(("unit", "class", "bit", "share", "lead"), lines))
    print("\nshare of the taught trials that had the bit; lead over the mean of the unit's other classes")
    return 0


def reproduce(arguments: argparse.Namespace) -> int:
    """Run ``spynq sgf reproduce``."""
    from spynq.sgf.reproduce import reproduce_dvsgesture

    with told():
        found = reproduce_dvsgesture(arguments.folder, progress=_visible(arguments))
    if arguments.json:
        print_json(found)
    else:
        print(table(tuple(found), [list(found.values())]))
    return 0


def _print(results: list[tuple[Path, Any]], arguments: argparse.Namespace) -> int:
    rows = [{"file": str(path), **result.as_json()} for path, result in results]
    if arguments.json:
        print_json(rows[0] if len(rows) == 1 else {"files": rows})
        return 0
    cells = [[_cell(row[name]) for name in ("file", *_SHOWN)] for row in rows]
    print(table(("file", *_SHOWN), cells))
    return 0


def _cell(value: Any) -> Any:
    return " ".join(value) or "-" if isinstance(value, list) else value
