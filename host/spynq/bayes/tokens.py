"""Words of a BIF file, with the line of each for the messages."""

from __future__ import annotations

import math
import re
from typing import NoReturn

import numpy as np

from spynq.errors import FormatError

__all__ = ["Tokens"]

# A name is all that is no blank, bracket or quote: real files have Asy/Patch, <5, 12+ and x>=3.
# A comment therefore begins only where a token may begin.
_TOKEN = re.compile(
    r"//[^\n]*|/\*.*?\*/|^[ \t]*#[^\n]*|(?<=[;}])[ \t]*#[^\n]*"
    r'|([{}()\[\];]|"[^"\n]*"|"|/\*|[^\s,|{}()\[\];"]+)',
    re.DOTALL | re.MULTILINE,
)


class Tokens:
    """The words of a text, taken one after the other.

    Parameters
    ----------
    text : str
        The whole file.
    source : str
        Its name, for messages.
    """

    def __init__(self, text: str, source: str) -> None:
        self.text, self.source = text, source
        self.tokens: list[str] = [token for token in _TOKEN.findall(text) if token]
        self.position = 0
        self._lines: list[int] | None = None

    def line(self, index: int) -> int:
        """Line of a token; found only when a message needs it."""
        if self._lines is None:
            starts = [match.start(1) for match in _TOKEN.finditer(self.text) if match.group(1)]
            breaks = np.flatnonzero(np.frombuffer(self.text.encode("utf-32-le"), np.uint32) == 10)
            self._lines = (np.searchsorted(breaks, starts) + 1).tolist() or [1]
        return self._lines[min(index, len(self._lines) - 1)]

    def where(self, index: int) -> str:
        return f"{self.source}:{self.line(index)}: "

    def fail(self, message: str, index: int | None = None) -> NoReturn:
        raise FormatError(self.where(self.position if index is None else index) + message)

    def next(self, wanted: str) -> str:
        if self.position >= len(self.tokens):
            self.fail(f"the file ends where {wanted} should follow")
        token = self.tokens[self.position]
        self.position += 1
        return token

    def expect(self, token: str, context: str) -> None:
        got = self.next(f"{token!r} {context}")
        if got != token:
            self.position -= 1
            self.fail(f"expected {token!r} {context}, found {got!r}")

    def name_of(self, token: str, index: int) -> str:
        if token == '"':
            self.fail("a quote is opened and not closed on the same line", index)
        if token == "/*":
            self.fail("a comment is opened with /* and never closed", index)
        if token in "{}()[];":
            self.fail(f"expected a name, found {token!r}", index)
        return token[1:-1] if token[0] == '"' else token

    def until(self, token: str, context: str) -> list[str]:
        """Tokens up to ``token``, which is passed."""
        begin = self.position
        try:
            end = self.tokens.index(token, begin)
        except ValueError:
            self.fail(f"no {token!r} follows {context}")
        self.position = end + 1
        return self.tokens[begin:end]

    def names(self, end: str, context: str) -> list[str]:
        begin = self.position
        return [self.name_of(t, begin + i) for i, t in enumerate(self.until(end, context))]

    def numbers(self, tokens: list[str], index: int) -> list[float]:
        """Finite numbers of tokens; ``index`` is the first one's."""
        found: list[float] = []
        for offset, token in enumerate(tokens):
            try:
                found.append(float(token))
            except ValueError:
                found.append(math.nan)
            if not math.isfinite(found[-1]):
                self.fail(f"expected a number, found {token!r}", index + offset)
        return found
