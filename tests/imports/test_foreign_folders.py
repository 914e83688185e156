"""A folder of results also holds files that are none, and runs that this project exported."""

import shutil
from pathlib import Path

import pytest
from foreign import write_eee

from harness.api import evaluate, import_results
from harness.errors import DataError
from harness.store import open_store
from harness.store.transfer import export


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


def test_exported_runs_of_a_folder_are_imported_with_the_others(tmp_path: Path) -> None:
    folder, target = tmp_path / "all", str(tmp_path / "s")
    (folder / "own").mkdir(parents=True)
    made = [evaluate(model, "demo/sentiment", limit=4, store=str(tmp_path / "o")).run.id
            for model in ("scripted:oracle", "scripted:fail-every-2")]  # fmt: skip
    for number, run in enumerate(made):
        export(open_store(str(tmp_path / "o")), run, folder / "own" / f"{number}.zip")
    shutil.copy(folder / "own" / "0.zip", folder / "own" / "copy.zip")
    broken = folder / "own" / "z.zip"
    whole = (folder / "own" / "1.zip").read_bytes()
    broken.write_bytes(whole.replace(b'"format": 2', b'"format": 7', 1))
    with pytest.raises(DataError, match=r"cannot read .*z\.zip: Bad CRC"):
        import_results(folder, store=target)
    assert open_store(target).runs() == []  # nothing of the whole ones either
    broken.unlink()
    write_eee(folder / "eee")
    told: list[str] = []
    runs = import_results(folder, store=target, notice=told.append)
    assert [run.id for run in runs[:3]] == [made[0], made[1], made[0]] and len(runs) == 4
    assert told == [f"{made[0]} is in the store already"]
    assert {run.id for run in open_store(target).runs()} == {run.id for run in runs}
