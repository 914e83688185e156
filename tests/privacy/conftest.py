"""The model that remembers, trained once."""

import pytest
from remembering import Trained, trained_in


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return trained_in(tmp_path_factory.mktemp("trained"))
