"""Networks written as BIF, so that reading them gives the same numbers."""

from __future__ import annotations

import re

import numpy as np

from spynq.bayes.network import Network

__all__ = ["write_bif"]

# Other names need quotes: those with blanks or signs of the format, or that look like a comment.
_PLAIN = re.compile(r'[^\s,|{}()\[\];"#/][^\s,|{}()\[\];"]*')


def _quoted(name: str) -> str:
    if _PLAIN.fullmatch(name):
        return name
    if '"' in name or "\n" in name:
        raise ValueError(f"BIF cannot hold the name {name!r}: it has a quote or a line break")
    return f'"{name}"'


def write_bif(network: Network, comment: str = "") -> str:
    """The network as BIF text, numbers with as many digits as they need to be read back unchanged.

    Parameters
    ----------
    network : Network
    comment : str
        Lines that go on top as ``//`` comments.
    """
    lines = [f"// {line}".rstrip() for line in comment.splitlines()]
    lines.append(f"network {_quoted(network.name)} {{\n}}")
    for node in network.nodes.values():
        states = ", ".join(map(_quoted, node.states))
        lines.append(f"variable {_quoted(node.name)} {{\n  type discrete [ {node.size} ] {{ {states} }};\n}}")
    for node in network.nodes.values():
        head = " | ".join(filter(None, [_quoted(node.name), ", ".join(map(_quoted, node.parents))]))
        lines.append(f"probability ( {head} ) {{")
        labels = [[_quoted(s) for s in network[p].states] for p in node.parents]
        for place in np.ndindex(*node.table.shape[:-1]):
            row = ", ".join(map(repr, node.table[place].tolist()))
            key = ", ".join(labels[i][s] for i, s in enumerate(place))
            lines.append(f"  ({key}) {row};" if place else f"  table {row};")
        lines.append("}")
    return "\n".join(lines) + "\n"
