"""How far a posterior is from the exact one: the figures that tests hold and ``spynq bench stm`` prints."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spynq.bayes.bif import load_bif
from spynq.bayes.network import Network
from spynq.stm.compiler import fitting_config
from spynq.stm.posterior import Posterior

__all__ = ["Accuracy", "Case", "accuracy", "measure", "reference_cases"]

Exact = Mapping[str, Mapping[str, float] | Sequence[float]]


@dataclass(frozen=True)
class Accuracy:
    """Distance of one posterior from the exact one.

    Parameters
    ----------
    mean_tv, worst_tv : float
        Total variation, mean and maximum over nodes.
    worst_errors : float
        Largest deviation of a state, in standard errors.
    ess : float
        Effective samples.
    log_evidence_error : float or None
        Difference of the log evidence from the exact one, if that is known.
    """

    mean_tv: float
    worst_tv: float
    worst_errors: float
    ess: float
    log_evidence_error: float | None = None


@dataclass(frozen=True)
class Case:
    """A network, an evidence, and the exact answer."""

    network: Network
    evidence: dict[str, str]
    exact: Exact
    log_evidence: float


def accuracy(posterior: Posterior, exact: Exact, log_evidence: float | None = None) -> Accuracy:
    """Compare a posterior with the exact one.

    A state's standard error is the reported one or, if larger, that of a binomial with the exact
    probability and as many draws as there are effective samples: a rare state that no sample hit
    has no error of its own to report.

    Parameters
    ----------
    posterior : Posterior
    exact : mapping of str to mapping of str to float, or to sequence of float
        Exact probability of each state of each node to compare.
    log_evidence : float, optional
        Exact log evidence.
    """
    variations, ratios = [], [0.0]
    for node, given in exact.items():
        found = posterior.probabilities[node]
        truth = np.array(list(given.values()) if isinstance(given, Mapping) else list(given))
        off = np.abs(np.array(list(found.values())) - truth)
        own = np.array(list(posterior.standard_error[node].values()))
        error = np.maximum(own, np.sqrt(np.maximum(truth * (1 - truth), 0) / max(posterior.ess, 1)))
        variations.append(float(off.sum()) / 2)
        # References are rounded: a part in a billion is no deviation.
        ratios.append(float(np.max(np.where(off > 1e-7, off / np.maximum(error, 1e-12), 0))))
    difference = None if log_evidence is None else posterior.log_evidence - log_evidence
    return Accuracy(
        float(np.mean(variations)) if variations else 0.0,
        max(variations, default=0.0),
        max(ratios),
        posterior.ess,
        difference,
    )


def measure(
    case: Case, device: str = "golden", *, samples: int = 16384, seed: int = 1, **options: Any
) -> Accuracy:
    """Query all nodes of a case and compare.

    Parameters
    ----------
    case : Case
    device : str
        On a simulated device the kernel is built as large as the case needs.
    samples, seed
        As :func:`spynq.stm.query.query`, like further options.
    """
    lookahead = options.get("lookahead") or 0
    config = None if device == "board" else fitting_config(case.network, case.evidence, lookahead=lookahead)
    posterior = case.network.query(
        list(case.exact), case.evidence, samples=samples, seed=seed, device=device, config=config, **options
    )
    return accuracy(posterior, case.exact, case.log_evidence)


def reference_cases(folder: str | Path) -> Iterator[tuple[str, Case]]:
    """Networks and exact posteriors of a folder with ``reference_posteriors.json`` and BIF files.

    Yields
    ------
    str, Case
        Name of the network, and one of its cases.
    """
    references = json.loads((Path(folder) / "reference_posteriors.json").read_text(encoding="utf-8"))
    for name, entry in references.items():
        network = load_bif(Path(folder) / f"{name}.bif")
        for case in entry["cases"]:
            log = float(np.log(case["p_evidence"]))
            yield name, Case(network, case["evidence"], case["posterior"], log)
