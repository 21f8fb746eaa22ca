"""Pages that are derived: registers and formats of every kernel, commands, timing, API, notebooks."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spynq.cli import parser
from spynq.kernels import kernels
from spynq.registers import register_page

__all__ = ["generate"]

API = {
    "Sampling tree": ["spynq.stm"],
    "Spiking networks": ["spynq.lif"],
    "Gestures": ["spynq.sgf"],
    "Event files": ["spynq.events"],
    "Bayesian networks": ["spynq.bayes", "spynq.bayes.network"],
    "Training": [
        f"spynq_train.{name}"
        for name in ("topology", "brp", "tlbptt", "albsnn", "snnwm", "fit", "export", "engine", "costs")
    ],
    "Devices and drivers": ["spynq.devices", "spynq.driver", "spynq.memory", "spynq.errors"],
    "Self-test and transcripts": ["spynq.selftest", "spynq.selftest.report", "spynq.transcript"],
    "Contract": ["spynq.contract", "spynq.kernels", "spynq.model", "spynq.registers"],
    "Overlays": ["spynq_overlays.description", "spynq_overlays.boards", "spynq_overlays.build"],
}
"""Modules of each API page."""
_SAMPLED = """\
Sampled in simulation at every rising edge of `aclk` while this page was made; nothing is drawn by hand. Every
kernel has these ports from the same shell. Of a run all is shown, from its start to the interrupt."""


def generate(docs: Path) -> None:
    """Write ``docs/generated``; files that would not change are left, so that Sphinx need not read them."""
    target = docs / "generated"
    wanted = dict(_pages(docs))
    for name, text in wanted.items():
        file = target / name
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    for notebook in sorted((docs.parent / "notebooks" / "spynq_notebooks").glob("*.ipynb")):
        _copy_notebook(notebook, target / "notebooks" / notebook.name)
    for stale in [path for path in target.rglob("*.md") if str(path.relative_to(target)) not in wanted]:
        stale.unlink()


def _pages(docs: Path) -> Iterator[tuple[str, str]]:
    for name, entry in kernels().items():
        page = register_page(entry.kernel).replace(f"# {name}: ", f"# Registers of {name}\n\n", 1)
        yield f"registers_{name}.md", page + "\n"
    yield "commands.md", _commands()
    yield "status.md", _status(docs.parent / "README.md")
    yield "timing.md", _timing()
    yield "api.md", _index("API", [f"api_{_slug(title)}" for title in API])
    for title, modules in API.items():
        yield f"api_{_slug(title)}.md", _api(title, modules)


def _status(readme: Path) -> str:
    """The status table of the README, which is kept in one place, with its links seen from here."""
    text = readme.read_text(encoding="utf-8")
    begin, end = (
        text.index(f"## {title}") for title in ("What works, what is not proven", "Where to read on")
    )
    table = re.sub(r"\[docs/(\w+)\.md\]", r"[page \1]", text[begin:end].replace("## What", "# What", 1))
    for name, page in (
        ("docs/", "../"),
        ("KNOWN_BUGS.md", "../known_bugs.md"),
        ("CHANGELOG.md", "../changes.md"),
    ):
        table = table.replace(f"]({name}", f"]({page}")
    return table


def _timing() -> str:
    """Ports sampled in simulation, drawn by WaveDrom."""
    from yowasp_wavedrom import render

    from spynq_sim.waveform import memory_run, register_access, stream_run, wave_json

    drawings = (
        ("A register, written and read", register_access(), 2),
        ("Four stream beats through kernel echo", stream_run(), 14),
        ("Four beats of memory through kernel echo", memory_run(), 23),
    )
    parts = ["# Timing", _SAMPLED]
    for title, seen, first in drawings:
        drawing = render(wave_json(seen, title, first))
        parts.append(f"## {title}\n\n```{{raw}} html\n{drawing}\n```")
    return "\n\n".join(parts) + "\n"


def _slug(title: str) -> str:
    return title.lower().replace(" ", "_").replace("-", "_")


def _index(title: str, names: list[str]) -> str:
    return f"# {title}\n\n```{{toctree}}\n:maxdepth: 2\n\n" + "\n".join(names) + "\n```\n"


def _api(title: str, modules: list[str]) -> str:
    parts = [f"# {title}"]
    for module in modules:
        parts.append(f"## {module}\n\n```{{eval-rst}}\n.. automodule:: {module}\n```")
    return "\n\n".join(parts) + "\n"


def _commands() -> str:
    parts = [
        "# Commands",
        "Made from the command line's own parsers; `spynq COMMAND --help` prints the same.",
    ]
    parts += _helps(parser(), "spynq")
    return "\n\n".join(parts) + "\n"


def _helps(command: argparse.ArgumentParser, name: str) -> Iterator[str]:
    """One section per command that can be run, in the order of the help text."""
    children = [a for a in command._actions if isinstance(a, argparse._SubParsersAction)]
    if not children or name == "spynq":
        command.prog = name
        yield f"## {name}\n\n```text\n{command.format_help().rstrip()}\n```"
    for action in children:
        for word, child in action.choices.items():
            yield from _helps(child, f"{name} {word}")


def _copy_notebook(source: Path, target: Path) -> None:
    """A notebook, its links to pages seen from here; Sphinx wants it to begin with a title."""
    target.parent.mkdir(parents=True, exist_ok=True)
    text = source.read_text(encoding="utf-8")
    book: dict[str, Any] = json.loads(text)
    first = "".join(book["cells"][0]["source"]) if book["cells"] else ""
    if not first.lstrip().startswith("# "):
        raise ValueError(f"{source.name} begins without a title; its first cell must be '# ...'")
    text = text.replace("../../docs/", "../../")
    if not target.exists() or target.read_text(encoding="utf-8") != text:
        target.write_text(text, encoding="utf-8")
