"""The documentation as a site: it builds strictly, links lead somewhere, and nothing is fetched from elsewhere."""

import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

import harness
from harness.cli.main import COMMANDS

ROOT = Path(__file__).parents[1]
FETCHED = {("link", "href"), ("script", "src"), ("img", "src"), ("iframe", "src"), ("source", "src")}


class Reader(HTMLParser):
    """The anchors of a page, what it links to, and what a browser fetches for it."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.anchors.add(value)
            if (tag, name) == ("a", "href") and value:
                self.links.append(value)
            if (tag, name) in FETCHED and value:
                self.fetched.append(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Reader]:
    folder = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(
        words, cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, timeout=200,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {page: Reader(page) for page in folder.rglob("*.html")}


def test_every_link_leads_somewhere(site: dict[Path, Reader]) -> None:
    dead = []
    for page, read in site.items():
        if page.name == "404.html":  # its links are written for a server's root
            continue
        for link in [*read.links, *read.fetched]:
            path, anchor = urldefrag(unquote(link))
            if ":" in path:
                continue
            found = (page.parent / path).resolve() if path else page
            if not found.is_file() or (anchor and found in site and anchor not in site[found].anchors):
                dead.append(f"{page.name}: {link}")
    assert dead == []


def test_nothing_is_fetched_from_elsewhere(site: dict[Path, Reader]) -> None:
    assert [f"{page.name}: {url}" for page, read in site.items() for url in read.fetched if "//" in url] == []


def test_every_command_and_public_name_has_its_place(site: dict[Path, Reader]) -> None:
    pages = {page.name: read for page, read in site.items()}
    assert {f"harness-{name}" for name in COMMANDS} <= pages["commands.html"].anchors
    assert "harness-runs-export" in pages["commands.html"].anchors
    named = {anchor.rsplit(".", 1)[-1] for anchor in pages["python.html"].anchors}
    assert set(harness.__all__) <= named
