"""The LIF engine: trained convolutional spiking networks, from a NIR file to the kernel's integers.

``load`` gives a compiled network whose ``run`` answers on every device; ``read_nir`` and ``write_nir``
convert files to and from a :class:`Graph` of real numbers, which ``run_float`` runs. ``params`` is the
contract with the kernel, ``golden`` its exact integer model.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spynq.lif.errors import LifError
    from spynq.lif.float_model import run as run_float
    from spynq.lif.graph import Graph
    from spynq.lif.network import CompiledNetwork, load
    from spynq.lif.nir_reader import read_nir
    from spynq.lif.nir_writer import write_nir
    from spynq.lif.results import Result

__all__ = ["CompiledNetwork", "Graph", "LifError", "Result", "load", "read_nir", "run_float", "write_nir"]

# Imported when first asked for: a driver on a board needs none of them.
_PLACES = {
    "CompiledNetwork": ("spynq.lif.network", "CompiledNetwork"),
    "Graph": ("spynq.lif.graph", "Graph"),
    "LifError": ("spynq.lif.errors", "LifError"),
    "Result": ("spynq.lif.results", "Result"),
    "load": ("spynq.lif.network", "load"),
    "read_nir": ("spynq.lif.nir_reader", "read_nir"),
    "run_float": ("spynq.lif.float_model", "run"),
    "write_nir": ("spynq.lif.nir_writer", "write_nir"),
}


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _PLACES[name]
    return getattr(import_module(module), attribute)
