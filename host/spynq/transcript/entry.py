"""What a transcript holds, and its file."""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from spynq.errors import FormatError

__all__ = ["KINDS", "Entry", "Transcript", "load"]

KINDS = ("write", "read", "allocate", "to_device", "from_device", "send", "receive")
_FORMAT = 1


@dataclass(frozen=True)
class Entry:
    """One access.

    Parameters
    ----------
    kind : str
        ``"write"`` and ``"read"`` of a register; ``"allocate"`` of a buffer; ``"to_device"`` and
        ``"from_device"``: a part of a buffer made visible to the kernel, or to the host; ``"send"`` and
        ``"receive"``: words of 64 bits into the kernel's stream, and those that came back.
    place : int
        Byte offset of the register, or physical address; 0 of a stream.
    value : int
        Register value, bytes of the buffer, or words that had room to come back.
    data : bytes
        Content of the part of a buffer, or the words, little-endian.
    """

    kind: str
    place: int
    value: int = 0
    data: bytes = b""


@dataclass
class Transcript:
    """A recorded run.

    Parameters
    ----------
    kernel : str
        Kernel name.
    capabilities : dict of str to int
        Build of the kernel it was recorded on.
    device : str
        Device it was recorded on.
    entries : list of Entry
        Accesses in order.
    """

    kernel: str
    capabilities: dict[str, int]
    device: str
    entries: list[Entry] = field(default_factory=list)

    def save(self, file: str | Path) -> None:
        """Write to an NPZ file: NumPy reads it, with no code in it."""
        blob, rows = bytearray(), []
        for entry in self.entries:
            rows.append([entry.kind, entry.place, entry.value, len(entry.data)])
            blob += entry.data
        head = {key: value for key, value in asdict(self).items() if key != "entries"}
        text = json.dumps({"format": _FORMAT, **head, "rows": rows})
        with Path(file).open("wb") as stream:
            np.savez_compressed(
                stream,
                text=np.frombuffer(text.encode(), dtype=np.uint8),
                data=np.frombuffer(bytes(blob), dtype=np.uint8),
            )


def load(file: str | Path) -> Transcript:
    """Read what :meth:`Transcript.save` wrote.

    Raises
    ------
    FormatError
        The file is no transcript, or one of a later version.
    """
    try:
        with Path(file).open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            head, data = json.loads(stored["text"].tobytes()), stored["data"].tobytes()
        entries, at = [], 0
        for kind, place, value, length in head["rows"]:
            if kind not in KINDS or at + length > len(data):
                raise KeyError(kind)
            entries.append(Entry(kind, place, value, data[at : at + length]))
            at += length
        found: Any = head["format"]
        transcript = Transcript(head["kernel"], head["capabilities"], head["device"], entries)
    except FileNotFoundError:
        raise
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise FormatError(
            f"{file} is no transcript; 'spynq transcript record' and Transcript.save write them"
        ) from error
    if found != _FORMAT:
        raise FormatError(
            f"{file} is a transcript of format {found}, and this spynq reads {_FORMAT}; update it"
        )
    return transcript
