"""``spynq stm``: query a Bayesian network, fuse Gaussian cues, ask a tree, learn tables."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from spynq.cli import tree
from spynq.cli.output import Waiting, on_terminal, print_json, table
from spynq.errors import SpynqError

__all__ = ["add_to", "fuse", "query"]

_COSTS = ("ess", "log_evidence", "cycles", "flags", "seconds")


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the command line."""
    group = commands.add_parser("stm", parents=[common], help="the sampling tree: query, fuse, tree, fit")
    kinds = group.add_subparsers(metavar="WHAT", required=True)
    shared = _shared(common)

    asked = kinds.add_parser("query", parents=[shared], help="posteriors of a discrete Bayesian network")
    asked.add_argument("file", metavar="FILE", help="network as .bif or .xml (XMLBIF)")
    asked.add_argument(
        "--evidence", metavar="NODE=STATE", nargs="+", action="extend", default=[], help="what was observed"
    )
    asked.add_argument(
        "--target", metavar="NODE", nargs="+", action="extend", help="what is asked for (every other node)"
    )
    asked.add_argument(
        "--tolerance", metavar="TV", type=float, help="sample until the total variation is about this small"
    )
    asked.add_argument(
        "--lookahead",
        metavar="ENTRIES",
        type=int,
        help="work likelihoods into tables of so many entries; more helps rare evidence (what fits)",
    )
    asked.add_argument(
        "--build",
        metavar="NAME=SIZE",
        nargs="+",
        action="extend",
        default=[],
        help="build the kernel larger, such as table=32768; on rtl, each build is compiled once",
    )
    asked.set_defaults(run=query)

    fused = kinds.add_parser("fuse", parents=[shared], help="one estimate from several Gaussian cues")
    fused.add_argument(
        "--cue", metavar="VALUE,SD", nargs="+", action="extend", required=True, help="a cue and its deviation"
    )
    fused.add_argument(
        "--support", metavar=("LOW", "HIGH"), nargs=2, type=float, help="range of the estimate (-50 50)"
    )
    fused.set_defaults(run=fuse)
    tree.add_tree(kinds, shared)
    tree.add_fit(kinds, shared)


def _shared(common: argparse.ArgumentParser) -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False, parents=[common])
    shared.add_argument("--samples", metavar="N", type=int, help="samples to draw")
    shared.add_argument("--seed", metavar="S", type=int, default=1, help="seed of the draws (1)")
    shared.add_argument("--device", metavar="NAME", help="golden, rtl or board ($SPYNQ_DEVICE, else golden)")
    shared.add_argument("--json", action="store_true", help="print one JSON object")
    shared.add_argument("--plot", metavar="FILE", type=Path, help="save a picture (.png, .svg, .pdf)")
    shared.add_argument("--no-progress", action="store_true", help="no sign of life while waiting")
    return shared


def query(arguments: argparse.Namespace) -> int:
    """Run ``spynq stm query``."""
    if arguments.samples is not None and arguments.tolerance is not None:
        raise ValueError("--samples and --tolerance exclude each other; give one of them")
    options = _options(arguments)
    if arguments.tolerance is not None:
        options["tolerance"] = arguments.tolerance
    if arguments.lookahead is not None:
        options["lookahead"] = arguments.lookahead
    if arguments.build:
        options["config"] = _config(arguments.build)
    from spynq.stm import load

    network = load(arguments.file)
    evidence = _evidence(arguments.evidence, network)
    # Simulated gateware may have to be compiled first, which has no percentage; a model only samples.
    quiet, bar = arguments.no_progress or not on_terminal(), options["device"] == "golden"
    with _keeping_what_is_done(arguments), Waiting(f"query on {options['device']}", quiet=quiet or bar):
        posterior = network.query(arguments.target, evidence, progress=bar and not quiet, **options)
    _tell(posterior, arguments)
    _plot(posterior, arguments.plot)
    return 0


@contextmanager
def _keeping_what_is_done(arguments: argparse.Namespace) -> Iterator[None]:
    """Tell the answer so far when a long query is interrupted or its device fails."""
    try:
        yield
    except (SpynqError, KeyboardInterrupt) as error:
        partial = getattr(error, "partial", None)
        if partial is not None:
            _tell(partial, arguments)
            print("spynq: the answer above is from the part that was done", file=sys.stderr)
        raise


def _tell(posterior: Any, arguments: argparse.Namespace) -> None:
    if arguments.json:
        print_json(posterior.to_dict())
    else:
        print(posterior_text(posterior))
    _notes(posterior)


def _notes(result: Any) -> None:
    for note in getattr(result, "notes", ()):
        print(f"spynq: note: {note}", file=sys.stderr)


def fuse(arguments: argparse.Namespace) -> int:
    """Run ``spynq stm fuse``."""
    cues = [_cue(text) for text in arguments.cue]
    options = _options(arguments)
    if arguments.support is not None:
        options["support"] = tuple(arguments.support)
    from spynq.stm import fuse as fuse_cues

    with Waiting(f"fusion on {options['device']}", quiet=arguments.no_progress):
        fusion = fuse_cues(cues, **options)
    if arguments.json:
        print_json(fusion_json(fusion))
    else:
        print(fusion_text(fusion))
    _notes(fusion)
    _plot(fusion, arguments.plot)
    return 0


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    from spynq import devices

    device = arguments.device or devices.default()
    if device not in devices.names():
        raise ValueError(f"unknown device {device!r}; known devices are {', '.join(devices.names())}")
    options: dict[str, Any] = {"seed": arguments.seed, "device": device}
    if arguments.samples is not None:
        options["samples"] = arguments.samples
    return options


def _evidence(items: list[str], nodes: Container[str]) -> dict[str, str]:
    evidence: dict[str, str] = {}
    for item in items:
        node, equals, state = item.partition("=")
        # Names of real networks may hold an equals sign.
        for place in (i for i, letter in enumerate(item) if letter == "="):
            if item[:place] in nodes:
                node, state = item[:place], item[place + 1 :]
                break
        if not (node and equals and state):
            raise ValueError(f"--evidence takes NODE=STATE, not {item!r}")
        if evidence.setdefault(node, state) != state:
            raise ValueError(f"--evidence says {node}={evidence[node]} and {node}={state}; keep one of them")
    return evidence


def _config(items: list[str]) -> Any:
    from spynq.stm.params import StmConfig

    known = [field.name for field in fields(StmConfig)]
    sizes = {}
    for item in items:
        name, _, size = item.partition("=")
        if name not in known or not size.isdecimal():
            raise ValueError(f"--build takes NAME=SIZE with NAME one of {', '.join(known)}, not {item!r}")
        sizes[name] = int(size)
    return StmConfig(**sizes)


def _cue(text: str) -> tuple[float, float]:
    value, comma, deviation = text.partition(",")
    try:
        if comma:
            return float(value), float(deviation)
    except ValueError:
        pass
    raise ValueError(f"--cue takes VALUE,SD, such as 3.5,8, not {text!r}")


def posterior_text(posterior: Any) -> str:
    """A posterior as a table and a line on how it came about."""
    rows = [
        (node, state, probability, posterior.standard_error[node][state])
        for node, states in posterior.probabilities.items()
        for state, probability in states.items()
    ]
    if not rows:
        return f"every node is observed, none is asked for\n{_how(posterior)}"
    return f"{table(('node', 'state', 'posterior', 'standard error'), rows)}\n\n{_how(posterior)}"


def fusion_json(fusion: Any) -> dict[str, object]:
    """A fusion under the same names; its posterior is a histogram and two moments."""
    moments = {"mean": fusion.mean, "standard_deviation": fusion.standard_deviation}
    return {
        "device": fusion.device,
        "kernel": "stm",
        "samples": fusion.samples,
        "seed": fusion.seed,
        "posterior": {**moments, "histogram": fusion.histogram, "edges": fusion.edges},
        **moments,
        "standard_error": fusion.standard_error,
        **{name: getattr(fusion, name) for name in _COSTS},
    }


def fusion_text(fusion: Any) -> str:
    """A fusion as two lines."""
    return (
        f"mean {fusion.mean:.4f} +- {fusion.standard_error:.2g}, "
        f"standard deviation {fusion.standard_deviation:.4f}\n{_how(fusion)}"
    )


def _how(result: Any) -> str:
    parts = [
        f"device {result.device}",
        f"{result.samples:,} samples, {result.ess:,.0f} effective" if result.samples else "nothing to sample",
        f"log evidence {result.log_evidence:.4f}",
        f"{result.cycles:,} cycles" if result.cycles else "no cycles counted",
        *([f"flags {' '.join(result.flags)}"] if result.flags else []),
        f"{result.seconds:.2f} s",
    ]
    return ", ".join(parts)


def _plot(result: Any, path: Path | None) -> None:
    if path is None:
        return
    figure = result.plot()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150, bbox_inches="tight")
