"""Golden model of the echo kernel."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spynq.contract import STATUS_FLAGS
from spynq.echo.params import MAX_WORDS, EchoConfig
from spynq.errors import SpynqError
from spynq.model import Memory, Streams

__all__ = ["EchoModel"]

_REFUSED = next(flag.mask for flag in STATUS_FLAGS if flag.name == "REFUSED")


class EchoModel:
    """One run: words in, constant added, words out, all summed modulo 2**32.

    Parameters
    ----------
    config : EchoConfig
        Build parameters.
    """

    def __init__(self, config: EchoConfig) -> None:
        self.config = config

    def start(
        self, registers: Mapping[str, int], memory: Memory, streams: Streams | None = None
    ) -> dict[str, int]:
        """Do one run; see :class:`spynq.model.Model`."""
        words, add = registers["WORDS"], registers["ADD"]
        source = registers["SOURCE_LO"] | registers["SOURCE_HI"] << 32
        target = registers["TARGET_LO"] | registers["TARGET_HI"] << 32
        part = words % (self.config.bus // 32) or source % 16 or target % 16
        if not 1 <= words <= MAX_WORDS or (registers["MODE"] and part):
            return {"SUM": 0, "STATUS": _REFUSED}
        if registers["MODE"]:
            values = np.frombuffer(memory.read(source, 4 * words), dtype="<u4")
            out = values + np.uint32(add)
            memory.write(target, out.astype("<u4").tobytes())
        else:
            out = self._stream(words, add, streams)
        return {"SUM": int(out.sum(dtype=np.uint64)) & 0xFFFF_FFFF, "STATUS": 0}

    @staticmethod
    def _stream(words: int, add: int, streams: Streams | None) -> np.ndarray:  # type: ignore[type-arg]
        if streams is None:
            raise SpynqError("echo needs its streams when MODE.MEMORY is 0")
        source, target = streams["s_axis"], streams["m_axis"]
        if len(source) < words:
            raise SpynqError(
                f"echo needs {words} words in s_axis, and {len(source)} are there; "
                "put more in before the start"
            )
        out = np.array([source.popleft()[0] for _ in range(words)], dtype=np.uint32) + np.uint32(add)
        target.extend((int(word), index == words - 1) for index, word in enumerate(out))
        return out
