"""``spynq demo``: networks and cues on the simulated board, beside exact inference."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from spynq.cli import lif_job
from spynq.cli.output import Waiting, print_json, table
from spynq.errors import SpynqError

__all__ = ["add_to", "run"]


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the command line."""
    command = commands.add_parser("demo", parents=[common], help="ASIA, ALARM, cue fusion and MNIST")
    command.add_argument("--device", metavar="NAME", default="rtl", help="golden, rtl or board (rtl)")
    command.add_argument("--seed", metavar="S", type=int, default=1, help="seed of the draws (1)")
    command.add_argument(
        "--images", metavar="N", type=int, help="MNIST images on golden (the whole test part)"
    )
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.add_argument(
        "--plot", metavar="FILE", type=Path, default=Path("build/demo.png"), help="picture (build/demo.png)"
    )
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run ``spynq demo``."""
    from spynq import demo
    from spynq.cli.stm import fusion_json

    begin = time.monotonic()
    people = not arguments.json
    with Waiting(f"starting device {arguments.device} (the first time compiles it)", quiet=not people):
        device, fallback = demo.choose_device(arguments.device)
    if people:
        print(fallback or f"device {device}", end="\n\n")

    answers = []
    for question in demo.QUESTIONS:
        with Waiting(f"{question.network} on {device}", quiet=not people):
            answers.append(demo.answer(question, device, seed=arguments.seed))
        if people:
            print(answer_text(answers[-1]), end="\n\n")
    with Waiting(f"fusion on {device}", quiet=not people):
        fusion = demo.fuse(device, seed=arguments.seed)
    if people:
        print(fusion_text(fusion), end="\n\n")
    spiking = lif_job.show(device, people, arguments.images)
    # Answers are told even if they cannot be drawn.
    picture, failure = None, None
    try:
        picture = str(demo.draw(answers, fusion, arguments.plot))
    except (SpynqError, ValueError, OSError) as error:
        failure = error
    seconds = time.monotonic() - begin
    if not people:
        queries = {a.question.network: {**a.posterior.to_dict(), "exact": a.exact} for a in answers}
        exact = {"mean": fusion.exact_mean, "standard_deviation": fusion.exact_standard_deviation}
        fused = {**fusion_json(fusion), "exact": exact}
        print_json(
            {
                **queries,
                "fusion": fused,
                "lif": spiking,
                "note": fallback,
                "picture": picture,
                "seconds": seconds,
            }
        )
    elif picture:
        print(f"picture in {picture}; {seconds:.1f} s in all")
    if failure is not None:
        raise failure
    return 0


def answer_text(one: Any) -> str:
    """One network's answer: the story, the table, the cost."""
    given = ", ".join(f"{node}={state}" for node, state in one.question.evidence.items())
    rows = [
        (node, state, f"{probability:.4f}", f"{exact:.4f}", f"{error:.4f}")
        for node, state, probability, exact, error in one.rows()
    ]
    worst = max((abs(p - exact) / error for *_, p, exact, error in one.rows() if error), default=0.0)
    return (
        f"{one.question.network.upper()}: {one.question.story} ({given})\n"
        f"{table(('node', 'state', 'posterior', 'exact', 'standard error'), rows)}\n"
        f"{_cost(one.posterior)}; largest deviation {worst:.1f} standard errors"
    )


def fusion_text(fusion: Any) -> str:
    """The fusion: the cues, the table, the cost."""
    from spynq.demo import CUES

    cues = ", ".join(f"{name} {cue:g} (sd {width:g})" for name, (cue, width) in CUES.items())
    rows = [
        ("mean", f"{fusion.mean:.4f}", f"{fusion.exact_mean:.4f}", f"{fusion.standard_error:.4f}"),
        (
            "standard deviation",
            f"{fusion.standard_deviation:.4f}",
            f"{fusion.exact_standard_deviation:.4f}",
            "-",
        ),
    ]
    return (
        f"three cues of one quantity: {cues}\n"
        f"{table(('of the estimate', 'fused', 'exact', 'standard error'), rows)}\n"
        f"{_cost(fusion)}"
    )


def _cost(result: Any) -> str:
    cycles = f"{result.cycles:,} cycles" if result.cycles else "no cycles counted"
    return f"{cycles}, {result.seconds:.2f} s"
