"""Trees in files, and the commands that ask and teach from a shell."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spynq.bayes.files import example_path, load
from spynq.cli import main
from spynq.errors import FormatError
from spynq.stm import Tree, example, load_tree
from spynq.stm.tree.experiments import causal_gaussian, multilayer, multisensory
from spynq.stm.tree.files import from_network, save_tree


def mixed() -> Tree:
    tree = Tree("mixed").discrete("D", [0.2, 0.8], states=["on", "off"])
    return tree.gaussian("X", parent="D", mean=[-2, 3], sd=[1, 2]).gaussian("Y", parent="X", slope=2, sd=0.5)


@pytest.mark.parametrize(
    "tree", [mixed(), causal_gaussian(), multilayer(1)[0], multisensory()], ids=lambda t: t.name
)
def test_a_tree_comes_back_as_it_was_written(tree: Tree, tmp_path: Path) -> None:
    save_tree(tree, tmp_path / "tree.json")
    again = load_tree(tmp_path / "tree.json")
    assert repr(again) == repr(tree)
    save_tree(again, tmp_path / "again.json")
    assert (tmp_path / "again.json").read_text() == (tmp_path / "tree.json").read_text()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "tree.json: not JSON"),
        ("[]", "a tree is an object"),
        ('{"nodes": [], "edges": []}', "and nothing else"),
        ('{"nodes": []}', "a tree needs at least one node"),
        ('{"nodes": [{"table": [1]}]}', "node 1 needs a name"),
        (
            '{"nodes": [{"name": "A"}]}',
            "node 1: A needs exactly one of table (discrete), sd (Gaussian),",
        ),
        ('{"nodes": [{"name": "A", "table": [1], "sd": 1}]}', "needs exactly one of table"),
        (
            '{"nodes": [{"name": "A", "sd": 1, "sigma": 2}]}',
            "A has unknown keys sigma; there are mean",
        ),
        ('{"nodes": [{"name": "A", "table": [0.4]}]}', "node 1: node A, row 1 sums to 0.4"),
        ('{"nodes": [{"name": "S", "low": 0}]}', "node 1: "),
    ],
)
def test_files_that_are_no_trees_are_refused(text: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "tree.json").write_text(text)
    with pytest.raises(FormatError, match=re.escape(sentence)):
        load_tree(tmp_path / "tree.json")


def test_networks_that_are_trees_are_read_as_such(tmp_path: Path) -> None:
    tree, evidence = multilayer(2)
    tree.network().to_bif(tmp_path / "tree.bif")
    found = load_tree(tmp_path / "tree.bif").exact(evidence)
    assert list((found.probabilities or {}).values()) == pytest.approx(
        list((tree.exact(evidence).probabilities or {}).values()), abs=1e-6
    )
    with pytest.raises(ValueError, match="network asia is no tree: asia and smoke are both roots; ask it"):
        from_network(example("asia"))
    with pytest.raises(ValueError, match="network alarm is no tree"):
        load_tree(example_path("alarm"))


def command(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(["stm", *arguments])
    told = capsys.readouterr()
    return status, told.out, told.err


@pytest.fixture
def gaussian(tmp_path: Path) -> str:
    save_tree(causal_gaussian(), tmp_path / "tree.json")
    return str(tmp_path / "tree.json")


def test_tree_is_asked_from_a_shell(
    capsys: pytest.CaptureFixture[str], gaussian: str, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    asked = ("tree", gaussian, "--evidence", "I1=1.5", "B2=0.5,2", "--samples", "300", "--device", "golden")
    status, out, _ = command(capsys, *asked, "--json", "--plot", str(tmp_path / "a.png"))
    told = json.loads(out)
    direct = causal_gaussian().infer({"I1": 1.5, "B2": (0.5, 2)}, neurons=300, device="golden")
    assert status == 0 and told["mean"] == direct.mean and told["neurons"] == 300
    assert (tmp_path / "a.png").exists()
    status, out, _ = command(capsys, *asked)
    assert status == 0 and out.startswith("A: mean ")
    status, out, _ = command(capsys, *asked, "--root", "B1", "--spikes", "50", "--json")
    told = json.loads(out)
    assert told["root"] == "B1" and told["spikes"]["total"] == 50


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--evidence", "I1"), "--evidence takes NODE=VALUE or NODE=VALUE,SD, not 'I1'"),
        (("--evidence", "I1=1", "I1=2"), "--evidence names I1 twice; keep one of them"),
        (("--evidence", "I1=far"), "I1 takes a number, or VALUE,SD, not 'far'"),
        (("--evidence", "I9=1"), "no node 'I9'"),
        (("--device", "abacus"), "unknown device 'abacus'"),
        (("--root", "Z"), "no node 'Z'"),
        (("--spikes", "0"), "spikes must be 1 to"),
    ],
)
def test_wrong_questions_are_refused_in_one_line(
    capsys: pytest.CaptureFixture[str], gaussian: str, arguments: tuple[str, ...], sentence: str
) -> None:
    status, _, err = command(capsys, "tree", gaussian, *arguments)
    assert status == 1 and sentence in err and err.count("\n") == 1


def test_tables_are_learned_from_a_shell(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    network = example("asia")
    rng = np.random.default_rng(4)
    words = [["yes" if v else "no" for v in row] for row in rng.integers(0, 2, (40, 2))]
    words[3][1] = words[5][0] = "?"
    (tmp_path / "data.csv").write_text("smoke,bronc\n" + "\n".join(",".join(row) for row in words))
    asked: tuple[Any, ...] = ("fit", str(example_path("asia")), str(tmp_path / "data.csv"), "--prior", "1")
    status, out, _ = command(capsys, *asked, "--iterations", "2", "--out", str(tmp_path / "o.bif"), "--json")
    told = json.loads(out)
    assert status == 0 and told["records"] == 40 and len(told["changes"]) <= 2
    learned = load(tmp_path / "o.bif")
    assert learned["smoke"].table == pytest.approx(told["tables"]["smoke"], abs=1e-6)
    assert not np.allclose(learned["smoke"].table, network["smoke"].table)
    status, out, _ = command(capsys, *asked, "--iterations", "1")
    assert status == 0 and "40 records, 1024 samples each" in out
    (tmp_path / "bad.csv").write_text("smoke\nmaybe\n")
    status, _, err = command(capsys, "fit", str(example_path("asia")), str(tmp_path / "bad.csv"))
    assert status == 1 and "no state 'maybe'" in err
