"""The sampling tree: posteriors of Bayesian networks and Gaussian cues by importance sampling.

``load``, ``load_bif``, ``load_xmlbif`` and ``example`` give a network whose ``query`` answers; ``fuse``
combines Gaussian cues about one quantity, ``Population`` any samples under any cues; ``Tree`` is built
node by node, discrete and Gaussian, and answered by a population per node; ``params`` is the contract
with the kernel, ``golden`` its exact integer model.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spynq.bayes.bif import load_bif
    from spynq.bayes.files import example, load
    from spynq.bayes.network import Network
    from spynq.bayes.xmlbif import load_xmlbif
    from spynq.stm.fusion import Fusion, fuse
    from spynq.stm.population import Population
    from spynq.stm.posterior import Posterior
    from spynq.stm.tree.files import load_tree
    from spynq.stm.tree.model import Tree

__all__ = [
    "Fusion",
    "Network",
    "Population",
    "Posterior",
    "Tree",
    "example",
    "fuse",
    "load",
    "load_bif",
    "load_tree",
    "load_xmlbif",
]

# Imported when first asked for: a driver on a board needs none of them.
_PLACES = {
    "Fusion": "spynq.stm.fusion",
    "Network": "spynq.bayes.network",
    "Population": "spynq.stm.population",
    "Posterior": "spynq.stm.posterior",
    "Tree": "spynq.stm.tree.model",
    "example": "spynq.bayes.files",
    "fuse": "spynq.stm.fusion",
    "load": "spynq.bayes.files",
    "load_bif": "spynq.bayes.bif",
    "load_tree": "spynq.stm.tree.files",
    "load_xmlbif": "spynq.bayes.xmlbif",
}


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)
