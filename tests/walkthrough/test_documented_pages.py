"""Every call of the command line in the documentation has words and options that exist."""

import pytest
from documented import PAGES, calls, page, parsed


@pytest.mark.parametrize("name", PAGES)
def test_every_call_of_a_page_parses(name: str) -> None:
    for line in calls(page(name), "yaml", "sh", "bash"):
        if "[" not in line:  # an outline of a command, whose brackets say what may be left out
            parsed(line)


def test_the_readme_has_calls() -> None:
    assert len(calls(page("README.md"))) > 20
