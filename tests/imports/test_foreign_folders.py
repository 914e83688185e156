"""A folder of results also holds files that are none, and runs that this project exported."""

from pathlib import Path

import pytest
from foreign import write_eee

from harness.api import import_results
from harness.errors import DataError


def test_json_that_is_no_object_is_no_result_of_a_folder(tmp_path: Path) -> None:
    """HELM writes lists beside its runs once they are summarised."""
    folder = tmp_path / "v1"
    write_eee(folder / "run")
    (folder / "groups").mkdir()
    pages = {
        "runs.json": '[{"run_spec": {}}]',
        "groups.json": "[]",
        "groups/core.json": '[{"title": "All"}]',
        "a.json": "1",
    }
    for name, page in pages.items():
        (folder / name).write_text(page, encoding="utf-8")
    assert len(import_results(folder, store=str(tmp_path / "s"))) == 1
    with pytest.raises(DataError, match=r"groups: holds no results of a known format"):
        import_results(folder / "groups", store=str(tmp_path / "s"))
    with pytest.raises(DataError, match=r"runs\.json: must be a JSON object, not a list$"):
        import_results(folder / "runs.json", store=str(tmp_path / "s"))
    (folder / "runs.json").write_text('[{"run_spec": {', encoding="utf-8")
    with pytest.raises(DataError, match=r"runs\.json: .*truncated"):
        import_results(folder, store=str(tmp_path / "s"))
