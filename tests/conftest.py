"""What every test may use: where the real datasets are, if they are there at all."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRITON_INTERPRET", "1")  # for kernels on a CPU; read when torch imports triton

# The same examples every time, and as long as they take, so that a build turns red by its change alone; "explore" looks
# for new ones.
settings.register_profile("same", derandomize=True, database=None, deadline=None)
settings.register_profile("explore", derandomize=False, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The folder of real datasets in the Hub's layout; the test is skipped, saying so, where there is none."""
    place = Path(os.environ.get("HARNESS_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not (place / "CATALOGUE.jsonl").is_file():
        pytest.skip(f"no real datasets at {place}: set HARNESS_DATA to a folder in the Hub's layout")
    return place


@pytest.fixture(autouse=True)
def own_main() -> Iterator[None]:
    """A page of Streamlit that is tried out takes the place of ``__main__``, which spawned processes would then run."""
    before = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = before
