"""Trees in files: JSON with a node per line of thought, and networks that happen to be trees.

A file is ``{"name": ..., "nodes": [...]}``, parents before children. A node with ``table`` is discrete,
one with ``sd`` Gaussian, one with ``low`` and ``high`` a uniform root; ``pool`` names a population that
siblings share.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from spynq.bayes.network import Network
from spynq.errors import FormatError
from spynq.stm.tree.model import Tree
from spynq.stm.tree.nodes import DiscreteNode, GaussianNode, MixedNode, Node

__all__ = ["from_network", "load_tree", "save_tree"]

_KEYS = {
    "table": {"name", "parent", "table", "states", "pool"},
    "sd": {"name", "parent", "mean", "sd", "slope", "pool"},
    "low": {"name", "low", "high"},
}


def load_tree(path: str | Path) -> Tree:
    """Read a tree: ``.json``, or a network file (``.bif``, ``.xml``) whose nodes have one parent at most.

    Raises
    ------
    FormatError
        Not JSON, an unknown key, or a node that cannot be; the message has file and node.
    """
    place = Path(path)
    if place.suffix.lower() != ".json":
        from spynq.bayes.files import load

        return from_network(load(place))
    try:
        text: Any = json.loads(place.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise FormatError(f"{place}: not JSON: {error}") from None
    if not isinstance(text, dict) or not isinstance(text.get("nodes"), list) or set(text) - {"name", "nodes"}:
        raise FormatError(f'{place}: a tree is an object {{"name": ..., "nodes": [...]}} and nothing else')
    tree = Tree(str(text.get("name", place.stem)))
    for index, entry in enumerate(text["nodes"]):
        where = f"{place}: node {index + 1}"
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise FormatError(f"{where} needs a name")
        try:
            _add(tree, dict(entry))
        except (ValueError, TypeError) as error:
            raise FormatError(f"{where}: {error}") from None
    if not tree.nodes:
        raise FormatError(f"{place}: a tree needs at least one node")
    return tree


def _add(tree: Tree, entry: dict[str, Any]) -> None:
    kinds = [key for key in _KEYS if key in entry]
    if len(kinds) != 1:
        raise ValueError(
            f"{entry['name']} needs exactly one of table (discrete), sd (Gaussian), low and high (uniform)"
        )
    unknown = sorted(set(entry) - _KEYS[kinds[0]])
    if unknown:
        known = ", ".join(sorted(_KEYS[kinds[0]]))
        raise ValueError(f"{entry['name']} has unknown keys {', '.join(unknown)}; there are {known}")
    name = entry.pop("name")
    if kinds[0] == "table":
        tree.discrete(name, entry.pop("table"), **entry)
    elif kinds[0] == "sd":
        tree.gaussian(name, **entry)
    else:
        tree.uniform(name, **entry)


def save_tree(tree: Tree, path: str | Path) -> None:
    """Write a tree as :func:`load_tree` reads it."""
    text = {"name": tree.name, "nodes": [_entry(node) for node in tree.nodes.values()]}
    Path(path).write_text(json.dumps(text, indent=1) + "\n", encoding="utf-8")


def _entry(node: Node) -> dict[str, Any]:
    found: dict[str, Any] = {"name": node.name}
    if node.parent is not None:
        found["parent"] = node.parent
    if isinstance(node, DiscreteNode):
        found |= {"table": node.table.tolist(), "states": list(node.states)}
    elif isinstance(node, GaussianNode):
        found |= {"mean": node.offset, "sd": node.sd}
        if node.parent is not None:
            found["slope"] = node.slope
    elif isinstance(node, MixedNode):
        found |= {"mean": node.means.tolist(), "sd": node.sds.tolist()}
    else:
        return found | {"low": node.low, "high": node.high}
    return found | ({} if node.pool == node.name else {"pool": node.pool})


def from_network(network: Network) -> Tree:
    """A network as a tree.

    Raises
    ------
    ValueError
        A node has two parents, or there are two roots; such a network is asked by ``query``.
    """
    tree = Tree(network.name)
    for name in network.order:
        node = network[name]
        if len(node.parents) > 1:
            raise ValueError(
                f"network {network.name} is no tree: {name} has {len(node.parents)} parents; ask it by query"
            )
        if not node.parents and tree.nodes:
            raise ValueError(
                f"network {network.name} is no tree: {tree.root} and {name} are both roots; ask it by query"
            )
        tree.discrete(name, node.table, parent=next(iter(node.parents), None), states=node.states)
    return tree
