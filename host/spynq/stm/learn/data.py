"""Records of data as state numbers, from a data frame, a mapping of columns or an array."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from spynq.bayes.network import Network, Node, unknown
from spynq.stm.golden_records import MISSING

__all__ = ["Records", "read_records"]

Records = npt.NDArray[np.uint8]

_MISSING_WORDS = ("", "?", "nan", "NaN", "NA", "None", "*")


def read_records(network: Network, data: Any) -> Records:
    """State numbers of every record.

    Parameters
    ----------
    network : Network
    data : pandas.DataFrame, mapping or array_like
        A frame or mapping has a column per node, by name; nodes without a column are never observed. An
        array has shape [records, nodes], nodes in the order of ``network.nodes``. Values are names or
        numbers of states; ``None``, NaN, ``"?"``, an empty text and negative numbers are missing.

    Returns
    -------
    ndarray of uint8, shape [records, nodes]
        In the order of ``network.nodes``; 255 where a value is missing.

    Raises
    ------
    ValueError
        An unknown column or state, columns of different lengths, no record.
    """
    columns = _columns(network, data)
    lengths = {len(values) for values in columns.values()}
    if len(lengths) != 1 or 0 in lengths:
        told = ", ".join(f"{name} {len(values)}" for name, values in columns.items()) or "none"
        raise ValueError(f"data needs equally many values, at least one, in every column, not {told}")
    records = np.full((lengths.pop(), len(network)), MISSING, np.uint8)
    for index, (name, node) in enumerate(network.nodes.items()):
        if name in columns:
            records[:, index] = _states(node, columns[name])
    return records


def _columns(network: Network, data: Any) -> dict[str, npt.NDArray[Any]]:
    if isinstance(data, Mapping) or hasattr(data, "columns"):
        names = [str(name) for name in (data.columns if hasattr(data, "columns") else data)]
        for name in names:
            if name not in network.nodes:
                raise ValueError(unknown("node", name, network.nodes, f"network {network.name}"))
        return {name: np.asarray(data[name], object) for name in names}
    array = np.asarray(data)
    if array.ndim != 2 or array.shape[1] != len(network):
        raise ValueError(
            f"an array of data must have shape [records, {len(network)}], a column per node of "
            f"{network.name}, not {list(array.shape)}"
        )
    return dict(zip(network.nodes, array.T, strict=True))


def _states(node: Node, values: npt.NDArray[Any]) -> Records:
    """State numbers of one column; each different value is looked up once."""
    if node.size > MISSING:
        raise ValueError(f"node {node.name} has {node.size} states; learning takes at most {MISSING}")
    if values.dtype.kind in "iu":
        if values.max() >= node.size:
            raise ValueError(f"node {node.name} has states 0 to {node.size - 1}, not {values.max()}")
        return np.where(values < 0, MISSING, values).astype(np.uint8)
    known: dict[Any, int] = {}
    return np.array([_state(node, value, known) for value in values.tolist()], np.uint8)


def _state(node: Node, value: Any, known: dict[Any, int]) -> int:
    if value is None or value != value or (isinstance(value, str) and value in _MISSING_WORDS):
        # A state may be called so all the same.
        return node.index(value) if isinstance(value, str) and value in node.states else MISSING
    if value not in known:
        whole = int(value) if isinstance(value, float) and value.is_integer() else value
        negative = isinstance(whole, int) and not isinstance(whole, bool) and whole < 0
        known[value] = MISSING if negative else node.index(whole)
    return known[value]
