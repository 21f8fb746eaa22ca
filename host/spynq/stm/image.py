"""Memory images of the sampling tree: what a start reads, and the records it writes.

All images are arrays of little-endian ``uint32``, a multiple of 4 words (one 128-bit beat) long.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from spynq.contract import Beat
from spynq.stm.golden import Integers, Operation, Words
from spynq.stm.params import CHUNK, OP, PARENTS_PER_WORD, RECORD, STREAMS, TARGET

__all__ = [
    "batch_image",
    "chunks",
    "code_rows",
    "data_image",
    "operation_words",
    "pack",
    "padded",
    "population_image",
    "program_words",
    "read_batch",
    "read_population",
    "read_program",
    "read_targets",
    "record_dtype",
    "target_words",
    "unpack",
    "weighting_image",
]

_WORDS = 4
"""32-bit words of a 128-bit beat."""


def pack(beat: Beat, values: Mapping[str, int]) -> Words:
    """One beat as 32-bit words, bit 0 first; fields not named are 0."""
    fields = {field.name: field for field in beat.fields}
    word = 0
    for name, value in values.items():
        word |= fields[name].insert(value)
    return np.frombuffer(word.to_bytes(beat.width // 8, "little"), "<u4").astype(np.uint32)


def unpack(beat: Beat, words: Words) -> dict[str, int]:
    """Field values of one beat."""
    word = int.from_bytes(words.astype("<u4").tobytes(), "little")
    return {field.name: field.extract(word) for field in beat.fields}


def operation_words(operation: Operation, parents: int) -> int:
    """Program words an operation takes on a kernel that looks up ``parents`` at a time."""
    return max(1, -(-len(operation.parents) // parents))


def program_words(program: Sequence[Operation], parents: int) -> Words:
    """A program as OP beats.

    Parameters
    ----------
    program : sequence of Operation
    parents : int
        Parents the kernel looks up per clock (CAP_PARENTS); later places of a word stay empty.

    Returns
    -------
    ndarray of uint32, shape [words, 4]
    """
    beats = []
    for operation in program:
        count = operation_words(operation, parents)
        for index in range(count):
            values = {
                "BASE": operation.base,
                "LOG2_STATES": operation.log2_states,
                "FIRST": int(index == 0),
                "LAST": int(index == count - 1),
                "WEIGH": int(operation.weigh),
                "FRESH": int(operation.fresh),
                "PUSH": int(operation.push),
                "COLUMN": operation.column,
            }
            here = operation.parents[index * parents : (index + 1) * parents]
            for place, (column, stride) in enumerate(here):
                values[f"PARENT{place}"], values[f"STRIDE{place}"] = column, stride
            beats.append(pack(OP, values))
    return np.array(beats, np.uint32).reshape(len(beats), _WORDS)


def read_program(words: Words, parents: int) -> list[Operation]:
    """Operations of OP beats, shape [words, 4]; the inverse of :func:`program_words`."""
    program: list[Operation] = []
    places: list[tuple[int, int]] = []
    for beat in words:
        value = unpack(OP, beat)
        if value["FIRST"]:
            places = []
        for place in range(min(parents, PARENTS_PER_WORD)):
            if value[f"STRIDE{place}"]:
                places.append((value[f"PARENT{place}"], value[f"STRIDE{place}"]))
        if value["LAST"]:
            program.append(
                Operation(
                    base=value["BASE"],
                    log2_states=value["LOG2_STATES"],
                    weigh=bool(value["WEIGH"]),
                    column=value["COLUMN"],
                    parents=tuple(places),
                    fresh=bool(value["FRESH"]),
                    push=bool(value["PUSH"]),
                )
            )
    return program


def target_words(targets: Sequence[tuple[int, int]]) -> Words:
    """Targets, each a state column and the bin of its state 0, as TARGET beats [targets, 4]."""
    beats = [pack(TARGET, {"COLUMN": column, "BIN": first}) for column, first in targets]
    return np.array(beats, np.uint32).reshape(len(beats), _WORDS)


def read_targets(words: Words) -> list[tuple[int, int]]:
    """State column and first bin of each TARGET beat."""
    return [(value["COLUMN"], value["BIN"]) for value in (unpack(TARGET, beat) for beat in words)]


def weighting_image(
    program: Sequence[Operation],
    targets: Sequence[tuple[int, int]],
    table: npt.ArrayLike,
    parents: int,
    generators: Words | None = None,
) -> Words:
    """Image of a likelihood-weighting run: generator states (if given), program, targets, table.

    Parameters
    ----------
    program, targets, parents
        See :func:`program_words` and :func:`target_words`.
    table : array_like of uint32
        Table entries; padded with zeros to a whole beat.
    generators : ndarray of uint32, shape [64, 4], optional
        As :func:`spynq.stm.golden.generator_states` gives it.
    """
    parts = [program_words(program, parents).ravel(), target_words(targets).ravel(), padded(table)]
    if generators is not None:
        if generators.shape != (STREAMS, 4):
            raise ValueError(f"generator states must have shape ({STREAMS}, 4), not {generators.shape}")
        parts.insert(0, generators.astype(np.uint32).ravel())
    return np.concatenate(parts)


def padded(words: npt.ArrayLike) -> Words:
    """Words, with zeros up to a whole beat."""
    values = np.asarray(words, np.uint32).ravel()
    return np.concatenate([values, np.zeros(-values.size % _WORDS, np.uint32)])


def population_image(samples: npt.ArrayLike, labels: npt.ArrayLike | None = None) -> Words:
    """Image of a population.

    Parameters
    ----------
    samples : array_like of int, shape [columns, samples]
        Signed 16 bit.
    labels : array_like of int, shape [samples], optional
        Bin of each sample.
    """
    columns = np.asarray(samples, np.int64).astype(np.int32).view(np.uint32)
    parts = [padded(column) for column in columns]
    if labels is not None:
        parts.append(padded(labels))
    return np.concatenate(parts)


def read_population(
    words: Words, terms: int, samples: int, labelled: bool
) -> tuple[npt.NDArray[np.int16], Words | None]:
    """Columns [terms, samples] and, if there, labels [samples] of a population image."""
    rows = words.reshape(terms + labelled, -(-samples // _WORDS) * _WORDS)[:, :samples]
    columns = rows[:terms].astype(np.uint16).view(np.int16)
    return columns, rows[terms] if labelled else None


def batch_image(cues: npt.ArrayLike, gains: npt.ArrayLike) -> Words:
    """Image of a batch: cue and gain of every term, two terms in a beat.

    Parameters
    ----------
    cues, gains : array_like of int, shape [evidences, terms]
    """
    cue, gain = np.asarray(cues, np.int64), np.asarray(gains, np.int64)
    evidences, terms = cue.shape
    image = np.zeros((evidences, terms + terms % 2, 2), np.uint32)
    image[:, :terms, 0] = cue.astype(np.int32).view(np.uint32)
    image[:, :terms, 1] = gain
    return image.ravel()


def read_batch(words: Words, terms: int, gain_bits: int) -> tuple[Integers, Integers]:
    """Cues and gains, each [evidences, terms], of a batch image."""
    pairs = words.reshape(-1, terms + terms % 2, 2)[:, :terms]
    cues = pairs[..., 0].astype(np.uint16).view(np.int16).astype(np.int64)
    return cues, pairs[..., 1].astype(np.int64) & ((1 << gain_bits) - 1)


def data_image(records: npt.ArrayLike) -> Words:
    """Image of data records: a byte per state column, each record padded to whole beats.

    Parameters
    ----------
    records : array_like of int, shape [records, columns]
        Observed state, or 255.
    """
    states = np.asarray(records, np.uint8)
    filled = np.full((len(states), -(-states.shape[1] // 16) * 16), 255, np.uint8)
    filled[:, : states.shape[1]] = states
    return filled.view("<u4").astype(np.uint32).ravel()


def code_rows(codes: npt.ArrayLike) -> Words:
    """Rows of codes for an edge, each padded to whole beats.

    Parameters
    ----------
    codes : array_like of int, shape [rows, parents]
        Negative log2 likelihoods, 10 fraction bits.
    """
    rows = np.asarray(codes, np.int64)
    filled = np.zeros((len(rows), -(-rows.shape[1] // _WORDS) * _WORDS), np.uint32)
    filled[:, : rows.shape[1]] = rows
    return filled.ravel()


def record_dtype(bins: int = 0) -> np.dtype[np.void]:
    """Structured type of one record in memory, followed by ``bins`` pairs H, Q."""
    signed = {"S1"}
    fields: list[tuple[str, object]] = [
        (field.name, f"<{'i' if field.name in signed else 'u'}{field.width // 8}") for field in RECORD.fields
    ]
    if bins:
        fields.append(("BINS", np.dtype((np.dtype([("H", "<u8"), ("Q", "<u8")]), (bins,)))))
    return np.dtype(fields)


def chunks(samples: int) -> int:
    """Chunks of a likelihood-weighting run of ``samples``."""
    return -(-samples // CHUNK)
