"""BIF, the interchange format of the bnlearn repository and most other tools.

Commas and bars are blanks, as the format's rules say, so that both ``( a | b, c )`` and
``( a b c )`` are read. A table of a node with parents may come as one ``table`` (the node's own
state changes slowest) or as one row per parent configuration, ``default`` filling the rest.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import overload

import numpy as np
import numpy.typing as npt

from spynq.bayes.network import Network, Node, unknown
from spynq.bayes.rows import Floats, check_entries, check_rows
from spynq.bayes.tokens import Tokens
from spynq.errors import FormatError

__all__ = ["load_bif", "parse_bif"]


@dataclass
class _Table:
    """What one ``probability`` block says, before the nodes are known."""

    at: int
    names: list[str]
    rows: list[tuple[int, list[str], list[str]]] = field(default_factory=list)
    table: tuple[int, list[str]] | None = None
    default: tuple[int, list[str]] | None = None


class _Reader(Tokens):
    def __init__(self, text: str, source: str) -> None:
        super().__init__(text, source)
        self.name = "unknown"
        self.states: dict[str, tuple[str, ...]] = {}
        self.declared: dict[str, int] = {}
        self.tables: dict[str, _Table] = {}

    def read(self) -> Network:
        while self.position < len(self.tokens):
            index = self.position
            token = self.next("a block")
            if token == "network":
                first = self.next("the network's name")
                if first != "{":
                    self.name = self.name_of(first, index + 1)
                    self.expect("{", "after the network's name")
                self.until("}", "the network block")
            elif token == "variable":
                self.variable(index)
            elif token == "probability":
                self.probability(index)
            else:
                self.name_of(token, index)
                hint = "; XML is read from files called .xml" if token[0] == "<" else ""
                self.fail(f"expected network, variable or probability, found {token!r}{hint}", index)
        return self.network()

    def variable(self, index: int) -> None:
        name = self.name_of(self.next("the variable's name"), self.position - 1)
        if name in self.states:
            self.fail(
                f"variable {name} is defined twice, first in line {self.line(self.declared[name])}", index
            )
        self.expect("{", f"after variable {name}")
        states: tuple[str, ...] | None = None
        while (token := self.next(f"'}}' of variable {name}")) != "}":
            if token == "property":
                self.until(";", f"a property of {name}")
            elif token == "type":
                states = self.kind(name)
            else:
                self.fail(f"expected type or property in variable {name}, found {token!r}", self.position - 1)
        if states is None:
            self.fail(f"variable {name} has no line 'type discrete'", index)
        self.states[name] = states
        self.declared[name] = index

    def kind(self, name: str) -> tuple[str, ...]:
        kind = self.next("the type")
        if kind != "discrete":
            self.fail(f"variable {name} is {kind}; only discrete variables are read", self.position - 1)
        at = self.position
        count = None
        token = self.next("the states")
        if token == "[":
            digits = self.until("]", f"the number of states of {name}")
            if len(digits) != 1 or not digits[0].isdecimal():
                told = " ".join([*digits[:3], *["..."] * (len(digits) > 3)])
                self.fail(f"the number of states of {name} must be a number, not {told!r}", at)
            count = int(digits[0])
            self.expect("{", f"before the states of {name}")
        elif token != "{":
            self.fail(f"expected '{{' before the states of {name}, found {token!r}", at)
        states = tuple(self.names("}", f"the states of {name}"))
        if self.position < len(self.tokens) and self.tokens[self.position] == ";":
            self.position += 1
        if count is not None and count != len(states):
            self.fail(
                f"variable {name} announces {count} states and lists {len(states)}: {', '.join(states)}", at
            )
        if not states:
            self.fail(f"variable {name} lists no state", at)
        if len(set(states)) != len(states):
            twice = next(s for s in states if states.count(s) > 1)
            self.fail(f"variable {name} has the state {twice!r} twice; give it another name", at)
        return states

    def probability(self, index: int) -> None:
        self.expect("(", "after probability")
        names = self.names(")", "the names of a probability block")
        if not names:
            self.fail("a probability block names no variable", index)
        table = _Table(index, names)
        if names[0] in self.tables:
            self.fail(
                f"the table of {names[0]} is given twice, "
                f"first in line {self.line(self.tables[names[0]].at)}",
                index,
            )
        self.tables[names[0]] = table
        self.expect("{", f"after probability ( {' '.join(names)} )")
        tokens = self.tokens
        while (token := self.next(f"'}}' of the table of {names[0]}")) != "}":
            at = self.position
            if token == "(":
                labels = self.until(")", f"the row of {names[0]}")
                table.rows.append((at, labels, self.until(";", f"the row of {names[0]}")))
            elif token == "table":
                table.table = (at, self.until(";", f"the table of {names[0]}"))
            elif token == "default":
                table.default = (at, self.until(";", f"the default of {names[0]}"))
            elif token == "property":
                self.until(";", f"a property of {names[0]}")
            else:
                self.name_of(token, at - 1)
                self.fail(
                    f"expected a row, table, default or property of {names[0]}, found {tokens[at - 1]!r}",
                    at - 1,
                )

    # Tables

    def network(self) -> Network:
        notes: list[str] = []
        for name, table in self.tables.items():
            for other in table.names:
                if other not in self.states:
                    self.fail(
                        unknown(
                            "variable", other, self.states, f"the table of {name} needs it, yet the file"
                        ),
                        table.at,
                    )
            if len(set(table.names)) < len(table.names):
                self.fail(f"the table of {name} names a variable twice: {' '.join(table.names)}", table.at)
        nodes = []
        for name, states in self.states.items():
            if name not in self.tables:
                self.fail(f"variable {name} has no probability block", self.declared[name])
            nodes.append(self.node(name, states, self.tables[name], notes))
        return Network(nodes, self.name, notes, self.source)

    def node(self, name: str, states: tuple[str, ...], table: _Table, notes: list[str]) -> Node:
        parents = tuple(table.names[1:])
        shape = tuple(len(self.states[p]) for p in parents)
        try:
            entries = check_entries(name, (*shape, len(states)))
        except FormatError as error:
            self.fail(str(error), table.at)
        rows = np.full((entries // len(states), len(states)), np.nan)
        lines = np.full(len(rows), table.at, np.int64)
        if table.default is not None:
            at, tokens = table.default
            rows[:] = self.values(tokens, at, len(states), f"the default of {name}")
            lines[:] = at
        if table.table is not None:
            at, tokens = table.table
            rows[:] = self.whole(
                self.values(tokens, at, rows.size, f"the table of {name}"), rows.shape, name, at, notes
            )
            lines[:] = at
        self.fill(name, parents, table, rows, lines)
        missing = np.isnan(rows).any(axis=1)
        if missing.any():
            places = np.unravel_index(int(np.argmax(missing)), shape) if shape else ()
            labels = ", ".join(self.states[p][int(i)] for p, i in zip(parents, places, strict=True))
            count = int(missing.sum())
            others = f" and {count - 1} more" if count > 1 else ""
            self.fail(f"the table of {name} lacks the row ({labels}){others}", table.at)
        checked, remarks = check_rows(rows, name, _Places(self, lines))
        notes.extend(remarks)
        return Node(name, states, parents, checked.reshape(*shape, len(states)))

    def values(self, tokens: list[str], at: int, count: int, what: str) -> Floats:
        if len(tokens) != count:
            self.numbers(tokens, at)
            self.fail(f"{what} has {len(tokens)} numbers, not {count}", at)
        return np.array(self.numbers(tokens, at))

    def whole(self, values: Floats, shape: tuple[int, ...], name: str, at: int, notes: list[str]) -> Floats:
        """A ``table`` of all numbers as rows: by the format's rule the node's own state is slowest."""
        by_rule = values.reshape(shape[1], shape[0]).T
        by_row = values.reshape(shape)
        if np.abs(by_rule.sum(axis=1) - 1).max() > 1e-3 and np.abs(by_row.sum(axis=1) - 1).max() <= 1e-3:
            notes.append(
                f"{self.where(at)}the table of {name} was read row by row, as only so it sums to one"
            )
            return by_row
        return by_rule

    def fill(
        self, name: str, parents: tuple[str, ...], table: _Table, rows: Floats, lines: npt.NDArray[np.int64]
    ) -> None:
        strides, total = [], 1
        for parent in reversed(parents):
            strides.append(total)
            total *= len(self.states[parent])
        places = [
            {state: number * stride for number, state in enumerate(self.states[parent])}
            for parent, stride in zip(parents, reversed(strides), strict=True)
        ]
        count, values = len(rows[0]), []
        seen = []
        for at, labels, tokens in table.rows:
            try:
                seen.append(sum([place[label] for place, label in zip(places, labels, strict=True)]))
            except (KeyError, ValueError):
                seen.append(self.slow_row(name, parents, places, labels, at))
            if len(tokens) != count:
                self.values(tokens, at + len(labels) + 1, count, f"row ({', '.join(labels)}) of {name}")
            values += tokens
        if not seen:
            return
        # All at once; token by token only to explain what is wrong.
        try:
            numbers = np.array(values, dtype=np.float64)
        except ValueError:
            numbers = np.full(len(values), np.nan)
        if not np.isfinite(numbers).all():
            for at, labels, tokens in table.rows:
                self.numbers(tokens, at + len(labels) + 1)
        where = np.array(seen)
        if len(np.unique(where)) < len(where):
            first: set[int] = set()
            for row, (at, labels, _) in zip(seen, table.rows, strict=True):
                if row in first:
                    self.fail(f"row ({', '.join(labels)}) of {name} is given twice", at)
                first.add(row)
        rows[where] = numbers.reshape(-1, count)
        lines[where] = [at for at, _, _ in table.rows]

    def slow_row(
        self, name: str, parents: tuple[str, ...], places: list[dict[str, int]], labels: list[str], at: int
    ) -> int:
        """A row with quoted names or with an error to explain."""
        clean = [self.name_of(label, at + i) for i, label in enumerate(labels)]
        if len(clean) != len(parents):
            self.fail(
                f"row ({', '.join(clean)}) of {name} has {len(clean)} states, yet its parents are "
                f"{', '.join(parents) or 'none'}",
                at,
            )
        total = 0
        for parent, place, label in zip(parents, places, clean, strict=True):
            if label not in place:
                self.fail(f"row of {name}: " + unknown("state", label, place, f"parent {parent}"), at)
            total += place[label]
        return total


class _Places(Sequence[str]):
    """``"file:line: "`` of each row, made only when asked for."""

    def __init__(self, reader: _Reader, tokens: npt.NDArray[np.int64]) -> None:
        self._reader, self._tokens = reader, tokens

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self._reader.where(token) for token in self._tokens[index].tolist()]
        return self._reader.where(int(self._tokens[index]))

    def __len__(self) -> int:
        return len(self._tokens)


def parse_bif(text: str, source: str = "<text>") -> Network:
    """Read BIF text.

    Parameters
    ----------
    text : str
    source : str
        File name for messages.

    Raises
    ------
    FormatError
        With file and line.
    """
    return _Reader(text, source).read()


def load_bif(path: str | Path) -> Network:
    """Read a BIF file; the network takes the file's name if it has none.

    Text is UTF-8, or UTF-16 with a byte-order mark, else Latin-1.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    Network

    Raises
    ------
    FormatError
        The text is no BIF; the message has file and line.
    OSError
        The file cannot be read.
    """
    raw = Path(path).read_bytes()
    marked = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = raw.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    network = parse_bif(text, str(path))
    if network.name in ("unknown", ""):
        network.name = Path(path).stem
    return network
