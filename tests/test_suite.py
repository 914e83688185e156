"""Suite files are strict: what is unknown, missing or of the wrong type is named."""

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.suite import jobs_of
from harness.training.protocol import Protocol
from harness.types import Settings


def suite(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "suite.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_models_times_tasks_with_blocks_that_override(tmp_path: Path) -> None:
    jobs = jobs_of(
        suite(
            tmp_path,
            """
            models = ["smollm2", "scripted:oracle"]
            tasks = ["demo/*"]
            settings = {limit = 5, seed = 3}
            [[run]]
            tasks = ["gsm8k"]
            settings = {shots = 2}
            """,
        )
    )
    assert [(j.model, j.tasks) for j in jobs] == [
        ("smollm2", ("demo/*",)),
        ("scripted:oracle", ("demo/*",)),
        ("smollm2", ("gsm8k",)),
        ("scripted:oracle", ("gsm8k",)),
    ]
    assert jobs[0].settings == Settings(limit=5, seed=3)
    assert jobs[2].settings == Settings(limit=5, seed=3, shots=2)


def test_variants_are_lists(tmp_path: Path) -> None:
    head = 'models = ["a"]\ntasks = ["b"]\n'
    [job] = jobs_of(suite(tmp_path, f'{head}settings = {{perturb = ["case", "typos"], strength = [0.1, 1]}}'))
    assert job.settings == Settings(perturb=("case", "typos"), strength=(0.1, 1))


def test_a_model_can_be_fine_tuned_first(tmp_path: Path) -> None:
    head = 'models = ["a"]\ntasks = ["b"]\nsettings = {seed = 7}\n'
    jobs = jobs_of(suite(tmp_path, f"{head}[finetune]\ntrain_limit = 50\n[[run]]\nfinetune = {{head_only = true}}"))
    assert [job.protocol for job in jobs] == [
        Protocol(train_limit=50, seed=7),
        Protocol(train_limit=50, head_only=True, seed=7),
    ]
    [own] = jobs_of(suite(tmp_path, f"{head}finetune = {{seed = 3}}"))
    assert own.protocol == Protocol(seed=3) and own.settings.seed == 7


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('models = ["a"]\ntasks = ["b"]\nlimits = 3', "limits"),
        (
            'models = ["a"]\ntasks = ["b"]\nsettings = {limit = "3"}',
            "settings: limit = '3' is not a whole number of at least 1 or a share",
        ),
        ('models = ["a"]\ntasks = ["b"]\nsettings = {limit = true}', "settings.limit = True"),
        ('models = ["a"]\ntasks = ["b"]\nsettings = {shots_mode = "x"}', "'fixed' or 'per-example'"),
        ('models = ["a"]\ntasks = ["b"]\noptions = {dtyp = "float32"}', "did you mean dtype"),
        (
            'models = ["a"]\ntasks = ["b"]\noptions = {system = "Be brief."}',
            "options: a system message (--system) belongs",
        ),
        ('models = "a"\ntasks = ["b"]', "models must be a list of names"),
        ('models = ["a"]\ntasks = ["b"]\nsettings = {limit = -1}', "settings: limit = -1 is not a whole number of at"),
        ('models = ["a"]\ntasks = ["b"]\nsettings = {seed = 99999999999999999999}', "is not int"),
        ('models = ["a"]\ntasks = ["b"]\nsettings = 5', "settings must be a table, not 5"),
        ('models = ["a"]\ntasks = ["b"]\nsettings = 5\n[[run]]', "settings must be a table, not 5"),
        ('models = ["a"]\ntasks = ["b"]\n[[run]]\noptions = [1]', "options must be a table, not [1]"),
        ('models = ["a"]\ntasks = ["b"]\noptions = {timeout = nan}', "options.timeout = nan is not float"),
        ('models = ["a"]\ntasks = ["b"]\noptions = {concurrency = 0}', "concurrency = 0 is not a number above 0"),
        ('models = ["a"]\ntasks = ["b"]\nrun = [5]', "run must be a list of tables"),
        ('models = ["a"]\ntasks = ["b"]\nfinetune = {epoch = 3}', "did you mean epochs"),
        (
            'models = ["a"]\ntasks = ["b"]\nfinetune = {train_limit = 3}',
            "finetune: train_limit = 3 is not a whole number",
        ),
        ('models = ["a"]\ntasks = ["b"]\nfinetune = {held_out = 1.5}', "finetune: held_out = 1.5 is not a share"),
        (
            'models = ["a"]\ntasks = ["b"]\nsettings = {perturb = "case"}',
            "perturb = 'case' is not a list of str",
        ),
        (
            'models = ["a"]\ntasks = ["b"]\nsettings = {strength = [2]}',
            "strength 2 is not a number above 0",
        ),
        ('models = ["a"]', "names no run"),
        ("models = [", "not valid TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match="suite.toml") as error:
        jobs_of(suite(tmp_path, text))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_no_file() -> None:
    with pytest.raises(UsageError, match="no such suite file"):
        jobs_of(Path("nowhere.toml"))
