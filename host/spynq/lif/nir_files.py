"""NIR files as plain dictionaries: read with h5py, so that what a file does not hold is not filled in.

The library ``nir`` gives a missing ``v_reset`` zeros, refuses scalar parameters, and drops some metadata;
files of every version from 1.0.4 on come through here as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from spynq.errors import FormatError, MissingDependency

__all__ = ["RawGraph", "raw_graph"]


@dataclass
class RawGraph:
    """Nodes as dictionaries with the key ``type``, edges, and the version that wrote them."""

    nodes: dict[str, dict[str, Any]]
    edges: list[tuple[str, str]]
    metadata: dict[str, Any] = field(default_factory=dict)
    version: str | None = None


def raw_graph(source: str | Path | object) -> RawGraph:
    """Take a NIR file or an object of the library ``nir`` apart.

    Parameters
    ----------
    source : path, nir.NIRGraph or mapping
        A mapping is what ``NIRGraph.to_dict()`` gives.

    Raises
    ------
    FormatError
        It is not a NIR graph; the message says what is missing.
    MissingDependency
        A file is to be read and h5py is not installed.
    """
    if isinstance(source, str | Path):
        return _from_file(Path(source))
    to_dict = getattr(source, "to_dict", None)
    tree = source if isinstance(source, Mapping) else to_dict() if callable(to_dict) else None
    if not isinstance(tree, Mapping):
        raise FormatError(f"a NIR graph is a file, a nir.NIRGraph or its to_dict(), not {source!r:.80}")
    return _from_tree(tree, "the graph", None)


def _from_file(path: Path) -> RawGraph:
    try:
        import h5py
    except ImportError as error:
        raise MissingDependency("NIR files need h5py: pip install 'spynq[nir]'") from error
    if not path.is_file():
        raise FileNotFoundError(2, "no such file", str(path))
    if not h5py.is_hdf5(path):
        raise FormatError(f"{path} is no NIR file: NIR is written in HDF5, and this is not; export it again")
    try:
        with h5py.File(path, "r") as file:
            tree = _plain(file)
    except (OSError, RuntimeError, KeyError, UnicodeDecodeError) as error:
        raise FormatError(f"{path} is HDF5 but damaged: {error}; export it again") from error
    if not isinstance(tree.get("node"), dict):
        found = ", ".join(map(str, tree)) or "nothing"
        raise FormatError(
            f"{path} is HDF5 but no NIR file: it has {found} and no group node; export it again"
        )
    return _from_tree(tree["node"], str(path), tree.get("version"))


def _plain(group: Any) -> dict[str, Any]:
    """Groups become dictionaries, byte strings text, everything else NumPy values."""
    tree: dict[str, Any] = {}
    for key, item in group.items():
        if hasattr(item, "items"):
            tree[key] = _plain(item)
        else:
            value = item[()]
            tree[key] = value.decode() if isinstance(value, bytes) else value
    return tree


def _from_tree(tree: Mapping[str, Any], where: str, version: Any) -> RawGraph:
    if tree.get("type") not in (None, "NIRGraph") or "nodes" not in tree or "edges" not in tree:
        raise FormatError(
            f"{where} holds one {tree.get('type', 'nameless')} node, not a graph with nodes and edges; "
            "wrap it in a NIRGraph"
        )
    nodes: dict[str, dict[str, Any]] = {}
    for name, node in tree["nodes"].items():
        if not isinstance(node, Mapping) or not isinstance(node.get("type"), str):
            raise FormatError(f"{where}: node {name!r} has no type; export it again")
        nodes[str(name)] = dict(node)
    edges = [(_text(begin), _text(end)) for begin, end in np.asarray(tree["edges"], object).reshape(-1, 2)]
    for edge in edges:
        for end in edge:
            if end not in nodes:
                raise FormatError(
                    f"{where}: edge {edge[0]} -> {edge[1]} names a node {end!r} that is not there; "
                    f"nodes are {', '.join(nodes)}"
                )
    if len(set(edges)) < len(edges):
        twice = next(edge for edge in edges if edges.count(edge) > 1)
        raise FormatError(f"{where}: edge {twice[0]} -> {twice[1]} stands twice; keep one")
    metadata = tree.get("metadata")
    return RawGraph(nodes, edges, dict(metadata) if isinstance(metadata, Mapping) else {}, version)


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)
