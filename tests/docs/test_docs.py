"""The documentation site: builds without a warning, its examples hold, its links lead somewhere."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from spynq.cli import parser
from spynq.kernels import kernels

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("sphinx", "furo", "myst_nb", "yowasp_wavedrom", "latex2mathml")),
    reason="the site needs spynq[docs]",
)


def _sphinx(source: Path, builder: str, target: Path) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-q",
        "-W",
        "--keep-going",
        "-b",
        builder,
        str(source),
        str(target),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the site is made from, so that two workers do not meet in it."""
    place = tmp_path_factory.mktemp("site")
    for folder in ("docs", "notebooks"):
        shutil.copytree(
            ROOT / folder, place / folder, ignore=shutil.ignore_patterns("generated", "__pycache__")
        )
    for file in ("README.md", "CHANGELOG.md", "KNOWN_BUGS.md"):
        shutil.copy(ROOT / file, place)
    return place / "docs"


@pytest.fixture(scope="module")
def site(source: Path) -> Path:
    target = source.parent / "html"
    built = _sphinx(source, "html", target)
    assert (built.returncode, built.stdout + built.stderr) == (0, "")
    return target


_LINKS = {"a": "href", "link": "href", "img": "src", "script": "src"}


class _Page(HTMLParser):
    """Links and anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.parts: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attributes:
            if value and tag in ("script", "img", "iframe") and name == "src":
                self.parts.append(value)
            if name == "id" and value:
                self.anchors.add(value)
            if value and name == (
                "href" if tag in ("a", "link") else "src" if tag in ("img", "script") else ""
            ):
                self.links.append(value)


def _broken(site: Path) -> Iterator[str]:
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or link.startswith("//"):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                yield f"{path.relative_to(site)} -> {link}"
            elif parts.fragment and target in pages and parts.fragment not in pages[target].anchors:
                yield f"{path.relative_to(site)} -> {link}: no such place"


def test_links_lead_somewhere(site: Path) -> None:
    assert list(_broken(site)) == []


def test_a_broken_link_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<a href="b.html">b</a><a href="#here">h</a><p id="there"></p>')
    assert list(_broken(tmp_path)) == ["a.html -> b.html", "a.html -> #here: no such place"]


def test_examples_hold(source: Path) -> None:
    done = _sphinx(source, "doctest", source.parent / "doctest")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_kernel_has_its_register_page_and_every_command_its_section(site: Path) -> None:
    for name in kernels():
        assert (site / "generated" / f"registers_{name}.html").exists()
    commands = (site / "generated" / "commands.html").read_text()
    (choices,) = (action.choices for action in parser()._actions if isinstance(action.choices, dict))
    assert choices
    for name in choices:
        assert f"spynq {name}" in commands


def test_notebooks_and_timing_are_pages(site: Path) -> None:
    for book in (ROOT / "notebooks" / "spynq_notebooks").glob("*.ipynb"):
        assert (site / "generated" / "notebooks" / f"{book.stem}.html").exists()
    timing = (site / "generated" / "timing.html").read_text()
    assert timing.count("</svg>") >= 3
    assert all(port in timing for port in ("s_axi_control_awvalid", "m_axis_tvalid", "m_axi_gmem_rlast"))


def test_pages_need_no_network(site: Path) -> None:
    """Scripts, styles and pictures lie beside the pages; formulas are drawn by the browser itself."""
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    elsewhere = {link for page in pages.values() for link in page.parts if urlsplit(link).scheme == "https"}
    assert not elsewhere
    assert "math" in pages[site / "stm.html"].tags
    assert not [sheet for sheet in site.rglob("*.css") if "url(http" in sheet.read_text(encoding="utf-8")]
