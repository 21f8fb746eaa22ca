"""Register page, C++ header and plain data of a kernel, all from its declaration alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from spynq.contract import Field, Kernel

__all__ = ["register_header", "register_json", "register_page"]

_ACCESS = {"rw": "read, write", "ro": "read", "control": "block control (HLS)"}


def register_page(kernel: Kernel) -> str:
    """Markdown page of ``kernel``: ports, registers, fields, memory formats, limits."""
    major, minor = kernel.version
    parts = [
        f"# {kernel.name}: {kernel.title}",
        (
            f"ID `{kernel.ident}` ({kernel.ident_word:#010x}), contract version {major}.{minor}, "
            f"`{kernel.vlnv}`. This page is generated: `spynq registers {kernel.name}`."
        ),
    ]
    ports = [
        *((s.name, f"AXI4-Stream {s.direction}", f"{s.width}", s.doc) for s in kernel.streams),
        *((m.name, "AXI4 master", f"{m.width}", m.doc) for m in kernel.masters),
    ]
    parts += ["## Data ports", _table(("port", "kind", "bits", "meaning"), ports)] if ports else []
    registers = kernel.all_registers()
    rows = [(f"{r.offset:#05x}", r.name, _ACCESS[r.access], f"{r.width}", r.doc) for r in registers]
    parts += ["## Registers", _table(("offset", "register", "access", "bits", "meaning"), rows)]
    for register in registers:
        if register.fields:
            parts += [f"### {register.name} ({register.offset:#05x})", _fields(register.fields)]
    for beat in kernel.beats:
        parts += [f"## Format {beat.name} ({beat.width} bits)", beat.doc, _fields(beat.fields)]
    if kernel.limits:
        limits = [(limit.name, f"{limit.low:,}", f"{limit.high:,}", limit.doc) for limit in kernel.limits]
        parts += ["## Limits", _table(("value", "from", "to", "meaning"), limits)]
    return "\n\n".join(parts)


def _fields(fields: tuple[Field, ...]) -> str:
    return _table(("bits", "field", "meaning"), [(_bits(field), field.name, field.doc) for field in fields])


def _bits(field: Field) -> str:
    high = field.lsb + field.width - 1
    return f"{high}:{field.lsb}" if field.width > 1 else f"{field.lsb}"


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    # A bar would end the cell: version numbers are explained as "major << 16 | minor".
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def register_header(kernel: Kernel, constants: Mapping[str, Any] | None = None) -> str:
    """C++ header of ``kernel`` for its HLS twin: offsets, fields, formats, limits, as ``constexpr``.

    A field ``F`` of a register or format ``R`` gives ``R_F_LSB`` and ``R_F_BITS``.

    Parameters
    ----------
    kernel : Kernel
        The declaration.
    constants : mapping of str to int or array_like of int, optional
        What the twin needs beside it; a sequence becomes an array.
    """
    guard = f"SPYNQ_{kernel.name.upper()}_REGISTERS_HPP"
    lines = [
        f"// {kernel.name}: {kernel.title}. Generated: spynq registers {kernel.name} --header",
        f"#ifndef {guard}",
        f"#define {guard}",
        "#include <cstdint>",
        "",
        f"namespace spynq {{ namespace {kernel.name} {{",
        _constant("ID_WORD", kernel.ident_word),
        _constant("VERSION_WORD", kernel.version_word),
    ]
    for register in kernel.all_registers():
        lines.append(_constant(f"{register.name}_OFFSET", register.offset))
        lines += _field_constants(register.name, register.fields)
    for beat in kernel.beats:
        lines.append(_constant(f"{beat.name}_BITS", beat.width))
        lines += _field_constants(beat.name, beat.fields)
    for limit in kernel.limits:
        name = limit.name.upper().replace(" ", "_")
        lines += [_constant(f"{name}_LOW", limit.low), _constant(f"{name}_HIGH", limit.high)]
    lines += [_constant(name, value) for name, value in (constants or {}).items()]
    return "\n".join([*lines, "}}", f"#endif  // {guard}"])


def _constant(name: str, value: Any) -> str:
    if hasattr(value, "__len__"):
        listed = ", ".join(str(int(item)) for item in value)
        return f"constexpr std::int64_t {name}[{len(value)}] = {{{listed}}};"
    return f"constexpr std::int64_t {name} = {int(value)};"


def _field_constants(owner: str, fields: tuple[Field, ...]) -> list[str]:
    return [
        line
        for field in fields
        for line in (
            _constant(f"{owner}_{field.name}_LSB", field.lsb),
            _constant(f"{owner}_{field.name}_BITS", field.width),
        )
    ]


def register_json(kernel: Kernel) -> dict[str, object]:
    """The declaration as plain data, for programs."""
    plain = {
        field.name: _plain(getattr(kernel, field.name))
        for field in dataclasses.fields(kernel)
        if field.init and field.name != "registers"
    }
    return {**plain, "vlnv": kernel.vlnv, "registers": _plain(kernel.all_registers())}


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return value
