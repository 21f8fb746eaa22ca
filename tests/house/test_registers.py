"""The register page says what the declaration says, for every kernel."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from spynq.cli import main
from spynq.kernels import get, kernels

KERNELS = sorted(kernels())


@pytest.mark.parametrize("name", KERNELS)
def test_page_holds_every_register_field_and_beat_at_its_place(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel = get(name).kernel
    assert main(["registers", name]) == 0
    page = capsys.readouterr().out
    rows = re.findall(r"^\| (0x[0-9a-f]+) \| (\w+) \|", page, re.MULTILINE)
    assert rows == [(f"{r.offset:#05x}", r.name) for r in kernel.all_registers()]
    fields = re.findall(r"^\| (\d+)(?::(\d+))? \| (\w+) \|", page, re.MULTILINE)
    parts = [f for r in kernel.all_registers() for f in r.fields] + [
        f for b in kernel.beats for f in b.fields
    ]
    assert [(int(low or high), name) for high, low, name in fields] == [(f.lsb, f.name) for f in parts]
    assert [int(high) - int(low or high) + 1 for high, low, _ in fields] == [f.width for f in parts]


@pytest.mark.parametrize("name", KERNELS)
def test_no_description_breaks_the_table(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["registers", name])
    table = []
    for line in [*capsys.readouterr().out.splitlines(), ""]:
        if line.startswith("|"):
            table.append(len(re.findall(r"(?<!\\)\|", line)))
        elif table:
            assert len(set(table)) == 1, table
            table = []


@pytest.mark.parametrize("name", KERNELS)
def test_every_register_and_port_has_a_description(name: str) -> None:
    kernel = get(name).kernel
    for part in (*kernel.all_registers(), *kernel.streams, *kernel.masters, *kernel.beats, *kernel.limits):
        assert part.doc, part.name


@pytest.mark.parametrize("name", KERNELS)
def test_json_is_the_declaration(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    kernel = get(name).kernel
    assert main(["registers", name, "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert [(r["name"], r["offset"], r["width"]) for r in plain["registers"]] == [
        (r.name, r.offset, r.width) for r in kernel.all_registers()
    ]
    assert (plain["ident"], plain["version"], plain["vlnv"]) == (kernel.ident, [*kernel.version], kernel.vlnv)


def test_names_lists_the_registry(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["registers", "--names"]) == 0
    assert capsys.readouterr().out.split() == KERNELS


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
@pytest.mark.parametrize("name", KERNELS)
def test_header_compiles_to_the_declaration(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel = get(name).kernel
    assert main(["registers", name, "--header"]) == 0
    (tmp_path / "registers.hpp").write_text(capsys.readouterr().out)
    claims = [(f"{r.name}_OFFSET", r.offset) for r in kernel.all_registers()]
    for owner in (*kernel.all_registers(), *kernel.beats):
        claims += [(f"{owner.name}_{field.name}_LSB", field.lsb) for field in owner.fields]
        claims += [(f"{owner.name}_{field.name}_BITS", field.width) for field in owner.fields]
    claims += [(f"{limit.name.upper()}_HIGH", limit.high) for limit in kernel.limits]
    claims += [("ID_WORD", kernel.ident_word), ("VERSION_WORD", kernel.version_word)]
    checks = [f'static_assert(spynq::{name}::{constant} == {value}, "");' for constant, value in claims]
    # Included twice: the guard is tested too.
    source = '#include "registers.hpp"\n' * 2 + "\n".join(checks) + "\n"
    (tmp_path / "check.cpp").write_text(source)
    command = ["g++", "-std=c++14", "-Wall", "-Werror", "-fsyntax-only", "check.cpp"]
    assert subprocess.run(command, cwd=tmp_path, check=False).returncode == 0
