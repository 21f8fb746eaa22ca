"""XMLBIF 0.3: the same networks in XML. In its tables the node's own state changes fastest."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat
from xml.sax.saxutils import escape

import numpy as np

from spynq.bayes.network import Network, Node, unknown
from spynq.bayes.rows import check_entries, check_rows
from spynq.errors import FormatError

__all__ = ["load_xmlbif", "parse_xmlbif", "write_xmlbif"]


@dataclass
class _Element:
    """An XML element that knows its line."""

    tag: str
    line: int
    kind: str = ""
    text: str = ""
    children: list[_Element] = field(default_factory=list)

    def all(self, *tags: str) -> list[_Element]:
        return [child for child in self.children if child.tag in tags]


class _Reader:
    def __init__(self, source: str) -> None:
        self.source = source

    def fail(self, message: str, line: int) -> NoReturn:
        raise FormatError(f"{self.source}:{line}: {message}")

    def tree(self, data: bytes) -> _Element:
        root = _Element("", 1)
        stack = [root]
        parser = expat.ParserCreate()

        def begin(tag: str, attributes: dict[str, str]) -> None:
            element = _Element(tag.upper(), parser.CurrentLineNumber, attributes.get("TYPE", ""))
            stack[-1].children.append(element)
            stack.append(element)

        def end(tag: str) -> None:
            stack.pop()

        def characters(text: str) -> None:
            stack[-1].text += text

        def entity(name: str, *rest: object) -> None:
            self.fail(
                f"entity {name} is declared; XMLBIF needs none, and they are refused",
                parser.CurrentLineNumber,
            )

        parser.buffer_text = True
        parser.StartElementHandler = begin
        parser.EndElementHandler = end
        parser.CharacterDataHandler = characters
        parser.EntityDeclHandler = entity
        try:
            parser.Parse(data, True)
        except expat.ExpatError as error:
            self.fail(f"this is no XML: {expat.ErrorString(error.code)}", error.lineno)
        return root

    def read(self, data: bytes) -> Network:
        root = self.tree(data)
        bif = root.children[0]
        if bif.tag != "BIF" or not bif.all("NETWORK"):
            self.fail("expected <BIF> with a <NETWORK> in it", bif.line)
        network = bif.all("NETWORK")[0]
        names = network.all("NAME")
        variables: dict[str, tuple[_Element, tuple[str, ...]]] = {}
        for element in network.all("VARIABLE"):
            name = self.one(element, "NAME")
            if element.kind.lower() not in ("", "nature"):
                self.fail(
                    f"variable {name} is of type {element.kind}; only nature (chance) nodes are read",
                    element.line,
                )
            if name in variables:
                self.fail(
                    f"variable {name} is defined twice, first in line {variables[name][0].line}", element.line
                )
            states = tuple(outcome.text.strip() for outcome in element.all("OUTCOME", "VALUE"))
            if len(set(states)) < len(states) or not states:
                self.fail(
                    f"variable {name} needs outcomes that differ, not: {', '.join(states)}", element.line
                )
            variables[name] = (element, states)
        definitions: dict[str, _Element] = {}
        for element in network.all("DEFINITION", "PROBABILITY"):
            name = self.one(element, "FOR")
            if name in definitions:
                self.fail(
                    f"the table of {name} is given twice, first in line {definitions[name].line}",
                    element.line,
                )
            definitions[name] = element
            for other in [name, *(given.text.strip() for given in element.all("GIVEN"))]:
                if other not in variables:
                    self.fail(
                        unknown("variable", other, variables, f"the table of {name} needs it, yet the file"),
                        element.line,
                    )
        notes: list[str] = []
        nodes = []
        sizes = {name: len(states) for name, (_, states) in variables.items()}
        for name, (element, states) in variables.items():
            if name not in definitions:
                self.fail(f"variable {name} has no DEFINITION", element.line)
            nodes.append(self.node(name, states, definitions[name], sizes, notes))
        return Network(nodes, names[0].text.strip() if names else "unknown", notes, self.source)

    def one(self, element: _Element, tag: str) -> str:
        found = element.all(tag)
        if len(found) != 1 or not found[0].text.strip():
            self.fail(f"<{element.tag}> needs one <{tag}>, not {len(found)}", element.line)
        return found[0].text.strip()

    def node(
        self,
        name: str,
        states: tuple[str, ...],
        definition: _Element,
        sizes: dict[str, int],
        notes: list[str],
    ) -> Node:
        parents = tuple(given.text.strip() for given in definition.all("GIVEN"))
        tables = definition.all("TABLE")
        if len(tables) != 1:
            self.fail(f"the definition of {name} needs one <TABLE>, not {len(tables)}", definition.line)
        words = tables[0].text.replace(",", " ").split()
        try:
            values = np.array([float(word) for word in words])
        except ValueError as error:
            self.fail(f"the table of {name} has something that is no number: {error}", tables[0].line)
        shape = (*(sizes[parent] for parent in parents), len(states))
        try:
            entries = check_entries(name, shape)
        except FormatError as error:
            self.fail(str(error), definition.line)
        if values.size != entries:
            self.fail(f"the table of {name} has {values.size} numbers, not {entries}", tables[0].line)
        place = [f"{self.source}:{tables[0].line}: "] * (values.size // len(states))
        rows, remarks = check_rows(values.reshape(-1, len(states)), name, place)
        notes.extend(remarks)
        return Node(name, states, parents, rows.reshape(shape))


def parse_xmlbif(data: str | bytes, source: str = "<text>") -> Network:
    """Read XMLBIF text; errors are :class:`~spynq.errors.FormatError` with file and line."""
    return _Reader(source).read(data.encode() if isinstance(data, str) else data)


def load_xmlbif(path: str | Path) -> Network:
    """Read an XMLBIF 0.3 file.

    Raises
    ------
    FormatError
        It is none; the message has file and line.
    OSError
        The file cannot be read.
    """
    network = parse_xmlbif(Path(path).read_bytes(), str(path))
    if network.name in ("unknown", ""):
        network.name = Path(path).stem
    return network


def write_xmlbif(network: Network) -> str:
    """The network as XMLBIF 0.3."""
    lines = [
        '<?xml version="1.0"?>',
        '<BIF VERSION="0.3">',
        "<NETWORK>",
        f"<NAME>{escape(network.name)}</NAME>",
    ]
    for node in network.nodes.values():
        lines.append(f'<VARIABLE TYPE="nature"><NAME>{escape(node.name)}</NAME>')
        lines += [f"  <OUTCOME>{escape(state)}</OUTCOME>" for state in node.states]
        lines.append("</VARIABLE>")
    for node in network.nodes.values():
        lines.append(f"<DEFINITION><FOR>{escape(node.name)}</FOR>")
        lines += [f"  <GIVEN>{escape(parent)}</GIVEN>" for parent in node.parents]
        rows = node.table.reshape(-1, node.size).tolist()
        lines.append("  <TABLE>" + "\n  ".join(" ".join(map(repr, row)) for row in rows) + "</TABLE>")
        lines.append("</DEFINITION>")
    lines += ["</NETWORK>", "</BIF>"]
    return "\n".join(lines) + "\n"
