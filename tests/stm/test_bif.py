"""BIF and XMLBIF: what real files contain is read, what is wrong is told with file and line."""

from __future__ import annotations

import re
import time
from pathlib import Path

import numpy as np
import pytest

from spynq.bayes.bif import load_bif, parse_bif
from spynq.bayes.bif_writer import write_bif
from spynq.bayes.files import EXAMPLES, example, load
from spynq.bayes.network import Network, Node
from spynq.bayes.xmlbif import load_xmlbif, parse_xmlbif, write_xmlbif
from spynq.errors import FormatError

PLAIN = """network n { }
variable a { type discrete [ 2 ] { yes, no }; }
variable b { type discrete [ 3 ] { low, mid, high }; }
probability ( a ) { table 0.2, 0.8; }
probability ( b | a ) {
  (yes) 0.1, 0.2, 0.7;
  (no) 0.3, 0.3, 0.4;
}
"""


def same(one: Network, other: Network) -> bool:
    return list(one.nodes) == list(other.nodes) and all(
        node.states == other[name].states
        and node.parents == other[name].parents
        and np.array_equal(node.table, other[name].table)
        for name, node in one.nodes.items()
    )


def test_rows_of_parents_and_of_the_root() -> None:
    network = parse_bif(PLAIN)
    assert network.name == "n" and list(network.nodes) == ["a", "b"]
    assert network["b"].parents == ("a",)
    assert network["b"].table.tolist() == [[0.1, 0.2, 0.7], [0.3, 0.3, 0.4]]


def test_table_of_a_child_has_its_own_state_slowest() -> None:
    """The dog problem of the format's own description: light-on is 0.6 given family-out, else 0.05."""
    network = parse_bif(
        """network "Dog-Problem" { property "credal-set constant-density-bounded 1.1" ; }
        variable "family-out" { type discrete[2] { "true" "false" }; property "position = (257, 99)" ; }
        variable  "light-on" { //2 values
            type discrete[2] {  "true"  "false" }; property "position = (218, 195)" ; }
        probability (  "family-out" ) { table 0.15 0.85 ; }
        probability (  "light-on"  "family-out" ) { table 0.6 0.05 0.4 0.95 ; }"""
    )
    assert network.name == "Dog-Problem"
    assert network["light-on"].table.tolist() == [[0.6, 0.4], [0.05, 0.95]]


def test_table_that_sums_to_one_only_row_by_row_is_read_so_with_a_note() -> None:
    text = PLAIN.replace("(yes) 0.1, 0.2, 0.7;\n  (no) 0.3, 0.3, 0.4;", "table 0.1 0.2 0.7 0.3 0.3 0.4;")
    network = parse_bif(text)
    assert network["b"].table.tolist() == [[0.1, 0.2, 0.7], [0.3, 0.3, 0.4]]
    assert any("row by row" in note for note in network.notes)


def test_default_fills_the_rows_that_are_not_given() -> None:
    network = parse_bif(PLAIN.replace("(no) 0.3, 0.3, 0.4;", "default 0.5, 0.25, 0.25;"))
    assert network["b"].table.tolist() == [[0.1, 0.2, 0.7], [0.5, 0.25, 0.25]]


def test_rows_may_come_in_any_order() -> None:
    text = PLAIN.replace(
        "(yes) 0.1, 0.2, 0.7;\n  (no) 0.3, 0.3, 0.4;", "(no) 0.3 0.3 0.4; (yes) 0.1 0.2 0.7;"
    )
    assert same(parse_bif(text), parse_bif(PLAIN))


@pytest.mark.parametrize(
    "comment",
    ["// to the end", "/* over\n two lines; { } */", "# at the start of a line", "/* a // b */", "//"],
)
def test_comments_between_any_lines_change_nothing(comment: str) -> None:
    lines = PLAIN.splitlines()
    assert same(parse_bif(f"{comment}\n" + f"\n{comment}\n".join(lines) + f"\n{comment}"), parse_bif(PLAIN))


@pytest.mark.parametrize("comment", ["// c", "/* c */", "# c"])
def test_comments_after_a_semicolon_change_nothing(comment: str) -> None:
    assert same(parse_bif(PLAIN.replace(";\n", f"; {comment}\n")), parse_bif(PLAIN))


@pytest.mark.parametrize(
    "name",
    [
        "Asy/Patch",
        "<5",
        "12+",
        "x>=3",
        "x=3",
        "0-3_days",
        "a.b",
        "a//b",
        "#1",
        "3",
        "1e5",
        "table",
        "ünïcode",
        "a'b",
        "%",
        "a:b",
    ],
)
def test_names_of_real_files_are_read(name: str) -> None:
    text = (
        PLAIN.replace("yes", name).replace("variable b", f"variable {name}").replace("( b |", f"( {name} |")
    )
    network = parse_bif(text)
    assert network["a"].states == (name, "no") and name in network
    assert network[name].table[0].tolist() == [0.1, 0.2, 0.7]


@pytest.mark.parametrize("name", ["two words", "a,b", "(x)", "{y}", "a;b", "[0, 5)", "|", "//", ""])
def test_quoted_names_may_hold_anything(name: str) -> None:
    text = PLAIN.replace("yes", f'"{name}"').replace("variable a", f'variable "{name}"')
    text = text.replace("( a )", f'( "{name}" )').replace("| a )", f'| "{name}" )')
    network = parse_bif(text)
    assert network[name].states == (name, "no")
    assert same(network, parse_bif(write_bif(network)))


def test_scientific_numbers_properties_and_missing_commas() -> None:
    text = PLAIN.replace("0.2, 0.8", "2E-1 8.0e-1").replace("table", "property p = {x, y}; table")
    assert same(parse_bif(text), parse_bif(PLAIN))


def test_byte_order_mark_latin_1_and_windows_lines(tmp_path: Path) -> None:
    path = tmp_path / "one.bif"
    path.write_bytes(b"\xef\xbb\xbf" + PLAIN.replace("\n", "\r\n").encode())
    assert same(load_bif(path), parse_bif(PLAIN))
    path.write_bytes(PLAIN.replace("yes", "ja\xfc").encode("latin-1"))
    assert load_bif(path)["a"].states[0] == "ja\xfc"


def test_network_without_a_name_takes_that_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "clinic.bif"
    path.write_text(PLAIN.replace("network n", "network unknown"))
    assert load_bif(path).name == "clinic"


def test_written_networks_are_read_back_unchanged(random_network, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(10):
        network = random_network(rng, nodes=8)
        assert same(network, parse_bif(write_bif(network, "two\nlines")))
        assert same(network, parse_xmlbif(write_xmlbif(network)))


def test_five_megabytes_take_seconds(tmp_path: Path, fresh_seed: int) -> None:
    rng = np.random.default_rng(fresh_seed)
    nodes = []
    for index in range(200):
        above = nodes[-3:]
        table = rng.dirichlet(np.ones(6), [node.size for node in above])
        nodes.append(
            Node(f"node_{index}", tuple(f"state{i}" for i in range(6)), tuple(n.name for n in above), table)
        )
    path = tmp_path / "large.bif"
    network = Network(nodes, "large")
    network.to_bif(path)
    assert path.stat().st_size > 5_000_000
    begin = time.process_time()
    assert same(load_bif(path), network)
    assert time.process_time() - begin < 8


WRONG = [
    ("( b | a )", "( b | c )", 5, "no variable 'c'"),
    ("(no) 0.3, 0.3, 0.4;", "", 5, "lacks the row (no)"),
    ("(no)", "(on)", 7, "parent a has no state 'on'; it has yes, no"),
    ("(no)", "(yes)", 7, "given twice"),
    ("(no)", "(no, no)", 7, "has 2 states, yet its parents are a"),
    ("0.3, 0.3, 0.4", "0.3, 0.3", 7, "2 numbers, not 3"),
    ("0.3, 0.3, 0.4", "0.3, x, 0.4", 7, "expected a number, found 'x'"),
    ("0.3, 0.3, 0.4", "0.3, 0.3, 0.5", 7, "row 2 sums to 1.1, not one"),
    ("0.3, 0.3, 0.4", "0.9, 0.5, -0.4", 7, "-0.4 is no probability"),
    ("0.3, 0.3, 0.4", "nan, 0.3, 0.4", 7, "expected a number, found 'nan'"),
    ("0.2, 0.8", "0.2, 0.7", 4, "sums to 0.9"),
    ("[ 2 ]", "[ 3 ]", 2, "announces 3 states and lists 2"),
    ("[ 2 ]", "[ x ]", 2, "must be a number"),
    ("[ 2 ]", "[ 2", 2, "must be a number, not '2 { yes ...'"),
    ("yes, no }", "yes, yes }", 2, "the state 'yes' twice"),
    ("discrete", "continuous", 2, "only discrete"),
    ("type discrete [ 2 ] { yes, no };", "", 2, "no line 'type discrete'"),
    ("variable b", "variable a", 3, "defined twice, first in line 2"),
    ("probability ( a ) { table 0.2, 0.8; }", "", 2, "a has no probability block"),
    ("( b | a )", "( a )", 5, "given twice, first in line 4"),
    ("( b | a )", "( b | a, a )", 5, "twice"),
    ("network n { }", "netwrok n { }", 1, "found 'netwrok'"),
    ("network n { }", "network n { } /* never", 1, "never closed"),
    ("variable b", 'variable "b', 3, "a quote is opened"),
    ("0.2, 0.8; }", "0.2, 0.8 }", 4, "expected a number, found '}'"),
    ("[ 2 ] { yes, no }", "[ 0 ] { }", 2, "variable a lists no state"),
    ("network n { }", "<?xml?>", 1, "XML is read from files called .xml"),
    ("type discrete [ 2 ]", "kind discrete [ 2 ]", 2, "found 'kind'"),
    ("(yes) 0.1", "yes 0.1", 6, "found 'yes'"),
]


@pytest.mark.parametrize(("old", "new", "line", "message"), WRONG, ids=[w[1] or w[0] for w in WRONG])
def test_errors_name_file_line_and_reason(
    tmp_path: Path, old: str, new: str, line: int, message: str
) -> None:
    assert old in PLAIN
    path = tmp_path / "wrong.bif"
    path.write_text(PLAIN.replace(old, new, 1))
    with pytest.raises(FormatError, match=re.escape(message)) as caught:
        load_bif(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("cut", range(1, len(PLAIN) - 3, 7))
def test_a_file_cut_anywhere_gives_one_clear_sentence(cut: int) -> None:
    with pytest.raises(FormatError, match=r"^part\.bif:\d+: |^part\.bif: "):
        parse_bif(PLAIN[:cut], "part.bif")


def test_a_cycle_is_refused_and_told() -> None:
    text = PLAIN.replace("( a ) { table 0.2, 0.8; }", "( a | b ) { default 0.2, 0.8; }")
    with pytest.raises(FormatError, match=r"cycle: (a -> b -> a|b -> a -> b)"):
        parse_bif(text)


@pytest.mark.parametrize("parents", [17, 40])
def test_a_table_that_no_memory_holds_is_refused(parents: int) -> None:
    names = [f"p{i}" for i in range(parents)]
    roots = "".join(
        f"variable {n} {{ type discrete [ 4 ] {{ a, b, c, d }}; }}\n"
        f"probability ( {n} ) {{ table 0.25 0.25 0.25 0.25; }}\n"
        for n in names
    )
    child = "variable x { type discrete [ 2 ] { a, b }; }\nprobability ( x | %s ) { default 0.5 0.5; }"
    message = rf"^f:{2 * parents + 2}: the table of x has .* for its {parents} parents, the limit is 33554432"
    with pytest.raises(FormatError, match=message):
        parse_bif(roots + child % " ".join(names), "f")


def test_utf_16_with_its_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "wide.bif"
    path.write_text(PLAIN.replace("yes", "évident"), encoding="utf-16")
    assert load_bif(path)["a"].states == ("évident", "no")


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(FormatError, match="no node"):
        parse_bif("// nothing")


XML = """<?xml version="1.0"?>
<!DOCTYPE BIF [ <!ELEMENT BIF ( NETWORK )*> <!ATTLIST BIF VERSION CDATA #REQUIRED> ]>
<BIF VERSION="0.3"><NETWORK><NAME>n</NAME>
<VARIABLE TYPE="nature"><NAME>a</NAME><OUTCOME>yes</OUTCOME><OUTCOME>no</OUTCOME></VARIABLE>
<VARIABLE TYPE="nature"><NAME>b</NAME><OUTCOME>low</OUTCOME><OUTCOME>mid</OUTCOME><OUTCOME>high</OUTCOME>
  <PROPERTY>position = (1, 2)</PROPERTY></VARIABLE>
<DEFINITION><FOR>a</FOR><TABLE>0.2 0.8</TABLE></DEFINITION>
<DEFINITION><FOR>b</FOR><GIVEN>a</GIVEN>
<TABLE>0.1 0.2 0.7 <!-- yes -->
  0.3 0.3 0.4 <!-- no --></TABLE></DEFINITION>
</NETWORK></BIF>
"""


def test_xmlbif_holds_the_same_network(tmp_path: Path) -> None:
    path = tmp_path / "n.xml"
    path.write_text(XML)
    assert same(load_xmlbif(path), parse_bif(PLAIN)) and same(load(path), load_xmlbif(path))


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("0.2 0.8", "0.2 0.9", 7, "sums to 1.1"),
        ("0.2 0.8", "0.2 x", 7, "no number"),
        ("0.2 0.8", "0.2", 7, "1 numbers, not 2"),
        ("<GIVEN>a", "<GIVEN>c", 8, "no variable 'c'"),
        ('TYPE="nature"><NAME>a', 'TYPE="decision"><NAME>a', 4, "decision"),
        ("<DEFINITION><FOR>a</FOR><TABLE>0.2 0.8</TABLE></DEFINITION>", "", 4, "no DEFINITION"),
        ("</NETWORK>", "", 11, "no XML"),
        ("<OUTCOME>no<", "<OUTCOME>yes<", 4, "outcomes that differ"),
        ("<!ELEMENT", '<!ENTITY x "y"> <!ELEMENT', 2, "entity x"),
        ("<FOR>b", "<FOR>a", 8, "given twice"),
    ],
)
def test_xmlbif_errors_name_file_line_and_reason(old: str, new: str, line: int, message: str) -> None:
    with pytest.raises(FormatError, match=message) as caught:
        parse_xmlbif(XML.replace(old, new, 1), "f.xml")
    assert str(caught.value).startswith(f"f.xml:{line}: ")


def test_other_suffixes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"networks are read from \.bif.* files, not from '\.net' files"):
        load(tmp_path / "x.net")
    with pytest.raises(ValueError, match="not from names without a suffix"):
        load(tmp_path)
    with pytest.raises(ValueError, match="unknown example 'aisa'; there are asia, alarm"):
        example("aisa")


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_agree_number_for_number_with_the_shared_files(name: str, shared_data: Path) -> None:
    ours, theirs = example(name), load_bif(shared_data / "static" / "bn" / f"{name}.bif")
    assert list(ours.nodes) == list(theirs.nodes)
    for node in theirs.nodes.values():
        assert (ours[node.name].states, ours[node.name].parents) == (node.states, node.parents)
        assert np.abs(ours[node.name].table - node.table).max() < 1e-12


def test_all_shared_networks_are_read_without_a_note(shared_data: Path) -> None:
    paths = sorted((shared_data / "static" / "bn").glob("*.bif"))
    assert len(paths) >= 12
    for path in paths:
        network = load_bif(path)
        assert not network.notes and same(network, parse_bif(network.to_bif()))


def test_pyagrum_reads_what_we_write(tmp_path: Path) -> None:
    gum = pytest.importorskip("pyagrum")
    path = tmp_path / "alarm.bif"
    network = example("alarm")
    network.to_bif(path)
    net = gum.loadBN(str(path))
    for node in network.nodes.values():
        cpt = net.cpt(node.name)
        for place in np.ndindex(*node.table.shape[:-1]):
            row = cpt[dict(zip(node.parents, map(int, place), strict=True))] if place else cpt[:]
            assert np.abs(np.asarray(row) - node.table[place]).max() < 1e-7  # pyAgrum reads single precision
