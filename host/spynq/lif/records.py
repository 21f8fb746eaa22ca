"""Records in memory from bit fields: one pack and one unpack for all formats of the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spynq.contract import Beat, Field

__all__ = ["layout", "pack", "unpack"]

Part = tuple[str, int, str]


def layout(name: str, width: int, doc: str, parts: Sequence[Part]) -> Beat:
    """A record whose fields follow each other from bit 0 up.

    Parameters
    ----------
    name : str
        Name in capitals.
    width : int
        Bits of the record.
    doc : str
        What it is.
    parts : sequence of (str, int, str)
        Name, bits and meaning of each field; an empty name leaves bits free.
    """
    fields, position = [], 0
    for part, bits, meaning in parts:
        if part:
            fields.append(Field(part, position, bits, meaning))
        position += bits
    if position > width:
        raise ValueError(f"{name} has {position} bits of fields and only {width} bits")
    return Beat(name, width, tuple(fields), doc)


def pack(beat: Beat, values: Mapping[str, int], where: str) -> bytes:
    """Bytes of a record; negative values become two's complement.

    Parameters
    ----------
    beat : Beat
        The format.
    values : mapping of str to int
        Value of every field, by its name in lower case.
    where : str
        Whose record it is, for the refusal.

    Raises
    ------
    ValueError
        A value has more bits than its field.
    """
    word = 0
    for field in beat.fields:
        value, top = int(values[field.name.lower()]), 1 << field.width
        if not -(top >> 1) <= value < top:
            raise ValueError(
                f"{where}: {field.name} of {beat.name} has {field.width} bits and cannot be {value}"
            )
        word |= (value & top - 1) << field.lsb
    return word.to_bytes(beat.width // 8, "little")


def unpack(beat: Beat, data: bytes, signed: frozenset[str] = frozenset()) -> dict[str, int]:
    """Values of a record by field name in lower case; those named in ``signed`` are sign-extended."""
    word = int.from_bytes(data[: beat.width // 8], "little")
    values = {}
    for field in beat.fields:
        value = field.extract(word)
        if field.name in signed and value >> field.width - 1:
            value -= 1 << field.width
        values[field.name.lower()] = value
    return values
