"""Options of workers by the command line: what is missing or makes no sense is one line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny import causal, saved

TASKS = ["--tasks", "demo/sentiment,demo/qa,demo/pronouns", "--quiet", "--device", "cpu", "--engine", "reference"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(saved(causal("llama", 65), tmp_path_factory.mktemp("model")))


def start(model, cwd, *more):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("HARNESS_", "RAY_"))}
    env |= {"OMP_NUM_THREADS": "1", "HOME": str(cwd)}  # a home without a token of Ray
    command = [str(Path(sys.executable).with_name("harness")), "run", model, *TASKS, *more]
    return subprocess.Popen(command, cwd=cwd, env=env, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("more", [("--workers", "2"), ("--ray", "auto")])
def test_without_the_extra_one_line_says_what_to_install(more, model, tmp_path):
    blocked = "import sys; sys.modules['ray'] = None; from harness.cli.main import main; main()"
    command = [sys.executable, "-c", blocked, "run", model, *TASKS, *more]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "harness: --workers and --ray need Ray: pip install '.[ray]' in the checkout of harness\n"


def test_ray_is_not_imported_where_nobody_asks_for_it(tmp_path):
    run = "['run', 'scripted:oracle', '--tasks', 'demo/qa', '--quiet', '--store', 's']"
    code = (
        "import sys; from click.testing import CliRunner; from harness.cli.main import cli\n"
        f"assert CliRunner().invoke(cli, {run}).exit_code == 0\n"
        "assert CliRunner().invoke(cli, ['run', '--help']).exit_code == 0\n"
        "assert 'ray' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--threads", "2"), "threads belong to workers"),
        (("--ray", "10.0.0.1:6379"), "has to ask for a token"),
        (("--workers", "2", "--protocol", "finetune"), "drop --workers and --ray"),
    ],
)
def test_options_of_workers_that_make_no_sense_are_one_line(more, message, model, tmp_path):
    process = start(model, tmp_path, *more)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 2 and message in told and told.count("\n") == 1
