"""Compiled programs, judged without sampling: every path of a program is followed with its probability.

The interpreter below reads the 128-bit words bit by bit and shares no code with the golden model.
"""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import pytest

from spynq.bayes.exact import exact
from spynq.bayes.network import Network, Node
from spynq.errors import ImpossibleEvidence, SpynqError
from spynq.stm import example
from spynq.stm.alias import alias_table, counts, log2_states, negative_log2
from spynq.stm.compiler import Compiled, Run, compile_network, fitting_config
from spynq.stm.image import program_words, target_words
from spynq.stm.params import StmConfig

IMPOSSIBLE = 0xFFFFFF


def follow(run: Run, table: np.ndarray, parents: int) -> tuple[list[dict[int, float]], float]:
    """Exact posterior per target of one run and the mean weight, from its words alone."""
    words = [int.from_bytes(w.astype("<u4").tobytes(), "little") for w in program_words(run.program, parents)]
    paths: dict[tuple[tuple[tuple[int, int], ...], int | None], float] = {((), 0): 1.0}
    row_places: list[tuple[int, int]] = []
    for position, word in enumerate(words):
        if word >> 24 & 1:
            row_places = []
        for place in range(parents):
            stride = word >> (56 + 20 * place) & 0xFFF
            if stride:
                row_places.append((word >> (48 + 20 * place) & 0xFF, stride))
        assert bool(word >> 27 & 1) == (position < sum(1 for w in words if w >> 27 & 1))
        if not word >> 25 & 1:
            continue
        base, k, weigh, column = word & 0xFFFFF, word >> 20 & 15, word >> 26 & 1, word >> 32 & 0xFF
        after: dict[tuple[tuple[tuple[int, int], ...], int | None], float] = defaultdict(float)
        for (columns, nll), p in paths.items():
            states = dict(columns)
            row = sum(stride * states[c] for c, stride in row_places)
            if weigh:
                entry = int(table[base + row]) & IMPOSSIBLE
                after[columns, None if nll is None or entry == IMPOSSIBLE else nll + entry] += p
                continue
            share: dict[int, float] = defaultdict(float)
            for c in range(1 << k):
                entry = int(table[base + (row << k) + c])
                share[c] += (entry & 0xFFFFFF) / 2 ** (24 + k)
                share[entry >> 24] += (2**24 - (entry & 0xFFFFFF)) / 2 ** (24 + k)
            for state, q in share.items():
                if q:
                    after[tuple(sorted({**states, column: state}.items())), nll] += p * q
        paths = after
    assert words[-1] >> 28 & 1 and words[0] >> 27 & 1
    total = 0.0
    found = [defaultdict(float) for _ in run.targets]
    for (columns, nll), p in paths.items():
        weight = 0.0 if nll is None else p * 2.0 ** (-nll / 1024)
        total += weight
        for (column, _), place in zip(run.targets, found, strict=True):
            place[dict(columns)[column]] += weight
    return [{s: w / total for s, w in place.items()} if total else {} for place in found], total


def answers(compiled: Compiled, parents: int) -> tuple[dict[str, np.ndarray], float]:
    """Posterior of all targets and log evidence."""
    result = dict(compiled.fixed)
    log2 = 0.0
    for run in compiled.runs:
        found, total = follow(run, compiled.table, parents)
        log2 = math.log2(total) if total else -math.inf
        for name, place in zip(run.names, found, strict=True):
            result[name] = np.array([place.get(s, 0.0) for s in range(compiled.network[name].size)])
    return result, (log2 + compiled.log2_constant) * math.log(2)


def question(rng: np.random.Generator, network: Network) -> tuple[dict[str, int], dict[str, np.ndarray]]:
    names = list(rng.permutation(list(network.nodes)))
    evidence = {name: int(rng.integers(network[name].size)) for name in names[: int(rng.integers(0, 4))]}
    soft = {name: rng.random(network[name].size) + 0.01 for name in names[3 : 3 + int(rng.integers(0, 3))]}
    return evidence, soft


@pytest.mark.parametrize("parents", [1, 2, 4])
@pytest.mark.parametrize("lookahead", [0, 8, 1024, None])
def test_every_path_of_the_program_gives_the_exact_posterior(
    random_network, lookahead: int | None, parents: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    limits = StmConfig(lanes=1, parents=parents).capabilities()
    possible = 0
    for _ in range(12):
        network = random_network(rng, nodes=6, states=3, zeros=0.25)
        evidence, soft = question(rng, network)
        targets = list(rng.permutation(list(network.nodes))[: int(rng.integers(1, 7))])
        try:
            truth = exact(network, targets, evidence, soft)
        except ImpossibleEvidence:
            truth = None
        try:
            compiled = compile_network(network, targets, evidence, soft, limits, True, lookahead)
        except ImpossibleEvidence:
            assert truth is None
            continue
        found, log_evidence = answers(compiled, parents)
        if truth is None:
            assert log_evidence == -math.inf
            continue
        possible += 1
        # Half a step of a 10-bit fraction per weight, and draws to 24 bits.
        assert abs(log_evidence - truth.log_evidence) < 4e-3
        assert set(found) == set(targets)
        for name in targets:
            assert np.abs(found[name] - np.array(list(truth.probabilities[name].values()))).max() < 2e-3
    assert possible >= 3


def test_plain_and_looking_ahead_give_the_same_posterior_of_alarm_nodes() -> None:
    network = example("asia")
    evidence = {"xray": "yes", "dysp": "yes", "asia": "yes"}
    truth = exact(network, None, evidence)
    for lookahead in (0, 4, 16, 1024):
        found, log = answers(compile_network(network, None, evidence, lookahead=lookahead), 2)
        assert abs(log - truth.log_evidence) < 1e-3
        for name, values in truth.probabilities.items():
            assert np.abs(found[name] - np.array(list(values.values()))).max() < 1e-3


def test_looking_ahead_takes_all_weights_out_of_asia() -> None:
    network, evidence = example("asia"), {"xray": "yes", "dysp": "yes", "asia": "yes"}
    plain = compile_network(network, None, evidence)
    ahead = compile_network(network, None, evidence, lookahead=1024)
    assert any(op.weigh for op in plain.runs[0].program)
    assert not any(op.weigh for op in ahead.runs[0].program)


def test_parents_and_children_of_evidence_leave_the_program() -> None:
    """Root evidence without parents is a constant; its children read it from no column."""
    network = example("asia")
    compiled = compile_network(network, None, {"asia": "yes", "smoke": "no"})
    assert not any(op.weigh for op in compiled.runs[0].program)
    assert compiled.log2_constant == pytest.approx(math.log2(0.01 * 0.5))
    assert sum(len(op.parents) for op in compiled.runs[0].program) == 5


def test_barren_nodes_are_left_out_unless_asked_for() -> None:
    network = example("asia")
    assert compile_network(network, "tub").words == 2
    assert compile_network(network, "tub", prune=False).words == 8


def test_weights_on_the_same_nodes_are_merged() -> None:
    network = example("asia")
    soft = {"smoke": [0.5, 1.0], "lung": [0.2, 1.0]}
    compiled = compile_network(network, ["asia"], {"bronc": "yes", "lung": "no"}, {"smoke": soft["smoke"]})
    assert sum(op.weigh for op in compiled.runs[0].program) == 1


def test_equal_tables_are_stored_once() -> None:
    table = np.array([[0.3, 0.7], [0.6, 0.4]])
    nodes = [Node("a", ("x", "y"), (), np.array([0.5, 0.5]))]
    nodes += [Node(f"b{i}", ("x", "y"), ("a",), table) for i in range(20)]
    assert compile_network(Network(nodes)).table.size == 8


def test_columns_are_used_again() -> None:
    table = np.array([[0.3, 0.7], [0.6, 0.4]])
    nodes = [Node("x0", ("a", "b"), (), np.array([0.5, 0.5]))]
    nodes += [Node(f"x{i}", ("a", "b"), (f"x{i - 1}",), table) for i in range(1, 300)]
    network = Network(nodes)
    limits = StmConfig(states=4, program=512, targets=2).capabilities()
    compiled = compile_network(network, ["x299", "x3"], capabilities=limits)
    used = {op.column for op in compiled.runs[0].program}
    assert len(used) == 3
    found, _ = answers(compiled, 2)
    assert np.abs(found["x3"] - list(exact(network, "x3").probabilities["x3"].values())).max() < 1e-6


def test_weights_end_the_life_of_their_nodes() -> None:
    """Pairs of roots, each with an observed child: drawn pair by pair, two columns and a target suffice."""
    rng = np.random.default_rng(4)
    roots = [Node(f"{side}{i}", ("a", "b"), (), rng.dirichlet([1, 1])) for side in "xy" for i in range(20)]
    signs = [Node(f"e{i}", ("a", "b"), (f"x{i}", f"y{i}"), rng.dirichlet([1, 1], (2, 2))) for i in range(20)]
    network = Network([*roots, *signs])
    limits = StmConfig(states=4).capabilities()
    evidence = {node.name: "a" for node in signs}
    compiled = compile_network(network, ["x0", "y19"], evidence, capabilities=limits)
    assert max(op.column for op in compiled.runs[0].program) <= 3


def test_targets_beyond_one_run_go_to_more_runs_with_the_same_draws(seed: int) -> None:
    network = example("alarm")
    small = StmConfig(lanes=1, states=16, bins=16, targets=4)
    split = compile_network(network, None, {"BP": "LOW"}, capabilities=small.capabilities())
    whole = compile_network(network, None, {"BP": "LOW"})
    assert len(whole.runs) == 1 and len(split.runs) > 8
    assert sorted(name for run in split.runs for name in run.names) == sorted(whole.runs[0].names)
    for run in split.runs:
        assert len(run.targets) <= 4 and run.bins <= 16
        assert max(op.column for op in run.program) < 16
        assert [(o.base, o.weigh) for o in run.program] == [(o.base, o.weigh) for o in whole.runs[0].program]


def test_long_strides_are_spread_over_places() -> None:
    """Fourteen parents of two states: the last stride, 8,192, exceeds the 12 bits of its field."""
    rng = np.random.default_rng(3)
    roots = [Node(f"r{i}", ("a", "b"), (), rng.dirichlet([1, 1])) for i in range(14)]
    names = tuple(node.name for node in roots)
    child = Node("c", ("a", "b"), names, rng.dirichlet([1, 1], [2] * 14))
    network = Network([*roots, child])
    config = fitting_config(network, targets="c")
    compiled = compile_network(network, "c", capabilities=config.capabilities())
    assert config.table == 65536
    found, _ = answers(compiled, config.parents)
    assert np.abs(found["c"] - list(exact(network, "c").probabilities["c"].values())).max() < 1e-5


def test_nothing_is_left_to_draw_if_all_is_known() -> None:
    network = example("asia")
    compiled = compile_network(network, ["asia"], dict.fromkeys(network.nodes, "yes"))
    assert compiled.runs == () and compiled.fixed["asia"].tolist() == [1, 0]
    log = exact(network, (), dict.fromkeys(network.nodes, "yes")).log_evidence
    assert compiled.log2_constant * math.log(2) == pytest.approx(log)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"table": 256},
            r"needs \d+ table entries, \d+ more than the 256 of this kernel; build .* table=1024",
        ),
        ({"program": 32}, r"needs 40 program words, 8 more than the 32 of this kernel; build .* program=64"),
        (
            {"states": 4},
            r"needs \d+ state columns at once, \d+ more than the 4 of this kernel; build .* states=",
        ),
        (
            {"state_bits": 1},
            r"needs 2 bits per state, 1 more than the 1 of this kernel; build .* state_bits=2",
        ),
        ({"states": 0}, r"no likelihood-weighting front end .* build it with states=64"),
    ],
)
def test_too_large_a_network_is_refused_with_excess_and_way_out(config: dict[str, int], message: str) -> None:
    with pytest.raises(SpynqError, match=message):
        compile_network(
            example("alarm"), None, {"BP": "LOW"}, capabilities=StmConfig(**config).capabilities()
        )


def test_a_target_with_more_states_than_bins_is_refused() -> None:
    network = Network([Node("a", tuple("abcdefgh"), (), np.full(8, 1 / 8))])
    with pytest.raises(SpynqError, match=r"needs 8 bins for one target, 4 more than the 4 .* bins=8"):
        compile_network(network, capabilities=StmConfig(bins=4).capabilities())


def test_beyond_the_largest_build_the_way_out_is_another() -> None:
    table = np.full((60, 60, 60), 1 / 60)
    states = tuple(f"s{i}" for i in range(60))
    root = np.full(60, 1 / 60)
    network = Network(
        [Node("a", states, (), root), Node("b", states, (), root), Node("c", states, ("a", "b"), table)]
    )
    with pytest.raises(SpynqError, match="the largest build has 65536; give more evidence or fewer targets"):
        compile_network(network)


def test_fitting_config_is_enough_and_not_twice_too_much(random_network, seed: int) -> None:
    rng = np.random.default_rng(seed)
    base = StmConfig(lanes=1, states=4, table=16, program=8, bins=4, targets=2, state_bits=4)
    for _ in range(10):
        network = random_network(rng, nodes=12, states=6, zeros=0.0, least=2)
        config = fitting_config(network, base=base)
        assert len(compile_network(network, capabilities=config.capabilities()).runs) == 1
        for name in ("table", "program", "states"):
            if getattr(config, name) > getattr(base, name):
                halved = StmConfig(**{**vars(config), name: getattr(config, name) // 2})
                try:
                    compiled = compile_network(network, capabilities=halved.capabilities())
                except SpynqError:
                    continue
                assert name == "states" and len(compiled.runs) > 1


@pytest.mark.parametrize(
    "evidence", [{"either": "no", "lung": "yes"}, {"either": "yes", "lung": "no", "tub": "no"}]
)
def test_evidence_against_the_tables_is_impossible_before_any_sample(evidence: dict[str, str]) -> None:
    names = dict(evidence, xray="yes")
    given = ", ".join(f"{node} = {state}" for node, state in evidence.items() if node != "either")
    # Neither the node itself nor evidence below it is a reason.
    told = rf"^the evidence has probability zero: either = \w+ cannot occur given {given}; take back"
    with pytest.raises(ImpossibleEvidence, match=told):
        compile_network(example("asia"), None, names)


def test_evidence_against_soft_evidence_names_both() -> None:
    told = "xray = yes cannot occur given soft evidence on xray; take"
    with pytest.raises(ImpossibleEvidence, match=told):
        compile_network(example("asia"), None, {"xray": "yes"}, {"xray": [0, 1]})


def test_evidence_of_probability_zero_by_itself_is_said_to_be_so() -> None:
    never = Network([Node("a", ("yes", "no"), (), np.array([0.0, 1.0]))])
    with pytest.raises(ImpossibleEvidence, match="a = yes cannot occur in this network; take"):
        compile_network(never, None, {"a": "yes"})


def test_alias_rows_hold_exactly_their_counts(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for states in (1, 2, 3, 5, 8, 11, 64, 100, 256):
        rows = rng.gamma(0.3, size=(20, states)) * (rng.random((20, states)) < 0.8)
        rows[:, 0] += 1e-9
        rows /= rows.sum(axis=1, keepdims=True)
        share, table = counts(rows), alias_table(rows).astype(np.int64)
        k = log2_states(states)
        assert table.shape == (20, 1 << k) and (share.sum(axis=1) == 1 << (24 + k)).all()
        held = np.zeros((20, 1 << k), np.int64)
        threshold, alias = table & 0xFFFFFF, table >> 24
        held += threshold
        for row in range(20):
            np.add.at(held[row], alias[row], (1 << 24) - threshold[row])
        assert (held[:, :states] == share).all() and not held[:, states:].any()
        assert (share[rows == 0] == 0).all()
        assert (np.abs(share - rows * (1 << (24 + k))) < 1).all()


def test_certain_states_and_ties() -> None:
    assert alias_table([[1.0, 0.0, 0.0]]).tolist() == [[0, 0, 0, 0]]
    assert counts([[1 / 3, 1 / 3, 1 / 3]]).tolist() == [[22369622, 22369621, 22369621]]


def test_log_likelihoods_round_to_the_grid() -> None:
    found = negative_log2([1.0, 0.5, 0.3, 0.0, 1e-300])
    assert found.tolist() == [
        0,
        1024,
        round(-math.log2(0.3) * 1024),
        IMPOSSIBLE,
        round(300 * math.log2(10) * 1024),
    ]


def test_words_of_targets() -> None:
    run = compile_network(example("asia"), ["lung", "tub"]).runs[0]
    words = target_words(run.targets)
    assert [int(w[0]) >> 16 for w in words] == [0, 2] and run.bins == 4
