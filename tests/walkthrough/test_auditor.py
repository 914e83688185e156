"""Somebody who owes a bias report: "Audit for bias" of the README, typed as it is written."""

from documented import calls, page, section
from newcomers import Newcomer

README = section(page("README.md"), "Audit for bias")


def test_the_section_as_it_is_written(newcomer: Newcomer) -> None:
    printed = [newcomer.types(line) for line in calls(README)]
    assert "demo/pronouns" in printed[0]
    card = (newcomer.folder / "audit" / "bias.html").read_text(encoding="utf-8")
    words = " ".join(card.split())
    for told in ("demo/pronouns", "not covered", "harness run models/ft-v1"):
        assert told in words, told
    assert {path.suffix for path in (newcomer.folder / "responsible").iterdir()} >= {".html", ".md"}
    pages = "".join(path.read_text(encoding="utf-8") for path in (newcomer.folder / "pages").glob("*.html"))
    assert "audited" in pages and "prefers_she" in pages
