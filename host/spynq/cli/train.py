"""``spynq train``: networks in PyTorch, what training them costs, and sweeps over many runs."""

from __future__ import annotations

import argparse
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from spynq.errors import MissingDependency, how_to_get

__all__ = ["add_to", "compare", "run"]

_METHODS = {
    "brp": "reward propagation: hidden layers taught by a projection of the label",
    "tlbptt": "truncated local BPTT: gradients cut every k steps and n layers",
    "albsnn": "adaptive local binary network: three bit planes per weight",
    "snnwm": "working memory: delayed synapses and temporal fusion",
}


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the command line."""
    group = commands.add_parser("train", parents=[common], help="train a spiking network, export it as NIR")
    kinds = group.add_subparsers(metavar="WHAT", required=True)
    made = {name: kinds.add_parser(name, parents=[common], help=help_) for name, help_ in _METHODS.items()}
    for name, command in made.items():
        _add_training(command)
        command.set_defaults(run=run, task="train", method=name)
    made["brp"].add_argument("--rule", metavar="NAME", help="brp, err, sign, bp, frozen or target (brp)")
    _add_cuts(made["tlbptt"])
    made["albsnn"].add_argument("--keep", metavar="WHICH", help="ale, none, ends or all (ale)")
    made["albsnn"].add_argument("--criterion", metavar="NAME", help="top-2, SC1, SC2, SC3 or SC4 (top-2)")
    made["albsnn"].add_argument("--bwo", metavar="N", type=int, default=0, help="passes of optimisation (0)")
    made["snnwm"].add_argument("--memory", metavar="L", type=int, help="steps of the memory (all)")
    made["snnwm"].add_argument("--form", metavar="NAME", help="segment or overlapping (segment)")
    made["snnwm"].add_argument(
        "--mean-rate", dest="fusion", action="store_const", const=False, help="no temporal fusion"
    )
    made["snnwm"].add_argument("--surrogate", metavar="NAME", help="gauss, rect, atan, fast-sigmoid or tanh")
    made["snnwm"].add_argument("--norm", metavar="NAME", help="bn or tdbn (bn)")
    made["snnwm"].add_argument("--loss", metavar="NAME", help="cross-entropy or tet (cross-entropy)")
    made["snnwm"].add_argument("--sparsity", metavar="W", type=float, help="weight of spikes in the loss (0)")
    _add_costs(kinds.add_parser("costs", parents=[common], help="memory, additions and MACs of cut training"))
    _add_sweep(kinds.add_parser("sweep", parents=[common], help="many runs over k, n, seeds and widths"))


def _add_data(command: argparse.ArgumentParser) -> None:
    command.add_argument("--data", metavar="NAME", required=True, help="data set, such as digits or mnist")
    command.add_argument("--folder", metavar="DIR", help="where its files are (environment: SPYNQ_DATA)")
    command.add_argument("--train", metavar="N", type=int, help="first N training samples (all)")
    command.add_argument("--test", metavar="N", type=int, help="first N test samples (all)")
    command.add_argument("--preset", metavar="NAME", help="network and settings (that of the data's name)")
    command.add_argument(
        "--network", metavar="NET", help="layers instead of the preset's, such as 8C3-AP2-10FC"
    )
    command.add_argument("--steps", metavar="T", type=int, help="time steps of still images")
    command.add_argument("--epochs", metavar="N", type=int, help="epochs instead of the preset's")
    command.add_argument("--batch", metavar="N", type=int, help="samples per batch")
    command.add_argument("--rate", metavar="R", type=float, help="learning rate")
    command.add_argument("--judge-steps", metavar="T", type=int, help="time steps when judged (--steps)")
    command.add_argument("--schedule", metavar="NAME", help="of the rate: constant, cosine or halving")
    command.add_argument("--augment", metavar="NAME", help="training samples: none, shift or crop-flip")
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.add_argument("--no-progress", action="store_true", help="no progress bar")


def _add_training(command: argparse.ArgumentParser) -> None:
    _add_data(command)
    command.add_argument(
        "--out", metavar="FILE", type=Path, default=Path("run.nir"), help="network (run.nir)"
    )
    command.add_argument("--checkpoint", metavar="FILE", type=Path, help="state (beside the network)")
    command.add_argument("--plot", metavar="FILE", type=Path, help="curves (beside the network)")
    command.add_argument(
        "--hold-out", metavar="N", type=int, default=0, help="judge the last N training samples meanwhile (0)"
    )
    command.add_argument("--device", metavar="NAME", default="auto", help="auto, cpu or cuda (auto)")
    command.add_argument("--seed", metavar="S", type=int, default=0, help="seed of everything drawn (0)")
    command.add_argument(
        "--samples", metavar="N", type=int, default=20, help="test samples written for spynq lif run (20)"
    )


def _add_cuts(command: argparse.ArgumentParser) -> None:
    command.add_argument("--k", metavar="K", type=int, help="steps per interval (all)")
    command.add_argument("--n", metavar="N", type=int, help="layers per block (1)")
    command.add_argument(
        "--random-heads", action="store_const", const=True, help="heads stay as they were drawn"
    )
    command.add_argument("--order", metavar="NAME", help="step (the paper's) or block (less memory)")
    command.add_argument("--gain", metavar="G", type=float, help="of the first weights (0.7)")
    command.add_argument("--loss", metavar="NAME", help="mse or cross-entropy (mse)")


def _add_costs(command: argparse.ArgumentParser) -> None:
    command.add_argument("--network", metavar="NET", required=True, help="lenet-1, alexnet, 6C5-AP2-128FC")
    command.add_argument("--input", metavar="CxHxW", default="1x28x28", help="input (1x28x28)")
    command.add_argument("--classes", metavar="K", type=int, default=10, help="classes (10)")
    command.add_argument("--steps", metavar="T", type=int, help="time steps (the network's)")
    command.add_argument("--k", metavar="K", type=int, help="steps per interval (all)")
    command.add_argument("--n", metavar="N", type=int, help="layers per block (all)")
    command.add_argument("--batch", metavar="N", type=int, default=128, help="samples per batch (128)")
    command.add_argument("--activity", metavar="A", type=float, default=0.1, help="share of spikes (0.1)")
    command.add_argument("--random-heads", action="store_true", help="heads stay as they were drawn")
    command.add_argument("--honest", action="store_true", help="weight gradients at every position")
    command.add_argument("--sweep", action="store_true", help="all k and n")
    command.add_argument("--accuracies", metavar="FILE", type=Path, help="results of a sweep over k and n")
    command.add_argument("--measure", action="store_true", help="train one batch, count what it keeps")
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.set_defaults(run=run, task="costs")


def _add_sweep(command: argparse.ArgumentParser) -> None:
    command.add_argument("method", metavar="METHOD", help=", ".join(_METHODS))
    _add_data(command)
    command.add_argument(
        "--over",
        metavar="NAME=V,V",
        action="append",
        default=[],
        help="an option and its values, such as k=10,2,1; bits=8,4 quantises",
    )
    command.add_argument("--seeds", metavar="S,S", default="0", help="seeds (0)")
    command.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask cluster (here, two workers)")
    command.add_argument("--workers", metavar="N", type=int, default=2, help="workers here (2)")
    command.add_argument("--out", metavar="FILE", type=Path, default=Path("sweep.jsonl"), help="results")
    command.set_defaults(run=run, task="sweep")


def run(arguments: argparse.Namespace) -> int:
    """Run ``spynq train``."""
    return _run(arguments.task, arguments)


def compare(arguments: argparse.Namespace) -> int:
    """Run ``spynq bench networks``."""
    return _run("compare", arguments)


def _run(task: str, arguments: argparse.Namespace) -> int:
    # By name, so that a host without PyTorch has the command line all the same.
    if find_spec("spynq_train") is None:
        command = how_to_get("spynq_train", "train")
        raise MissingDependency(f"spynq_train is not installed: {command}")
    return int(import_module(f"spynq_train.commands.{task}").run(arguments))
