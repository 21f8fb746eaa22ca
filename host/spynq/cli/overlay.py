"""``spynq overlay``: build bitstreams where Vivado is, list what is installed, report sizes."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from spynq.cli.output import Waiting, print_json, table

__all__ = ["add_to", "run_build", "run_list"]


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the command line."""
    command = commands.add_parser("overlay", parents=[common], help="build overlays, list them")
    actions = command.add_subparsers(metavar="ACTION", required=True)
    _add_build(actions, common)
    listed = actions.add_parser(
        "list", parents=[common], help="overlays, and whether their bitstream is here"
    )
    listed.add_argument("--json", action="store_true", help="print one JSON object")
    listed.set_defaults(run=run_list)


def _add_build(actions: Any, common: argparse.ArgumentParser) -> None:
    build = actions.add_parser(
        "build",
        parents=[common],
        help="Verilog, block design, bitstream (needs Vivado)",
        description="Build an overlay with Vivado and install it where pynq finds it. "
        "Without Vivado the project is written all the same, to be built on a machine that has it.",
    )
    build.add_argument("overlay", metavar="KERNEL", help="such as stm, or all: every kernel in one bitstream")
    build.add_argument("--clock", metavar="MHZ", type=float, default=100.0, help="100 (default), 200 or 300")
    build.add_argument("--board", default="zcu104", help="zcu104 (default), kv260 or pynq-z2")
    build.add_argument(
        "--folder", type=Path, metavar="DIR", help="project folder; default build/overlays/..."
    )
    build.add_argument("--into", type=Path, metavar="DIR", help="where the result goes; default: the package")
    build.add_argument("--jobs", type=int, default=2, metavar="N", help="processes for Vivado (2)")
    build.add_argument("--project-only", action="store_true", help="write the project and stop")
    build.add_argument("--quiet", action="store_true", help="no sign of life while it waits")
    build.add_argument("--json", action="store_true", help="print one JSON object")
    build.set_defaults(run=run_build)


def _project(arguments: argparse.Namespace) -> tuple[Any, Path]:
    """The prepared project: description and folder."""
    builder, export = import_module("spynq_overlays.build"), import_module("spynq_hw.export")
    if arguments.jobs < 1:
        raise ValueError(f"--jobs must be at least 1, not {arguments.jobs}")
    described = builder.described(arguments.overlay, board=arguments.board, clock_mhz=arguments.clock)
    name = f"{described.name}-{described.board}-{described.clock_mhz:g}"
    place = (arguments.folder or Path("build/overlays") / name).absolute()
    exported: dict[str, Any] = {}
    for kernel in described.kernels:
        with Waiting(f"Verilog of {kernel.kernel.name}", arguments.quiet):
            exported[kernel.instance] = export.export(kernel.kernel.name, kernel.config)
    return described, builder.prepare(place, described, exported, jobs=arguments.jobs)


def run_build(arguments: argparse.Namespace) -> int:
    """Run ``spynq overlay build``."""
    builder, finder = import_module("spynq_overlays.build"), import_module("spynq_overlays.finder")
    described, place = _project(arguments)
    result: dict[str, Any] = {
        "overlay": described.name,
        "board": described.board,
        "clock_mhz": described.clock_mhz,
        "project": str(place),
    }
    if not arguments.project_only:
        vivado = builder.find_vivado(place)

        def tell(step: str) -> None:
            if not arguments.quiet:
                print(f"{described.name}: {step}", file=sys.stderr, flush=True)

        result |= builder.build(place, vivado, tell)
        target = arguments.into or finder.folder(described.name)
        result["files"] = [str(path) for path in builder.install(place, target)]
    if arguments.json:
        print_json(result)
    elif arguments.project_only:
        print(f"project: {place}\nbuild it with Vivado {builder.VERSIONS}: {place}/build.sh")
    else:
        rows = [(name, use["used"], use["available"]) for name, use in result["utilization"].items()]
        print(table(("resource", "used", "available"), rows))
        print(table(("slack", "ns"), list(result["slack_ns"].items())))
        print("\n".join(result["files"]))
    return 0


def run_list(arguments: argparse.Namespace) -> int:
    """Run ``spynq overlay list``."""
    from spynq.kernels import kernels

    finder = import_module("spynq_overlays.finder")
    rows = []
    for name in kernels():
        place = finder.folder(name)
        if (place / "manifest.json").exists():
            bitstream = place / f"{name}.bit"
            rows.append((name, str(bitstream) if bitstream.exists() else None))
    if arguments.json:
        print_json({"overlays": [{"name": name, "bitstream": bitstream} for name, bitstream in rows]})
    else:
        absent = "not here: spynq overlay build"
        print(table(("overlay", "bitstream"), [(name, found or f"{absent} {name}") for name, found in rows]))
    return 0
