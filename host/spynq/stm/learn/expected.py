"""The E step on the kernel: expected counts of every table entry, given records with missing values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from spynq.bayes.exact import Factor
from spynq.bayes.network import Floats, Network
from spynq.errors import SpynqError
from spynq.stm.alias import alias_table, log2_states, negative_log2
from spynq.stm.compiler import places
from spynq.stm.golden import Operation, Words
from spynq.stm.golden_records import COUNT_FRACTION
from spynq.stm.image import operation_words
from spynq.stm.learn.data import Records
from spynq.stm.params import IMPOSSIBLE, L_FRACTION, W_ONE, StmConfig
from spynq.stm.schedule import Step

__all__ = ["Expected", "RecordProgram", "expected_counts", "learning_config"]

_LARGEST_TABLE = 65536


@dataclass(frozen=True)
class Expected:
    """What an E step brings.

    Parameters
    ----------
    counts : dict of str to ndarray
        Per node, in the shape of its table: how often each entry was used, in expectation.
    log_likelihood : ndarray of float64, shape [records]
        Natural log of each record's probability, estimated; -inf where no sample agreed.
    ess : ndarray of float64, shape [records]
        Effective samples of each record.
    cycles : int
        Clock cycles; 0 on a device without a clock.
    """

    counts: dict[str, Floats]
    log_likelihood: Floats
    ess: Floats
    cycles: int


class RecordProgram:
    """One program for all records of a network: an operation per node, parents first.

    A node's state lives in the column of its place in the network; its rows begin at ``bases``.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        column = {name: index for index, name in enumerate(network.nodes)}
        self.bases: dict[str, int] = {}
        self.entries = 0
        operations = []
        for index, name in enumerate(network.order):
            node = network[name]
            self.bases[name] = self.entries
            step = Step(Factor((*node.parents, name), node.table), name)
            operations.append(
                Operation(
                    base=self.entries,
                    log2_states=log2_states(node.size),
                    column=column[name],
                    parents=places(step, column),
                    fresh=index == 0,
                    push=index == len(network) - 1,
                )
            )
            self.entries += node.table.size // node.size << log2_states(node.size)
        self.program = tuple(operations)
        self.targets = tuple((column[name], 0) for name in network.order)

    def table(self, network: Network, half: int) -> Words:
        """Alias rows in the lower half of ``2 * half`` entries, log-likelihoods in the upper one."""
        table = np.full(2 * half, IMPOSSIBLE, np.uint32)
        table[:half] = 0
        for name, base in self.bases.items():
            node = network[name]
            rows = node.table.reshape(-1, node.size)
            alias = alias_table(rows).ravel()
            table[base : base + alias.size] = alias
            codes = np.full((len(rows), 1 << log2_states(node.size)), IMPOSSIBLE, np.uint32)
            codes[:, : node.size] = negative_log2(rows).reshape(rows.shape)
            table[half + base : half + base + codes.size] = codes.ravel()
        return table

    def unpack(self, counts: npt.NDArray[np.uint64]) -> dict[str, Floats]:
        """Counts in the shape of the tables."""
        found = {}
        for name, base in self.bases.items():
            node = self.network[name]
            width = 1 << log2_states(node.size)
            rows = counts[base : base + (node.table.size // node.size) * width].reshape(-1, width)
            shares = rows[:, : node.size].astype(np.float64) / (1 << COUNT_FRACTION)
            found[name] = shares.reshape(node.table.shape)
        return found


def learning_config(network: Network, base: StmConfig | None = None) -> StmConfig:
    """The smallest build, from ``base`` up, that counts the records of a network."""
    config = base or StmConfig(terms=0, table=16, program=8, states=4)
    program = RecordProgram(network)
    words = sum(operation_words(op, config.parents) for op in program.program)
    bits = max(op.log2_states for op in program.program)
    table = 2 << max(program.entries - 1, 1).bit_length()
    if table > _LARGEST_TABLE:
        raise SpynqError(
            f"network {network.name} needs {program.entries} entries of expected counts, and the largest "
            f"build has {_LARGEST_TABLE // 2}; give nodes fewer parents"
        )

    def at_least(name: str, need: int) -> int:
        return max(int(getattr(config, name)), 1 << max(need - 1, 0).bit_length())

    return replace(
        config,
        counts=True,
        table=max(config.table, table),
        program=at_least("program", words),
        states=at_least("states", len(network)),
        state_bits=max(config.state_bits, bits, 1),
        targets=at_least("targets", len(network)),
    )


def expected_counts(
    driver: Any,
    network: Network,
    records: Records,
    samples: int = 1024,
    seed: int = 1,
    options: Mapping[str, Any] | None = None,
) -> Expected:
    """Expected counts of every table entry over all records.

    Parameters
    ----------
    driver : StmDriver
        With ``counts`` built in.
    network : Network
        Its tables are the current ones.
    records : ndarray of uint8, shape [records, nodes]
        As :func:`spynq.stm.learn.data.read_records` gives it.
    samples : int
        Samples drawn for each record, 1 to 1,024.
    seed : int
    options : mapping, optional
        ``timeout`` of a start.
    """
    program = RecordProgram(network)
    limit = driver.capabilities["CAP_COUNTS"]
    if program.entries > limit:
        raise SpynqError(
            f"network {network.name} needs {program.entries} entries of expected counts, "
            f"{program.entries - limit} more than the {limit} of this kernel; build it with counts=True and "
            f"table={2 << max(program.entries - 1, 1).bit_length()}"
        )
    driver.load_program(program.program, program.targets, program.table(network, limit), 1)
    found = driver.records(records, samples, program.entries, seed, **(options or {}))
    weight = found.records["W"].astype(np.float64)
    possible = weight > 0
    log = np.full(len(records), -math.inf)
    bits = found.records["L_MIN"][possible].astype(np.float64) / (1 << L_FRACTION)
    log[possible] = np.log(weight[possible] / (W_ONE * samples)) - bits * math.log(2)
    squares = np.maximum(found.records["S2"].astype(np.float64), 1)
    return Expected(program.unpack(found.counts), log, weight**2 / squares, int(found.cycles))
