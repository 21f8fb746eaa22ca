"""``spynq lif``: look into a NIR file, compile it, run it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from spynq.cli.output import Waiting, on_terminal, print_json, table

__all__ = ["add_to", "compile_network", "inspect", "run"]


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the command line."""
    group = commands.add_parser(
        "lif", parents=[common], help="the LIF engine: run a spiking network from NIR"
    )
    kinds = group.add_subparsers(metavar="WHAT", required=True)
    shared = _shared(common)

    looked = kinds.add_parser("inspect", parents=[shared], help="nodes and conventions of a NIR file")
    looked.set_defaults(run=inspect)

    compiled = kinds.add_parser("compile", parents=[shared], help="integers, memory and cycles per layer")
    _add_build(compiled)
    compiled.add_argument("--steps", metavar="T", type=int, default=8, help="time steps (8)")
    compiled.add_argument(
        "--density", metavar="D", type=float, default=0.1, help="spikes per neuron and step, for cycles (0.1)"
    )
    compiled.set_defaults(run=compile_network)

    ran = kinds.add_parser("run", parents=[shared], help="run inputs on a device")
    _add_build(ran)
    ran.add_argument(
        "--input",
        metavar="FILE.npz",
        type=Path,
        required=True,
        help="arrays: input [T, N, C, H, W], or images [N, C, H, W], or t, x, y, p; and perhaps labels",
    )
    ran.add_argument("--coding", metavar="C", help="of images: direct, rate or latency (direct)")
    ran.add_argument("--steps", metavar="T", type=int, help="time steps of images; frames of events")
    ran.add_argument("--frame", metavar="US", type=int, help="microseconds of a frame of events")
    ran.add_argument("--seed", metavar="S", type=int, default=1, help="seed of rate coding (1)")
    ran.add_argument("--device", metavar="NAME", help="golden, rtl or board ($SPYNQ_DEVICE, else golden)")
    ran.add_argument("--plot", metavar="FILE", type=Path, help="save a picture (.png, .svg, .pdf)")
    ran.add_argument("--no-progress", action="store_true", help="no progress bar")
    ran.set_defaults(run=run)


def _shared(common: argparse.ArgumentParser) -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False, parents=[common])
    shared.add_argument("model", metavar="MODEL.nir", help="network in NIR")
    shared.add_argument("--profile", metavar="P", help="who wrote it: snntorch, spikingjelly, norse, sinabs")
    shared.add_argument(
        "--reset", metavar="R", help="hard, soft, soft_delayed or none, if the file does not say"
    )
    shared.add_argument("--tie", metavar="TIE", help='">=" or ">", if the file does not say')
    shared.add_argument("--dt", metavar="S", type=float, help="seconds of a step, if the file does not say")
    shared.add_argument("--json", action="store_true", help="print one JSON object")
    return shared


def _add_build(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--weights", metavar="F", default="int8", help="int8, int4, int2, int1 or codebook (int8)"
    )
    command.add_argument(
        "--planes", metavar="B", type=int, help="bits of an input value, if the file does not say"
    )
    command.add_argument(
        "--columns", metavar="N", type=int, help="columns of the build: 1, 2, 4, 16, 32 or 48"
    )


def _conventions(arguments: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(arguments, name) for name in ("profile", "reset", "tie", "dt")}


def inspect(arguments: argparse.Namespace) -> int:
    """Run ``spynq lif inspect``."""
    from spynq.lif import read_nir
    from spynq.lif.report import layers_of_graph

    graph = read_nir(arguments.model, **_conventions(arguments))
    layers = layers_of_graph(graph)
    told = {
        "network": arguments.model,
        "layers": layers,
        "conventions": graph.conventions,
        "notes": graph.notes,
    }
    if arguments.json:
        print_json(told)
        return 0
    rows = [
        (line["name"], line["kind"], line["shape"], line["parameters"], line.get("neuron", ""))
        for line in layers
    ]
    print(table(("node", "kind", "output", "parameters", "neuron"), rows))
    _tell(graph.conventions, graph.notes)
    return 0


def _tell(conventions: dict[str, str], notes: list[str]) -> None:
    print()
    for name, value in conventions.items():
        print(f"{name}: {value}")
    for note in notes:
        print(f"note: {note}")


def _load(arguments: argparse.Namespace) -> Any:
    from spynq.lif import load
    from spynq.lif.params import LifConfig

    config = None if arguments.columns is None else LifConfig(columns=arguments.columns)
    return load(
        arguments.model,
        **_conventions(arguments),
        weights=arguments.weights,
        planes=arguments.planes,
        config=config,
    )


def compile_network(arguments: argparse.Namespace) -> int:
    """Run ``spynq lif compile``."""
    from spynq.lif.report import report

    network = _load(arguments)
    lines = report(network, arguments.steps, arguments.density)
    total = {"bytes": sum(line.bytes for line in lines), "cycles": sum(line.cycles or 0 for line in lines)}
    if arguments.json:
        print_json(
            {
                "network": network.name,
                "columns": network.config.columns,
                "steps": arguments.steps,
                "density": arguments.density,
                "layers": [vars(line) for line in lines],
                "conventions": network.conventions,
                "notes": network.notes,
                **total,
            }
        )
        return 0
    rows = [
        (
            *(line.name, line.kind, line.shape, line.format, f"{line.error:.2%}", line.fraction, line.theta),
            *(line.bytes, "resident" if line.resident else "streamed", line.cycles),
        )
        for line in lines
    ]
    header = ("layer", "kind", "output", "weights", "error", "F", "theta", "bytes", "place", "cycles")
    print(table(header, rows))
    print(
        f"\n{network.config.columns} columns, {arguments.steps} steps: {total['bytes']:,} bytes of "
        "weights, about "
        f"{total['cycles']:,} cycles a sample at {arguments.density:.0%} spikes (an estimate)"
    )
    _tell(network.conventions, network.notes)
    return 0


def run(arguments: argparse.Namespace) -> int:
    """Run ``spynq lif run``."""
    from spynq import devices

    device = arguments.device or devices.default()
    if device not in devices.names():
        raise ValueError(f"unknown device {device!r}; known devices are {', '.join(devices.names())}")
    given, options, labels = _input(arguments)
    network = _load(arguments)
    quiet = arguments.no_progress or arguments.json or not on_terminal()
    # Simulated gateware may have to be compiled first, which has no percentage.
    with Waiting(f"{network.name} on {device}", quiet=quiet or device == "golden"):
        result = network.run(given, device, progress=not quiet and device == "golden", **options)
    if arguments.json:
        accuracy = {} if labels is None else {"accuracy": result.accuracy(labels)}
        print_json({**result.to_dict(), **accuracy})
    else:
        print(result_text(result))
        if labels is not None:
            print(f"accuracy {result.accuracy(labels):.2%} of {len(labels)}")
        _tell(network.conventions, network.notes)
    if arguments.plot is not None:
        arguments.plot.parent.mkdir(parents=True, exist_ok=True)
        result.plot().savefig(arguments.plot, dpi=150, bbox_inches="tight")
    return 0


def _input(arguments: argparse.Namespace) -> tuple[Any, dict[str, Any], Any]:
    """What to run, how to take it, and labels if there are some."""
    import numpy as np

    try:
        with np.load(arguments.input) as file:
            arrays = {name: file[name] for name in file.files}
    except (ValueError, EOFError, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise ValueError(f"{arguments.input} is no .npz file ({error}); write it with numpy.savez") from error
    options: dict[str, Any] = {"seed": arguments.seed, "steps": arguments.steps, "frame": arguments.frame}
    labels = arrays.get("labels")
    if "input" in arrays:
        return arrays["input"], {}, labels
    if "images" in arrays:
        coding = arguments.coding or "direct"
        return arrays["images"], {**options, "coding": coding, "frame": None}, labels
    if {"t", "x", "y", "p"} <= set(arrays):
        if arguments.frame is None:
            raise ValueError("events need the length of a frame in microseconds; give --frame 10000")
        return {name: arrays[name] for name in "txyp"}, options, labels
    raise ValueError(
        f"{arguments.input} holds {', '.join(arrays) or 'nothing'}; it needs input [T, N, C, H, W], or "
        "images [N, C, H, W], or events t, x, y, p"
    )


def result_text(result: Any) -> str:
    """A run as two tables and a line on what it cost."""
    shown = min(len(result.predictions), 10)
    classes = [
        (n, int(result.predictions[n]), " ".join(f"{value:.4g}" for value in result.outputs[n]))
        for n in range(shown)
    ]
    layers = [
        (name, f"{layer.density:.2%}", layer.synaptic_operations, layer.saturated, layer.cycles or None)
        for name, layer in result.counters.items()
    ]
    parts = [
        f"device {result.device}",
        f"{len(result.predictions)} samples",
        f"{result.cycles:,} cycles" if result.cycles else "no cycles counted",
        f"{result.synaptic_operations:,} synaptic operations",
        *([f"utilisation {result.utilisation:.1%}"] if result.utilisation else []),
        f"{result.seconds:.2f} s",
    ]
    return "\n".join(
        [
            table(("sample", "class", "outputs"), classes),
            f"... {len(result.predictions) - shown} more\n" if len(result.predictions) > shown else "",
            table(("layer", "spikes", "synaptic operations", "saturated", "cycles"), layers),
            "",
            ", ".join(parts),
        ]
    )
