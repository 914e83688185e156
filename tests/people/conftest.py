"""A store with two runs that people may rate."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from rated import fill

from harness.store import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(str(tmp_path / "store"))
    fill(opened)
    yield opened
    opened.close()
